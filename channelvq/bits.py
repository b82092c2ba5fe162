"""Bits and their LLRs: packing, checksums, interleavers, hard decisions."""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError, unknown_name
from channelvq.randomness import generator

__all__ = [
    "CERTAIN_LLR",
    "CRCS",
    "BlockInterleaver",
    "Crc",
    "Interleaver",
    "RandomInterleaver",
    "bits_to_llrs",
    "crc",
    "crc16",
    "crc32",
    "flip_probability",
    "hard_bits",
    "pack_bits",
    "unpack_bits",
]

CERTAIN_LLR = 50.0
"""The largest magnitude of any LLR in the library: a bit that is known (wrong once in e^50 = 5e21)."""

Bits: TypeAlias = npt.NDArray[np.uint8]
Octets: TypeAlias = "bytes | bytearray | memoryview | npt.NDArray[np.uint8]"
_Scalar = TypeVar("_Scalar", bound=np.generic)


def pack_bits(bits: npt.ArrayLike) -> Bits:
    """Pack bits into bytes, the first bit into the most significant place.

    Parameters
    ----------
    bits : array of 0 and 1 [..., n]
        Any integer or boolean type.

    Returns
    -------
    ndarray of uint8 [..., ceil(n / 8)]
        The last byte is filled up with zeros. `.tobytes()` makes `bytes` of it.

    Raises
    ------
    UsageError
        If something other than 0 and 1 is in it.

    Examples
    --------
    >>> pack_bits([1, 0, 0, 0, 0, 0, 0, 1, 1])
    array([129, 128], dtype=uint8)
    """
    array = np.asarray(bits)
    if array.dtype.kind not in "bui" and array.size:
        raise UsageError(f"bits are of type {array.dtype}, must be whole numbers 0 and 1")
    if array.size and (array.max() > 1 or array.min() < 0):
        wrong = array.max() if array.max() > 1 else array.min()
        raise UsageError(f"bits hold {int(wrong)}, must be 0 and 1")
    return np.packbits(array.astype(np.uint8, copy=False), axis=-1)


def unpack_bits(data: Octets, count: int | None = None) -> Bits:
    r"""Unpack bytes into bits, the most significant place first.

    Parameters
    ----------
    data : bytes or ndarray of uint8 [..., bytes]
        The bytes.
    count : int, optional
        How many bits to give (the rest is dropped); 8 a byte without it.

    Returns
    -------
    ndarray of uint8 [..., count]
        0 and 1.

    Raises
    ------
    UsageError
        If `count` is negative or more than the bytes hold, or an array is not of type uint8.

    Examples
    --------
    >>> unpack_bits(b"\x81\x80", 9)
    array([1, 0, 0, 0, 0, 0, 0, 1, 1], dtype=uint8)
    """
    array = data if isinstance(data, np.ndarray) else np.frombuffer(data, dtype=np.uint8)
    if array.dtype != np.uint8:
        raise UsageError(f"bytes are of type {array.dtype}, must be uint8")
    held = 8 * array.shape[-1]
    if count is not None and not 0 <= count <= held:
        raise UsageError(f"count is {count}, must be from 0 to {held}, the bits in {array.shape[-1]} bytes")
    return np.unpackbits(array, axis=-1, count=count)


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


