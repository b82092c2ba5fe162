"""Cyclic redundancy checks: the named algorithms, on bytes and on rows of bits."""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from channelvq.bits import pack_bits
from channelvq.errors import unknown_name

__all__ = ["CRCS", "NR_CRCS", "Crc", "crc", "crc16", "crc32", "nr_checks", "row_checks"]

Bits: TypeAlias = npt.NDArray[np.uint8]
Octets: TypeAlias = "bytes | bytearray | memoryview | npt.NDArray[np.uint8]"


@dataclass(frozen=True)
class Crc:
    """A cyclic redundancy check in the parameters of the Rocksoft model [1]_.

    The checksum is the remainder of data(x) · x^width by the generator polynomial over GF(2), with a
    start value and an inversion at the end; `reflected` algorithms take the least significant bit of each
    byte first.

    Attributes
    ----------
    name : str
        The name in the catalogue [2]_.
    width : int
        Bits of the checksum, a multiple of 8.
    polynomial : int
        The generator without its leading term, most significant coefficient first.
    start : int
        The register before the first byte.
    reflected : bool
        Whether bits enter, and the checksum leaves, least significant first.
    inversion : int
        What the register is XORed with at the end.

    References
    ----------
    .. [1] R. N. Williams, "A painless guide to CRC error detection algorithms", 1993.
    .. [2] G. Cook, "Catalogue of parametrised CRC algorithms", reveng.sourceforge.io/crc-catalogue.

    Examples
    --------
    >>> f"{CRCS['CRC-32/ISO-HDLC'](b'123456789'):08X}"
    'CBF43926'
    """

    name: str
    width: int
    polynomial: int
    start: int
    reflected: bool
    inversion: int

    def __call__(self, data: Octets) -> int:
        """Check the bytes, by table; for the two algorithms that they are, `crc16` and `crc32` are faster."""
        table, mask = self.table, (1 << self.width) - 1
        register = _mirror(self.start, self.width) if self.reflected else self.start
        for byte in bytes(data):
            if self.reflected:
                register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
            else:
                register = (table[(register >> (self.width - 8)) ^ byte] ^ (register << 8)) & mask
        return register ^ self.inversion

    @cached_property
    def table(self) -> tuple[int, ...]:
        """The register after each of the 256 bytes, from zero."""
        mask, top = (1 << self.width) - 1, 1 << (self.width - 1)
        entries = []
        for byte in range(256):
            register = (_mirror(byte, 8) if self.reflected else byte) << (self.width - 8)
            for _ in range(8):
                register = ((register << 1) ^ (self.polynomial if register & top else 0)) & mask
            entries.append(_mirror(register, self.width) if self.reflected else register)
        return tuple(entries)


def _mirror(value: int, width: int) -> int:
    """Reverse the order of `width` bits."""
    return int(f"{value:0{width}b}"[::-1], 2)


CRCS: dict[str, Crc] = {
    algorithm.name: algorithm
    for algorithm in (
        Crc("CRC-16/IBM-3740", 16, 0x1021, 0xFFFF, False, 0),  # also called CRC-16/CCITT-FALSE
        Crc("CRC-16/XMODEM", 16, 0x1021, 0, False, 0),
        Crc("CRC-16/ARC", 16, 0x8005, 0, True, 0),
        Crc("CRC-24/LTE-A", 24, 0x864CFB, 0, False, 0),
        Crc("CRC-24/LTE-B", 24, 0x800063, 0, False, 0),
        Crc("CRC-24/OPENPGP", 24, 0x864CFB, 0xB704CE, False, 0),
        Crc("CRC-32/ISO-HDLC", 32, 0x04C11DB7, 0xFFFFFFFF, True, 0xFFFFFFFF),  # zip, PNG, Ethernet
        Crc("CRC-32/ISCSI", 32, 0x1EDC6F41, 0xFFFFFFFF, True, 0xFFFFFFFF),  # also called CRC-32C
    )
}
"""The named algorithms."""


