"""Constellation capacities against dense integrals, the demapper's own LLRs, and limits."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from channelvq.channels import CHANNELS
from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    bit_error_rates,
    capacity_awgn,
    capacity_bicm,
    capacity_cm,
    capacity_hard,
    capacity_rayleigh,
    information_density,
    llr_information,
    snr_for_rate,
)
from channelvq.modulation import MODULATIONS
from channelvq.randomness import generator
from channelvq.snr import Snr

NAMES = ["bpsk", "qpsk", "qam16", "qam64", "qam256"]
SIGMAS = 6.2  # of a normal mean: false alarm 6e-10


def integrated(name: str, snr: Snr) -> tuple[float, float]:
    """CM and BICM capacity as differences of entropies of the output, by adaptive quadrature over it."""
    scheme = MODULATIONS.build(name)
    levels, deviation = scheme.levels.numpy(), math.sqrt(snr.n0 / 2)
    edges = np.concatenate([[levels.min() - 9 * deviation], np.sort(levels), [levels.max() + 9 * deviation]])

    def entropy(some: np.ndarray) -> float:  # of the output if one of these levels is sent, in bits
        def integrand(y: float) -> float:
            return float(special.entr(stats.norm.pdf(y, some, deviation).mean())) / math.log(2)

        return sum(
            integrate.quad(integrand, a, b, epsabs=1e-11, limit=200)[0] for a, b in itertools.pairwise(edges)
        )

    whole = entropy(levels)
    cm = whole - 0.5 * math.log2(2 * math.pi * math.e * deviation**2)
    labels, bicm = np.arange(levels.size), 0.0
    for place in range(scheme.axis_bits):
        bit = labels >> place & 1
        bicm += whole - (entropy(levels[bit == 0]) + entropy(levels[bit == 1])) / 2
    return scheme.axes * cm, scheme.axes * bicm


@pytest.mark.parametrize(
    ("name", "esn0_db"), [("bpsk", -12.0), ("qpsk", 2.0), ("qam16", 6.0), ("qam64", 18.0)]
)
def test_capacities_equal_differences_of_entropies(name: str, esn0_db: float) -> None:
    cm, bicm = integrated(name, Snr(esn0_db))
    assert capacity_cm(name, Snr(esn0_db)) == pytest.approx(cm, abs=1e-8)
    assert capacity_bicm(name, Snr(esn0_db)) == pytest.approx(bicm, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("channel", "k"), [("awgn", math.inf), ("rayleigh:fast", 0.0), ("rician:4,fast", 4.0)]
)
def test_bicm_capacity_is_the_information_of_the_demapper_llrs(name: str, channel: str, k: float) -> None:
    scheme, snr, uses = MODULATIONS.build(name), Snr({"bpsk": -2.0, "qpsk": 1.0}.get(name, 9.0)), 60_000
    bits = np.random.default_rng(1).integers(0, 2, (1, uses * scheme.bits_per_symbol), dtype=np.uint8)
    received = CHANNELS.build(channel).transmit(
        scheme.map(torch.from_numpy(bits)), snr, lambda stream: generator(0, stream, "information")
    )
    llrs = scheme.demap(received, "exact").numpy().reshape(uses, -1)
    estimate, _ = llr_information(llrs, bits.reshape(uses, -1))
    agreement = np.where(bits.reshape(uses, -1) == 1, -llrs, llrs).astype(np.float64)
    density = (1 - np.logaddexp(0, -agreement) / math.log(2)).sum(axis=1)  # of each symbol
    assert density.mean() == pytest.approx(estimate * scheme.bits_per_symbol, rel=1e-9)
    mean, variance = information_density(name, snr, "bicm", rice_k=k)
    assert abs(density.mean() - mean) < SIGMAS * density.std() / math.sqrt(uses)
    spread = np.std((density - mean) ** 2) / math.sqrt(uses)  # of the estimated variance
    assert abs(np.mean((density - mean) ** 2) - variance) < SIGMAS * spread


@pytest.mark.parametrize("name", ["bpsk", "qpsk", "qam16"])
@pytest.mark.parametrize("k", [0.0, math.inf])
def test_cm_information_density_equals_that_of_drawn_points(name: str, k: float) -> None:
    points, snr, uses = MODULATIONS.build(name).points.numpy(), Snr(7.0), 60_000
    rng = np.random.default_rng(2)
    gain = np.ones(uses) if math.isinf(k) else np.abs(rng.normal(size=(uses, 2)) @ [1, 1j]) / math.sqrt(2)
    sent = rng.integers(0, points.size, uses)
    noise = rng.normal(size=(uses, 2)) @ [1, 1j] * math.sqrt(snr.n0 / 2)
    y = gain * points[sent] + noise
    logs = -(np.abs(y[:, None] - gain[:, None] * points) ** 2) / snr.n0
    density = (logs[np.arange(uses), sent] - special.logsumexp(logs, axis=1)) / math.log(2) + math.log2(
        points.size
    )
    mean, variance = information_density(name, snr, "cm", rice_k=k)
    assert abs(density.mean() - mean) < SIGMAS * density.std() / math.sqrt(uses)
    spread = np.std((density - mean) ** 2) / math.sqrt(uses)
    assert abs(np.mean((density - mean) ** 2) - variance) < SIGMAS * spread


def test_low_snr_limits() -> None:
    """Per unit of SNR, in nats: 1 for any constellation; BICM of Gray-labelled M-QAM 3M / (4 (M - 1)).

    A. Martinez, A. Guillén i Fàbregas, G. Caire, F. Willems, "Bit-interleaved coded modulation in the
    wideband regime", IEEE Trans. Inf. Theory 54(12), 2008. Hard decisions of binary inputs: 2/π.
    """
    snr = Snr(-45.0)
    for name, size in (("qpsk", 4), ("qam16", 16), ("qam64", 64), ("qam256", 256)):
        assert capacity_cm(name, snr) * math.log(2) / 10**-4.5 == pytest.approx(1, abs=1e-4)
        slope = 3 * size / (4 * (size - 1))
        assert capacity_bicm(name, snr) * math.log(2) / 10**-4.5 == pytest.approx(slope, abs=1e-4)
    assert capacity_hard("qpsk", snr) * math.log(2) / 10**-4.5 == pytest.approx(2 / math.pi, abs=1e-4)


def test_hard_decisions_of_bpsk_need_1_77_db_at_rate_one_half() -> None:
    # W. E. Ryan, S. Lin, "Channel Codes", Cambridge 2009, section 1.6.
    snr = snr_for_rate(0.5, lambda s: capacity_hard("bpsk", s))
    assert snr.ebn0_db(bits_per_symbol=1, code_rate=0.5) == pytest.approx(1.772, abs=1e-3)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(NAMES), st.floats(-30, 40), st.floats(0.1, 2))
def test_order_of_capacities(name: str, esn0_db: float, more: float) -> None:
    snr, better = Snr(esn0_db), Snr(esn0_db + more)
    cm, bicm, hard = capacity_cm(name, snr), capacity_bicm(name, snr), capacity_hard(name, snr)
    size = MODULATIONS.build(name).bits_per_symbol
    assert -1e-9 <= hard <= bicm + 1e-9 and bicm <= cm + 1e-9 and cm <= min(size, capacity_awgn(snr)) + 1e-9
    assert capacity_cm(name, better) >= cm - 1e-9
    assert capacity_bicm(name, better) >= bicm - 1e-9
    if size <= 2:
        assert bicm == pytest.approx(cm, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_fading_capacity_lies_below_those_without_fading_and_of_gaussian_inputs(name: str) -> None:
    for esn0_db in (-5.0, 15.0):
        snr = Snr(esn0_db)
        cm = capacity_cm(name, snr, rice_k=0.0)
        assert cm < min(capacity_cm(name, snr), capacity_rayleigh(snr))
        assert capacity_bicm(name, snr, rice_k=0.0) <= cm + 1e-12
        assert capacity_cm(name, snr, rice_k=1e6) == pytest.approx(capacity_cm(name, snr), abs=1e-4)
    assert capacity_cm(name, Snr(80.0), rice_k=0.0) == pytest.approx(
        MODULATIONS.build(name).bits_per_symbol, abs=1e-5
    )


def test_average_over_the_gain() -> None:
    def weighted(v: float) -> float:
        return capacity_bicm("qam16", Snr(8.0 + 10 * v / math.log(10))) * math.exp(v - math.exp(v))

    expected, _ = integrate.quad(weighted, -30, 4, epsabs=1e-9, limit=200)
    assert capacity_bicm("qam16", Snr(8.0), rice_k=0.0) == pytest.approx(expected, abs=1e-7)


def test_hard_capacity_of_perfect_and_useless_bits() -> None:
    assert capacity_hard("qam64", Snr(60.0)) == 6
    p = bit_error_rates("bpsk", Snr(0.0))[0]
    assert capacity_hard("bpsk", Snr(0.0)) == pytest.approx(1 + p * math.log2(p) + (1 - p) * math.log2(1 - p))


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown decoding 'soft'; allowed: cm, bicm"):
        information_density("qpsk", Snr(0.0), "soft")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown modulation"):
        capacity_cm("qam32", Snr(0.0))
    with pytest.raises(UsageError, match="K is"):
        capacity_bicm("qpsk", Snr(0.0), rice_k=math.nan)
