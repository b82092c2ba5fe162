"""Shannon's bound against codes that meet it, a code near it, and the noncentral t distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    awgn_error_bound,
    awgn_rate_bound,
    dispersion_awgn,
    normal_rate,
    q_function,
    symbol_error_rate,
)
from channelvq.evaluation.theory.sphere_packing import _log_solid_angle
from channelvq.snr import Snr


@pytest.mark.parametrize("esn0_db", [-10.0, 3.0, 12.0])
def test_phase_shift_keying_meets_the_bound(esn0_db: float) -> None:
    # In the plane equal cones fill it: M-PSK, one symbol a word, is optimal.
    assert awgn_error_bound(1, 2, Snr(esn0_db)) == pytest.approx(
        symbol_error_rate("qpsk", Snr(esn0_db)), rel=1e-9
    )
    for size in (3, 8, 16):  # Simon & Alouini 2005, equation 8.22
        gamma = 10 ** (esn0_db / 10) * math.sin(math.pi / size) ** 2
        rate, _ = integrate.quad(
            lambda t, g=gamma: math.exp(-g / math.sin(t) ** 2), 0, math.pi * (1 - 1 / size)
        )
        assert awgn_error_bound(1, math.log2(size), Snr(esn0_db)) == pytest.approx(rate / math.pi, rel=1e-7)


def test_antipodal_words_meet_the_bound() -> None:
    for n in (1, 2, 50):
        expected = float(q_function(math.sqrt(2 * n * 0.5)))
        assert awgn_error_bound(n, 1, Snr(10 * math.log10(0.5)), axes=1) == pytest.approx(expected, rel=1e-9)


def test_the_icosahedron_is_near_the_bound() -> None:
    """Twelve words in three dimensions: simulated, the error rate is a little above the bound."""
    golden = (1 + math.sqrt(5)) / 2
    corners = [(0, a, b * golden) for a in (1, -1) for b in (1, -1)]
    words = np.array([np.roll(corner, shift) for corner in corners for shift in range(3)])
    words *= math.sqrt(3) / np.linalg.norm(words[0])  # energy n = 3
    snr, draws = Snr(5.0), 200_000
    noise = np.random.default_rng(7).normal(size=(draws, 3)) * math.sqrt(snr.n0 / 2)
    wrong = int((((words[0] + noise) @ words.T).argmax(axis=1) != 0).sum())
    bound = awgn_error_bound(3, math.log2(12), snr, axes=1)
    assert stats.binomtest(wrong, draws, bound, alternative="less").pvalue > 1e-9
    assert 0.01 < bound < wrong / draws < 1.15 * bound


@pytest.mark.parametrize(
    ("n", "k", "esn0_db"), [(3, 2.0, 0.0), (20, 15.0, 3.0), (20, 60.0, 12.0), (64, 64.0, 2.0)]
)
def test_the_bound_is_the_tail_of_a_noncentral_t(n: int, k: float, esn0_db: float) -> None:
    freedom = 2 * n - 1
    x = special.betaincinv(freedom / 2, 0.5, 2.0 ** (1 - k))  # sin² θ
    cotangent = math.sqrt((1 - x) / x)
    expected = stats.nct.cdf(math.sqrt(freedom) * cotangent, freedom, math.sqrt(2 * n * 10 ** (esn0_db / 10)))
    assert awgn_error_bound(n, k, Snr(esn0_db)) == pytest.approx(expected, rel=1e-7)


def test_solid_angles_are_continuous_where_the_series_takes_over() -> None:
    # Below 1e-250, where the incomplete beta function underflows, log Ω must go on without a kink.
    for dimensions in (500, 4000):
        x = np.linspace(0.0, 1.5, 400)
        logs = np.array([_log_solid_angle(dimensions, value) for value in x])
        assert logs[0] > -600 > logs[-1] or dimensions == 4000
        second = np.diff(logs, 2)
        assert (np.abs(np.diff(second)) < 1e-4 * np.abs(second).max() + 1e-6 * dimensions).all()
        # The leading term, Shannon 1959: Ω ≈ sin^{N-1} θ / (√(2πN) cos θ), within O(1/N).
        sine, cosine = -0.5 * math.log1p(math.exp(2 * 1.5)), -0.5 * math.log1p(math.exp(-2 * 1.5))
        leading = (dimensions - 1) * sine - 0.5 * math.log(2 * math.pi * dimensions) - cosine
        assert logs[-1] == pytest.approx(leading, abs=3 / math.sqrt(dimensions))


@pytest.mark.parametrize("esn0_db", [-5.0, 0.0, 10.0])
@pytest.mark.parametrize("error_rate", [1e-3, 1e-6])
def test_the_normal_approximation_lies_within_bits_of_the_bound(esn0_db: float, error_rate: float) -> None:
    for n in (200, 1000, 5000):
        bound = awgn_rate_bound(n, error_rate, Snr(esn0_db))
        gap = n * (bound - float(normal_rate(dispersion_awgn(Snr(esn0_db)), n, error_rate)))
        assert abs(gap) < 12
        # Words of less energy are one real dimension better off at most: some bits.
        looser = awgn_rate_bound(n, error_rate, Snr(esn0_db), equal_energy=False)
        assert bound < looser < bound + 10 / n


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 2000), st.floats(0.05, 6), st.floats(-10, 25), st.sampled_from([1, 2]))
def test_order_and_inverse(n: int, rate: float, esn0_db: float, axes: int) -> None:
    k = max(1.0, n * rate)
    error = awgn_error_bound(n, k, Snr(esn0_db), axes=axes)
    assert 0 <= error <= 1 + 1e-9
    assert awgn_error_bound(n, k, Snr(esn0_db + 0.5), axes=axes) <= error * (1 + 1e-6)
    assert awgn_error_bound(n, k + 1, Snr(esn0_db), axes=axes) >= error * (1 - 1e-6)
    if 1e-200 < error < 0.9 and k > 1.01:
        assert awgn_rate_bound(n, error, Snr(esn0_db), axes=axes) * n == pytest.approx(k, rel=1e-5)


def test_no_rate_where_not_even_two_words_are_reliable() -> None:
    assert awgn_rate_bound(2, 1e-6, Snr(0.0)) == 0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match=r"k is 0\.5"):
        awgn_error_bound(10, 0.5, Snr(0.0))
    with pytest.raises(UsageError, match="axes is 3"):
        awgn_error_bound(10, 5, Snr(0.0), axes=3)
    with pytest.raises(UsageError, match="k is 2, must be 1"):
        awgn_error_bound(1, 2, Snr(0.0), axes=1)
    with pytest.raises(UsageError, match="error_rate is 1"):
        awgn_rate_bound(10, 1.0, Snr(0.0))
