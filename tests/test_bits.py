"""Packing and LLR helpers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.bits import CERTAIN_LLR, bits_to_llrs, flip_probability, hard_bits, pack_bits, unpack_bits
from channelvq.errors import UsageError


@settings(deadline=None)
@given(st.lists(st.integers(0, 1)))
def test_packing_is_undone_by_unpacking(bits: list[int]) -> None:
    packed = pack_bits(np.array(bits, dtype=np.uint8))
    assert packed.size == -(-len(bits) // 8)
    assert unpack_bits(packed.tobytes(), len(bits)).tolist() == bits
    assert not unpack_bits(packed)[len(bits) :].any()  # the filling is zeros


@settings(deadline=None)
@given(st.binary())
def test_bytes_read_as_one_number_most_significant_bit_first(data: bytes) -> None:
    bits = unpack_bits(data)
    assert int("0" + "".join(map(str, bits)), 2) == int.from_bytes(data, "big")


def test_packing_works_on_the_last_axis() -> None:
    bits = np.arange(2 * 3 * 16).reshape(2, 3, 16) % 3 == 0
    packed = pack_bits(bits)
    assert packed.shape == (2, 3, 2)
    np.testing.assert_array_equal(unpack_bits(packed), bits)
    np.testing.assert_array_equal(packed[1, 2], pack_bits(bits[1, 2]))


@pytest.mark.parametrize("wrong", [[0, 2], [-1, 0], [0.5, 1.0]])
def test_what_is_no_bit_is_refused(wrong: list[float]) -> None:
    with pytest.raises(UsageError, match="0 and 1"):
        pack_bits(np.array(wrong))


@pytest.mark.parametrize("count", [-1, 17])
def test_more_bits_than_there_are_is_refused(count: int) -> None:
    with pytest.raises(UsageError, match=f"count is {count}, must be from 0 to 16"):
        unpack_bits(b"ab", count)


def test_bytes_of_another_type_are_refused() -> None:
    with pytest.raises(UsageError, match="int64"):
        unpack_bits(np.array([1, 2], dtype=np.int64))


def test_llrs_of_bits_come_back_as_the_bits() -> None:
    bits = np.array([[0, 1, 1], [1, 0, 0]], dtype=np.uint8)
    llrs = bits_to_llrs(bits)
    assert llrs.dtype == np.float32
    assert set(np.abs(llrs).reshape(-1).tolist()) == {CERTAIN_LLR}
    np.testing.assert_array_equal(hard_bits(llrs), bits)
    np.testing.assert_array_equal(hard_bits(bits_to_llrs(bits, 0.25)), bits)


def test_positive_llr_means_zero_and_an_erasure_is_even() -> None:
    llrs = np.array([1.0, -1.0, 0.0, -0.0], dtype=np.float32)
    assert hard_bits(llrs).tolist() == [0, 1, 0, 0]
    assert flip_probability(llrs)[2:].tolist() == [0.5, 0.5]


@settings(deadline=None)
@given(st.floats(1e-12, 0.5))
def test_flip_probability_inverts_the_llr_of_a_bsc(p: float) -> None:
    llr = np.log((1 - p) / p)
    assert flip_probability(np.array([llr, -llr])) == pytest.approx([p, p], rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_flip_probability_of_huge_llrs_warns_of_nothing(dtype: type) -> None:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        result = flip_probability(np.array([1e30, -1e30, np.inf, -np.inf], dtype=dtype))
    assert result.dtype == dtype
    assert not result.any()
