"""Index assignment: labels such that one wrong bit leads to a similar code vector."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numba
import numpy as np
import numpy.typing as npt
import torch

from channelvq.models.quantizer import ResidualQuantizer

__all__ = ["assign", "assign_labels", "bit_error_cost"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def bit_error_cost(codebook: Floats, weight: Floats) -> float:
    """Mean squared distance to the code that one wrong bit leads to, over bits and over codes as used.

    Examples
    --------
    >>> gray = np.array([[0.0], [1.0], [3.0], [2.0]])
    >>> bit_error_cost(gray, np.full(4, 0.25))
    3.0
    """
    codes = len(codebook)
    bits = codes.bit_length() - 1
    flipped = np.arange(codes)[:, None] ^ (1 << np.arange(bits))
    distance = np.square(codebook[:, None] - codebook[flipped]).sum(2)
    return float(weight @ distance.mean(1) / weight.sum())


def assign(codebook: Floats, weight: Floats, seed: int, effort: int = 20_000_000) -> Ints:
    """Find an order of the rows in which neighbouring labels (one bit apart) are close.

    Principal-axis splits give the start; swaps under simulated annealing, then greedy binary switching
    [1]_, lower the cost that `bit_error_cost` measures.

    Parameters
    ----------
    codebook : ndarray [codes, dim]
        Code vectors; `codes` is a power of two.
    weight : ndarray [codes]
        How often each is used.
    seed : int
        Of the annealing.
    effort : int
        Number of swaps tried; 20 million take some 4 seconds.

    Returns
    -------
    ndarray of int [codes]
        Row numbers: `codebook[order]` is the codebook with good labels.

    References
    ----------
    .. [1] K. Zeger, A. Gersho, "Pseudo-Gray coding", IEEE Trans. Commun. 38 (1990).

    Examples
    --------
    >>> line = np.arange(16.0)[np.random.default_rng(0).permutation(16), None]
    >>> even = np.full(16, 1 / 16)
    >>> order = assign(line, even, seed=0, effort=100_000)
    >>> bit_error_cost(line[order], even) < 0.6 * bit_error_cost(line, even)
    True
    """
    order = np.concatenate(_split(codebook, np.arange(len(codebook))))
    points, mass = codebook[order], weight[order] / weight.sum()
    norms = np.square(points).sum(1)
    distance = np.maximum(norms[:, None] + norms - 2 * points @ points.T, 0)
    # what a pair costs when one bit apart, whichever of the two was sent
    cost = distance * (mass[:, None] + mass)
    place = np.arange(len(codebook))
    _anneal(cost, place, seed, effort)
    _switch(cost, place)
    return order[place]


def assign_labels(
    quantizer: ResidualQuantizer, seed: int, effort: int, report: Callable[[int], None] = lambda stage: None
) -> None:
    """Give every stage of a quantizer good labels: its rows change places, what it can say does not."""
    books = quantizer.codebooks.double().cpu().numpy()
    weights = quantizer.counts.double().cpu().numpy()
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        found = pool.map(partial(assign, seed=seed, effort=effort), books, weights)
        for stage, order in enumerate(found):
            quantizer.relabel(stage, torch.from_numpy(order).to(quantizer.codebooks.device))
            report(stage + 1)


def _split(codebook: Floats, rows: Ints) -> list[Ints]:
    """Halve along the principal axis, again and again: the halves differ in one bit."""
    if len(rows) == 1:
        return [rows]
    points = codebook[rows] - codebook[rows].mean(0)
    axis = np.linalg.eigh(points.T @ points)[1][:, -1]
    ranked = rows[np.argsort(points @ axis, kind="stable")]
    half = len(rows) // 2
    return _split(codebook, ranked[:half]) + _split(codebook, ranked[half:])


@numba.njit(cache=True, nogil=True)
def _gain(cost: Floats, place: Ints, a: int, b: int, bits: int) -> float:  # pragma: no cover
    """By how much the cost falls if labels a and b change their codes."""
    i, j = place[a], place[b]
    gain = 0.0
    for bit in range(bits):
        na, nb = a ^ (1 << bit), b ^ (1 << bit)
        if na != b:
            gain += cost[i, place[na]] - cost[j, place[na]]
        if nb != a:
            gain += cost[j, place[nb]] - cost[i, place[nb]]
    return gain


@numba.njit(cache=True, nogil=True)
def _bits_of(codes: int) -> int:  # pragma: no cover
    bits = 0
    while (1 << bits) < codes:
        bits += 1
    return bits


@numba.njit(cache=True, nogil=True)
def _anneal(cost: Floats, place: Ints, seed: int, effort: int) -> None:  # pragma: no cover
    codes = len(place)
    bits = _bits_of(codes)
    state = np.uint64(seed) * np.uint64(2) + np.uint64(1)
    scale = 0.0
    for a in range(codes):
        for bit in range(bits):
            scale += cost[place[a], place[a ^ (1 << bit)]]
    heat = 0.5 * scale / (codes * bits)
    for turn in range(effort):
        # xorshift64* (S. Vigna, 2016): the same on every machine
        state ^= state >> np.uint64(12)
        state ^= state << np.uint64(25)
        state ^= state >> np.uint64(27)
        draw = state * np.uint64(2685821657736338717)
        a = int(draw >> np.uint64(44)) & (codes - 1)
        b = int(draw >> np.uint64(24)) & (codes - 1)
        if a == b:
            continue
        gain = _gain(cost, place, a, b, bits)
        chance = float(draw & np.uint64(0xFFFFFF)) / 0x1000000
        if gain > 0 or chance < np.exp(gain / (heat * (1 - turn / effort) ** 2 + 1e-300)):
            place[a], place[b] = place[b], place[a]


@numba.njit(cache=True, nogil=True)
def _switch(cost: Floats, place: Ints) -> None:  # pragma: no cover
    codes = len(place)
    bits = _bits_of(codes)
    improved = True
    while improved:
        improved = False
        for a in range(codes):
            for b in range(a):
                if _gain(cost, place, a, b, bits) > 1e-15:
                    place[a], place[b] = place[b], place[a]
                    improved = True
