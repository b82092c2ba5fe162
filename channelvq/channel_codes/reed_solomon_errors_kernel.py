"""Kernel of Reed-Solomon decoding: the errors of one word from its syndromes and erasures.

As in R. E. Blahut, "Algebraic Codes for Data Transmission", Cambridge 2003, sections 7.1 to 7.4, but for the
products: maps of bytes are sums of rows of tables, polynomials are multiplied by vectors.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from channelvq.channel_codes.byte_vectors import (
    WIDTH,
    add,
    lowest,
    nothing,
    read,
    same,
    times,
    times_x,
    write,
)

__all__ = ["find_errors", "sum_rows"]

Bytes = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]

_START = 256
"""Where coefficient 0 stands in a polynomial's memory: below it are zeros, for products by powers of x."""

_SIZE = _START + 256 + WIDTH


@numba.njit(cache=True, nogil=True)
def sum_rows(
    table: Bytes, columns: int, row: int, data: Bytes, first: int, last: int, step: int, column: int
) -> Any:
    """Sum over i of data[i] · (matrix row `row` + i - first), 32 columns of it; i = first, first + step, ...

    `table` is a matrix by `map_rows`, flat, with so many columns.
    """
    total = nothing()
    place = row * 32 * columns + column
    for i in range(first, last, step):
        byte = np.int64(data[i])
        low = read(table, place + (byte & 15) * columns)
        high = read(table, place + (16 + (byte >> 4)) * columns)
        total = add(total, add(low, high))
        place += step * 32 * columns
    return total


@numba.njit(cache=True, nogil=True)
def _add_shifted(now: Bytes, old: Bytes, gap: int, factor: np.uint8, size: int, keep: bool) -> None:
    """Add factor · x^gap · old to a polynomial; and make `old` what it was, if that is to be kept."""
    for place in range(_START + (size - 1) // WIDTH * WIDTH, _START - 1, -WIDTH):  # old is read below
        before, shifted = read(now, place), read(old, place - gap)
        write(now, place, add(before, times(shifted, factor)))
        if keep:
            write(old, place, before)


@numba.njit(cache=True, nogil=True)
def _add_erasure(polynomial: Bytes, locator: np.uint8, size: int) -> None:
    """Multiply a polynomial by 1 - X x."""
    for place in range(_START + (size - 1) // WIDTH * WIDTH, _START - 1, -WIDTH):  # it is read below
        here = read(polynomial, place)
        shifted = times_x(read(polynomial, place - WIDTH), here)
        write(polynomial, place, add(here, times(shifted, locator)))


@numba.njit(cache=True, nogil=True)
def _find_locator(
    parity: int, lost: int, powers: Bytes, exponents: Counts, product: Bytes, locator: Bytes
) -> int:
    """Berlekamp-Massey from the locator of `lost` erasures on, to that of the errors too; its length, or -1.

    `product` is locator · syndromes throughout, which spares the sum of products that a discrepancy is. A
    locator whose degree is below its length has fewer roots than that, as has any that is no locator.
    """
    old_product, old_locator = product.copy(), locator.copy()
    length, gap, divisor = lost, 1, 255
    for r in range(lost, parity):
        discrepancy = product[_START + r]
        if not discrepancy:
            gap += 1
            continue
        exponent = exponents[discrepancy]
        factor = powers[exponent + divisor]
        grows = 2 * length <= r + lost
        if grows:
            length = r + 1 + lost - length
            if 2 * length - lost > parity:
                return -1
        _add_shifted(product, old_product, gap, factor, parity, grows)
        _add_shifted(locator, old_locator, gap, factor, length + 1, grows)
        if grows:
            divisor, gap = 255 - exponent, 0
        gap += 1
    return length


@numba.njit(cache=True, nogil=True)
def _find_roots(
    locator: Bytes, degree: int, n: int, places_table: Bytes, places: Counts, slopes: Bytes
) -> int:
    """Places of the errors: those whose inverse locator is a root. And X^-1 Λ'(X^-1) of all places.

    It is the sum of the odd terms, and that of the even terms is the same where their sum, Λ(X^-1), is 0.
    """
    found = 0
    for column in range(0, n, WIDTH):
        even = sum_rows(places_table, 256, 0, locator, _START, _START + degree + 1, 2, column)
        odd = sum_rows(places_table, 256, 1, locator, _START + 1, _START + degree + 1, 2, column)
        write(slopes, column, odd)
        roots = same(even, odd)
        while roots:
            place = column + lowest(roots)
            roots &= roots - np.uint32(1)
            if place < n:  # the table has places that a shortened word has not
                places[found] = place
                found += 1
    return found


@numba.njit(cache=True, nogil=True)
def find_errors(
    syndromes: Bytes,
    n: int,
    places: Counts,
    lost: int,
    tables: tuple[Bytes, Bytes, Counts],
    values: Bytes,
) -> int:
    """Find the errors of a word where 2e + f ≤ n - k; how many, or -1.

    Parameters
    ----------
    syndromes : ndarray of uint8 [n - k]
        The word at 1, α, α², ...
    n : int
        Bytes of the word.
    places : ndarray of int64 [≥ n - k]
        On entry the erased places, on return those of errors and erasures, counted from the end of the word.
    lost : int
        How many are erased, at most n - k.
    tables : tuple of ndarray
        Powers α^-ij, i up to n - k, of the places j by `map_rows`, flat; powers of α [510]; exponents [256].
    values : ndarray of uint8 [≥ n - k]
        On return what is to be added to the bytes there.
    """
    places_table, powers, exponents = tables
    parity = syndromes.shape[0]
    product, locator = np.zeros(_SIZE, np.uint8), np.zeros(_SIZE, np.uint8)
    product[_START : _START + parity] = syndromes
    locator[_START] = 1
    for i in range(lost):
        _add_erasure(product, powers[places[i]], parity)
        _add_erasure(locator, powers[places[i]], i + 2)
    degree = _find_locator(parity, lost, powers, exponents, product, locator)
    if degree < 0:
        return -1
    slopes = np.empty(256, np.uint8)
    if _find_roots(locator, degree, n, places_table, places, slopes) != degree:
        return -1
    evaluator = np.empty(256, np.uint8)
    for column in range(0, n, WIDTH):
        write(
            evaluator,
            column,
            sum_rows(places_table, 256, 0, product, _START, _START + degree, 1, column),
        )
    for i in range(degree):
        numerator, slope = evaluator[places[i]], slopes[places[i]]
        values[i] = powers[255 + exponents[numerator] - exponents[slope]] if numerator else 0
    return degree
