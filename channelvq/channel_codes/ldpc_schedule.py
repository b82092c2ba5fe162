"""What the LDPC decoder does, and in which order, for one code: tables that its kernel walks through."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from channelvq.channel_codes.ldpc_graph import Graph, Ints, build_graph

__all__ = ["PRECISIONS", "Schedule", "build_schedule"]

PRECISIONS = ("float32", "int8")

_VECTOR_BYTES = 64
_CORE_ROWS = 4


class Schedule(NamedTuple):
    """The tables of one code at one precision.

    Place z of word w in a column is element z · words + w; see the kernel for the layout.

    Attributes
    ----------
    starts : ndarray of int64 [rows + 1]
        The entries of row r are those from starts[r] to starts[r + 1]; the last row of the base graph first.
    edges, opening : ndarray of int64 [4 · entries]
        For each entry: where its shifted column begins, where the column ends, where it starts, and where the
        shifted column begins once a sweep is over. `opening` is for the first sweep, which finds the columns
        unshifted.
    factors : ndarray [rows]
        What minima are multiplied by: float32, or int16 in 1/128 for int8.
    undamped : ndarray [rows]
        The same of the last sweeps: 1.
    tails : ndarray of int64 [rows]
        1 where the row's last column has no other row: what that column hears needs no damping.
    used, turns : ndarray of int64 [columns in use]
        Columns with a bit that is not known, and by how much each is shifted after a sweep.
    constants : ndarray of float32 or int8 [4]
        0, -1, the largest magnitude of a message, and the LLR of a known zero.
    level : float
        What the mean magnitude of a word's LLRs is scaled to before they are rounded to int8, with values up
        to 31: min-sum does not mind the scale. Steps must be fine at low rates, and range matters less there.
        0 for float32.
    """

    starts: Ints
    edges: Ints
    opening: Ints
    factors: npt.NDArray[np.float32] | npt.NDArray[np.int16]
    undamped: npt.NDArray[np.float32] | npt.NDArray[np.int16]
    tails: Ints
    used: Ints
    turns: Ints
    constants: npt.NDArray[np.float32] | npt.NDArray[np.int8]
    level: float
    k: int
    punctured: int
    fillers: int
    buffer: int
    variables: int
    lifting: int
    words: int
    chunks: int
    stride: int


def _rate(graph: Graph) -> float:
    """Rate of the code without repetition."""
    return graph.k / min(graph.n, graph.buffer)


def _factors(graph: Graph, row: Ints, degree: Ints) -> npt.NDArray[np.float64]:
    """Give each row's factor of normalised min-sum.

    Fitted to the block error rate after 20 sweeps of codes of 104 to 8448 bits at rates from 1/5 to 0.92.
    Too little damping costs most in long codes of low rate; short codes and rows of few bits want less.
    """
    rate = _rate(graph)
    short = min(max(0.03 * math.log2(1024 / graph.k), 0.0), 0.1)
    if graph.number == 1:
        core, later = 0.64 + max(0.0, rate - 0.75) + short, 0.42 + 0.5 * rate + short
    else:
        core, later = 0.72 + 0.5 * max(0.0, rate - 0.6) + short / 2, 0.52 + 0.42 * rate + short
    few = np.where(degree <= 3, 0.1, np.where(degree == 4, 0.03, 0.0))
    return np.minimum(np.where(row < _CORE_ROWS, core, later + few), 1.0)


def _words_together(lifting: int, lanes: int) -> int:
    """How many words to decode side by side: one if it fills a vector, else as many as fill vectors best.

    A group runs until its last word is done, so each further word must save lanes.
    """
    least = -(-lanes // lifting)
    if least == 1:
        return 1
    return min(
        range(least, 2 * least),
        key=lambda words: -(-lifting * words // lanes) / words * (1 + 0.1 * math.log2(words)),
    )


@lru_cache(maxsize=256)
def build_schedule(k: int, n: int, precision: str) -> Schedule:
    """Build the tables for a block of k message bits in n coded bits; kept for the next call.

    Rows are taken from the last to the first: the first rows have both punctured columns and learn little
    before the others have been there.

    Examples
    --------
    >>> schedule = build_schedule(1024, 2048, "int8")
    >>> schedule.starts.size, schedule.words, schedule.chunks
    (13, 1, 2)
    """
    graph = build_graph(k, n)
    lanes = _VECTOR_BYTES // (4 if precision == "float32" else 1)
    words = _words_together(graph.lifting, lanes)
    size = graph.lifting * words
    chunks = -(-size // lanes)
    stride = (chunks + 1) * lanes
    known = (graph.column >= -(-k // graph.lifting)) & (graph.column < graph.systematic)  # filler bits only
    entries = np.flatnonzero(~known)
    entries = entries[np.argsort(-graph.row[entries], kind="stable")]
    row, column, shift = graph.row[entries], graph.column[entries], graph.shift[entries]

    turns = dict(zip(column.tolist(), shift.tolist(), strict=True))  # of each column's last entry
    before, first = dict(turns), dict.fromkeys(turns, 0)
    edges, opening = np.empty((entries.size, 4), np.int64), np.empty((entries.size, 4), np.int64)
    for e, (c, s) in enumerate(zip(column.tolist(), shift.tolist(), strict=True)):
        start = c * stride
        after = start + (s - turns[c]) % graph.lifting * words
        edges[e] = start + (s - before[c]) % graph.lifting * words, start + size, start, after
        opening[e] = start + (s - first[c]) % graph.lifting * words, start + size, start, after
        before[c] = first[c] = s

    backwards = np.arange(graph.rows)[::-1]
    starts = np.searchsorted(-row, np.append(-backwards, 1))
    factors = _factors(graph, backwards, np.diff(starts))
    whole = precision == "int8"
    used = np.array(sorted(turns), np.int64)
    return Schedule(
        starts=starts,
        edges=edges.reshape(-1),
        opening=opening.reshape(-1),
        factors=np.round(factors * 128).astype(np.int16) if whole else factors.astype(np.float32),
        undamped=np.full(factors.size, 128, np.int16) if whole else np.ones(factors.size, np.float32),
        tails=(backwards >= _CORE_ROWS).astype(np.int64),
        used=used,
        turns=np.array([turns[c] for c in used.tolist()], np.int64),
        constants=np.array([0, -1, 63, 127], np.int8) if whole else np.array([0, -1, 1e4, 1e6], np.float32),
        level=8 + 14 * _rate(graph) if whole else 0.0,
        k=k,
        punctured=graph.punctured,
        fillers=graph.fillers,
        buffer=graph.buffer,
        variables=graph.columns * graph.lifting,
        lifting=graph.lifting,
        words=words,
        chunks=chunks,
        stride=stride,
    )