class Interleaver:
    """A permutation of the last axis, and its inverse.

    Parameters
    ----------
    order : array of int [size]
        A permutation of 0..size-1: place i of the output takes element `order[i]` of the input.

    Examples
    --------
    >>> Interleaver([2, 0, 1]).interleave(np.array([10, 11, 12]))
    array([12, 10, 11])
    """

    def __init__(self, order: npt.ArrayLike) -> None:
        forward = np.asarray(order, dtype=np.intp)
        if forward.ndim != 1 or not np.array_equal(np.sort(forward), np.arange(forward.size)):
            raise UsageError(f"order of shape {forward.shape} is no permutation of 0..{forward.size - 1}")
        backward = np.empty_like(forward)
        backward[forward] = np.arange(forward.size)
        self._forward, self._backward = forward, backward

    @property
    def size(self) -> int:
        """Length of the axis that it permutes."""
        return self._forward.size

    def interleave(self, array: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        """Permute the last axis [..., size]; any type of element."""
        return self._take(array, self._forward)

    def deinterleave(self, array: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        """Undo `interleave` [..., size]."""
        return self._take(array, self._backward)

    def _take(self, array: npt.NDArray[Any], order: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        if array.ndim == 0 or array.shape[-1] != self.size:
            raise UsageError(f"array has shape {array.shape}, its last axis must be {self.size} long")
        return np.take(array, order, axis=-1)


class BlockInterleaver(Interleaver):
    """Write row by row, read column by column.

    Neighbours on the channel lie `columns` symbols apart in the code: with one code word a row, a burst as
    long as there are full rows hits each word once at most.

    Parameters
    ----------
    size : int
        Length of the axis, any multiple of `symbol_bits`; the last row may be short.
    columns : int
        Symbols in a row (the length of a code word).
    symbol_bits : int
        Elements that stay together (8 keeps the bytes of a Reed-Solomon code whole).

    Raises
    ------
    UsageError
        If `columns` or `symbol_bits` is below 1, or `size` is negative or no multiple of `symbol_bits`.

    Examples
    --------
    >>> block = BlockInterleaver(size=7, columns=3)
    >>> block.interleave(np.arange(7))
    array([0, 3, 6, 1, 4, 2, 5])
    >>> block.deinterleave(block.interleave(np.arange(7)))
    array([0, 1, 2, 3, 4, 5, 6])
    """

    def __init__(self, size: int, columns: int, symbol_bits: int = 1) -> None:
        symbols = _symbols(size, symbol_bits)
        if columns < 1:
            raise UsageError(f"columns is {columns}, must be at least 1")
        # A stable sort by column keeps the rows in order within each.
        order = np.argsort(np.arange(symbols) % columns, kind="stable")
        super().__init__(_expand(order, symbol_bits))


class RandomInterleaver(Interleaver):
    """A permutation drawn from a seed: sender and receiver know it, so that nothing is sent.

    It is the order that sorts `size` raw 64-bit words of the stream "interleaver". NumPy promises raw words
    for all versions (unlike `Generator.permutation`), so that a seed means the same permutation for ever.

    Parameters
    ----------
    size : int
        Length of the axis, any multiple of `symbol_bits`.
    seed : int
        The interleaver's own seed: part of the scheme, not of the experiment.
    symbol_bits : int
        Elements that stay together.

    Raises
    ------
    UsageError
        If `symbol_bits` is below 1, or `size` is negative or no multiple of `symbol_bits`.

    Examples
    --------
    >>> shuffled = RandomInterleaver(size=16, seed=0, symbol_bits=8)
    >>> bits = np.arange(16)
    >>> bool((shuffled.deinterleave(shuffled.interleave(bits)) == bits).all())
    True
    """

    def __init__(self, size: int, seed: int = 0, symbol_bits: int = 1) -> None:
        words = generator(seed, "interleaver").bit_generator.random_raw(_symbols(size, symbol_bits))
        super().__init__(_expand(np.argsort(words, kind="stable"), symbol_bits))


def _symbols(size: int, symbol_bits: int) -> int:
    """Count the symbols in `size` elements."""
    if symbol_bits < 1:
        raise UsageError(f"symbol_bits is {symbol_bits}, must be at least 1")
    if size < 0 or size % symbol_bits:
        raise UsageError(f"size is {size}, must be a multiple of {symbol_bits}, the bits of a symbol")
    return size // symbol_bits


def _expand(order: npt.NDArray[np.intp], symbol_bits: int) -> npt.NDArray[np.intp]:
    """Turn an order of symbols into an order of their elements."""
    return (order[:, None] * symbol_bits + np.arange(symbol_bits)).reshape(-1)


def bits_to_llrs(bits: npt.NDArray[Any], magnitude: float = CERTAIN_LLR) -> npt.NDArray[np.float32]:
    """Give LLRs of one magnitude to bits: +magnitude for 0, -magnitude for 1; same shape, float32.

    Examples
    --------
    >>> bits_to_llrs(np.array([0, 1]))
    array([ 50., -50.], dtype=float32)
    """
    return np.where(bits, np.float32(-magnitude), np.float32(magnitude))


def hard_bits(llrs: npt.NDArray[np.floating[Any]]) -> Bits:
    """Decide each bit for the likelier value: 1 where the LLR is negative; an erased bit (0.0) becomes 0.

    Examples
    --------
    >>> hard_bits(np.array([3.0, -0.1, 0.0], dtype=np.float32))
    array([0, 1, 0], dtype=uint8)
    """
    return (llrs < 0).astype(np.uint8)


def flip_probability(llrs: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Say how probably each hard decision is wrong: 1 / (1 + e^|llr|), from 0 (certain) to 0.5 (erased).

    Holds for calibrated LLRs and bits that are 0 and 1 equally often. Same shape and type as `llrs`.

    Examples
    --------
    >>> flip_probability(np.array([0.0, np.log(99)]))
    array([0.5 , 0.01])
    """
    unlikely = np.exp(-np.abs(llrs))  # of the negative magnitude: no overflow
    return np.asarray(unlikely / (1 + unlikely))
