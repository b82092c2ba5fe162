"""Kernel of the Reed-Solomon code: blocks of bits and LLRs as words of bytes, one word after the other."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from channelvq.bits import CERTAIN_LLR
from channelvq.channel_codes.byte_vectors import (
    WIDTH,
    pack,
    signs,
    spread_bits,
    spread_llrs,
    weakest,
    write,
)
from channelvq.channel_codes.reed_solomon_errors_kernel import find_errors, sum_rows

__all__ = ["decode_words", "encode_words"]

Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_BUFFER = 256 + WIDTH
_LIMIT = np.float32(CERTAIN_LLR)

_DOUBT = math.log(100)
"""A word by GMD is taken if the odds that it is the one sent are 100 to 1."""


@numba.njit(cache=True, nogil=True)
def encode_words(bits: Bytes, parity: int, table: Bytes, coded: Bytes) -> None:
    """Bits [blocks, 8 k] -> coded [blocks, 8 n]; `table` is the remainders of `decode_words`."""
    k, sent = bits.shape[1] // 8, coded.shape[1] // 8
    columns = -(-parity // WIDTH) * WIDTH
    word, check = np.empty(_BUFFER, np.uint8), np.empty(_BUFFER, np.uint8)
    for block in range(bits.shape[0]):
        row, out = bits[block], coded[block]
        for i in range(k):
            word[i] = pack(row, 8 * i)
        for column in range(0, columns, WIDTH):
            write(check, column, sum_rows(table, columns, 255 - parity - k, word, 0, k, 1, column))
        out[: 8 * k] = row
        for i in range(sent - k):
            spread_bits(out, 8 * (k + i), check[i])


@numba.njit(cache=True, nogil=True)
def _smallest(row: Floats) -> np.int32:
    """Bit pattern of the smallest magnitude: 0 where a bit is erased."""
    patterns = row.view(np.int32)  # without their signs, floats are in the order of their bit patterns
    least = np.int32(0x7FFFFFFF)
    for i in range(patterns.shape[0]):
        magnitude = np.int32(patterns[i] & np.int32(0x7FFFFFFF))
        least = magnitude if magnitude < least else least
    return least


@numba.njit(cache=True, nogil=True)
def _find_erased(row: Floats, punctured: int, places: Counts) -> int:
    """Give the places of the bytes that were not sent or have an LLR of 0, and how many they are."""
    places[:punctured] = np.arange(punctured)
    lost, sent = punctured, row.shape[0] // 8
    for i in range(sent):
        if weakest(row, 8 * i) == 0:
            places[lost] = punctured + sent - 1 - i
            lost += 1
    return lost


@numba.njit(cache=True, nogil=True)
def _rank(row: Floats, n: int, erased: int, order: Counts) -> None:
    """Fill up `order`, which begins with the erased places, with the least reliable ones, the least first.

    A byte is as reliable as its weakest bit: it is wrong if any bit is, with about the sum of e^-|llr| over
    its bits, in which the largest term counts. Equal ones stand in the order of the word.
    """
    most, filled = order.shape[0], erased
    sizes = np.zeros(most, np.int32)
    for i in range(row.shape[0] // 8):
        size = weakest(row, 8 * i)
        if size == 0 or (filled == most and size >= sizes[most - 1]):
            continue
        filled = min(filled + 1, most)
        rank = filled - 1
        while rank > 0 and sizes[rank - 1] > size:
            sizes[rank], order[rank] = sizes[rank - 1], order[rank - 1]
            rank -= 1
        sizes[rank], order[rank] = size, n - 1 - i


@numba.njit(cache=True, nogil=True)
def _surprise(row: Floats) -> float:
    """Sum of log(1 + e^-|llr|): minus the log probability that all hard decisions are right."""
    total = 0.0
    for start in range(0, row.shape[0], 512):  # a logarithm for 512 factors of at most 2
        product = 1.0
        for i in range(start, min(start + 512, row.shape[0])):
            product *= 1.0 + math.exp(-abs(np.float64(row[i])))
        total += math.log(product)
    return total


@numba.njit(cache=True, nogil=True)
def _cost(row: Floats, n: int, places: Counts, values: Bytes, count: int) -> float:
    """Sum of |llr| over the bits that a correction changes: how much less likely it is than the signs."""
    total = 0.0
    for e in range(count):
        start = 8 * (n - 1 - places[e])
        if start < row.shape[0]:
            for j in range(8):
                if values[e] >> np.uint8(7 - j) & np.uint8(1):
                    total += abs(np.float64(row[start + j]))
    return total


@numba.njit(cache=True, nogil=True)
def _correct(
    row: Floats,
    word: Bytes,
    syndromes: Bytes,
    punctured: int,
    erased: bool,
    gmd: bool,
    tables: tuple[Bytes, Bytes, Counts],
) -> bool:
    """Correct the bytes of a word [n] in place, if that can be done."""
    parity, n = syndromes.shape[0], row.shape[0] // 8 + punctured
    places, values = np.empty(256, np.int64), np.empty(256, np.uint8)
    lost = _find_erased(row, punctured, places) if erased else 0
    if lost > parity:
        return False
    order = np.empty(parity if gmd else 0, np.int64)
    if gmd:
        order[:lost] = places[:lost]
    count = find_errors(syndromes, n, places, lost, tables, values)
    if count < 0 and gmd:
        _rank(row, n, lost, order)
        evidence = 8 * (parity - punctured) * math.log(2.0) - _surprise(row) - _DOUBT
        for trial in range(lost + 2 - (parity - lost) % 2, parity + 1, 2):
            places[:trial] = order[:trial]
            count = find_errors(syndromes, n, places, trial, tables, values)
            if count >= 0 and _cost(row, n, places, values, count) < evidence:
                break
            count = -1
    for e in range(count):
        word[n - 1 - places[e]] ^= values[e]
    return count >= 0


@numba.njit(cache=True, nogil=True)
def decode_words(
    llrs: Floats,
    parity: int,
    gmd: bool,
    tables: tuple[Bytes, Bytes, Bytes, Bytes, Counts],
    llr: Floats,
    bits: Bytes,
    ok: Flags,
) -> None:
    """Decode finite LLRs [blocks, 8 n] into llr and bits [blocks, 8 k] and ok [blocks].

    `parity` counts the punctured bytes too. The tables are, by `map_rows` and flat, the remainder of each
    place of a message by the generator polynomial (of the longest code: columns in steps of 32), the
    syndromes of each place of a remainder, and those of `find_errors`.
    """
    sent, k = llrs.shape[1] // 8, bits.shape[1] // 8
    n = k + parity
    columns = -(-parity // WIDTH) * WIDTH
    remainder_rows, syndrome_rows, place_rows, powers, exponents = tables
    error_tables = (place_rows, powers, exponents)
    word = np.zeros(_BUFFER, np.uint8)  # punctured bytes are erased: whatever stands there
    check, syndromes = np.empty(_BUFFER, np.uint8), np.empty(_BUFFER, np.uint8)
    for block in range(llrs.shape[0]):
        row, soft, hard = llrs[block], llr[block], bits[block]
        least = _smallest(row)
        for i in range(sent):
            word[i] = signs(row, 8 * i)
        for column in range(0, columns, WIDTH):
            write(check, column, sum_rows(remainder_rows, columns, 255 - n, word, 0, k, 1, column))
        right = least != 0
        for i in range(parity):
            check[i] ^= word[k + i]
            right &= check[i] == 0 or i >= sent - k
        if not right:
            for column in range(0, columns, WIDTH):
                write(syndromes, column, sum_rows(syndrome_rows, columns, 0, check, 0, parity, 1, column))
            right = _correct(
                row, word, syndromes[:parity], n - sent, least == 0 or n > sent, gmd, error_tables
            )
        ok[block] = right
        for i in range(k):
            spread_bits(hard, 8 * i, word[i])
            if right:
                spread_llrs(soft, 8 * i, word[i], _LIMIT)
        if not right:
            for i in range(8 * k):
                soft[i] = min(max(row[i], -_LIMIT), _LIMIT)
