"""Which bits a polar code of 5G NR freezes and sends: 3GPP TS 38.212, clauses 5.3.1 and 5.4.1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError

__all__ = [
    "MAX_CODED",
    "MIN_CODED",
    "Construction",
    "channel_interleaver",
    "construct",
    "mother_length",
    "reliability_sequence",
    "subblock_interleaver",
]

Indices = npt.NDArray[np.int32]

MIN_CODED, MAX_CODED = 18, 8192
"""Coded bits of a block: from the fewest of uplink control information to the most of clause 5.4.1."""

_MIN_LOG, _MAX_LOG = 5, 10

_SUBBLOCKS = (0, 1, 2, 4, 3, 5, 6, 7, 8, 16, 9, 17, 10, 18, 11, 19,
              12, 20, 13, 21, 14, 22, 15, 23, 24, 25, 26, 28, 27, 29, 30, 31)  # fmt: skip
"""Table 5.4.1.1-1."""


@dataclass(frozen=True)
class Construction:
    """A polar code of a given size.

    Attributes
    ----------
    mother : int
        N, length of the mother code, a power of two from 32 to 1024.
    information : ndarray of int32 [K]
        Positions of the mother code's input that carry bits, ascending; the others are frozen to 0.
    sent : ndarray of int32 [E]
        Which bit of the mother code word each coded bit is.
    shortened : ndarray of int32 [N - E], or [0]
        Bits of the mother code word that are 0 in every word and not sent.
    """

    mother: int
    information: Indices
    sent: Indices
    shortened: Indices


@lru_cache(maxsize=1)
def reliability_sequence() -> Indices:
    """Give the 1024 input positions, the least reliable first (table 5.3.1.2-1).

    Examples
    --------
    >>> reliability_sequence()[:8], reliability_sequence()[-3:]
    (array([ 0,  1,  2,  4,  8, 16, 32,  3], dtype=int32), array([1021, 1022, 1023], dtype=int32))
    """
    text = resources.files("channelvq.channel_codes").joinpath("tables/polar_sequence.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    sequence = np.array(" ".join(lines).split(), np.int32)
    sequence.flags.writeable = False  # it is shared
    return sequence


def mother_length(k: int, n: int) -> int:
    """Choose N for K input bits, CRC included, and E coded bits (clause 5.3.1, n_max = 10).

    Examples
    --------
    >>> mother_length(267, 512), mother_length(60, 540), mother_length(20, 1000)
    (512, 512, 256)
    """
    log = (n - 1).bit_length()
    if 8 * n <= 9 << (log - 1) and 16 * k < 9 * n:
        log -= 1  # a few bits sent twice are better than a code twice as long
    by_rate = (8 * k - 1).bit_length()  # no lower rate than 1/8
    return 1 << max(min(log, by_rate, _MAX_LOG), _MIN_LOG)


def subblock_interleaver(mother: int) -> Indices:
    """Give J: bit i after the interleaver is bit J[i] of the mother code word (clause 5.4.1.1).

    Examples
    --------
    >>> subblock_interleaver(64)[6:12]
    array([ 8,  9,  6,  7, 10, 11], dtype=int32)
    """
    places = np.arange(mother).reshape(32, -1)
    return places[list(_SUBBLOCKS)].reshape(-1).astype(np.int32)


def channel_interleaver(n: int) -> Indices:
    """Give the triangular interleaver: coded bit i is bit [i] before it (clause 5.4.1.3, I_BIL = 1).

    Bits are written into the rows of a triangle of T, T - 1, ..., 1 places and read by columns.

    Examples
    --------
    >>> channel_interleaver(6)
    array([0, 3, 5, 1, 4, 2], dtype=int32)
    """
    side = (math.isqrt(8 * n + 1) - 1) // 2
    side += side * (side + 1) // 2 < n
    rows = np.repeat(np.arange(side), np.arange(side, 0, -1))[:n]
    starts = np.concatenate([[0], np.cumsum(np.arange(side, 0, -1))])
    columns = np.arange(n) - starts[rows]
    return np.lexsort((rows, columns)).astype(np.int32)


@lru_cache(maxsize=64)
def construct(k: int, n: int, interleaved: bool) -> Construction:
    """Freeze and match: K = `k` input bits, CRC included, to E = `n` coded bits.

    Without input interleaving (I_IL = 0) and parity-check bits (n_PC = 0); `interleaved` is I_BIL.

    Raises
    ------
    UsageError
        If n is out of range or does not hold k bits.

    Examples
    --------
    >>> code = construct(267, 500, True)
    >>> code.mother, code.information[:3].tolist(), code.shortened.size
    (512, [63, 95, 110], 12)
    """
    if not MIN_CODED <= n <= MAX_CODED:
        raise UsageError(f"n is {n}, must be from {MIN_CODED} to {MAX_CODED}")
    mother = mother_length(k, n)
    if not 1 <= k <= min(n, mother):
        allowed = f"from 1 to {min(n, mother)}"
        raise UsageError(f"message and CRC are {k} bits, must be {allowed} for n = {n}")
    order = subblock_interleaver(mother)
    shortening = n < mother and 16 * k > 7 * n
    unsent = np.zeros(mother, np.bool_)
    if shortening:
        unsent[order[n:]] = True
        sent = order[:n]
    else:  # repetition, or puncturing: the last n bits of the circular buffer
        unsent[order[: max(0, mother - n)]] = True
        sent = order[(np.arange(n) + max(0, mother - n)) % mother]
    barred = unsent.copy()
    if n < mother and not shortening:
        # ceil(3N/4 - E/2) or ceil(9N/16 - E/4): the first inputs, which puncturing makes useless.
        useless = -((2 * n - 3 * mother) // 4) if 4 * n >= 3 * mother else -((4 * n - 9 * mother) // 16)
        barred[:useless] = True
    ranked = reliability_sequence()
    ranked = ranked[ranked < mother]
    usable = ranked[~barred[ranked]]
    if usable.size < k:
        raise UsageError(f"message and CRC are {k} bits, at most {usable.size} fit in n = {n}")
    if interleaved:
        sent = sent[channel_interleaver(n)]
    shortened = order[n:] if shortening else order[:0]
    return Construction(mother, np.sort(usable[-k:]), sent.astype(np.int32), shortened.astype(np.int32))
