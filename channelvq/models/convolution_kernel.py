"""Kernel of 3 × 3 convolutions by Winograd's algorithm F(4 × 4, 3 × 3).

A tile of 4 × 4 results takes 36 products a pair of channels instead of 144: the 6 × 6 numbers that it depends
on are transformed (forward, down and along), multiplied with the transformed weights, summed over the
channels, and transformed back. Every sum has one order, whatever the piece that a tile falls into.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from channelvq.models.convolution_lanes import LANES, PANEL, TILE, backward, forward, multiply

__all__ = ["PIECE", "SIDE", "convolve"]

Floats = npt.NDArray[np.float32]

SIDE = 4
"""Results of a tile to each side."""

PIECE = 48
"""Tiles at once, a multiple of TILE: their numbers stay in the second cache."""

_SPAN = SIDE + 2  # numbers that a tile depends on, to each side
_ROW = _SPAN * LANES


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _cut(x: Floats, h: int, w: int, channels: int, i: int, j: int, c: int, block: Floats) -> None:
    """Copy LANES channels of the 6 × 6 positions from (i, j) on; beyond the edges there are zeros."""
    for a in range(_SPAN):
        for b in range(_SPAN):
            inside = 0 <= i + a < h and 0 <= j + b < w
            start, place = ((i + a) * w + j + b) * channels + c, (a * _SPAN + b) * LANES
            for k in range(LANES):
                block[place + k] = x[start + k] if inside else np.float32(0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _take_apart(x: Floats, h: int, w: int, channels: int, i: int, j: int, tile: int, spectra: Floats) -> None:
    """Transform the tile whose first result is at (i, j); its spectrum is [36, PIECE, channels]."""
    block, half = np.empty(_SPAN * _SPAN * LANES, np.float32), np.empty(_SPAN * _SPAN * LANES, np.float32)
    inside = i > 0 and j > 0 and i + SIDE < h and j + SIDE < w
    for c in range(0, channels, LANES):
        if not inside:
            _cut(x, h, w, channels, i - 1, j - 1, c, block)
        for b in range(_SPAN):
            if inside:
                start = ((i - 1) * w + j - 1 + b) * channels + c
                forward(x, start, w * channels, half, b * LANES, _ROW)
            else:
                forward(block, b * LANES, _ROW, half, b * LANES, _ROW)
        for a in range(_SPAN):
            place = (a * _SPAN * PIECE + tile) * channels + c
            forward(half, a * _ROW, LANES, spectra, place, PIECE * channels)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _put_together(spectra: Floats, bias: Floats, w: int, i: int, j: int, tile: int, y: Floats) -> None:
    """Make the results of a tile, from (i, j) on of `y` [h, w, outputs], of its spectrum."""
    outputs = bias.size
    half, nothing = np.empty(SIDE * _ROW, np.float32), np.zeros(LANES, np.float32)
    for c in range(0, outputs, LANES):
        for b in range(_SPAN):
            start, step = (b * PIECE + tile) * outputs + c, _SPAN * PIECE * outputs
            backward(spectra, start, step, nothing, 0, half, b * LANES, _ROW)
        for a in range(SIDE):
            place = ((i + a) * w + j) * outputs + c
            backward(half, a * _ROW, LANES, bias, c, y, place, outputs)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def convolve(
    x: Floats, weights: Floats, bias: Floats, h: int, w: int, start: int, stop: int, y: Floats
) -> None:
    """Write tiles `start` to `stop`, counted row by row, of a convolution with zeros around.

    Parameters
    ----------
    x : float32 [h · w · inputs]
        Positions row by row; inputs a multiple of LANES.
    weights : float32 [36, outputs / PANEL, inputs, PANEL]
        Transformed; outputs a multiple of PANEL.
    bias : float32 [outputs]
        What is added.
    h, w : int
        Rows and columns.
    start, stop : int
        Tiles to do.
    y : float32 [h' · w' · outputs]
        Results; h' and w' are h and w rounded up to multiples of SIDE, and what is beyond is of no use.
    """
    inputs, outputs, panels = weights.shape[2], bias.size, weights.shape[1]
    columns, flat = (w + SIDE - 1) // SIDE, weights.reshape(-1)
    taken, made = np.zeros(36 * PIECE * inputs, np.float32), np.empty(36 * PIECE * outputs, np.float32)
    for first in range(start, stop, PIECE):
        count = min(PIECE, stop - first)
        for t in range(count):
            i, j = (first + t) // columns * SIDE, (first + t) % columns * SIDE
            _take_apart(x, h, w, inputs, i, j, t, taken)
        for f in range(36):
            for p in range(panels):
                panel = (f * panels + p) * inputs * PANEL
                for t in range(0, count, TILE):
                    row, place = (f * PIECE + t) * inputs, (f * PIECE + t) * outputs + p * PANEL
                    multiply(taken, row, inputs, flat, panel, made, place, outputs)
        for t in range(count):
            i, j = (first + t) // columns * SIDE, (first + t) % columns * SIDE
            _put_together(made, bias, columns * SIDE, i, j, t, y)
