"""The binary erasure channel."""

from __future__ import annotations

import pytest
import torch
from scipy import stats

from channelvq.bits import CERTAIN_LLR
from channelvq.channels import CHANNELS
from channelvq.channels.base import BitChannel
from channelvq.errors import UsageError
from channelvq.randomness import generator

FALSE_ALARM = 1e-9  # of each statistical test; seeds are fixed


def send(spec: str, bits: torch.Tensor) -> torch.Tensor:
    llrs = CHANNELS.build(spec).transmit(bits, lambda stream: generator(0, stream))
    assert isinstance(llrs, torch.Tensor)
    return llrs


def random_bits(rows: int, count: int) -> torch.Tensor:
    return torch.randint(0, 2, (rows, count), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("p", [0.0, 0.01, 0.4, 0.9, 1.0])
def test_erasures_are_as_many_as_said_and_the_rest_is_certain(p: float) -> None:
    bits = random_bits(1, 200_000)
    llrs = send(f"bec:{p}", bits)
    erased = llrs == 0
    assert stats.binomtest(int(erased.sum()), erased.numel(), p).pvalue > FALSE_ALARM
    assert torch.equal(llrs[~erased], CERTAIN_LLR * (1 - 2 * bits[~erased].float()))
    assert not torch.signbit(llrs[erased]).any()  # 0, not -0
    assert llrs.dtype == torch.float32


def test_worse_channels_erase_the_same_bits_and_more() -> None:
    bits = random_bits(3, 2000)
    good, bad = (send(f"bec:{p}", bits) == 0 for p in (0.1, 0.3))
    assert not (good & ~bad).any()
    assert torch.equal(send("bec:0.1", bits[:1, :500]) == 0, good[:1, :500])


def test_it_is_built_by_name() -> None:
    channel = CHANNELS.build("bec:0.50")
    assert isinstance(channel, BitChannel)
    assert channel.spec == "bec:0.5"
    for text, message in (("bec:1.1", "p is 1.1, must be from 0 to 1"), ("bec:0.1,2", r"usage: bec:P")):
        with pytest.raises(UsageError, match=message):
            CHANNELS.build(text)
