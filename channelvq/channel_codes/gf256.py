"""The field GF(2^8) of x^8 + x^4 + x^3 + x^2 + 1, by tables, on arrays of bytes."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["Bytes", "inverse", "multiply", "power"]

Bytes = npt.NDArray[np.uint8]

_POLYNOMIAL = 0x11D


def multiply(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> Bytes:
    """Multiply element by element; shapes broadcast (and the sum of two elements is their XOR).

    Examples
    --------
    >>> int(multiply(np.uint8([0x80]), np.uint8([2]))[0]) == 0x100 ^ 0x11D
    True
    """
    product: Bytes = _products()[a, b]
    return product


def inverse(a: Bytes) -> Bytes:
    """Invert each element; 0, which has no inverse, gives 0.

    Examples
    --------
    >>> multiply(np.uint8([1, 7, 255]), inverse(np.uint8([1, 7, 255]))).tolist()
    [1, 1, 1]
    """
    return np.where(a == 0, np.uint8(0), power(-_logarithms()[a]))


def power(exponent: npt.ArrayLike) -> Bytes:
    """α to the power of whole numbers, α = 2 (a generator: α^255 = 1).

    Examples
    --------
    >>> power([0, 1, 8, 255, -1]).tolist()
    [1, 2, 29, 1, 142]
    """
    result: Bytes = _powers()[np.asarray(exponent) % 255]
    return result


@cache
def _powers() -> Bytes:
    powers = [1]
    for _ in range(254):
        doubled = powers[-1] << 1
        powers.append(doubled ^ _POLYNOMIAL if doubled & 0x100 else doubled)
    return np.array(powers, np.uint8)


@cache
def _logarithms() -> npt.NDArray[np.int64]:
    logarithms = np.zeros(256, np.int64)
    logarithms[_powers()] = np.arange(255)
    return logarithms


@cache
def _products() -> Bytes:
    """All products, [256, 256]."""
    logarithms = _logarithms()
    table: Bytes = _powers()[(logarithms[:, None] + logarithms[None, :]) % 255]
    table[0], table[:, 0] = 0, 0
    return table
