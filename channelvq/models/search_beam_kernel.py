"""Kernel of the beam search for codes.

Among scores that are equal the lowest code wins, then the code that follows the better beginning. The rest is
as in `channelvq.models.search_kernel`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from channelvq.models.search_kernel import BLOCK, Books, score_rows
from channelvq.models.search_lanes import (
    WIDE,
    above,
    copy,
    fetch,
    how_many,
    leave,
    lessen,
    lowest_bit,
    peaks,
)

__all__ = ["LAST_BEAM", "LAST_CODE", "Beams", "beam_search", "make_beams"]

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

LAST_CODE, LAST_BEAM = 0xFFFFFF, BLOCK - 1
"""Largest numbers of a code and of a beam."""

_LEAST = np.float32(-np.inf)
_HALF = np.float32(0.5)
_HALVINGS = 8
_U: Any = np.uint64
_U32: Any = np.uint32


class Beams(NamedTuple):
    """Beginnings of the rows of a piece, at most `width` a row, the best first; every array flat.

    Attributes
    ----------
    rows, width : int
        Sizes.
    code, up : int64 [stages + 2, rows, width]
        After s stages: a beginning's last code, and which of the beginnings after s - 1 stages it follows.
    counts : int64 [rows]
        Beginnings of each row.
    lead : float32 [rows, width]
        -|rest|²/2 of each, where the rest is what it leaves of the row.
    rest : float32 [3, rows, width, dim]
        The rests after s stages are at s mod 3.
    points : float32 [BLOCK, dim]
        What a block of rows has held against the codes; its scores are in `scores` [BLOCK, padded].
    source : int64 [BLOCK, width]
        In which row of `scores` each beginning's are.
    less : float32 [padded]
        A row of scores, corrected; the largest of every WIDE-th are in `most` [WIDE].
    keys : uint64 [BLOCK, width]
        The best that follow, see `_key`; 0 for none.
    """

    rows: int
    width: int
    code: Longs
    up: Longs
    counts: Longs
    lead: Floats
    rest: Floats
    points: Floats
    scores: Floats
    source: Longs
    less: Floats
    most: Floats
    keys: Keys


def make_beams(books: Books, rows: int, width: int) -> Beams:
    """Memory for pieces of at most so many rows."""
    size, block = rows * width, BLOCK * width
    floats = [size, 3 * size * books.dim, BLOCK * books.dim, BLOCK * books.padded, books.padded, WIDE]
    lead, rest, points, scores, less, most = (np.empty(n, np.float32) for n in floats)
    longs = [(books.stages + 2) * size, (books.stages + 2) * size, block, rows]
    code, up, source, count = (np.zeros(n, np.int64) for n in longs)
    keys = np.empty(block, np.uint64)
    return Beams(rows, width, code, up, count, lead, rest, points, scores, source, less, most, keys)


@numba.njit(nogil=True)
def _key(score: np.float32, code: int, parent: int) -> Any:
    """Make a number that is the larger, the larger the score, then the lower code, then parent; never 0."""
    bits = np.float32(score + np.float32(0)).view(np.uint32)  # the sum knows no negative zero
    rank = bits ^ (_U32(0xFFFFFFFF) if bits >> _U32(31) else _U32(0x80000000))
    return (
        (_U(rank) << _U(32)) | (_U(LAST_CODE - code) << _U(8)) | _U(LAST_BEAM - parent)
    )  # 32, 24 and 8 bits


@numba.njit(nogil=True)
def _score(key: np.uint64) -> Any:
    """Score of a key, minus infinity of 0."""
    if key == _U(0):
        return _LEAST
    rank = _U32(key >> _U(32))
    bits = rank ^ (_U32(0x80000000) if rank >> _U32(31) else _U32(0xFFFFFFFF))
    return _U32(bits).view(np.float32)


@numba.njit(nogil=True)
def _threshold(most: Floats, keep: int) -> Any:
    """Find a score that at least `keep` of WIDE scores reach, as high as a few halvings find."""
    low, high = most[0], most[0]
    for i in range(1, WIDE):
        low, high = min(low, most[i]), max(high, most[i])
    if keep == 1:
        return high
    if keep > WIDE or not low > _LEAST:
        return _LEAST
    for _ in range(_HALVINGS):
        middle = _HALF * low + _HALF * high
        if how_many(most, middle) >= keep:
            low = middle
        else:
            high = middle
    return low


@numba.njit(nogil=True)
def _collect(
    scores: Floats, at: int, table: Floats, row: int, ahead: int, lead: np.float32, parent: int, codes: int,
    keys: Keys, first: int, keep: int, least: np.float32,
) -> Any:  # fmt: skip
    """Put the codes that follow one beginning, with scores (scores - table) + lead, among the best so far.

    The `keep` keys from `first` on fall; returns what a score must reach to come among them.
    """
    for block in range(0, codes, WIDE):
        mask = above(scores, at + block, table, row + block, lead, least, ahead + block)
        while mask:
            code = block + lowest_bit(mask)
            mask &= mask - _U(1)
            score = (scores[at + code] - table[row + code]) + lead
            if code >= codes or score < least:
                continue
            key, i = _key(score, code, parent), first + keep - 1
            if key > keys[i]:
                while i > first and keys[i - 1] < key:
                    keys[i] = keys[i - 1]
                    i -= 1
                keys[i] = key
                least = max(least, _score(keys[first + keep - 1]))
    return least


@numba.njit(nogil=True)
def _ancestor(up: Longs, at: int, size: int, beam: int, back: int) -> Any:
    """Give the beginning that beam `beam` of a row followed `back` stages before, 0 to 2."""
    if back == 0:
        return beam
    return up[at + beam] if back == 1 else up[at - size + up[at + beam]]


@numba.njit(nogil=True)
def _gather(books: Books, beams: Beams, stage: int, first: int, live: int) -> tuple[int, int]:
    """Put what rows from `first` on have held against the codes into `beams.points`.

    Beginnings that differ only in the last code (or in the last two, where there is a table `far`) need but
    one point: the tables say what the last codes change. Returns the row to go on with, and the points;
    one row never needs more than BLOCK.
    """
    up, counts, rest, points, source = beams.up, beams.counts, beams.rest, beams.points, beams.source
    width, dim, size = beams.width, books.dim, beams.rows * beams.width
    wide = 2 <= stage < 2 + books.wide
    back = (2 if wide else 1) if books.tabled else 0
    origin = max(0, stage - back) % 3 * size
    i, used = first, 0
    while i < live and used < BLOCK:
        at, block, points_then = stage * size + i * width, (i - first) * width, used
        for b in range(counts[i]):
            beam = _ancestor(up, at, size, b, back)
            a = 0
            while a < b and _ancestor(up, at, size, a, back) != beam:
                a += 1
            if a < b:
                source[block + b] = source[block + a]
                continue
            if used == BLOCK:
                return i, points_then
            copy(rest, (origin + i * width + beam) * dim, points, used * dim, dim)
            source[block + b] = used
            used += 1
        i += 1
    return i, used


@numba.njit(nogil=True)
def _follow(books: Books, beams: Beams, depth: Longs, start: int, stage: int, first: int, after: int) -> None:
    """Find the best codes that follow the beginnings of rows `first` to `after` of a piece from `start`."""
    code, up, lead, source, keys = beams.code, beams.up, beams.lead, beams.source, beams.keys
    scores, less, most, near, far = beams.scores, beams.less, beams.most, books.near, books.far
    counts, codes, padded, width = beams.counts, books.codes, books.padded, beams.width
    size, wide = beams.rows * width, 2 <= stage < 2 + books.wide
    table = stage * padded * books.tabled
    for i in range(first, after):
        at, block, least = stage * size + i * width, (i - first) * width, _LEAST
        keep = width if depth[start + i] > stage + 1 else 1
        for b in range(width):
            keys[block + b] = _U(0)
        for b in range(counts[i]):
            a = 0
            while up[at + a] != up[at + b] or source[block + a] != source[block + b]:
                a += 1
            if a < b:
                continue  # it came with its kin
            base, place = scores, source[block + b] * padded
            if wide:
                row = ((stage - 2) * padded + code[at - size + up[at + b]]) * padded
                lessen(scores, place, far, row, less, padded, row)
                base, place = less, 0
            for c in range(b, counts[i]):
                if up[at + c] == up[at + b] and source[block + c] == source[block + b]:
                    row = (table + code[at + c] * books.tabled) * padded
                    if c == 0:
                        peaks(base, place, near, row, most, padded)
                        least = _threshold(most, keep) + lead[i * width]
                    ahead = (table + code[at + width + c] * books.tabled) * padded
                    least = _collect(
                        base, place, near, row, ahead, lead[i * width + c], c, codes, keys, block, keep, least
                    )


@numba.njit(nogil=True)
def _settle(books: Books, beams: Beams, stage: int, first: int, after: int, energies: Floats) -> None:
    """Make what `_follow` found the beginnings of the next stage; write the energy that the best leave."""
    code, up, lead, rest, keys = beams.code, beams.up, beams.lead, beams.rest, beams.keys
    vectors, padded, dim = books.vectors, books.padded, books.dim
    counts, width, size = beams.counts, beams.width, beams.rows * beams.width
    for i in range(first, after):
        at, block, count = (stage + 1) * size + i * width, (i - first) * width, 0
        if keys[block] == _U(0):  # the row holds what is no number
            keys[block] = _key(_LEAST, 0, 0)
        while count < width and keys[block + count] != _U(0):
            key = keys[block + count]
            up[at + count] = LAST_BEAM - np.int64(key & _U(LAST_BEAM))
            code[at + count] = LAST_CODE - np.int64((key >> _U(8)) & _U(LAST_CODE))
            fetch(vectors, (stage * padded + code[at + count]) * dim, dim)
            count += 1
        counts[i] = count
        before, later = (stage % 3) * size + i * width, ((stage + 1) % 3) * size + i * width
        for b in range(count):
            vector = (stage * padded + code[at + b]) * dim
            energy = leave(rest, (before + up[at + b]) * dim, vectors, vector, rest, (later + b) * dim, dim)
            lead[i * width + b] = -_HALF * energy
            if b == 0:
                energies[i * (books.stages + 1) + stage + 1] = energy


@numba.njit(nogil=True)
def _trace(books: Books, beams: Beams, i: int, last: int, indices: Longs, place: int) -> None:
    """Write the codes of the best of the beginnings of row i after `last` stages to `indices`."""
    size, beam = beams.rows * beams.width, 0
    for stage in range(last, 0, -1):
        at = stage * size + i * beams.width + beam
        indices[place + stage - 1] = beams.code[at]
        beam = beams.up[at]


@numba.njit(cache=True, nogil=True)
def beam_search(
    books: Books, rows: Floats, depth: Longs, start: int, stop: int, beams: Beams, every: bool,
    indices: Longs, energy: Floats,
) -> None:  # fmt: skip
    """Find good codes for the first `depth` stages of rows `start` to `stop`, with several beginnings each.

    `beams` is memory for that many rows, whatever is in it. The codes go to `indices` [n, stages], or, if
    `every`, the best for each depth from 1 on to `indices` [n, stages, stages]; the energy that the best
    leave after each stage goes to `energy` [n, stages + 1]. For the rest see `greedy_search`.
    """
    stages, padded, dim, width = books.stages, books.padded, books.dim, beams.width
    live, energies = stop - start, energy[start * (books.stages + 1) :]
    zeros = np.zeros(dim, np.float32)
    for i in range(live):
        place = i * width
        energies[i * (stages + 1)] = leave(rows, (start + i) * dim, zeros, 0, beams.rest, place * dim, dim)
        beams.code[place], beams.up[place], beams.counts[i] = 0, 0, 1
        beams.lead[place] = -_HALF * energies[i * (stages + 1)]
    for stage in range(stages):
        while live and depth[start + live - 1] <= stage:
            live -= 1
        first: Any = np.int64(0)  # a plain 0 would have all that follows compiled twice
        while first < live:
            after, points = _gather(books, beams, stage, first, live)
            score_rows(books, stage, beams.points, points, books.bias, stage * padded, beams.scores)
            _follow(books, beams, depth, start, stage, first, after)
            _settle(books, beams, stage, first, after, energies)
            first = after
    for i in range(stop - start):
        if every:
            for last in range(depth[start + i]):
                _trace(books, beams, i, last + 1, indices, ((start + i) * stages + last) * stages)
        else:
            _trace(books, beams, i, depth[start + i], indices, (start + i) * stages)
