"""Algebraic decoder of Reed-Solomon words: many words at once, in numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channelvq.channel_codes.gf256 import Bytes, inverse, multiply, power

__all__ = ["correct"]

Flags = npt.NDArray[np.bool_]


def correct(words: Bytes, erased: Flags, parity: int) -> tuple[Bytes, Flags]:
    """Correct errors and erasures wherever 2e + f ≤ n - k, for the code of `ReedSolomon`.

    Syndromes; the locator polynomial by the Berlekamp-Massey algorithm started from the erasures; its roots
    by trying all places; error values by Forney's formula [1]_. A word counts as corrected only if the
    locator has as many roots as its degree says and the code bears as many.

    Parameters
    ----------
    words : ndarray of uint8 [words, n]
        Received bytes, n ≤ 255.
    erased : ndarray of bool [words, n]
        Bytes known to be lost.
    parity : int
        n - k.

    Returns
    -------
    corrected : ndarray of uint8 [words, n]
        Code words; the received word where correction failed.
    ok : ndarray of bool [words]
        Whether it succeeded.

    References
    ----------
    .. [1] R. E. Blahut, "Algebraic Codes for Data Transmission", Cambridge 2003, sections 7.1 to 7.4.

    Examples
    --------
    >>> zeros = np.zeros((1, 10), np.uint8)  # a code word of every code
    >>> hit = zeros.copy()
    >>> hit[0, [2, 7]] = 5, 9
    >>> corrected, ok = correct(hit, zeros.astype(bool), parity=4)
    >>> ok.tolist(), corrected.any().item()
    ([True], False)
    """
    n = words.shape[1]
    places = power(np.arange(n - 1, -1, -1))  # locator X_i of byte i
    syndromes = _evaluate(words, power(np.arange(parity)))
    lost = erased.sum(axis=1)
    locator, length = _berlekamp_massey(syndromes, _erasure_locator(places, erased, parity), lost)
    values = _evaluate(locator[:, ::-1], inverse(places))
    roots = values == 0
    ok = (roots.sum(axis=1) == length) & (2 * length - lost <= parity) & ~_misfit(locator, length)
    slope = locator[:, 1::2]  # Λ'(x) = Λ1 + Λ3 x² + ..., as a polynomial in x²
    slopes = _evaluate(slope[:, ::-1], inverse(multiply(places, places)))
    evaluator = _evaluate(_product(locator, syndromes)[:, ::-1], inverse(places))
    errors = multiply(multiply(evaluator, inverse(slopes)), places)
    ok &= ~(roots & (slopes == 0)).any(axis=1)
    return np.where(ok[:, None] & roots, words ^ errors, words), ok


def _misfit(locator: Bytes, length: npt.NDArray[np.int64]) -> Flags:
    """Say of each locator whether its degree is other than its length: no such word can be corrected."""
    degree = locator.shape[1] - 1 - (locator[:, ::-1] != 0).argmax(axis=1)
    overflow: Flags = degree != length
    return overflow


def _evaluate(polynomials: Bytes, points: Bytes) -> Bytes:
    """Horner: polynomials [words, terms], highest power first, at points [m] -> [words, m]."""
    values = np.zeros((polynomials.shape[0], points.size), np.uint8)
    for term in polynomials.T:
        values = multiply(values, points) ^ term[:, None]
    return values


def _product(a: Bytes, b: Bytes) -> Bytes:
    """Product of polynomials, lowest power first, modulo x^m for b [words, m]."""
    product = np.zeros_like(b)
    size = b.shape[1]
    for power_of_x in range(min(size, a.shape[1])):
        shifted = multiply(a[:, power_of_x, None], b[:, : size - power_of_x])
        product[:, power_of_x:] ^= shifted
    return product


def _erasure_locator(places: Bytes, erased: Flags, parity: int) -> Bytes:
    """Γ(x) = prod (1 - X_i x) over the erased bytes, [words, parity + 1], lowest power first."""
    locator = np.zeros((erased.shape[0], parity + 1), np.uint8)
    locator[:, 0] = 1
    for i in np.flatnonzero(erased.any(axis=0)):
        factor = np.where(erased[:, i], places[i], np.uint8(0))
        locator[:, 1:] ^= multiply(locator[:, :-1], factor[:, None])
    return locator


def _berlekamp_massey(
    syndromes: Bytes, start: Bytes, lost: npt.NDArray[np.int64]
) -> tuple[Bytes, npt.NDArray[np.int64]]:
    """Find the shortest locator of errors and erasures: Λ [words, parity + 1] and its length [words]."""
    locator, helper, length = start.copy(), start.copy(), lost.astype(np.int64)
    for r in range(1, syndromes.shape[1] + 1):
        recent = syndromes[:, r - 1 :: -1]  # S_{r-1}, ..., S_0
        discrepancy = np.bitwise_xor.reduce(multiply(locator[:, :r], recent), axis=1)
        active = r > lost  # the erasures have used up the first syndromes
        shifted = np.zeros_like(helper)
        shifted[:, 1:] = helper[:, :-1]
        grows = active & (discrepancy != 0) & (2 * length <= r - 1 + lost)
        scaled = multiply(locator, inverse(discrepancy)[:, None])
        updated = locator ^ multiply(shifted, discrepancy[:, None])
        helper = np.where(grows[:, None], scaled, np.where(active[:, None], shifted, helper))
        locator = np.where(active[:, None], updated, locator)
        length = np.where(grows, r + lost - length, length)
    return locator, length
