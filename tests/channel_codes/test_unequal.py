"""Unequal protection: reading it, what its frame carries, and that the important bits survive."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.bits import bits_to_llrs, hard_bits
from channelvq.channel_codes.unequal import Unequal, build_code
from channelvq.errors import BudgetError, UsageError
from channelvq.layered_frame import LayeredFrame


def layered(text: str, coded_bits: int) -> LayeredFrame:
    return LayeredFrame(build_code(text), coded_bits)


def random_bits(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, count).astype(np.uint8)


def test_specs_are_canonical() -> None:
    code = build_code(" rs:255,127 @ 0.125 ; repetition:3@1/4; uncoded")
    assert isinstance(code, Unequal)
    assert code.spec == "rs:255,127@1/8;repetition:3@1/4;uncoded"
    assert [level.share for level in code.levels] == [Fraction(1, 8), Fraction(1, 4), None]
    assert build_code(code.spec).spec == code.spec


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rs:255,127;uncoded", "'rs:255,127' in .* has no share"),
        ("rs:255,127@0.5", "last code .* has a share"),
        ("rs:255,127@0.6;repetition:3@0.4;uncoded", "add up to 1, must leave some"),
        ("rs:255,127@0;uncoded", "share is '0', must be above 0"),
        ("rs:255,127@half;uncoded", "share is 'half'"),
        ("turbo@0.5;uncoded", "unknown channel code 'turbo'"),
        ("uncoded@0.5;", "unknown channel code ''"),
    ],
)
def test_wrong_specs_say_what_is_right(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        build_code(text)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(
        ["repetition:5@1/5;uncoded", "rs:40,20@1/3;rs:60,50", "rs:30,10@1/4;repetition:3@1/4;uncoded"]
    ),
    st.integers(2000, 9000),
    st.integers(0, 60),
)
def test_round_trip_and_account(text: str, coded_bits: int, short: int) -> None:
    frame = layered(text, coded_bits)
    total = frame.message_bits + frame.crc_bits + frame.parity_bits + frame.padding_bits
    assert total == coded_bits
    assert sum(share.message_bits for share in frame.shares) == frame.message_bits
    message = random_bits(frame.message_bits - short, coded_bits)
    out = frame.decode(bits_to_llrs(frame.encode(message), 2.0))
    np.testing.assert_array_equal(hard_bits(out.llrs[: message.size]), message)
    assert out.llrs.shape == (frame.message_bits,)
    if "rs" in text:
        assert out.trusted is not None
        assert out.trusted.all()
        assert out.trusted.shape == out.llrs.shape


def test_what_blocks_leave_over_goes_to_the_last_level() -> None:
    frame = layered("rs:40,20,crc=0@0.5;uncoded", 1001)  # 500 bits: one block of 320, one of 176 (22 bytes)
    assert frame.padding_bits == 0
    assert [share.message_bits for share in frame.shares] == [160 + 16, 1001 - 320 - 176]


def test_first_bits_survive_where_the_last_do_not() -> None:
    """Repetition 9 on a BSC(0.1): P(wrong) = 8.9e-4 against 0.1; binomial tails beyond 1e-9."""
    frame = layered("repetition:9@1/2;uncoded", 40_000)
    message = random_bits(frame.message_bits)
    flips = np.random.default_rng(1).random(40_000) < 0.1
    out = frame.decode(bits_to_llrs(frame.encode(message) ^ flips.astype(np.uint8), 2.2))
    wrong = hard_bits(out.llrs) != message
    first = frame.shares[0].message_bits
    assert first == 2222
    assert wrong[:first].sum() <= 15  # 2 expected
    assert 1700 < wrong[first:].sum() < 2300  # 2000 expected


def test_a_lost_packet_takes_no_more_than_its_share_of_any_level() -> None:
    frame = layered("rs:60,20@0.25;uncoded", 64 * 512)
    for packet in range(64):
        llrs = bits_to_llrs(frame.encode(random_bits(frame.message_bits)), 3.0)
        llrs[512 * packet : 512 * packet + 512] = 0
        places = frame._places[0]
        hit = int((llrs[places] == 0).sum())
        assert abs(hit - 512 * places.size / frame.coded_bits) <= 2
        assert frame.decode(llrs).trusted.all()  # a 64th of each block: far within its 20 bytes


def test_trust_passes_where_a_level_cannot_tell() -> None:
    frame = layered("rs:40,20@0.5;uncoded", 2000)
    first = frame.shares[0].message_bits
    out = frame.decode(np.random.default_rng(0).normal(0, 1, 2000).astype(np.float32))
    assert not out.trusted[:first].any()
    assert out.trusted[first:].all()
    assert out.blocks_ok is not None
    assert not out.blocks_ok.any()
    assert layered("repetition:3@0.5;uncoded", 2000).decode(np.zeros(2000, np.float32)).trusted is None


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(BudgetError, match="too few for one block of rs:255,127"):
        layered("rs:255,127@0.01;uncoded", 2000)
    frame = layered("repetition:3@0.5;uncoded", 600)
    with pytest.raises(UsageError, match="n ≤ 400"):
        frame.encode(np.zeros(401, np.uint8))
    with pytest.raises(UsageError, match=r"must be \[600\]"):
        frame.decode(np.zeros(599, np.float32))
