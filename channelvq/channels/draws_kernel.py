"""Kernels of the channels' Gaussian draws: counter-based random words, turned into complex normals.

Nothing here uses fast maths: sums, products, quotients and square roots of doubles are rounded as IEEE 754
says, none fused, so that the draws are the same to the last bit on every machine.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["add_normals", "box_muller", "fill_normals", "philox"]

Keys = npt.NDArray[np.uint64]

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ONE = np.uint64(0x3FF0000000000000)  # the double 1.0: with 52 bits below it, a number in [1, 2)
_MANTISSA = np.uint64(12)  # shift that leaves 52 bits of 64
_ROOT_HALF = np.int64(0x3FE6A09E667F3BCD)  # the double sqrt(1/2)
_LN2 = 0.6931471805599453


@numba.njit(error_model="numpy", forceinline=True)
def _philox(counter: np.uint64, nonce: np.uint64, key: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Philox-4x32-10 of the counter (`counter`, `nonce`), low word first: four words, in two of 64 bits."""
    # Words of 32 bits in lanes of 64, so that their products are whole.
    c0, c1, c2, c3 = counter & _LOW, counter >> _HALF, nonce & _LOW, nonce >> _HALF
    k0, k1 = key & _LOW, key >> _HALF
    for _ in range(10):
        p0 = np.uint64(0xD2511F53) * c0
        p1 = np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + np.uint64(0x9E3779B9)) & _LOW
        k1 = (k1 + np.uint64(0xBB67AE85)) & _LOW
    return c0 | (c1 << _HALF), c2 | (c3 << _HALF)


@numba.njit(error_model="numpy", forceinline=True)
def _radius(word: np.uint64) -> float:
    """Magnitude of a complex normal of unit variance: sqrt(-ln u), u uniform over {1, ..., 2^52} / 2^52.

    The logarithm, of u = 2^e m with m in [sqrt(1/2), sqrt(2)), is e ln 2 + 2 artanh((m - 1) / (m + 1)); its
    relative error is below 1e-15, near u = 1 too.
    """
    u = np.float64(2.0 - np.uint64((word >> _MANTISSA) | _ONE).view(np.float64))
    bits = u.view(np.int64)
    exponent = (bits - _ROOT_HALF) >> np.int64(52)
    f = np.int64(bits - (exponent << np.int64(52))).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = 0.13086626147840102
    p = p * z + 0.13268773138656886
    p = p * z + 0.15386239702814658
    p = p * z + 0.18181795640132906
    p = p * z + 0.22222222391713917
    p = p * z + 0.28571428570803614
    p = p * z + 0.4000000000000088
    p = p * z + 0.6666666666666666
    log = float(exponent) * _LN2 + (2.0 * s + s * (z * p))
    return float(np.sqrt(-log))


@numba.njit(error_model="numpy", forceinline=True)
def box_muller(radius_word: np.uint64, phase_word: np.uint64) -> tuple[float, float]:
    """Box-Muller: 52 bits of radius, 54 of phase; real and imaginary part, of variance 1/2 each.

    An angle of an eighth of a turn at most, then, by a bit each, the parts swapped and the sign changed.
    """
    radius = _radius(radius_word)
    if phase_word & np.uint64(1):
        radius = -radius
    t = np.uint64((phase_word >> _MANTISSA) | _ONE).view(np.float64) - 1.5  # quarter turns: [-1/2, 1/2)
    w = t * t
    # s t = sin(π t / 2), c = cos(π t / 2), to within 3e-16.
    s = -6.627624938992472e-10
    s = s * w + 5.691927850489633e-08
    s = s * w - 3.598842717144858e-06
    s = s * w + 0.0001604411847266723
    s = s * w - 0.004681754135314827
    s = s * w + 0.07969262624616692
    s = s * w - 0.6459640975062463
    s = s * w + 1.5707963267948966
    c = -6.321256869628588e-09
    c = c * w + 4.710609726757823e-07
    c = c * w - 2.520203677046026e-05
    c = c * w + 0.0009192602741831558
    c = c * w - 0.02086348076331121
    c = c * w + 0.2536695079010467
    c = c * w - 1.2337005501361697
    c = c * w + 1.0
    along, across = radius * c, radius * (s * t)
    if phase_word & np.uint64(2):
        along, across = across, along
    return along, across


@numba.njit(cache=True, nogil=True, error_model="numpy")
def philox(counters: Keys, nonce: np.uint64, key: np.uint64) -> Keys:
    """Words of Philox-4x32-10: [n, 2], the four words of 32 bits in two, low one first."""
    words = np.empty((counters.size, 2), np.uint64)
    for i in range(counters.size):
        words[i, 0], words[i, 1] = _philox(counters[i], nonce, key)
    return words


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill_normals(keys: Keys, start: int, stop: int, out: npt.NDArray[Any]) -> None:
    """Write places `start` to `stop` of the draws `out` [rows, count], complex, counted row by row.

    Place j of a row is made from counter j under the row's key, keys [rows, 2].
    """
    count = out.shape[1]
    for row in range(start // count, (stop - 1) // count + 1):
        first, last = max(start - row * count, 0), min(stop - row * count, count)
        line = out[row, first:last]
        key, nonce = keys[row, 0], keys[row, 1]
        for i in range(line.size):
            words = _philox(np.uint64(first + i), nonce, key)
            real, imag = box_muller(words[0], words[1])
            line[i] = complex(real, imag)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def add_normals(
    x: npt.NDArray[np.complex64],
    gain: npt.NDArray[np.complex64],
    keys: Keys,
    deviation: np.float32,
    start: int,
    stop: int,
    y: npt.NDArray[np.complex64],
) -> None:
    """Write places `start` to `stop` of y = gain · x + deviation · n, n being what `fill_normals` draws.

    x and y are [rows, count], the gain [rows or 1, count or 1], or empty for none.
    """
    count = x.shape[1]
    for row in range(start // count, (stop - 1) // count + 1):
        first, last = max(start - row * count, 0), min(stop - row * count, count)
        fill_normals(keys, row * count + first, row * count + last, y)
        into, sent = y[row, first:last], x[row, first:last]
        if gain.size == 0:
            for i in range(into.size):
                into[i] = complex(
                    sent[i].real + deviation * into[i].real, sent[i].imag + deviation * into[i].imag
                )
        else:
            h = gain[min(row, gain.shape[0] - 1)]
            step = 1 if h.size > 1 else 0
            for i in range(into.size):
                a, b = h[step * (first + i)], sent[i]
                into[i] = complex(
                    a.real * b.real - a.imag * b.imag + deviation * into[i].real,
                    a.real * b.imag + a.imag * b.real + deviation * into[i].imag,
                )
