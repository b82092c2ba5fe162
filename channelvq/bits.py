"""Bits and their LLRs: packing, hard decisions."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError

__all__ = [
    "CERTAIN_LLR",
    "bits_to_llrs",
    "flip_probability",
    "hard_bits",
    "pack_bits",
    "unpack_bits",
]

CERTAIN_LLR = 50.0
"""The largest magnitude of any LLR in the library: a bit that is known (wrong once in e^50 = 5e21)."""

Bits: TypeAlias = npt.NDArray[np.uint8]
Octets: TypeAlias = "bytes | bytearray | memoryview | npt.NDArray[np.uint8]"


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
