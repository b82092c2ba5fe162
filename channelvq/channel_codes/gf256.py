"""The field GF(2^8) of x^8 + x^4 + x^3 + x^2 + 1, by tables, on arrays of bytes."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

__all__ = ["POLYNOMIAL", "Bytes", "inverse", "logarithms", "map_rows", "multiply", "power"]

Bytes = npt.NDArray[np.uint8]

POLYNOMIAL = 0x11D
"""The field's polynomial, a bit a coefficient."""


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
    return np.where(a == 0, np.uint8(0), power(-logarithms()[a]))


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
def logarithms() -> npt.NDArray[np.int64]:
    """Exponent of α, 0 to 254, of each element, [256]; 0 stands for that of 0, which has none.

    Examples
    --------
    >>> logarithms()[[1, 2, 29]].tolist()
    [0, 1, 8]
    """
    exponents = np.zeros(256, np.int64)
    exponents[_powers()] = np.arange(255)
    return exponents


def map_rows(matrix: Bytes) -> Bytes:
    """Tables by which a matrix is applied to bytes without multiplying, [rows, 32, columns].

    A product is linear in the bits of a factor, so that byte · matrix row is the XOR of the table rows
    byte % 16 (products of the row and 0 to 15) and 16 + byte // 16 (products of it and 0, 16, ..., 240).

    Examples
    --------
    >>> tables = map_rows(np.uint8([[3, 7]]))
    >>> product = tables[0, 0xB] ^ tables[0, 16 + 0xA]
    >>> bool((product == multiply(np.uint8([3, 7]), np.uint8([0xAB]))).all())
    True
    """
    nibbles = np.concatenate([np.arange(16), 16 * np.arange(16)]).astype(np.uint8)
    return multiply(matrix[:, None, :], nibbles[None, :, None])


@cache
def _powers() -> Bytes:
    powers = [1]
    for _ in range(254):
        doubled = powers[-1] << 1
        powers.append(doubled ^ POLYNOMIAL if doubled & 0x100 else doubled)
    return np.array(powers, np.uint8)


@cache
def _products() -> Bytes:
    """All products, [256, 256]."""
    exponents = logarithms()
    table: Bytes = _powers()[(exponents[:, None] + exponents[None, :]) % 255]
    table[0], table[:, 0] = 0, 0
    return table
