"""Search for the codes of a residual vector quantizer on a CPU."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError
from channelvq.threads import in_pieces

__all__ = ["CodeSearch"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
T = TypeVar("T", bound=np.generic)

_WIDE = 2  # stages with a table of products two stages back: more take more memory and hardly save time
_MOST_TABLES = 1 << 26  # numbers in tables: beyond, beam searches do without, and take longer
_PIECE = 256  # rows that a thread takes at a time
_LARGEST_PIECE = 1 << 20  # numbers of the rests that a thread holds at a time


class CodeSearch:
    """Finds codes whose sum is near a row: greedily, or with several beginnings.

    What it finds for a row depends neither on the other rows nor on the number of threads (torch's). Scores
    are float32 sums; of codes that score the same the lowest wins.

    Parameters
    ----------
    codebooks : float32 [stages, codes, dim]
        Code vectors. They are copied.

    Raises
    ------
    UsageError
        More than 16 777 216 codes a stage.

    Examples
    --------
    >>> books = np.array([[[0.0], [4.0]], [[0.0], [3.0]]], np.float32)
    >>> search, rows = CodeSearch(books), np.array([[2.9]], np.float32)
    >>> search.greedy(rows)[0]
    array([[1, 0]])
    >>> search.beam(rows, np.array([2]), beams=2)
    array([[0, 1]])
    """

    def __init__(self, codebooks: Floats) -> None:
        from channelvq.models.search_beam_kernel import LAST_CODE
        from channelvq.models.search_kernel import Books  # numba is slow to import
        from channelvq.models.search_lanes import LANES, PANEL, WIDE

        stages, codes, dim = codebooks.shape
        if codes > LAST_CODE + 1:
            raise UsageError(f"codebooks have {codes} codes, must have at most {LAST_CODE + 1}")
        self._codebooks = np.array(codebooks, np.float32)
        padded, length = -(-codes // WIDE) * WIDE, -(-dim // LANES) * LANES
        vectors = np.zeros((stages, padded, length), np.float32)
        vectors[:, :codes, :dim] = codebooks
        panels = vectors.reshape(stages, padded // PANEL, PANEL, length).transpose(0, 1, 3, 2)
        bias = np.full((stages, padded), -np.inf, np.float32)
        bias[:, :codes] = -0.5 * np.square(codebooks, dtype=np.float64).sum(2)
        wide = min(_WIDE, max(stages - 2, 0))
        tabled = (stages + wide) * padded**2 <= _MOST_TABLES
        sizes = (stages * padded**2, wide * padded**2) if tabled else (padded, 0)
        near, far = (np.zeros(size, np.float32) for size in sizes)
        flat = [array.reshape(-1) for array in (vectors, panels, bias)]
        self._books = Books(
            stages, codes, padded, length, flat[0], flat[1], flat[2], near, far, int(tabled), wide * tabled
        )
        self._ready = 1 if tabled else stages  # stages that have their tables

    def __reduce__(self) -> tuple[type[CodeSearch], tuple[Floats]]:
        return CodeSearch, (self._codebooks,)  # a copy makes its own tables

    def serves(self, codebooks: Floats) -> bool:
        """Whether it was made for these very codebooks."""
        return np.array_equal(self._codebooks, codebooks)

    def greedy(self, rows: Floats, depth: Ints | None = None) -> tuple[Ints, Floats]:
        """Find the nearest code of every stage, one after the other.

        Parameters
        ----------
        rows : float32 [n, dim]
            What to quantize.
        depth : int64 [n], optional
            Stages wanted of each row; all by default.

        Returns
        -------
        indices : int64 [n, stages]
            Codes, 0 for stages that are not wanted.
        energy : float32 [n, stages + 1]
            Squared norm of what is left after 0, 1, ... stages, infinite for stages that are not wanted.
        """
        from channelvq.models.search_kernel import greedy_search

        stages = self._books.stages
        if depth is None:
            depth = np.full(len(rows), stages)
        order, sorted_rows, sorted_depth = self._sorted(rows, depth)
        found = np.zeros((len(rows), stages), np.int64)
        energy = np.full((len(rows), stages + 1), np.inf, np.float32)

        def work(start: int, stop: int) -> None:
            greedy_search(
                self._books, sorted_rows, sorted_depth, start, stop, found.reshape(-1), energy.reshape(-1)
            )

        in_pieces(work, len(rows), _PIECE)
        return _put_back(found, order), _put_back(energy, order)

    def beam(self, rows: Floats, depth: Ints, beams: int) -> Ints:
        """Find good codes for the first `depth` stages: a beam search [1]_.

        The `beams` best beginnings of each row are kept from stage to stage, and the best end wins.

        Parameters
        ----------
        rows : float32 [n, dim]
            What to quantize.
        depth : int64 [n]
            Stages wanted of each row.
        beams : int
            How many beginnings are kept, 1 to 64; 1 is the greedy search.

        Returns
        -------
        int64 [n, stages]
            Codes, 0 for stages that are not wanted.

        Raises
        ------
        UsageError
            So many beams cannot be kept.

        References
        ----------
        .. [1] A. Babenko, V. Lempitsky, "Additive quantization for extreme vector compression", 2014.
        """
        return self.greedy(rows, depth)[0] if beams == 1 else self._beam(rows, depth, beams, every=False)[0]

    def beam_every(self, rows: Floats, depth: Ints, beams: int) -> tuple[Ints, Floats]:
        """Find good codes for each depth up to `depth`, in one `beam` search.

        An encoder that chooses the depth by what the beam search leaves, not by what the greedy one does,
        gains as much as from twice the beams.

        Returns
        -------
        indices : int64 [n, stages, stages]
            Row d - 1 holds the codes for depth d, then zeros.
        energy : float32 [n, stages + 1]
            Squared norm of what they leave, at depth 0, 1, ...; infinite beyond `depth`.

        Examples
        --------
        >>> books = np.array([[[0.0], [4.0]], [[0.0], [3.0]]], np.float32)
        >>> indices, energy = CodeSearch(books).beam_every(np.array([[3.0]], np.float32), np.array([2]), 2)
        >>> indices[0]
        array([[1, 0],
               [0, 1]])
        >>> energy
        array([[9., 1., 0.]], dtype=float32)
        """
        indices, energy = self._beam(rows, depth, beams, every=True)
        return indices.reshape(len(rows), self._books.stages, self._books.stages), energy

    def _beam(self, rows: Floats, depth: Ints, beams: int, every: bool) -> tuple[Ints, Floats]:
        from channelvq.models.search_beam_kernel import LAST_BEAM, beam_search, make_beams

        if not 1 <= beams <= LAST_BEAM + 1:
            raise UsageError(f"beams are {beams}, must be from 1 to {LAST_BEAM + 1}")
        books, stages = self._books, self._books.stages
        order, sorted_rows, sorted_depth = self._sorted(rows, depth)
        found = np.zeros((len(rows), stages * (stages if every else 1)), np.int64)
        energy = np.full((len(rows), stages + 1), np.inf, np.float32)
        flat, flat_energy = found.reshape(-1), energy.reshape(-1)
        if len(rows):
            self._make_tables(int(sorted_depth[0]))
        piece = max(1, min(_PIECE, _LARGEST_PIECE // (beams * books.dim)))

        def work(start: int, stop: int) -> None:
            memory = make_beams(books, min(piece, stop - start), beams)
            for first in range(start, stop, piece):
                last = min(first + piece, stop)
                beam_search(books, sorted_rows, sorted_depth, first, last, memory, every, flat, flat_energy)

        in_pieces(work, len(rows), _PIECE)
        return _put_back(found, order), _put_back(energy, order)

    def _sorted(self, rows: Floats, depth: Ints) -> tuple[Ints, Floats, Ints]:
        """Give the order with the deepest first, the rows in it (padded, flat), and their depths."""
        order = np.argsort(-depth, kind="stable")
        padded = np.zeros((len(rows), self._books.dim), np.float32)
        padded[:, : rows.shape[1]] = rows[order]
        return order, padded.reshape(-1), np.ascontiguousarray(depth[order], np.int64)

    def _make_tables(self, stages: int) -> None:
        """Make the tables of the first `stages` stages. Threads that do so at once write the same."""
        from channelvq.models.search_kernel import score_rows

        books = self._books
        padded = books.padded
        todo = [
            (table[(stage - back + place) * padded**2 :], stage, stage - back)
            for stage in range(self._ready, stages)
            for back, table, place in ((1, books.near, 1), (2, books.far, 0))
            if stage >= back and (back == 1 or stage < 2 + books.wide)
        ]
        unbiased = np.zeros(padded, np.float32)

        def work(start: int, stop: int) -> None:
            for table, stage, before in todo[start:stop]:
                points = books.vectors[before * padded * books.dim :]
                score_rows(books, stage, points, padded, unbiased, 0, table)

        in_pieces(work, len(todo), 1)
        self._ready = max(self._ready, stages)


def _put_back(found: npt.NDArray[T], order: Ints) -> npt.NDArray[T]:
    """Undo the order of the rows."""
    back = np.empty_like(found)
    back[order] = found
    return back
