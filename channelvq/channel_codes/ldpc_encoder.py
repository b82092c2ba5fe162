"""Encoder of the 5G LDPC codes: parity by back substitution through the base graph, no matrix is inverted."""

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["encode_blocks"]

Bits: TypeAlias = npt.NDArray[np.uint8]
Ints: TypeAlias = npt.NDArray[np.int64]


@numba.njit(nogil=True)
def _add_shifted(source: Bits, shift: int, target: Bits) -> None:
    """target[i] ^= source[(i + shift) mod Z]."""
    ahead = source.shape[0] - shift
    front, back = target[:ahead], target[ahead:]
    later, earlier = source[shift:], source[:shift]
    for i in range(ahead):
        front[i] ^= later[i]
    for i in range(shift):
        back[i] ^= earlier[i]


@numba.njit(nogil=True)
def _solve_core(word: Bits, sums: Bits, starts: Ints, column: Ints, shift: Ints, systematic: int) -> None:
    """Find the four core parity columns of word [columns, Z] from the rows' sums [4, Z] over the message.

    Over all four rows every core parity column but the first cancels, and the first stands once; then each
    row with one unknown gives that one.
    """
    total = sums[0] ^ sums[1] ^ sums[2] ^ sums[3]
    appears = np.zeros(word.shape[1], np.int64)
    for e in range(starts[4]):
        if column[e] == systematic:
            appears[shift[e]] ^= 1
    for s in range(appears.shape[0]):
        if appears[s]:  # total[i] = parity[i + s]: shift it back
            _add_shifted(total, (word.shape[1] - s) % word.shape[1], word[systematic])
    known = np.zeros(4, np.bool_)
    known[0] = True
    while not known.all():
        for row in range(4):
            unknown, missing = 0, 0
            for e in range(starts[row], starts[row + 1]):
                if column[e] >= systematic and not known[column[e] - systematic]:
                    unknown += 1
                    missing = column[e]
            if unknown == 1:  # its shift is 0, as that of every parity column but the first
                word[missing] = sums[row]
                for e in range(starts[row], starts[row + 1]):
                    if column[e] >= systematic and column[e] != missing:
                        _add_shifted(word[column[e]], shift[e], word[missing])
                known[missing - systematic] = True


@numba.njit(cache=True, nogil=True)
def encode_blocks(
    bits: Bits, coded: Bits, starts: Ints, column: Ints, shift: Ints, systematic: int, lifting: int
) -> None:
    """Encode blocks of message bits [blocks, k] into coded bits [blocks, n], rate matching included.

    `column` and `shift` are the entries of the base graph row by row, row r from starts[r] to starts[r + 1].
    """
    rows, k = starts.shape[0] - 1, bits.shape[1]
    word = np.zeros((systematic + rows, lifting), np.uint8)
    sums = np.zeros((4, lifting), np.uint8)
    flat = word.reshape(-1)
    buffer = flat.shape[0] - systematic * lifting + k - 2 * lifting
    for block in range(bits.shape[0]):
        flat[:k] = bits[block]
        flat[k:] = 0
        sums[:] = 0
        for row in range(rows):
            target = sums[row] if row < 4 else word[systematic + row]
            for e in range(starts[row], starts[row + 1]):
                if column[e] < systematic + 4 * (row >= 4):
                    _add_shifted(word[column[e]], shift[e], target)
            if row == 3:
                _solve_core(word, sums, starts, column, shift, systematic)
        front = k - 2 * lifting
        for begin in range(0, coded.shape[1], buffer):
            target = coded[block, begin : begin + buffer]
            length = min(front, target.shape[0])
            target[:length] = flat[2 * lifting : 2 * lifting + length]
            target[length:] = flat[systematic * lifting : systematic * lifting + target.shape[0] - length]
