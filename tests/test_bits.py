"""Packing, checksums, interleavers and LLR helpers."""

from __future__ import annotations

import binascii
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.bits import (
    CERTAIN_LLR,
    CRCS,
    BlockInterleaver,
    Interleaver,
    RandomInterleaver,
    bits_to_llrs,
    crc,
    crc16,
    crc32,
    flip_probability,
    hard_bits,
    pack_bits,
    unpack_bits,
)
from channelvq.errors import UsageError

# Of b"123456789", in the catalogue of parametrised CRC algorithms (reveng.sourceforge.io/crc-catalogue).
CHECK_VALUES = {
    "CRC-16/IBM-3740": 0x29B1,
    "CRC-16/XMODEM": 0x31C3,
    "CRC-16/ARC": 0xBB3D,
    "CRC-24/OPENPGP": 0x21CF02,
    "CRC-32/ISO-HDLC": 0xCBF43926,
    "CRC-32/ISCSI": 0xE3069283,
}


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


def test_every_named_crc_has_its_published_check_value() -> None:
    assert {name: crc(name, b"123456789") for name in CRCS} == CHECK_VALUES


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_tables_and_compiled_checksums_agree(data: bytes) -> None:
    assert crc16(data) == crc("CRC-16/IBM-3740", data)
    assert binascii.crc_hqx(data, 0) == crc("CRC-16/XMODEM", data)
    assert crc32(data) == crc("CRC-32/ISO-HDLC", data) == zlib.crc32(data)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_burst_no_longer_than_the_checksum_is_always_found(data: bytes, draw: st.DataObject) -> None:
    burst = draw.draw(st.integers(1, 2**16 - 1))
    at = draw.draw(st.integers(0, max(0, 8 * len(data) - burst.bit_length())))
    damaged = (int.from_bytes(data, "big") ^ (burst << at)) % (1 << 8 * len(data))
    damaged_bytes = damaged.to_bytes(len(data), "big")
    if damaged_bytes != data:
        assert crc16(damaged_bytes) != crc16(data)
        assert crc32(damaged_bytes) != crc32(data)


def test_arrays_are_checked_like_bytes_even_if_strided() -> None:
    array = np.arange(100, dtype=np.uint8)
    assert crc16(array) == crc16(array.tobytes())
    assert crc32(array[::2]) == crc32(array[::2].tobytes())


def test_an_unknown_crc_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown CRC 'CRC-8'; allowed: CRC-16/IBM-3740, "):
        crc("CRC-8", b"")


@st.composite
def interleavers(draw: st.DrawFn) -> Interleaver:
    symbol_bits = draw(st.integers(1, 9))
    size = symbol_bits * draw(st.integers(0, 60))
    if draw(st.booleans()):
        return BlockInterleaver(size, draw(st.integers(1, 70)), symbol_bits)
    return RandomInterleaver(size, draw(st.integers(0, 2**40)), symbol_bits)


@settings(deadline=None)
@given(interleavers(), st.sampled_from([np.uint8, np.float32]))
def test_deinterleaving_undoes_interleaving(interleaver: Interleaver, dtype: type) -> None:
    array: np.ndarray = np.arange(3 * interleaver.size).reshape(3, interleaver.size).astype(dtype)
    there = interleaver.interleave(array)
    assert there.dtype == array.dtype
    np.testing.assert_array_equal(np.sort(there, axis=-1), np.sort(array, axis=-1))
    np.testing.assert_array_equal(interleaver.deinterleave(there), array)
    np.testing.assert_array_equal(interleaver.interleave(interleaver.deinterleave(array)), array)


def test_block_interleaver_writes_rows_and_reads_columns() -> None:
    array = np.arange(12)
    expected = array.reshape(3, 4).T.reshape(-1)
    np.testing.assert_array_equal(BlockInterleaver(12, 4).interleave(array), expected)


def test_a_burst_as_long_as_there_are_rows_hits_each_code_word_once() -> None:
    rows, columns = 7, 15
    interleaver = BlockInterleaver(rows * columns * 8, columns, symbol_bits=8)
    for start in range(rows * columns - rows + 1):
        hit = np.zeros(interleaver.size, dtype=np.uint8)
        hit[8 * start : 8 * (start + rows)] = 1
        words = interleaver.deinterleave(hit).reshape(rows, columns, 8)
        assert (words.any(axis=2).sum(axis=1) == 1).all()


@pytest.mark.parametrize("kind", ["block", "random"])
def test_symbols_stay_whole(kind: str) -> None:
    interleaver = BlockInterleaver(80, 3, 8) if kind == "block" else RandomInterleaver(80, 5, 8)
    moved = interleaver.interleave(np.arange(80)).reshape(-1, 8)
    np.testing.assert_array_equal(moved - moved[:, :1], np.tile(np.arange(8), (10, 1)))
    assert not (moved[:, 0] % 8).any()


def test_a_seed_means_the_same_permutation_for_ever() -> None:
    # Pinned: changing it would make old results and their seeds worthless.
    order = RandomInterleaver(10, seed=0).interleave(np.arange(10))
    np.testing.assert_array_equal(order, RandomInterleaver(10, seed=0).interleave(np.arange(10)))
    assert order.tolist() == [7, 1, 0, 2, 9, 4, 5, 6, 3, 8]
    assert RandomInterleaver(10, seed=1).interleave(np.arange(10)).tolist() != order.tolist()


def test_random_interleaver_puts_each_element_anywhere_equally_often() -> None:
    # Each place of element 0 over 4000 seeds: chi-square with 7 degrees of freedom, 1e-9 false alarms.
    from scipy import stats

    zero_at = [int(RandomInterleaver(8, seed).deinterleave(np.arange(8))[0]) for seed in range(4000)]
    assert stats.chisquare(np.bincount(zero_at, minlength=8)).pvalue > 1e-9


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BlockInterleaver(10, 0), "columns is 0, must be at least 1"),
        (lambda: BlockInterleaver(10, 2, 3), "size is 10, must be a multiple of 3"),
        (lambda: RandomInterleaver(-1), "size is -1"),
        (lambda: RandomInterleaver(8, 0, 0), "symbol_bits is 0, must be at least 1"),
        (lambda: Interleaver([0, 0]), "no permutation"),
        (lambda: Interleaver([[0, 1]]), "no permutation"),
        (lambda: BlockInterleaver(8, 2).interleave(np.zeros(9)), "its last axis must be 8 long"),
    ],
)
def test_impossible_interleavers_are_refused(build: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build()  # type: ignore[operator]


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
