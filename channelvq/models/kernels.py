"""Inner loops of the quantizer on a CPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["largest"]

_BLOCK = 16
"""Scores that are looked over at once: a block whose maximum is too low is skipped."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def largest(scores: Floats, bias: Floats, count: int, threads: int = 1) -> tuple[Floats, Ints]:
    """Find the `count` largest of scores[i, b, k] + bias[i, b] for each i, in falling order.

    Parameters
    ----------
    scores : ndarray of float32 [n, b, k]
        C-contiguous.
    bias : ndarray of float32 [n, b]
        Added to all scores of (i, b).
    count : int
        At most b · k; among equals the first is taken.
    threads : int
        How many share the work; the result is the same.

    Returns
    -------
    values : ndarray of float32 [n, count]
    places : ndarray of int64 [n, count]
        b · k + k's place.

    Examples
    --------
    >>> scores = np.array([[[1, 5, 3, 2], [4, 0, 0, 0]]], np.float32)
    >>> largest(scores, np.array([[0, 10]], np.float32), 2)[1].tolist()
    [[4, 5]]
    """
    values = np.empty((len(scores), count), np.float32)
    places = np.empty((len(scores), count), np.int64)
    cuts = np.linspace(0, len(scores), threads + 1).astype(int)
    parts = [slice(a, b) for a, b in pairwise(cuts)]
    if threads == 1:
        _largest(scores, bias, values, places)
    else:
        list(_pool(threads).map(lambda p: _largest(scores[p], bias[p], values[p], places[p]), parts))
    return values, places


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _largest(scores: Floats, bias: Floats, values: Floats, places: Ints) -> None:  # pragma: no cover
    n, beams, codes = scores.shape
    count = values.shape[1]
    for i in range(n):
        values[i, :] = np.float32(-3e38)
        places[i, :] = 0
        lowest = np.float32(-3e38)
        for b in range(beams):
            shift, row = bias[i, b], scores[i, b]
            for first in range(0, codes, _BLOCK):
                last = min(first + _BLOCK, codes)
                top = row[first]
                for k in range(first, last):
                    top = max(top, row[k])
                if top + shift <= lowest:
                    continue
                for k in range(first, last):
                    value = row[k] + shift
                    if value > values[i, count - 1]:
                        slot = count - 1
                        while slot > 0 and values[i, slot - 1] < value:
                            values[i, slot] = values[i, slot - 1]
                            places[i, slot] = places[i, slot - 1]
                            slot -= 1
                        values[i, slot] = value
                        places[i, slot] = b * codes + k
                lowest = values[i, count - 1]
