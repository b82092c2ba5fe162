"""Rayleigh fading: law of the gain, coherence, common noise, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from channelvq.channels import CHANNELS
from channelvq.channels.awgn import Awgn
from channelvq.channels.base import Received, SymbolChannel
from channelvq.errors import UsageError
from channelvq.randomness import generator
from channelvq.snr import Snr

FALSE_ALARM = 1e-9  # of each statistical test; seeds are fixed


def send(spec: str, symbols: torch.Tensor, esn0_db: float = 10.0, seed: int = 0) -> Received:
    received = CHANNELS.build(spec).transmit(symbols, Snr(esn0_db), lambda stream: generator(seed, stream))
    assert isinstance(received, Received)
    return received


def ones(rows: int, uses: int) -> torch.Tensor:
    return torch.ones(rows, uses, dtype=torch.complex128)


@pytest.mark.parametrize(("spec", "shape"), [("rayleigh:fast", (1, 50_000)), ("rayleigh:block", (20_000, 2))])
def test_gain_is_complex_gaussian_of_unit_power(spec: str, shape: tuple[int, int]) -> None:
    # The field's mistake: "Rayleigh" as a real gain. Here half the power is in each part, |h|² is exponential
    # and the phase uniform.
    gain = send(spec, ones(*shape)).gain.numpy()
    gain = gain[0] if shape[0] == 1 else gain[:, 0]
    for part in (gain.real, gain.imag):
        total = 2 * float((part**2).sum())  # chi-square with n degrees of freedom, exactly
        assert min(stats.chi2.cdf(total, gain.size), stats.chi2.sf(total, gain.size)) > FALSE_ALARM / 2
    assert stats.kstest(np.abs(gain) ** 2, "expon").pvalue > FALSE_ALARM
    assert stats.kstest(np.angle(gain), "uniform", (-math.pi, 2 * math.pi)).pvalue > FALSE_ALARM
    assert stats.spearmanr(np.abs(gain), np.angle(gain)).pvalue > FALSE_ALARM


def test_block_fading_has_one_gain_a_transmission() -> None:
    gain = send("rayleigh:block", ones(4, 100)).gain
    assert torch.equal(gain, gain[:, :1].expand(-1, 100))
    assert len(set(gain[:, 0].tolist())) == 4


@pytest.mark.parametrize("coherence", [2, 7, 64, 100, 1000])
def test_a_gain_lasts_for_the_coherence(coherence: int) -> None:
    gain = send(f"rayleigh:block,coherence={coherence}", ones(2, 100)).gain.numpy()
    for row in gain:
        changes = np.flatnonzero(np.diff(row)) + 1
        np.testing.assert_array_equal(changes, np.arange(coherence, 100, coherence))


def test_fast_is_a_coherence_of_one_symbol() -> None:
    gain = send("rayleigh:fast", ones(1, 50_000)).gain.numpy()[0]
    assert np.diff(gain).all()
    assert stats.pearsonr(gain.real[1:], gain.real[:-1]).pvalue > FALSE_ALARM
    assert torch.equal(
        send("rayleigh:block,coherence=1", ones(1, 9)).gain, send("rayleigh:fast", ones(1, 9)).gain
    )


def test_a_huge_coherence_takes_no_memory() -> None:
    gain = send("rayleigh:block,coherence=1000000000", ones(1, 10)).gain
    assert torch.equal(gain, send("rayleigh:block", ones(1, 10)).gain)


def test_the_received_symbol_is_gain_times_symbol_plus_the_noise_of_awgn() -> None:
    symbols = torch.randn(3, 200, dtype=torch.complex128, generator=torch.Generator().manual_seed(1))
    received = send("rayleigh:block,coherence=10", symbols, 4.0, seed=2)
    awgn = Awgn().transmit(symbols, Snr(4.0), lambda stream: generator(2, stream))
    noise = received.symbols - received.gain * symbols
    torch.testing.assert_close(noise, awgn.symbols - symbols)
    assert received.noise_variance.item() == pytest.approx(10**-0.4)
    gains = received.gain[:, ::10].reshape(-1).abs().numpy()
    assert stats.spearmanr(gains, noise[:, ::10].reshape(-1).abs().numpy()).pvalue > 1e-6


def test_fading_does_not_depend_on_snr_frame_length_or_neighbours() -> None:
    spec = "rayleigh:block,coherence=8"
    gain = send(spec, ones(2, 40)).gain
    assert torch.equal(send(spec, ones(2, 40), esn0_db=-3.0).gain, gain)
    assert torch.equal(send(spec, ones(5, 99)).gain[:2, :40], gain)
    assert not torch.equal(send(spec, ones(2, 40), seed=1).gain, gain)


@pytest.mark.parametrize("spec", ["rayleigh:fast", "rayleigh:block", "rayleigh:block,coherence=2"])
def test_gradients_pass_through(spec: str) -> None:
    symbols = torch.randn(2, 5, dtype=torch.complex128, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: send(spec, x).symbols, symbols)


@pytest.mark.parametrize("spec", ["rayleigh:fast", "rayleigh:block", "rayleigh:block,coherence=3"])
@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_empty_batches_pass(spec: str, shape: tuple[int, int]) -> None:
    received = send(spec, ones(*shape))
    assert received.symbols.shape == received.gain.shape == shape


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("rayleigh:block", "rayleigh:block"),
        ("rayleigh:fast", "rayleigh:fast"),
        ("rayleigh: block , coherence = 64", "rayleigh:block,coherence=64"),
        ("rayleigh:block,coherence=1", "rayleigh:fast"),
    ],
)
def test_specs_are_canonical(text: str, spec: str) -> None:
    channel = CHANNELS.build(text)
    assert isinstance(channel, SymbolChannel)
    assert channel.spec == spec == CHANNELS.build(spec).spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rayleigh", r"wrong arguments \(usage: rayleigh:block, "),
        ("rayleigh:slow", "fading is 'slow', must be block or fast"),
        ("rayleigh:fast,coherence=3", "goes with block fading"),
        ("rayleigh:block,coherence=0", "coherence is 0, must be from 1 to"),
        ("rayleigh:block,coherence=x", "coherence is 'x', must be a whole number"),
        ("rayleigh:block,speed=3", r"wrong arguments \(usage:"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        CHANNELS.build(text)
    assert "\n" not in str(caught.value)
