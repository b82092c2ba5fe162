"""Closed forms against published values, brute force over the constellation, and numerical integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    ber_awgn,
    ber_rayleigh,
    ber_rician,
    bit_error_rates,
)
from channelvq.modulation import MODULATIONS
from channelvq.snr import Snr

NAMES = ["bpsk", "qpsk", "qam16", "qam64", "qam256"]


def nearest_level_rates(name: str, snr: Snr, gain: float = 1.0) -> list[float]:
    """P(the nearest level has another bit), summed over levels and decision intervals of one axis."""
    modulation = MODULATIONS.build(name)
    levels = modulation.levels.numpy() * gain
    deviation = math.sqrt(snr.n0 / 2)
    order = np.argsort(levels)
    middles = (levels[order][1:] + levels[order][:-1]) / 2
    edges = np.concatenate([[-np.inf], middles, [np.inf]])
    # Probability of each level's each interval.
    decided = np.diff(special.ndtr((edges - levels[:, None]) / deviation), axis=1)
    rates = []
    for place in range(modulation.axis_bits):
        bit = (np.arange(levels.size) >> (modulation.axis_bits - 1 - place)) & 1
        rates.append(float(decided[bit[order] != bit[:, None]].sum() / levels.size))
    return [rate for rate in rates for _ in range(modulation.axes)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("esn0_db", [-10.0, 0.0, 7.0, 15.0])
def test_awgn_rates_equal_the_sum_over_decision_intervals(name: str, esn0_db: float) -> None:
    rates = bit_error_rates(name, Snr(esn0_db))
    assert rates.size == MODULATIONS.build(name).bits_per_symbol
    np.testing.assert_allclose(rates, nearest_level_rates(name, Snr(esn0_db)), rtol=1e-5, atol=1e-14)


def test_known_values() -> None:
    # Q(√(2 Eb/N0)): 3.87e-6 at 10 dB, 7.7e-4 at 7 dB (Proakis & Salehi, figure 4.2-1).
    assert ber_awgn("bpsk", Snr(10.0)) == pytest.approx(3.872e-6, rel=1e-3)
    assert ber_awgn("bpsk", Snr(7.0)) == pytest.approx(7.727e-4, rel=1e-3)
    # Rayleigh: ½ (1 - √(γ/(1+γ))) = 0.023269 at 10 dB, about 1/(4γ) far out.
    assert ber_rayleigh("bpsk", Snr(10.0)) == pytest.approx(0.5 * (1 - math.sqrt(10 / 11)), rel=1e-9)
    assert ber_rayleigh("bpsk", Snr(60.0)) == pytest.approx(0.25e-6, rel=1e-5)


@pytest.mark.parametrize("k", [0.0, 2.0, math.inf])
def test_qpsk_is_two_bpsk_of_half_the_energy(k: float) -> None:
    # The same Eb/N0: two bits a use cost 3 dB of Es/N0.
    for ebn0_db in (0.0, 6.0):
        bpsk = Snr.from_ebn0_db(ebn0_db, bits_per_symbol=1, code_rate=1.0)
        qpsk = Snr.from_ebn0_db(ebn0_db, bits_per_symbol=2, code_rate=1.0)
        assert ber_rician("qpsk", qpsk, k) == pytest.approx(ber_rician("bpsk", bpsk, k), rel=1e-12)


@pytest.mark.parametrize("name", ["bpsk", "qam16", "qam256"])
@pytest.mark.parametrize("k", [0.0, 0.7, 5.0, 30.0])
def test_fading_rates_equal_the_average_over_the_gain(name: str, k: float) -> None:
    snr = Snr(12.0)
    spread = math.sqrt(1 / (2 * (k + 1)))
    law = stats.rice(math.sqrt(2 * k), scale=spread)
    for place in (0, -1):
        average, _ = integrate.quad(
            lambda gain, place=place: law.pdf(gain) * nearest_level_rates(name, snr, gain)[place],
            0,
            8,
            limit=200,
        )
        assert bit_error_rates(name, snr, rice_k=k)[place] == pytest.approx(average, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("esn0_db", [-5.0, 10.0, 25.0])
def test_rician_lies_between_its_limits(name: str, esn0_db: float) -> None:
    snr = Snr(esn0_db)
    np.testing.assert_allclose(
        bit_error_rates(name, snr, rice_k=1e-9), bit_error_rates(name, snr, rice_k=0.0), rtol=1e-6
    )
    np.testing.assert_allclose(
        bit_error_rates(name, snr, rice_k=1e9), bit_error_rates(name, snr), rtol=1e-4, atol=1e-15
    )


@settings(deadline=None)
@given(st.sampled_from(NAMES), st.floats(-20, 30), st.floats(0.1, 3), st.sampled_from([0.0, 1.0, math.inf]))
def test_more_power_never_harms(name: str, esn0_db: float, more: float, k: float) -> None:
    worse, better = (bit_error_rates(name, Snr(s), rice_k=k).mean() for s in (esn0_db, esn0_db + more))
    assert 0 <= better <= worse <= 0.5


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown modulation 'qam32'"):
        ber_awgn("qam32", Snr(0.0))
    for k in (-1.0, math.nan):
        with pytest.raises(UsageError, match="K is"):
            ber_rician("qpsk", Snr(0.0), k)
