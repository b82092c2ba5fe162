"""Kernel of the CRCs: division by a generator polynomial, byte by byte."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["remainders"]


@numba.njit(cache=True, nogil=True)
def remainders(rows: npt.NDArray[np.uint8], polynomial: np.uint32) -> npt.NDArray[np.uint32]:
    """Remainder of each row of bytes [rows, bytes], times x^width, in the top bits of 32.

    `polynomial` is the generator without its leading term, in the top bits of 32.
    """
    table = np.empty(256, np.uint32)
    for byte in range(256):
        register = np.uint32(byte << 24)
        for _ in range(8):
            top = register >> np.uint32(31)
            register = np.uint32(register << np.uint32(1)) ^ np.uint32(polynomial * top)
        table[byte] = register
    values = np.empty(rows.shape[0], np.uint32)
    for row in range(rows.shape[0]):
        register = np.uint32(0)
        for i in range(rows.shape[1]):
            top = register >> np.uint32(24)
            register = np.uint32(register << np.uint32(8)) ^ table[top ^ np.uint32(rows[row, i])]
        values[row] = register
    return values
