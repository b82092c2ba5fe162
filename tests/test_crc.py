"""Checksums against their catalogue, the standard library and 5G NR."""

from __future__ import annotations

import binascii
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.bits import pack_bits, unpack_bits
from channelvq.crc import CRCS, NR_CRCS, crc, crc16, crc32, nr_checks, row_checks
from channelvq.errors import UsageError

# Of b"123456789", in the catalogue of parametrised CRC algorithms (reveng.sourceforge.io/crc-catalogue).
CHECK_VALUES = {
    "CRC-16/IBM-3740": 0x29B1,
    "CRC-16/XMODEM": 0x31C3,
    "CRC-16/ARC": 0xBB3D,
    "CRC-24/LTE-A": 0xCDE703,
    "CRC-24/LTE-B": 0x23EF52,
    "CRC-24/OPENPGP": 0x21CF02,
    "CRC-32/ISO-HDLC": 0xCBF43926,
    "CRC-32/ISCSI": 0xE3069283,
}


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


@pytest.mark.parametrize("name", NR_CRCS)
@pytest.mark.parametrize("length", [1, 7, 8, 61, 200])
def test_crcs_of_5g_nr_are_remainders(name: str, length: int) -> None:
    """Long division, bit by bit, of the row followed by as many zeros as the CRC is long."""
    width, polynomial = NR_CRCS[name]
    bits = np.random.default_rng(length).integers(0, 2, (5, length)).astype(np.uint8)
    for row, check in zip(bits, nr_checks(name, bits), strict=True):
        number = int("".join(map(str, row)), 2) << width
        for place in range(length - 1, -1, -1):
            if number >> (place + width) & 1:
                number ^= (1 << width | polynomial) << place
        assert check.tolist() == [number >> i & 1 for i in range(width - 1, -1, -1)]


def test_crcs_of_5g_nr_on_whole_bytes_are_those_of_the_catalogue() -> None:
    bits = unpack_bits(b"123456789")[None]
    for nr, name in (("24A", "CRC-24/LTE-A"), ("24B", "CRC-24/LTE-B"), ("16", "CRC-16/XMODEM")):
        assert int("".join(map(str, nr_checks(nr, bits)[0])), 2) == CHECK_VALUES[name]
    with pytest.raises(UsageError, match="unknown CRC of 5G NR '8'; allowed: 24A"):
        nr_checks("8", bits)


@pytest.mark.parametrize(("width", "name"), [(16, "CRC-16/IBM-3740"), (32, "CRC-32/ISO-HDLC")])
def test_row_checks_are_the_named_crcs_of_the_packed_rows(width: int, name: str) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (4, 53)).astype(np.uint8)
    for row, check in zip(bits, row_checks(width, bits), strict=True):
        assert int("".join(map(str, check)), 2) == crc(name, pack_bits(row).tobytes())
    assert row_checks(0, bits).shape == (4, 0)