def crc(name: str, data: Octets) -> int:
    """Check bytes with the algorithm of that name.

    Raises
    ------
    UsageError
        If there is no such algorithm; lists them.

    Examples
    --------
    >>> f"{crc('CRC-16/XMODEM', b'123456789'):04X}"
    '31C3'
    """
    if name not in CRCS:
        raise unknown_name("CRC", name, CRCS)
    return CRCS[name](data)


def crc16(data: Octets) -> int:
    """Check bytes with CRC-16/IBM-3740 (CRC-16/CCITT-FALSE): x^16 + x^12 + x^5 + 1, from 0xFFFF.

    Finds every burst of up to 16 bits; of longer damage it misses one in 2^16.

    Examples
    --------
    >>> f"{crc16(b'123456789'):04X}"
    '29B1'
    """
    return binascii.crc_hqx(bytes(data), 0xFFFF)


def crc32(data: Octets) -> int:
    """Check bytes with CRC-32/ISO-HDLC, the one of zip, PNG and Ethernet.

    Finds every burst of up to 32 bits; of longer damage it misses one in 2^32.

    Examples
    --------
    >>> f"{crc32(b'123456789'):08X}"
    'CBF43926'
    """
    return zlib.crc32(bytes(data))


NR_CRCS = {
    "24A": (24, 0x864CFB),
    "24B": (24, 0x800063),
    "24C": (24, 0xB2B117),
    "16": (16, 0x1021),
    "11": (11, 0x621),
    "6": (6, 0x21),
}
"""Width and generator (without its leading term) of the CRCs of 3GPP TS 38.212, clause 5.1."""


def nr_checks(name: str, bits: Bits) -> Bits:
    """Compute a CRC of 5G NR over each row of bits: [rows, n] of 0/1 -> [rows, width], first bit first.

    The remainder of bits(x) · x^width by the generator, from a register of zeros (3GPP TS 38.212, clause
    5.1): an all-zero row has an all-zero CRC.

    Raises
    ------
    UsageError
        If there is no such CRC.

    Examples
    --------
    >>> nr_checks("6", np.array([[0, 0, 0, 0], [0, 0, 0, 1]], np.uint8))
    array([[0, 0, 0, 0, 0, 0],
           [1, 0, 0, 0, 0, 1]], dtype=uint8)
    """
    if name not in NR_CRCS:
        raise unknown_name("CRC of 5G NR", name, NR_CRCS)
    from channelvq.crc_kernel import remainders  # numba is slow to import

    width, polynomial = NR_CRCS[name]
    rows, length = bits.shape
    aligned = np.zeros((rows, -(-length // 8) * 8), np.uint8)  # zeros in front change nothing
    aligned[:, aligned.shape[1] - length :] = bits
    values = remainders(np.packbits(aligned, axis=1), np.uint32(polynomial << (32 - width)))
    places = np.arange(31, 31 - width, -1, dtype=np.uint32)
    return (values[:, None] >> places & np.uint32(1)).astype(np.uint8)


_ROW_CRCS = {16: crc16, 32: crc32}


def row_checks(width: int, bits: Bits) -> Bits:
    """Compute the CRC of that width that ends a block's message: [rows, n] of 0/1 -> [rows, width].

    CRC-16/IBM-3740 and CRC-32/ISO-HDLC of the bits packed into bytes; CRC-24B of 5G NR of the bits.

    Parameters
    ----------
    width : {0, 16, 24, 32}
        Bits of the CRC.
    bits : ndarray of uint8 [rows, n]
        0 and 1.

    Examples
    --------
    >>> row_checks(16, np.zeros((2, 8), np.uint8)).shape
    (2, 16)
    """
    if width == 0:
        return np.zeros((bits.shape[0], 0), np.uint8)
    if width == 24:
        return nr_checks("24B", bits)
    values = np.array([_ROW_CRCS[width](row) for row in pack_bits(bits)], np.uint64)
    shifts = np.arange(width - 1, -1, -1, dtype=np.uint64)
    return (values[:, None] >> shifts & np.uint64(1)).astype(np.uint8)
