"""Kernel that reads a segment of a baseline JPEG scan to see whether it can be one."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["holds"]


@numba.njit(cache=True, nogil=True)
def holds(
    data: npt.NDArray[np.uint8], codes: npt.NDArray[np.int32], blocks: npt.NDArray[np.int64], units: int
) -> bool:
    """Say whether bytes, no longer stuffed, are `units` coded units and less than a byte of ones after them.

    Parameters
    ----------
    data : ndarray of uint8 [n]
        A segment between two restart markers.
    codes : ndarray of int32 [4, 65536]
        What Huffman code the next 16 bits begin with, 256 · its length + its symbol, or 0 if none: DC of
        luminance, DC of chrominance, AC of both.
    blocks : ndarray of int64 [m]
        Of each block of a unit, 0 if it is of luminance, 1 of chrominance.
    units : int
        How many units the segment has.
    """
    size, at = 8 * data.size, 0
    for _ in range(units):
        for kind in blocks:
            found = codes[kind, _peek(data, at)]
            category = found & 255
            at += (found >> 8) + category
            if found == 0 or category > 11:
                return False
            place = 1
            while place < 64:
                found = codes[2 + kind, _peek(data, at)]
                if found == 0:
                    return False
                run, category = (found & 255) >> 4, found & 15
                at += (found >> 8) + category
                if category == 0 and run == 0:
                    break
                if category == 0 and run < 15:
                    return False
                place += run + 1
                if place > 64:
                    return False
            if at > size:
                return False
    rest = size - at
    return rest < 8 and _peek(data, at) >> (16 - rest) == (1 << rest) - 1


@numba.njit(forceinline=True)
def _peek(data: npt.NDArray[np.uint8], at: int) -> int:
    """Give the next 16 bits, ones after the end."""
    value = 0
    for i in range(at >> 3, (at >> 3) + 3):
        value = value << 8 | (int(data[i]) if i < data.size else 255)
    return value >> (8 - (at & 7)) & 0xFFFF
