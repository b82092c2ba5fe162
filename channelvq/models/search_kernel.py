"""Kernels of the search for codes: products of rows with codebooks, and the nearest code of every stage.

Rows come sorted by depth, the deepest first, so that those that still go on are always the first of a piece.
Scores are <rest, code> - |code|²/2 (the larger, the nearer).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from channelvq.models.search_lanes import LANES, PANEL, TILE, leave, nearest_tile, score_tile

__all__ = ["BLOCK", "Books", "greedy_search", "score_rows"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

BLOCK = 64
"""Rows that a codebook is held against at a time: the codes are read once for all of them."""

_LEAST = np.float32(-np.inf)


class Books(NamedTuple):
    """Codebooks as the kernels want them, every array flat.

    Attributes
    ----------
    stages, codes, padded, dim : int
        Sizes; `padded` is the number of codes rounded up to a multiple of WIDE, dim one of LANES.
    vectors : float32 [stages, padded, dim]
        Code vectors, then zeros.
    panels : float32 [stages, padded / PANEL, dim, PANEL]
        The same, PANEL codes together.
    bias : float32 [stages, padded]
        -|code|²/2, and minus infinity where there is no code.
    near : float32 [stages, padded, padded]
        Products of the codes of the stage before with those of each stage (of none with the first: zeros).
        Without tables zeros [padded].
    far : float32 [wide, padded, padded]
        Products of the codes of stages 0, 1, ... with those two stages later.
    tabled, wide : int
        1 if there are tables at all, else 0; how many there are in `far`.
    """

    stages: int
    codes: int
    padded: int
    dim: int
    vectors: Floats
    panels: Floats
    bias: Floats
    near: Floats
    far: Floats
    tabled: int
    wide: int


@numba.njit(cache=True, nogil=True)
def score_rows(
    books: Books, stage: int, points: Floats, rows: int, bias: Floats, first: int, out: Floats
) -> None:  # fmt: skip
    """Write bias + <point, code> of points and all codes of a stage to `out` [rows, padded].

    The bias starts at `first` of `bias`. TILE points are read and written at a time.
    """
    padded, dim = books.padded, books.dim
    for code in range(0, padded, PANEL):
        panel = (stage * padded + code) * dim
        for i in range(0, rows, TILE):
            score_tile(
                points, i * dim, dim, books.panels, panel, bias, first + code, out, i * padded + code,
                padded,
            )  # fmt: skip


@numba.njit(nogil=True)
def _winner(best: Floats, chosen: Ints, place: int) -> Any:
    """Give the code of the best of LANES scores, of equals the lowest."""
    score, code = best[place], chosen[place]
    for i in range(place + 1, place + LANES):
        if best[i] > score or (best[i] == score and chosen[i] < code):
            score, code = best[i], chosen[i]
    return code


@numba.njit(cache=True, nogil=True)
def greedy_search(
    books: Books, rows: Floats, depth: Longs, start: int, stop: int, indices: Longs, energy: Floats
) -> None:
    """Find the nearest code of each of the first `depth` stages of rows `start` to `stop`.

    Parameters
    ----------
    books : Books
        Codebooks; `near` and `far` are not used.
    rows : float32 [n, dim]
        What to quantize.
    depth : int64 [n]
        Stages wanted, falling.
    start, stop : int
        Rows to do.
    indices : int64 [n, stages]
        Where the codes go.
    energy : float32 [n, stages + 1]
        Where |rest|² after 0, 1, ... stages goes.
    """
    stages, padded, dim = books.stages, books.padded, books.dim
    rest, zeros = np.zeros(BLOCK * dim, np.float32), np.zeros(dim, np.float32)
    best, chosen = np.empty(BLOCK * LANES, np.float32), np.empty(BLOCK * LANES, np.int32)
    for block in range(start, stop, BLOCK):
        live = min(BLOCK, stop - block)
        for i in range(live):
            place = (block + i) * (stages + 1)
            energy[place] = leave(rows, (block + i) * dim, zeros, 0, rest, i * dim, dim)
        for stage in range(stages):
            while live and depth[block + live - 1] <= stage:
                live -= 1
            for i in range(live * LANES):
                best[i], chosen[i] = _LEAST, 0
            for code in range(0, padded, PANEL):
                at = stage * padded + code
                for i in range(0, live, TILE):
                    nearest_tile(
                        rest,
                        i * dim,
                        dim,
                        books.panels,
                        at * dim,
                        books.bias,
                        at,
                        best,
                        chosen,
                        i * LANES,
                        code,
                    )
            for i in range(live):
                code = _winner(best, chosen, i * LANES)
                indices[(block + i) * stages + stage] = code
                vector = (stage * padded + code) * dim
                place = (block + i) * (stages + 1) + stage + 1
                energy[place] = leave(rest, i * dim, books.vectors, vector, rest, i * dim, dim)
