"""Messages of files that decode whole or not at all: what was sealed comes out, or a reason why not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelvq.bits import bits_to_llrs
from channelvq.codecs.sealed import seal, seal_bytes, unseal


def llrs_of(payload: bytes, padding: int = 0) -> np.ndarray:
    return bits_to_llrs(np.append(seal(payload).bits, np.zeros(padding, np.uint8)))


@given(st.binary(max_size=400), st.integers(0, 3000))
def test_a_file_comes_out_whatever_fills_the_link(payload: bytes, padding: int) -> None:
    llrs = llrs_of(payload, padding)
    assert unseal(llrs) == payload
    trusted = np.arange(llrs.size) < llrs.size - padding
    assert unseal(llrs, trusted) == payload


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 16_383, 16_384, 70_000])
def test_the_account_adds_up_and_the_room_is_exact(size: int) -> None:
    message = seal(bytes(size))
    assert sum(message.parts.values()) == message.bits.size
    assert message.parts["stream"] == 8 * size
    assert seal_bytes(message.bits.size) == size
    assert seal_bytes(message.bits.size - 1) == size - 1
    assert unseal(bits_to_llrs(message.bits)) == bytes(size)


@given(st.integers(0, 400_000))
def test_the_longest_file_that_fits_fits(bits: int) -> None:
    room = seal_bytes(bits)
    if room < 0:
        assert seal(b"").bits.size > bits
        return
    assert seal(bytes(room)).bits.size <= bits
    assert seal(bytes(room + 1)).bits.size > bits


@given(st.binary(min_size=1, max_size=60), st.data())
def test_up_to_three_wrong_bits_are_noticed(payload: bytes, data: st.DataObject) -> None:
    llrs = llrs_of(payload, 64)
    sent = seal(payload).bits.size
    for place in data.draw(st.sets(st.integers(0, sent - 1), min_size=1, max_size=3)):
        llrs[place] *= -1
    assert isinstance(unseal(llrs), str)


def test_a_doubtful_bit_is_a_reason_and_noise_is_none() -> None:
    llrs = llrs_of(b"picture", 80)
    for place in (0, 20, 8 * 11 + 7):
        trusted = np.arange(llrs.size) != place
        assert unseal(llrs, trusted) == "blocks lost"
    rng = np.random.default_rng(0)
    for size in (0, 1, 7, 8, 40, 1000):
        for _ in range(50):
            assert isinstance(unseal(rng.normal(0, 3, size).astype(np.float32)), str)
    assert unseal(bits_to_llrs(np.ones(800, np.uint8))) == "length lost"
