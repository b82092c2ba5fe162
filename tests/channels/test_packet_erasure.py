"""The packet erasure channel."""

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


@pytest.mark.parametrize(("p", "length"), [(0.05, 1), (0.3, 4), (0.7, 16)])
def test_packets_are_lost_whole_and_as_often_as_said(p: float, length: int) -> None:
    packets = 20_000
    bits = random_bits(1, packets * 8 * length)
    llrs = send(f"packet-erasure:{p},bytes={length}", bits)
    lost = (llrs == 0).reshape(packets, 8 * length)
    assert torch.equal(lost.any(dim=1), lost.all(dim=1))
    assert stats.binomtest(int(lost[:, 0].sum()), packets, p).pvalue > FALSE_ALARM
    both = lost[0::2, 0] & lost[1::2, 0]  # packets fall independently
    assert stats.binomtest(int(both.sum()), packets // 2, p * p).pvalue > FALSE_ALARM
    arrived = llrs != 0
    assert torch.equal(llrs[arrived], CERTAIN_LLR * (1 - 2 * bits[arrived].float()))


def test_a_packet_holds_64_bytes_unless_told_and_the_last_may_be_short() -> None:
    lost = send("packet-erasure:0.5", random_bits(1, 512 * 40 + 24)) == 0
    edges = torch.nonzero(lost[0, 1:] != lost[0, :-1]).reshape(-1) + 1
    assert len(edges) > 5
    assert not (edges % 512).any()


def test_losses_do_not_depend_on_frame_length_or_neighbours() -> None:
    many = send("packet-erasure:0.5,bytes=2", random_bits(4, 1000)) == 0
    assert torch.equal(send("packet-erasure:0.5,bytes=2", random_bits(1, 333)) == 0, many[:1, :333])
    assert not torch.equal(many[0], many[1])
    fewer = send("packet-erasure:0.2,bytes=2", random_bits(4, 1000)) == 0
    assert not (fewer & ~many).any()


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_empty_batches_pass(shape: tuple[int, int]) -> None:
    assert send("packet-erasure:0.1", torch.zeros(shape, dtype=torch.uint8)).shape == shape


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("packet-erasure:0.1", "packet-erasure:0.1,bytes=64"),
        ("packet-erasure:1,bytes=9", "packet-erasure:1,bytes=9"),
    ],
)
def test_specs_are_canonical(text: str, spec: str) -> None:
    channel = CHANNELS.build(text)
    assert isinstance(channel, BitChannel)
    assert channel.spec == spec == CHANNELS.build(spec).spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("packet-erasure:2", "p is 2, must be from 0 to 1"),
        ("packet-erasure:0.1,bytes=0", "bytes is 0, must be from 1"),
        ("packet-erasure:0.1,bytes=1.5", "bytes is '1.5', must be a whole number"),
        ("packet-erasure:0.1,64", r"wrong arguments \(usage: packet-erasure:P\[,bytes=LENGTH\]\)"),
        ("packet-erasure:0.1,bits=64", r"wrong arguments"),
    ],
)
def test_wrong_arguments_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CHANNELS.build(text)
