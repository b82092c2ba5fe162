"""Converse bounds against every code of a tiny length, perfect codes, and exact fractions."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    bec_error_bound,
    bec_rate_bound,
    block_error_rate,
    bsc_error_bound,
    bsc_rate_bound,
    dispersion_bec,
    dispersion_bsc,
    normal_rate,
    repetition_bec_ber,
    repetition_ber,
)


@pytest.mark.parametrize("p", [0.02, 0.2, 0.4])
@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_no_code_of_four_bits_beats_the_bsc_bound(size: int, p: float) -> None:
    distance = np.array([[(x ^ y).bit_count() for y in range(16)] for x in range(16)])
    law = p**distance * (1 - p) ** (4 - distance)  # P(y | x)
    best = min(
        1 - law[list(code)].max(axis=0).sum() / size for code in itertools.combinations(range(16), size)
    )
    bound = bsc_error_bound(4, math.log2(size), p)
    assert 0 < bound <= best + 1e-12
    assert bound > 0.1 * best  # it says something


@pytest.mark.parametrize("e", [0.1, 0.5])
@pytest.mark.parametrize("size", [2, 3, 4, 6])
def test_no_code_of_four_bits_beats_the_bec_bound(size: int, e: float) -> None:
    def error(code: tuple[int, ...]) -> float:
        right = 0.0
        for seen in range(16):  # mask of the bits that arrive
            arrived = seen.bit_count()
            right += e ** (4 - arrived) * (1 - e) ** arrived * len({word & seen for word in code}) / size
        return 1 - right

    best = min(error(code) for code in itertools.combinations(range(16), size))
    bound = bec_error_bound(4, math.log2(size), e)
    assert 0 < bound <= best + 1e-12
    assert bound > 0.3 * best  # it says something


@pytest.mark.parametrize("p", [1e-6, 0.05, 0.3])
def test_perfect_codes_meet_the_bsc_bound(p: float) -> None:
    for n, k, t in ((7, 4, 1), (15, 11, 1), (23, 12, 3)):  # Hamming, Hamming, Golay
        assert bsc_error_bound(n, k, p) == pytest.approx(block_error_rate(n, t, p), rel=1e-9)
        if p < 0.1:
            assert bsc_rate_bound(n, block_error_rate(n, t, p), p) == pytest.approx(k / n, rel=1e-7)
    for n in (1, 3, 9):
        assert bsc_error_bound(n, 1, p) == pytest.approx(repetition_ber(n, p), rel=1e-9)


@pytest.mark.parametrize("e", [1e-4, 0.1, 0.7])
def test_repetition_and_parity_meet_the_bec_bound(e: float) -> None:
    for n in (2, 3, 8):
        assert bec_error_bound(n, 1, e) == pytest.approx(repetition_bec_ber(n, e), rel=1e-9)
        # One parity bit: of l ≥ 2 erased bits l - 1 are guessed.
        parity = sum(
            math.comb(n, i) * e**i * (1 - e) ** (n - i) * (1 - 2.0 ** (1 - i)) for i in range(2, n + 1)
        )
        assert bec_error_bound(n, n - 1, e) == pytest.approx(parity, rel=1e-9)
        assert bec_error_bound(n, n, e) == pytest.approx(1 - (1 - e / 2) ** n, rel=1e-9)  # uncoded


def test_bsc_bound_equals_exact_fractions() -> None:
    n, k, p = 500, 190, Fraction(11, 100)
    left, error, volume = Fraction(1, 2**k), Fraction(1), Fraction(0)
    for i in range(n + 1):
        share = min(Fraction(math.comb(n, i), 2**n), left)
        left -= share
        volume += share
        error -= share * 2**n * p**i * (1 - p) ** (n - i)
    assert bsc_error_bound(n, k, 0.11) == pytest.approx(float(error), rel=1e-9)
    assert bsc_rate_bound(n, float(error), 0.11) == pytest.approx(k / n, rel=1e-9)


def test_bec_bound_equals_exact_fractions() -> None:
    n, k, e = 300, 130, Fraction(1, 2)
    error = sum(
        math.comb(n, i) * e**i * (1 - e) ** (n - i) * (1 - Fraction(2**n, 2 ** (i + k)))
        for i in range(n - k + 1, n + 1)
    )
    assert bec_error_bound(n, k, 0.5) == pytest.approx(float(error), rel=1e-9)
    assert bec_rate_bound(n, float(error), 0.5) == pytest.approx(k / n, rel=1e-8)


@pytest.mark.parametrize("error_rate", [1e-3, 1e-6])
def test_the_normal_approximation_lies_within_bits_of_the_bounds(error_rate: float) -> None:
    # Bound and approximation differ by O(1) bits (PPV 2010, theorems 52 and 53).
    for n in (200, 500, 2000):
        for p in (0.05, 0.11):
            gap = n * (bsc_rate_bound(n, error_rate, p) - normal_rate(dispersion_bsc(p), n, error_rate))
            assert 0 < gap < 10
        gap = n * (bec_rate_bound(n, error_rate, 0.3) - normal_rate(dispersion_bec(0.3), n, error_rate))
        assert abs(gap) < 10


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 300), st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 20))
def test_more_message_bits_never_help(n: int, share: float, p: float, more: float) -> None:
    for bound in (bsc_error_bound, bec_error_bound):
        few, many = bound(n, share * n, p), bound(n, share * n + more, p)
        assert -1e-12 <= few <= many + 1e-12 and many <= 1 + 1e-12


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 300), st.floats(1e-9, 0.9), st.floats(0.001, 0.5))
def test_rate_inverts_error(n: int, error_rate: float, p: float) -> None:
    for rate_bound, error_bound in ((bsc_rate_bound, bsc_error_bound), (bec_rate_bound, bec_error_bound)):
        rate = rate_bound(n, error_rate, p)
        if rate > 0:
            assert error_bound(n, rate * n, p) == pytest.approx(error_rate, rel=1e-5)


def test_limits() -> None:
    for bound in (bsc_error_bound, bec_error_bound):
        assert bound(10, 0, 0.3) == pytest.approx(0, abs=1e-15)
        assert bound(10, 10, 0.0) == pytest.approx(0, abs=1e-12)
        assert bound(10, 12, 0.0) == pytest.approx(0.75)  # four words share a word
    assert bsc_error_bound(10, 4, 0.5) == pytest.approx(1 - 1 / 16)
    assert bec_error_bound(10, 4, 1.0) == pytest.approx(1 - 1 / 16)
    assert bsc_error_bound(100_000, 60_000, 0.11) == pytest.approx(1)
    assert bsc_error_bound(100_000, 40_000, 0.11) < 1e-100


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match=r"p is 0\.6, must be from 0 to 0\.5"):
        bsc_error_bound(10, 5, 0.6)
    with pytest.raises(UsageError, match="n is 0"):
        bec_error_bound(0, 0, 0.1)
    for k in (-1.0, math.inf, math.nan):
        with pytest.raises(UsageError, match="k is"):
            bsc_error_bound(10, k, 0.1)
    for call in (bsc_rate_bound, bec_rate_bound):
        with pytest.raises(UsageError, match="error_rate is 0"):
            call(10, 0.0, 0.1)
