"""Rician fading: law of the gain, its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from channelvq.channels import CHANNELS
from channelvq.channels.base import Received, SymbolChannel
from channelvq.errors import UsageError
from channelvq.randomness import generator
from channelvq.snr import Snr

FALSE_ALARM = 1e-9  # of each statistical test; seeds are fixed


def send(spec: str, rows: int, uses: int) -> Received:
    symbols = torch.ones(rows, uses, dtype=torch.complex128)
    received = CHANNELS.build(spec).transmit(symbols, Snr(10.0), lambda stream: generator(0, stream))
    assert isinstance(received, Received)
    return received


@pytest.mark.parametrize("k", [0.5, 4.0, 20.0])
def test_gain_has_the_rice_law(k: float) -> None:
    gain = send(f"rician:{k},fast", 1, 50_000).gain.numpy()[0]
    spread = math.sqrt(1 / (2 * (k + 1)))  # of each real part
    mean = math.sqrt(k / (k + 1))
    assert stats.kstest(gain.real, "norm", (mean, spread)).pvalue > FALSE_ALARM
    assert stats.kstest(gain.imag, "norm", (0, spread)).pvalue > FALSE_ALARM
    assert stats.kstest(np.abs(gain), "rice", (mean / spread, 0, spread)).pvalue > FALSE_ALARM
    # 2(K+1)|h|² is noncentral chi-square, of mean 2 + 2K and variance 4 + 8K: E|h|² = 1 within 6.1 σ (1e-9).
    deviation = math.sqrt((4 + 8 * k) / gain.size) / (2 * (k + 1))
    assert abs((np.abs(gain) ** 2).mean() - 1) < 6.1 * deviation


def test_k_of_zero_is_rayleigh_and_a_large_one_awgn() -> None:
    for args in ("block", "fast", "block,coherence=5"):
        assert torch.equal(send(f"rician:0,{args}", 2, 20).gain, send(f"rayleigh:{args}", 2, 20).gain)
    far = send("rician:1e6,fast", 2, 200)
    assert (far.gain - 1).abs().max().item() < 0.01


def test_a_gain_lasts_for_the_coherence() -> None:
    gain = send("rician:3,block,coherence=10", 1, 35).gain.numpy()[0]
    np.testing.assert_array_equal(np.flatnonzero(np.diff(gain)) + 1, [10, 20, 30])
    assert np.ptp(send("rician:3", 1, 35).gain.abs().numpy()) == 0


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("rician:4", "rician:4,block"),
        ("rician:4.0,fast", "rician:4,fast"),
        ("rician:0.1,block,coherence=64", "rician:0.1,block,coherence=64"),
        ("rician:2.5,coherence=64", "rician:2.5,block,coherence=64"),
    ],
)
def test_specs_are_canonical(text: str, spec: str) -> None:
    channel = CHANNELS.build(text)
    assert isinstance(channel, SymbolChannel)
    assert channel.spec == spec == CHANNELS.build(spec).spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rician", r"wrong arguments \(usage: rician:K"),
        ("rician:-1", "K is -1, must be from 0"),
        ("rician:nan", "K is nan, must be"),
        ("rician:block", "K is 'block', must be a number"),
        ("rician:4,slow", "fading is 'slow', must be block or fast"),
    ],
)
def test_wrong_arguments_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CHANNELS.build(text)
