"""LLR moments and scale against the demapper."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from channelvq.channels import CHANNELS
from channelvq.errors import UsageError
from channelvq.evaluation.theory import capacity_cm, llr_information, llr_moments, llr_scale
from channelvq.modulation import MODULATIONS
from channelvq.randomness import generator
from channelvq.snr import Snr

SIGMAS = 6.2  # of normal estimates: false alarm 6e-10


def demapped(name: str, channel: str, snr: Snr, uses: int) -> tuple[np.ndarray, np.ndarray]:
    scheme = MODULATIONS.build(name)
    bits = np.random.default_rng(6).integers(0, 2, (1, uses * scheme.bits_per_symbol), dtype=np.uint8)
    received = CHANNELS.build(channel).transmit(
        scheme.map(torch.from_numpy(bits)), snr, lambda stream: generator(0, stream, "llr")
    )
    return scheme.demap(received).numpy().astype(np.float64), bits


@pytest.mark.parametrize(("name", "factor"), [("bpsk", 4), ("qpsk", 2)])
def test_demapped_llrs_have_the_moments(name: str, factor: float) -> None:
    snr = Snr(-1.0)
    mean, variance = llr_moments(name, snr)
    assert mean == pytest.approx(factor / snr.n0) and variance == pytest.approx(2 * mean)
    llrs, bits = demapped(name, "awgn", snr, 100_000)
    right = np.where(bits, -llrs, llrs).ravel()
    assert abs(right.mean() - mean) < SIGMAS * math.sqrt(variance / right.size)
    assert abs(right.var() - variance) < SIGMAS * variance * math.sqrt(2 / right.size)
    # E[e^-L] = 1 for a true LLR, of a Gaussian exp(-mean + variance / 2).
    assert math.exp(-mean + variance / 2) == pytest.approx(1)


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "qam16", "qam64"])
@pytest.mark.parametrize("channel", ["awgn", "rayleigh:fast"])
def test_the_demapper_has_the_right_scale(name: str, channel: str) -> None:
    llrs, bits = demapped(name, channel, Snr(2.0 if name in ("bpsk", "qpsk") else 9.0), 60_000)
    scale, error = llr_scale(llrs, bits)
    assert error < 0.02
    assert abs(scale - 1) < SIGMAS * error
    # Noise taken for half of what it is doubles LLRs; the factor back is ½.
    wrong, _ = llr_scale(2 * llrs, bits)
    assert wrong == pytest.approx(scale / 2, rel=1e-9)


def test_information_of_gaussian_llrs_is_the_capacity() -> None:
    snr = Snr(-2.0)
    llrs, bits = demapped("bpsk", "awgn", snr, 100_000)
    estimate, error = llr_information(llrs, bits)
    assert abs(estimate - capacity_cm("bpsk", snr)) < SIGMAS * error
    # A wrong scale carries less, by as much as the decoder is misled.
    assert llr_information(3 * llrs, bits)[0] < estimate - 0.05


def test_extremes() -> None:
    bits = np.array([0, 1, 0])
    assert llr_information(np.array([50.0, -50.0, 50.0]), bits)[0] == pytest.approx(1)
    assert llr_information(np.array([-50.0, 50.0, -50.0]), bits)[0] == pytest.approx(1 - 50 / math.log(2))
    scale, error = llr_scale(np.array([1.0, -2.0, 0.0]), bits)
    assert scale == math.inf and math.isnan(error)
    assert llr_scale(np.array([-1.0, 2.0, 0.0]), bits)[0] == -math.inf
    # Signs turned round: a negative factor.
    llrs = np.full(100, -math.log(9.0))
    assert llr_scale(llrs, np.arange(100) % 10 == 0)[0] == pytest.approx(-1)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match="modulation is 'qam64'"):
        llr_moments("qam64", Snr(0.0))
    with pytest.raises(UsageError, match="all 0"):
        llr_scale(np.zeros(4), np.zeros(4))
    with pytest.raises(UsageError, match="shape"):
        llr_information(np.zeros(4), np.zeros(3))
    with pytest.raises(UsageError, match="finite"):
        llr_information(np.array([1.0, math.nan]), np.zeros(2))
