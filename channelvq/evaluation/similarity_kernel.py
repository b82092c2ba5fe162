"""Kernels of SSIM: Gaussian means of all windows of a picture, and what two pictures have in common there.

As in the other kernels nothing uses fast maths, and every sum has one order: values are the same to the last
bit on every machine.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["RADIUS", "halve", "similarity", "squared_error"]

Plane: TypeAlias = npt.NDArray[Any]
Samples: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float64]

RADIUS = 5
"""Rows and columns of a window to each side of its centre."""

# exp(-k² / (2 · 1.5²)) for k = 0 to 5, scaled to a sum of 1 over the 11 places of a window.
_W0, _W1, _W2 = 0.26601172486179436, 0.2130055377112537, 0.10936068950970002
_W3, _W4, _W5 = 0.03600077212843082, 0.007598758135239184, 0.0010283800844791099
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

_TILE, _STRIP = 64, 64  # columns and rows of windows at once: what they need stays in the cache
_STRIDE = _TILE + 2 * RADIUS + 6  # of a row of products, in numbers: whole cache lines
_MAP = (_STRIP + 2 * RADIUS) * _STRIDE  # numbers from one map of products to the next


@numba.njit(error_model="numpy", forceinline=True)
def _down(x: Floats, i: int) -> float:
    """Gaussian mean of 11 numbers one below the other, the first at `i`."""
    return float(
        x[i + 5 * _STRIDE] * _W0
        + (x[i + 4 * _STRIDE] + x[i + 6 * _STRIDE]) * _W1
        + (x[i + 3 * _STRIDE] + x[i + 7 * _STRIDE]) * _W2
        + (x[i + 2 * _STRIDE] + x[i + 8 * _STRIDE]) * _W3
        + (x[i + _STRIDE] + x[i + 9 * _STRIDE]) * _W4
        + (x[i] + x[i + 10 * _STRIDE]) * _W5
    )


@numba.njit(error_model="numpy", forceinline=True)
def _along(x: Floats, i: int) -> float:
    """Gaussian mean of 11 numbers side by side, the first at `i`."""
    return float(
        x[i + 5] * _W0
        + (x[i + 4] + x[i + 6]) * _W1
        + (x[i + 3] + x[i + 7]) * _W2
        + (x[i + 2] + x[i + 8]) * _W3
        + (x[i + 1] + x[i + 9]) * _W4
        + (x[i] + x[i + 10]) * _W5
    )


@numba.njit(error_model="numpy", forceinline=True)
def _multiply(x: Plane, y: Plane, out: Floats) -> None:
    """Write x, y, x² + y² and xy of a row, each into its map."""
    for j in range(x.size):
        a, b = np.float64(x[j]), np.float64(y[j])
        out[j] = a
        out[j + _MAP] = b
        out[j + 2 * _MAP] = a * a + b * b
        out[j + 3 * _MAP] = a * b


@numba.njit(error_model="numpy", forceinline=True)
def _compare(means: Floats, full: Floats, structure: Floats) -> None:
    """Add luminance × contrast-structure of a row of windows, and the latter alone, column by column."""
    for j in range(full.size):
        x, y = _along(means, j), _along(means, j + _STRIDE)
        squares, product = _along(means, j + 2 * _STRIDE), _along(means, j + 3 * _STRIDE)
        luminance, contrast = x * x + y * y, x * y
        cs = (2.0 * (product - contrast) + _C2) / (squares - luminance + _C2)
        structure[j] += cs
        full[j] += cs * ((2.0 * contrast + _C1) / (luminance + _C1))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def similarity(x: Plane, y: Plane) -> tuple[float, float]:
    """Mean over the windows of two channels [H, W]: luminance × contrast-structure, and the latter alone."""
    rows, columns = x.shape[0] - 2 * RADIUS, x.shape[1] - 2 * RADIUS
    products, means = np.zeros(4 * _MAP), np.zeros(4 * _STRIDE)
    full, structure = np.zeros(_TILE), np.zeros(_TILE)
    for left in range(0, columns, _TILE):
        width = min(_TILE, columns - left)
        wide = width + 2 * RADIUS
        for top in range(0, rows, _STRIP):
            height = min(_STRIP, rows - top)
            for i in range(height + 2 * RADIUS):
                _multiply(
                    x[top + i, left : left + wide], y[top + i, left : left + wide], products[i * _STRIDE :]
                )
            for i in range(height):
                for m in range(4):
                    source, mean = products[m * _MAP + i * _STRIDE :], means[m * _STRIDE :]
                    for j in range(wide):
                        mean[j] = _down(source, j)
                _compare(means, full[:width], structure[:width])
    both = rows * columns
    total, alone = 0.0, 0.0
    for j in range(_TILE):
        total += full[j]
        alone += structure[j]
    return total / both, alone / both


@numba.njit(cache=True, nogil=True, error_model="numpy")
def halve(x: Plane) -> Floats:
    """Mean of each 2 × 2 block of a channel [H, W]; a side of odd length gets a zero before it."""
    rows, columns = (x.shape[0] + 1) // 2, (x.shape[1] + 1) // 2
    above, before = x.shape[0] % 2, x.shape[1] % 2
    halved = np.zeros((rows, columns))
    for i in range(rows):
        for row in range(max(2 * i - above, 0), 2 * i - above + 2):
            line, source = halved[i], x[row]
            if before:
                line[0] += np.float64(source[0])
            for j in range(before, columns):
                k = 2 * j - before
                line[j] += np.float64(source[k]) + np.float64(source[k + 1])
        for j in range(columns):
            halved[i, j] *= 0.25
    return halved


@numba.njit(cache=True, nogil=True, error_model="numpy")
def squared_error(x: Samples, y: Samples) -> int:
    """Sum of squared differences of samples [n]; exact."""
    total = np.int64(0)
    for i in range(x.size):
        difference = np.int64(x[i]) - np.int64(y[i])
        total += difference * difference
    return int(total)
