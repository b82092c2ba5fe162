"""The normal approximation: its channels' moments, and its algebra."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    capacity_awgn,
    capacity_rayleigh,
    dispersion_awgn,
    dispersion_bec,
    dispersion_bsc,
    dispersion_modulation,
    normal_error_rate,
    normal_rate,
    q_function,
)
from channelvq.snr import Snr


def test_dispersions_are_variances_of_the_information_density() -> None:
    p = 0.11
    density, law = np.log2([2 * (1 - p), 2 * p]), np.array([1 - p, p])
    assert dispersion_bsc(p).variance == pytest.approx(law @ density**2 - (law @ density) ** 2, rel=1e-12)
    assert dispersion_bec(0.3).variance == pytest.approx(0.3 * 0.7)
    assert dispersion_bsc(0.0).variance == dispersion_bsc(0.5).variance == 0
    # PPV 2010, equation 293, of one real dimension at P = 1: 3/8 log2² e; a symbol has two.
    assert dispersion_awgn(Snr(0.0)).variance == pytest.approx(2 * 3 / 8 * math.log2(math.e) ** 2)
    assert dispersion_awgn(Snr(80.0)).variance == pytest.approx(math.log2(math.e) ** 2, rel=1e-6)


@pytest.mark.parametrize("k", [0.0, 4.0])
def test_fading_dispersion_is_that_of_drawn_symbols(k: float) -> None:
    """Gaussian symbols, less what the energy of a word adds: all words of the best code have the same."""
    draws, gamma = 400_000, 4.0
    rng = np.random.default_rng(9)
    h = math.sqrt(k / (1 + k)) + rng.normal(size=(draws, 2)) @ [1, 1j] / math.sqrt(2 * (1 + k))
    u = gamma * np.abs(h) ** 2
    x, z = (rng.normal(size=(draws, 2)) @ [1, 1j] / math.sqrt(2) for _ in range(2))
    density = np.log1p(u) + np.abs(np.sqrt(u) * x + z) ** 2 / (1 + u) - np.abs(z) ** 2  # nats
    density -= (np.abs(x) ** 2 - 1) * np.mean(u / (1 + u))
    density /= math.log(2)
    channel = dispersion_awgn(Snr(10 * math.log10(gamma)), rice_k=k)
    assert abs(density.mean() - channel.capacity) < 6.2 * density.std() / math.sqrt(
        draws
    )  # false alarm 6e-10
    squares = (density - density.mean()) ** 2
    assert abs(squares.mean() - channel.variance) < 6.2 * squares.std() / math.sqrt(draws)


def test_fading_dispersion_without_fading() -> None:
    sure, steady = dispersion_awgn(Snr(6.0)), dispersion_awgn(Snr(6.0), rice_k=1e8)
    assert steady.capacity == pytest.approx(sure.capacity, rel=1e-6)
    assert steady.variance == pytest.approx(sure.variance, rel=1e-6)
    assert dispersion_awgn(Snr(6.0), rice_k=0.0).capacity == pytest.approx(
        capacity_rayleigh(Snr(6.0)), rel=1e-8
    )


def test_qpsk_is_two_bpsk() -> None:
    bpsk = dispersion_modulation("bpsk", Snr(0.0))
    qpsk = dispersion_modulation("qpsk", Snr(10 * math.log10(2)))
    assert qpsk.capacity == pytest.approx(2 * bpsk.capacity) and qpsk.variance == pytest.approx(
        2 * bpsk.variance
    )
    for n, k in ((100, 120), (1000, 1400)):
        assert normal_error_rate(qpsk, n, k) == pytest.approx(normal_error_rate(bpsk, 2 * n, k), rel=1e-9)
        assert normal_rate(qpsk, n, 1e-3) == pytest.approx(2 * normal_rate(bpsk, 2 * n, 1e-3), rel=1e-12)
    # At a low SNR binary inputs are as good as any: V → 2γ log2² e, C → γ log2 e.
    low = dispersion_modulation("qpsk", Snr(-30.0))
    assert low.variance == pytest.approx(dispersion_awgn(Snr(-30.0)).variance, rel=2e-3)
    assert low.capacity == pytest.approx(capacity_awgn(Snr(-30.0)), rel=2e-3)


def test_the_formula_by_hand() -> None:
    # PPV 2010, BSC(0.11), n = 500, 1e-3: C = 0.50008, V = 0.8907, Q⁻¹ = 3.0902: 250.04 - 65.21 + 4.48 bits.
    assert 500 * normal_rate(dispersion_bsc(0.11), 500, 1e-3) == pytest.approx(
        250.04 - 65.21 + 4.48, abs=0.02
    )
    # BEC(½), n = 1000: no third term, 500 - 3.0902 √250 bits.
    assert 1000 * normal_rate(dispersion_bec(0.5), 1000, 1e-3) == pytest.approx(500 - 48.86, abs=0.01)
    spare = 500 * dispersion_bsc(0.11).capacity - 180 + 0.5 * math.log2(500)
    deviation = math.sqrt(500 * dispersion_bsc(0.11).variance)
    assert normal_error_rate(dispersion_bsc(0.11), 500, 180) == pytest.approx(
        float(q_function(spare / deviation))
    )


def test_arrays_broadcast_and_certainty_is_a_step() -> None:
    assert normal_error_rate(dispersion_bsc(0.1), [[100], [200]], [10, 20, 30]).shape == (2, 3)
    assert normal_error_rate(dispersion_bec(0.0), 10, [9, 10, 11]).tolist() == [0.0, 0.5, 1.0]
    assert normal_rate(dispersion_bsc(0.4), [2, 3], 1e-6).tolist() == [0.0, 0.0]


@settings(deadline=None, max_examples=60)
@given(
    st.floats(-10, 25),
    st.sampled_from(["qpsk", "qam16", "qam64"]),
    st.integers(50, 10_000),
    st.floats(1e-9, 0.5),
)
def test_rate_inverts_error(esn0_db: float, name: str, n: int, error_rate: float) -> None:
    channel = dispersion_modulation(name, Snr(esn0_db))
    rate = float(normal_rate(channel, n, error_rate))
    if rate > 0 and channel.variance > 1e-6:
        assert normal_error_rate(channel, n, n * rate) == pytest.approx(error_rate, rel=1e-4)


def test_wrong_input_is_refused() -> None:
    channel = dispersion_bsc(0.1)
    for n, k in ((0, 1), (-5, 1), (10, -1), (10, math.nan)):
        with pytest.raises(UsageError, match="must be"):
            normal_error_rate(channel, n, k)
    for error_rate in (0.0, 1.0, math.nan):
        with pytest.raises(UsageError, match="error_rate is"):
            normal_rate(channel, 100, error_rate)
