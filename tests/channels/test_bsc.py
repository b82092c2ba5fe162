"""The binary symmetric channel."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from channelvq.channels import CHANNELS
from channelvq.channels.base import BitChannel
from channelvq.errors import UsageError
from channelvq.randomness import generator

FALSE_ALARM = 1e-9  # of each statistical test; seeds are fixed


def send(spec: str, bits: torch.Tensor, seed: int = 0) -> torch.Tensor:
    llrs = CHANNELS.build(spec).transmit(bits, lambda stream: generator(seed, stream))
    assert isinstance(llrs, torch.Tensor)
    return llrs


def random_bits(rows: int, count: int) -> torch.Tensor:
    return torch.randint(0, 2, (rows, count), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("p", [0.001, 0.05, 0.3, 0.5])
def test_flips_are_as_many_as_said_for_zeros_and_ones(p: float) -> None:
    bits = random_bits(1, 200_000)
    flipped = (send(f"bsc:{p}", bits) < 0) != bits.bool() if p < 0.5 else None
    if flipped is None:  # all LLRs are 0: the flips cannot be seen, as it should be
        assert not send("bsc:0.5", bits).any()
        return
    for value in (0, 1):
        of_value = flipped[bits == value]
        assert stats.binomtest(int(of_value.sum()), of_value.numel(), p).pvalue > FALSE_ALARM
    both = flipped[0, 1:] & flipped[0, :-1]  # independent neighbours: pairs that do not overlap
    assert stats.binomtest(int(both[::2].sum()), both[::2].numel(), p * p).pvalue > FALSE_ALARM


@pytest.mark.parametrize("p", [1e-6, 0.01, 0.2])
def test_llrs_are_the_log_odds(p: float) -> None:
    llrs = send(f"bsc:{p}", random_bits(2, 1000))
    assert llrs.dtype == torch.float32
    assert llrs.shape == (2, 1000)
    assert llrs.abs().unique().tolist() == [pytest.approx(math.log((1 - p) / p), rel=1e-6)]


@pytest.mark.parametrize("p", ["0", "1e-300"])
def test_what_never_flips_is_certain(p: str) -> None:
    bits = random_bits(1, 1000)
    assert torch.equal(send(f"bsc:{p}", bits), 50.0 * (1 - 2 * bits.float()))


def test_worse_channels_flip_the_same_bits_and_more() -> None:
    zeros = torch.zeros(2, 5000, dtype=torch.uint8)
    good, bad = (send(f"bsc:{p}", zeros) < 0 for p in (0.02, 0.1))
    assert good.any()
    assert not (good & ~bad).any()


def test_flips_do_not_depend_on_bits_frame_length_or_neighbours() -> None:
    bits = random_bits(4, 600)
    flips = (send("bsc:0.1", bits) < 0) != bits.bool()
    alone = send("bsc:0.1", torch.zeros(1, 100, dtype=torch.uint8)) < 0
    assert torch.equal(flips[:1, :100], alone)
    rows = [tuple(row.tolist()) for row in flips]
    assert len(set(rows)) == 4
    assert not torch.equal(send("bsc:0.1", bits, seed=1), send("bsc:0.1", bits))


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_empty_batches_pass(shape: tuple[int, int]) -> None:
    assert send("bsc:0.1", torch.zeros(shape, dtype=torch.uint8)).shape == shape


@pytest.mark.parametrize("kind", ["bsc:0.1", "bec:0.1", "gilbert-elliott:0.1", "packet-erasure:0.1"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(4, dtype=torch.uint8), "must be whole numbers"),
        (torch.zeros(1, 4), "must be whole numbers"),
        (torch.full((1, 4), 3, dtype=torch.uint8), "other than 0 and 1"),
    ],
)
def test_what_is_no_batch_of_bits_is_refused(kind: str, wrong: torch.Tensor, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        send(kind, wrong)


def test_it_is_built_by_name() -> None:
    channel = CHANNELS.build("bsc:1e-2")
    assert isinstance(channel, BitChannel)
    assert channel.spec == "bsc:0.01" == CHANNELS.build("bsc:0.01").spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bsc", r"wrong arguments \(usage: bsc:P\)"),
        ("bsc:0.6", "p is 0.6, must be from 0 to 0.5"),
        ("bsc:-0.1", "p is -0.1, must be from 0 to 0.5"),
        ("bsc:nan", "p is nan"),
        ("bsc:1%", "p is '1%', must be a number"),
        (
            "bcs:0.1",
            "unknown channel 'bcs'; allowed: awgn, rayleigh, rician, bsc, bec, gilbert-elliott, packet",
        ),
    ],
)
def test_wrong_arguments_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CHANNELS.build(text)
