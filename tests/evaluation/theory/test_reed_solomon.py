"""Word and byte error rates against enumeration, exact fractions, and the decoder itself."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from channelvq.bits import bits_to_llrs, unpack_bits
from channelvq.channel_codes import CHANNEL_CODES
from channelvq.errors import UsageError
from channelvq.evaluation.theory import block_error_rate, residual_byte_error_rate, word_failure_rate

FALSE_ALARM = 1e-9


def test_block_error_rate_is_the_binomial_tail() -> None:
    n, q = 20, 0.05
    for corrected in (0, 3):
        tail = sum(math.comb(n, i) * q**i * (1 - q) ** (n - i) for i in range(corrected + 1, n + 1))
        assert block_error_rate(n, corrected, q) == pytest.approx(tail, rel=1e-10)
    assert block_error_rate(n, n, q) == 0


def test_rates_equal_the_sum_over_all_patterns() -> None:
    q, s, wrong = 0.2, 0.15, 0.7
    for n, k in itertools.product((3, 5), (1, 2, 3)):
        failure = residual = 0.0
        for pattern in itertools.product("ref", repeat=n):  # right, erroneous, filled (erased)
            e, f = pattern.count("e"), pattern.count("f")
            weight = q**e * s**f * (1 - q - s) ** (n - e - f)
            if 2 * e + f > n - k:
                failure += weight
                # Only the k message bytes, which come first.
                message = pattern[:k]
                residual += weight * (message.count("e") + wrong * message.count("f")) / k
        assert word_failure_rate(n, k, q, s) == pytest.approx(failure, rel=1e-12)
        assert residual_byte_error_rate(n, k, q, s, erased_wrong=wrong) == pytest.approx(residual, rel=1e-12)


def test_rates_are_exact_far_out() -> None:
    # RS(255, 223): rational arithmetic down to 1e-150.
    for exponent in (1, 3, 10):
        q = Fraction(1, 10**exponent)
        exact = sum(math.comb(255, i) * q**i * (1 - q) ** (255 - i) for i in range(17, 256))
        assert word_failure_rate(255, 223, float(q)) == pytest.approx(float(exact), rel=1e-10)
        erased = sum(math.comb(255, i) * q**i * (1 - q) ** (255 - i) for i in range(33, 256))
        assert word_failure_rate(255, 223, 0.0, float(q)) == pytest.approx(
            float(erased), rel=1e-10, abs=1e-300
        )


def test_limits() -> None:
    assert word_failure_rate(255, 223, 0.0) == 0
    assert word_failure_rate(255, 223, 1.0) == pytest.approx(1)
    assert word_failure_rate(255, 223, 0.0, 1.0) == pytest.approx(1)
    assert residual_byte_error_rate(255, 223, 0.3) == pytest.approx(0.3, rel=1e-6)  # every word fails
    assert word_failure_rate(255, 255, 0.01) == pytest.approx(1 - 0.99**255)
    assert word_failure_rate(40, 30, 0.02, 0.1) > max(
        word_failure_rate(40, 30, 0.02), word_failure_rate(40, 30, 0, 0.1)
    )


def test_rates_equal_those_of_the_decoder() -> None:
    """RS(60, 40): of failed words one in 10! is miscorrected."""
    code, blocks, q, s = CHANNEL_CODES.build("rs:60,40"), 1500, 0.08, 0.15
    rng = np.random.default_rng(8)
    message = rng.integers(0, 2, (blocks, code.k_bits), dtype=np.uint8)
    kind = rng.choice(3, size=(blocks, 60), p=[1 - q - s, q, s])
    noise = rng.integers(1, 256, (blocks, 60)).astype(np.uint8) * (kind == 1)
    llrs = bits_to_llrs(code.encode(message) ^ unpack_bits(noise.astype(np.uint8)), 4.0)
    llrs[np.repeat(kind == 2, 8, axis=1)] = 0
    out = code.decode(llrs)
    assert out.ok is not None
    rate = word_failure_rate(60, 40, q, s)
    assert 0.2 < rate < 0.8
    assert stats.binomtest(int((~out.ok).sum()), blocks, rate).pvalue > FALSE_ALARM
    wrong = (out.bits != message).reshape(blocks, -1, 8).any(axis=2).mean(axis=1)  # share of each block
    expected = residual_byte_error_rate(60, 40, q, s)
    error = wrong.std() / math.sqrt(blocks)
    assert abs(wrong.mean() - expected) < 6.2 * error  # 6e-10 of normal means


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match=r"error_rate 0\.7 and erasure_rate 0\.4"):
        word_failure_rate(10, 5, 0.7, 0.4)
    with pytest.raises(UsageError, match="k is 11, must be from 1 to 10"):
        word_failure_rate(10, 11, 0.1)
    with pytest.raises(UsageError, match="erased_wrong is 2"):
        residual_byte_error_rate(10, 5, 0.1, erased_wrong=2)
