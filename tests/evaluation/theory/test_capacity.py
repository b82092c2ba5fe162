"""Closed forms of capacity against integrals and known points."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    binary_entropy,
    capacity_awgn,
    capacity_bec,
    capacity_bsc,
    capacity_cm,
    capacity_rayleigh,
    capacity_rician,
    snr_for_rate,
)
from channelvq.snr import Snr


def test_known_points() -> None:
    assert capacity_awgn(Snr(0.0)) == 1
    assert capacity_awgn(Snr(10 * math.log10(15))) == pytest.approx(4)
    assert capacity_bsc(0.5) == 0 and capacity_bsc(0.0) == 1 == capacity_bsc(1.0)
    assert capacity_bsc(0.1100278644) == pytest.approx(0.5, abs=1e-8)  # h⁻¹(½)
    assert capacity_bec(0.3) == pytest.approx(0.7)
    np.testing.assert_allclose(binary_entropy([0.25, 1e-300]), [2 - 0.75 * math.log2(3), 0], atol=1e-15)


@pytest.mark.parametrize("esn0_db", [-40.0, -10.0, 0.0, 10.0, 30.0, 60.0])
def test_ergodic_capacity_is_the_average_over_the_gain(esn0_db: float) -> None:
    gamma = 10 ** (esn0_db / 10)
    expected, _ = integrate.quad(
        lambda v: math.log2(1 + gamma * math.exp(v)) * math.exp(v - math.exp(v)), -40, 5
    )
    assert capacity_rayleigh(Snr(esn0_db)) == pytest.approx(expected, rel=1e-8)
    assert capacity_rician(Snr(esn0_db), 0.0) == pytest.approx(expected, rel=1e-8, abs=1e-9)
    law = stats.ncx2(2, 10, scale=1 / 12)
    expected, _ = integrate.quad(lambda u: math.log2(1 + gamma * u) * law.pdf(u), 0, 12, limit=300)
    assert capacity_rician(Snr(esn0_db), 5.0) == pytest.approx(expected, rel=1e-7)
    assert capacity_rician(Snr(esn0_db), math.inf) == pytest.approx(capacity_awgn(Snr(esn0_db)), rel=1e-12)


def test_fading_costs_euler_gamma_at_high_snr() -> None:
    # E log2 |h|² = -γ / ln 2 = -0.83 bit: 2.5 dB.
    loss = capacity_awgn(Snr(70.0)) - capacity_rayleigh(Snr(70.0))
    assert loss == pytest.approx(np.euler_gamma / math.log(2), abs=1e-5)


def test_shannon_limits() -> None:
    # At no rate does a bit cost less than Eb/N0 = ln 2, -1.59 dB; at 1 bit per use it costs 0 dB.
    rate = 1e-5
    assert snr_for_rate(rate).ebn0_db(bits_per_symbol=1, code_rate=rate) == pytest.approx(
        10 * math.log10(math.log(2)), abs=1e-4
    )
    assert snr_for_rate(1.0).esn0_db == pytest.approx(0, abs=1e-9)
    # With binary inputs 0.187 dB at rate 1/2, 1.626 dB at 3/4 (W. E. Ryan, S. Lin, "Channel Codes", 2009).
    for code_rate, limit in ((0.5, 0.187), (0.75, 1.626)):
        for name, bits in (("bpsk", 1), ("qpsk", 2)):
            snr = snr_for_rate(bits * code_rate, lambda snr, name=name: capacity_cm(name, snr))  # type: ignore[misc]
            assert snr.ebn0_db(bits_per_symbol=bits, code_rate=code_rate) == pytest.approx(limit, abs=6e-4)


@settings(deadline=None, max_examples=30)
@given(st.floats(-30, 50), st.sampled_from([0.0, 2.0, 50.0]))
def test_fading_never_helps_and_the_inverse_inverts(esn0_db: float, k: float) -> None:
    snr = Snr(esn0_db)
    rate = capacity_rician(snr, k)
    assert 0 < rate <= capacity_awgn(snr) + 1e-8
    assert snr_for_rate(rate, lambda s: capacity_rician(s, k)).esn0_db == pytest.approx(esn0_db, abs=1e-6)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match=r"rate is 2, must be between .* and 2 bits"):
        snr_for_rate(2, lambda snr: capacity_cm("qpsk", snr))
    for rate in (0.0, -1.0, math.nan):
        with pytest.raises(UsageError, match="rate is"):
            snr_for_rate(rate)
    with pytest.raises(UsageError, match="p is -0"):
        capacity_bsc(-0.1)
    with pytest.raises(UsageError, match="erasure_rate is 2"):
        capacity_bec(2)
