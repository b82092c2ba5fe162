"""Additive white Gaussian noise: power, independence, the order of its draws, gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from channelvq.channels import CHANNELS
from channelvq.channels.awgn import Awgn
from channelvq.channels.base import SymbolChannel
from channelvq.errors import UsageError
from channelvq.randomness import generator
from channelvq.snr import Snr

FALSE_ALARM = 1e-9  # of each statistical test; seeds are fixed


def noise_of(symbols: torch.Tensor, esn0_db: float = 0.0, seed: int = 0) -> np.ndarray:
    received = Awgn().transmit(symbols, Snr(esn0_db), lambda stream: generator(seed, stream))
    return (received.symbols - symbols).detach().numpy()


@pytest.mark.parametrize("esn0_db", [-5.0, 0.0, 13.0])
def test_noise_power_is_half_n0_in_each_dimension(esn0_db: float) -> None:
    # The field's mistake: noise 3 dB too weak. A sum of n squares over N0/2 is chi-square with n degrees.
    n = 1_000_000
    noise = noise_of(torch.zeros(1, n, dtype=torch.complex128), esn0_db)
    n0 = 10 ** (-esn0_db / 10)
    for part in (noise.real, noise.imag):
        total = float((part**2).sum() / (n0 / 2))
        assert min(stats.chi2.cdf(total, n), stats.chi2.sf(total, n)) > FALSE_ALARM / 2


def test_noise_is_gaussian_white_and_circular() -> None:
    n = 50_000
    noise = noise_of(torch.zeros(1, n, dtype=torch.complex128))[0] * math.sqrt(2)
    assert stats.kstest(noise.real, "norm").pvalue > FALSE_ALARM
    assert stats.kstest(np.angle(noise), "uniform", (-math.pi, 2 * math.pi)).pvalue > FALSE_ALARM
    assert stats.pearsonr(noise.real, noise.imag).pvalue > FALSE_ALARM
    for lag in (1, 2):
        assert stats.pearsonr(noise.real[lag:], noise.real[:-lag]).pvalue > FALSE_ALARM
        assert stats.pearsonr(noise.real[lag:], noise.imag[:-lag]).pvalue > FALSE_ALARM


def test_noise_differs_by_its_scale_alone_between_snrs() -> None:
    zeros = torch.zeros(2, 100, dtype=torch.complex128)
    np.testing.assert_allclose(noise_of(zeros, 0.0), noise_of(zeros, 20.0) * 10, rtol=1e-12)


def test_a_longer_frame_begins_with_the_noise_of_a_shorter_one() -> None:
    short = noise_of(torch.zeros(3, 100, dtype=torch.complex128))
    longer = noise_of(torch.zeros(3, 257, dtype=torch.complex128))
    np.testing.assert_array_equal(longer[:, :100], short)


def test_a_row_is_the_same_whatever_its_neighbours() -> None:
    # The field's mistake: power normalised over a batch, so that images pay for their neighbours.
    rng = np.random.default_rng(0)
    mine = torch.from_numpy(rng.standard_normal((1, 50)) + 1j * rng.standard_normal((1, 50)))
    seed_of = lambda stream: generator(4, stream)  # noqa: E731
    alone = Awgn().transmit(mine, Snr(3.0), seed_of).symbols
    among = Awgn().transmit(torch.cat([mine, 100 * mine, 0 * mine]), Snr(3.0), seed_of).symbols
    assert torch.equal(among[:1], alone)
    noise = (among - torch.cat([mine, 100 * mine, 0 * mine])).numpy()
    assert stats.pearsonr(noise[1].real, noise[2].real).pvalue > FALSE_ALARM


def test_seeds_and_trials_draw_other_noise() -> None:
    zeros = torch.zeros(1, 8, dtype=torch.complex128)
    draws = [noise_of(zeros, seed=seed) for seed in (0, 1)]
    draws += [
        Awgn().transmit(zeros, Snr(0.0), lambda stream, t=t: generator(0, stream, "image", t)).symbols.numpy()
        for t in (0, 1)
    ]
    assert len({draw.tobytes() for draw in draws}) == 4


def test_noise_of_a_seed_is_pinned() -> None:
    # Changing these draws changes every published curve of this library. Equal to the last bit, on every
    # machine: the arithmetic is IEEE 754's.
    noise = noise_of(torch.zeros(2, 2, dtype=torch.complex128))
    assert noise.tolist() == [
        [0.7008269597156318 - 0.30145647755287586j, -1.2580266053468128 - 1.0559129237355462j],
        [1.0538370621909414 - 0.4979896015998106j, 0.4044424581953271 - 0.02346090415969287j],
    ]


def test_single_precision_has_the_noise_of_double_precision_rounded() -> None:
    double = noise_of(torch.zeros(3, 500, dtype=torch.complex128))
    single = noise_of(torch.zeros(3, 500, dtype=torch.complex64))
    np.testing.assert_array_equal(single, double.astype(np.complex64))


def test_symbols_and_gain_keep_type_and_shape() -> None:
    for dtype in (torch.complex64, torch.complex128):
        symbols = torch.zeros(2, 3, dtype=dtype)
        received = Awgn().transmit(symbols, Snr(0.0), lambda stream: generator(0, stream))
        assert received.symbols.dtype == received.gain.dtype == dtype
        assert received.symbols.shape == received.gain.shape == (2, 3)
        assert torch.equal(received.gain, torch.ones_like(symbols))
        assert received.noise_variance.item() == 1.0


def test_gradients_pass_through() -> None:
    symbols = torch.randn(2, 5, dtype=torch.complex128, requires_grad=True)
    channel = lambda x: Awgn().transmit(x, Snr(3.0), lambda stream: generator(0, stream)).symbols  # noqa: E731
    assert torch.autograd.gradcheck(channel, symbols)


def test_empty_batches_pass() -> None:
    for shape in ((0, 4), (3, 0)):
        assert noise_of(torch.zeros(shape, dtype=torch.complex64)).shape == shape


@pytest.mark.parametrize("wrong", [torch.zeros(1, 4), torch.zeros(4, dtype=torch.complex64)])
def test_what_is_no_batch_of_symbols_is_refused(wrong: torch.Tensor) -> None:
    with pytest.raises(UsageError, match=r"must be complex \[batch, uses\]"):
        noise_of(wrong)


def test_it_is_built_by_name() -> None:
    channel = CHANNELS.build("awgn")
    assert isinstance(channel, SymbolChannel)
    assert channel.spec == "awgn"
    with pytest.raises(UsageError, match=r"wrong arguments \(usage: awgn\)"):
        CHANNELS.build("awgn:3")


@pytest.mark.gpu
def test_a_gpu_gets_the_same_noise() -> None:
    symbols = torch.zeros(2, 1000, dtype=torch.complex64)
    there = Awgn().transmit(symbols.cuda(), Snr(3.0), lambda stream: generator(0, stream))
    here = Awgn().transmit(symbols, Snr(3.0), lambda stream: generator(0, stream))
    torch.testing.assert_close(there.symbols.cpu(), here.symbols)
