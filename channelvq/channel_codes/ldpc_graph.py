"""The LDPC codes of 5G NR as graphs: base graph, lifting size, filler bits, rate matching of any (k, n)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError

__all__ = ["LIFTING_SIZES", "MAX_K", "MAX_K_OF_GRAPH_2", "MIN_K", "Graph", "base_graph", "build_graph"]

Ints = npt.NDArray[np.int64]

LIFTING_SIZES = tuple(tuple(a << j for j in range(8) if a << j <= 384) for a in (2, 3, 5, 7, 9, 11, 13, 15))
"""The lifting sizes Z of each set (TS 38.212, table 5.3.2-1)."""

MIN_K, MAX_K = 12, 8448
MAX_K_OF_GRAPH_2 = 3840
_SYSTEMATIC_COLUMNS = {1: 22, 2: 10}
_CORE_ROWS = 4  # these parity bits depend on each other; each later row has a parity column of its own
_PUNCTURED_COLUMNS = 2


@lru_cache
def base_graph(number: int) -> Ints:
    """Entries of base graph 1 or 2, [entries, 2 + 8]: row, column, shift for each set of lifting sizes.

    TS 38.212, tables 5.3.2-2 and 5.3.2-3, in the order of rows.

    Examples
    --------
    >>> base_graph(1).shape, base_graph(2).shape
    ((316, 10), (197, 10))
    """
    table = files("channelvq.channel_codes") / "tables" / f"ldpc_base_graph_{number}.csv"
    lines = table.read_text(encoding="ascii").splitlines()
    entries = np.array([line.split(",") for line in lines if not line.startswith("#")], np.int64)
    entries.setflags(write=False)
    return entries


def _choose_graph(k: int, n: int) -> int:
    """Give the base graph of a block: TS 38.212, clause 7.2.2, with its own k and rate k / n.

    Longer blocks of rate 1/4 and less, which the standard would have cut to at most 3840 bits, are of graph
    1 with repetition.
    """
    if k <= 292 or (k <= 3824 and 100 * k <= 67 * n) or (k <= MAX_K_OF_GRAPH_2 and 4 * k <= n):
        return 2
    return 1


def _choose_lifting(k: int, graph: int) -> tuple[int, int]:
    """Give the least lifting size that holds k bits and its set: TS 38.212, clause 5.2.2."""
    columns = 22 if graph == 1 else 10 if k > 640 else 9 if k > 560 else 8 if k > 192 else 6
    return min((z, index) for index, sizes in enumerate(LIFTING_SIZES) for z in sizes if columns * z >= k)


@dataclass(frozen=True, eq=False)
class Graph:
    """The part of a 5G LDPC code that a block of k message bits and n coded bits uses.

    A variable is column · Z + place. The check `place` of an entry's row meets, in the entry's column,
    place (place + shift) mod Z. Message bits are the first k variables, then come filler bits (known zeros,
    never sent) up to `systematic` · Z, then parity.

    Attributes
    ----------
    k, n : int
        Message bits and coded bits.
    number : int
        Base graph, 1 or 2.
    lifting : int
        The lifting size Z.
    systematic : int
        Columns of the message and its filler: 22 or 10.
    rows, columns : int
        Rows and columns of the base graph in use, from the first. A row whose parity is not sent tells
        nothing and is left out, except for the four of the core.
    row, column, shift : ndarray of int64 [entries]
        The entries of these rows, shifts already modulo Z.
    """

    k: int
    n: int
    number: int
    lifting: int
    systematic: int
    rows: int
    columns: int
    row: Ints
    column: Ints
    shift: Ints

    @property
    def fillers(self) -> int:
        """Filler bits."""
        return self.systematic * self.lifting - self.k

    @property
    def punctured(self) -> int:
        """Message bits that are never sent, the first 2 Z."""
        return _PUNCTURED_COLUMNS * self.lifting

    @property
    def buffer(self) -> int:
        """Bits of the circular buffer that is sent from its start, n of them in use: without filler bits."""
        full = {1: 66, 2: 50}[self.number]
        return full * self.lifting - self.fillers

    @cached_property
    def sent(self) -> Ints:
        """The variable that each bit of the circular buffer is, [min(n, buffer)]."""
        place = np.arange(min(self.n, self.buffer)) + self.punctured
        return np.where(place < self.k, place, place + self.fillers)


@lru_cache(maxsize=256)
def build_graph(k: int, n: int) -> Graph:
    """Build the graph of a block of k message bits in n coded bits; kept for the next call.

    Parameters
    ----------
    k : int
        Message bits, from 12 to 8448.
    n : int
        Coded bits, from k / 0.95. Beyond the circular buffer (rates below 1/3 on graph 1, 1/5 on graph 2)
        bits are repeated.

    Raises
    ------
    UsageError
        If k or n is out of range.

    Examples
    --------
    >>> graph = build_graph(1024, 2048)
    >>> graph.number, graph.lifting, graph.rows, graph.fillers
    (2, 104, 12, 16)
    """
    if not MIN_K <= k <= MAX_K:
        raise UsageError(f"k is {k}, must be from {MIN_K} to {MAX_K}")
    if 100 * k > 95 * n:
        raise UsageError(
            f"n is {n}, must be at least {-(-100 * k // 95)} for k = {k}: a rate of 0.95 or less"
        )
    number = _choose_graph(k, n)
    lifting, index = _choose_lifting(k, number)
    systematic = _SYSTEMATIC_COLUMNS[number]
    entries = base_graph(number)
    last = n + _PUNCTURED_COLUMNS * lifting + systematic * lifting - k  # variables up to the last one sent
    rows = min(max(_CORE_ROWS, -(-last // lifting) - systematic), int(entries[-1, 0]) + 1)
    used = entries[entries[:, 0] < rows]
    row, column, shift = used[:, 0].copy(), used[:, 1].copy(), used[:, 2 + index] % lifting
    return Graph(k, n, number, lifting, systematic, rows, systematic + rows, row, column, shift)
