"""Kernels of mapping and demapping: bits to symbols, received symbols to LLRs.

As in the kernels of the draws nothing uses fast maths: LLRs are the same to the last bit on every machine.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["demap_symbols", "exp2", "log_ratio", "map_bits"]

Floats: TypeAlias = npt.NDArray[np.float32]
Complexes: TypeAlias = npt.NDArray[np.complex64]

_BLOCK = 256  # symbols demapped at once: their 16 levels on both axes stay in the first cache
_HUGE = np.float32(1e30)  # ceiling of what is squared or summed, far from the end of float32
_LEAST_N0 = np.float32(1e-12)  # keeps N0 = 0 (no noise) from making 0/0 of what is certain
_TINY = np.float32(1e-30)  # floor of a probability ratio: log(1e-30) = -69 lies beyond ±CERTAIN_LLR
_LAST = np.float32(3.4028235e38)  # the largest finite number
_ZERO, _ONE, _TWO, _EIGHT = np.float32(0), np.float32(1), np.float32(2), np.float32(8)
_LN2, _LOG2E = np.float32(0.6931471805599453), np.float32(1.4426950408889634)

_SPAN = np.float32(110)  # 2^-110 is below _TINY, and still a normal number
_ROUND = np.float32(12582912)  # 1.5 · 2^23: adding it rounds to an integer, found in the low bits
_FRACTION, _EXPONENT_ONE, _PLACES = np.int32(0x7FFFFF), np.int32(0x3F800000), np.int32(23)
# Of 2^f in f, and of 2 artanh(s) / s in s².
_E1, _E2, _E3 = np.float32(0.69314720670283), np.float32(0.24022650922289), np.float32(0.0555032722667)
_E4, _E5, _E6 = np.float32(0.0096180566785), np.float32(0.0013400428178), np.float32(0.00015461444699)
_L0, _L1, _L2 = np.float32(2.0000000076818), np.float32(0.66666321641378), np.float32(0.40024595230704)
_L3, _L4 = np.float32(0.27965157745197), np.float32(0.28157778363109)


@numba.njit(error_model="numpy", forceinline=True)
def _clamp(x: np.float32, limit: np.float32) -> np.float32:
    return max(min(x, limit), -limit)


@numba.njit(error_model="numpy", forceinline=True)
def exp2(x: np.float32) -> np.float32:
    """2^x for x from -110 to 110 (beyond, that of the nearer end); relative error at most 2e-7; 1 at 0."""
    x = _clamp(x, _SPAN)
    shifted = np.float32(x + _ROUND)
    f = x - (shifted - _ROUND)  # from -1/2 to 1/2, exact
    p = _ONE + f * (_E1 + f * (_E2 + f * (_E3 + f * (_E4 + f * (_E5 + f * _E6)))))
    power = np.int32(shifted.view(np.int32) << _PLACES)
    return np.int32(np.float32(p).view(np.int32) + power).view(np.float32)


@numba.njit(error_model="numpy", forceinline=True)
def log_ratio(p: np.float32, q: np.float32) -> np.float32:
    """ln(p / q) of normal positive numbers; error at most 3e-7 plus 2e-7 of the value; 0 where p = q.

    By exponents and mantissas in [1, 2): ln(m / n) = 2 artanh((m - n) / (m + n)).
    """
    i, j = np.float32(p).view(np.int32), np.float32(q).view(np.int32)
    exponent = np.int32(np.int32(i >> _PLACES) - np.int32(j >> _PLACES))
    m = np.int32((i & _FRACTION) | _EXPONENT_ONE).view(np.float32)
    n = np.int32((j & _FRACTION) | _EXPONENT_ONE).view(np.float32)
    s = (m - n) / (m + n)
    z = s * s
    log = s * (_L0 + z * (_L1 + z * (_L2 + z * (_L3 + z * _L4))))
    return np.float32(exponent) * _LN2 + log


@numba.njit(error_model="numpy", forceinline=True)
def _map(
    bits: npt.NDArray[np.uint8], points: Complexes, count: int, start: int, stop: int, symbols: Complexes
) -> bool:
    """`map_bits` for a number of bits a symbol that is constant in the code."""
    seen = np.uint8(0)
    mask = points.size - 1
    for i in range(start, stop):
        label = np.uint32(0)
        for k in range(count):
            bit = bits[i * count + k]
            seen |= bit
            label = np.uint32(label << np.uint32(1)) | np.uint32(bit)
        symbols[i] = points[label & mask]
    return bool(seen < 2)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def map_bits(
    bits: npt.NDArray[np.uint8], points: Complexes, count: int, start: int, stop: int, symbols: Complexes
) -> bool:
    """Write symbols `start` to `stop`, each the point that `count` bits name; False if one is not 0 or 1."""
    if count == 1:
        return _map(bits, points, 1, start, stop, symbols)
    if count == 2:
        return _map(bits, points, 2, start, stop, symbols)
    if count == 4:
        return _map(bits, points, 4, start, stop, symbols)
    if count == 6:
        return _map(bits, points, 6, start, stop, symbols)
    if count == 8:
        return _map(bits, points, 8, start, stop, symbols)
    return _map(bits, points, count, start, stop, symbols)


@numba.njit(error_model="numpy")
def _know(gain: Complexes, n0: Floats, first: int, h: Complexes, scale: Floats) -> None:
    """Write the gains, and 1 / N0, of the symbols from `first` on; one value may stand for all of them."""
    # Loops, not slices: numba would compile the error messages of shapes that do not fit.
    for i in range(h.size):
        h[i] = gain[0] if gain.size == 1 else gain[first + i]
    for i in range(scale.size):
        variance = n0[0] if n0.size == 1 else n0[first + i]
        scale[i] = _ONE / (_LEAST_N0 if variance < _LEAST_N0 else variance)


@numba.njit(error_model="numpy")
def _match(y: Complexes, h: Complexes, scale: Floats, correlation: Floats, strength: Floats) -> None:
    """Write 2 Re(h* y) / N0, behind it 2 Im(h* y) / N0, and |h|² / N0; all 0 where there is no number."""
    n = y.size
    real, imag = correlation[:n], correlation[n:]
    for i in range(n):
        s = min((h[i].real * h[i].real + h[i].imag * h[i].imag) * scale[i], _HUGE)
        a = _clamp((h[i].real * y[i].real + h[i].imag * y[i].imag) * (_TWO * scale[i]), _HUGE)
        b = _clamp((h[i].real * y[i].imag - h[i].imag * y[i].real) * (_TWO * scale[i]), _HUGE)
        finite = (abs(y[i].real) <= _LAST) & (abs(y[i].imag) <= _LAST)
        known = finite & (a == a) & (b == b) & (s == s)
        real[i] = a if known else _ZERO
        imag[i] = b if known else _ZERO
        strength[i] = s if known else _ZERO
    for i in range(n):
        strength[n + i] = strength[i]


@numba.njit(error_model="numpy")
def _four_levels(
    correlation: Floats, strength: Floats, inner: np.float32, limit: np.float32, sign: Floats, ring: Floats
) -> None:
    """Write the exact LLRs of both bits where the levels are ±a and ±3a, a being `inner`.

    With c = 2z/N0, s = |h|²/N0, A = 2a|c| and q = 8a²s, what the sums have in common taken out of them, the
    bit of the sign has ±[A + ln (1 + e^(A-q)) / (1 + e^(-A-q))], by the sign of c, the other, of 1 or 3,
    q - A + ln (1 + e^-A) / (1 + e^-3A).
    """
    double, gap = _TWO * inner, _EIGHT * inner * inner
    for j in range(sign.size):
        c = correlation[j]
        a, q = double * abs(c), gap * strength[j]
        up, down, small = exp2(_LOG2E * (a - q)), exp2(-_LOG2E * (a + q)), exp2(-_LOG2E * a)
        size = a + log_ratio(_ONE + up, _ONE + down)
        sign[j] = _clamp(size if c >= 0 else -size, limit)
        ring[j] = _clamp((q - a) + log_ratio(_ONE + small, _ONE + small * small * small), limit)


@numba.njit(error_model="numpy")
def _weigh(
    correlation: Floats, strength: Floats, levels: Floats, maxlog: bool, weights: Floats, top: Floats
) -> None:
    """Write each level's log-likelihood, or ("exact") its likelihood relative to the largest: [levels, n]."""
    top[:] = -_LAST
    unit = _ONE if maxlog else _LOG2E
    for label in range(levels.size):
        a, power, row = unit * levels[label], unit * levels[label] * levels[label], weights[label, : top.size]
        for j in range(top.size):
            metric = a * correlation[j] - power * strength[j]
            row[j] = metric
            top[j] = max(top[j], metric)
    if not maxlog:
        for label in range(levels.size):
            row = weights[label, : top.size]
            for j in range(top.size):
                row[j] = exp2(row[j] - top[j])


@numba.njit(error_model="numpy")
def _decide(weights: Floats, place: int, maxlog: bool, zero: Floats, one: Floats, limit: np.float32) -> None:
    """Write the LLRs of one place of the label into `zero`; place 0 is the least significant bit."""
    zero[:] = -_LAST if maxlog else _ZERO
    one[:] = -_LAST if maxlog else _ZERO
    for label in range(weights.shape[0]):
        row = weights[label, : zero.size]
        side = one if (label >> place) & 1 else zero
        if maxlog:
            for j in range(side.size):
                side[j] = max(side[j], row[j])
        else:
            for j in range(side.size):
                side[j] += row[j]
    if maxlog:
        for j in range(zero.size):
            zero[j] = _clamp(zero[j] - one[j], limit)
    else:
        for j in range(zero.size):
            zero[j] = _clamp(log_ratio(max(zero[j], _TINY), max(one[j], _TINY)), limit)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def demap_symbols(
    y: Complexes,
    gain: Complexes,
    n0: Floats,
    levels: Floats,
    axes: int,
    maxlog: bool,
    limit: np.float32,
    start: int,
    stop: int,
    llrs: npt.NDArray[Any],
) -> None:
    """Write the LLRs of symbols `start` to `stop`, counted row by row, into `llrs` [rows, uses, bits, axes].

    y is [rows, uses], gain and n0 [rows or 1, uses or 1], `levels` the amplitudes of an axis by label, as 5G
    NR labels them.
    """
    uses, bits = y.shape[1], llrs.shape[2]
    gains, floats = np.empty(_BLOCK, np.complex64), np.empty((6, 2 * _BLOCK), np.float32)
    weights = np.empty((levels.size, 2 * _BLOCK), np.float32)
    at = start
    while at < stop:
        row, first = at // uses, at % uses
        size = min(_BLOCK, uses - first, stop - at)
        h, scale = gains[:size], floats[0, :size]
        correlation, strength = floats[1, : 2 * size], floats[2, : 2 * size]
        _know(gain[min(row, gain.shape[0] - 1)], n0[min(row, n0.shape[0] - 1)], first, h, scale)
        _match(y[row, first : first + size], h, scale, correlation, strength)
        out = llrs[row, first : first + size]
        n = axes * size
        if bits == 1:  # levels ±a: the sums have one term each
            for axis in range(axes):
                for i in range(size):
                    out[i, 0, axis] = _clamp(_TWO * levels[0] * correlation[axis * size + i], limit)
        elif bits == 2 and not maxlog:
            sign, ring = floats[3, :n], floats[4, :n]
            _four_levels(correlation[:n], strength[:n], levels[0], limit, sign, ring)
            for axis in range(axes):
                for i in range(size):
                    out[i, 0, axis] = sign[axis * size + i]
                    out[i, 1, axis] = ring[axis * size + i]
        else:
            top, zero, one = floats[3, :n], floats[4, :n], floats[5, :n]
            _weigh(correlation[:n], strength[:n], levels, maxlog, weights, top)
            for place in range(bits):
                _decide(weights, bits - 1 - place, maxlog, zero, one, limit)
                for axis in range(axes):
                    for i in range(size):
                        out[i, place, axis] = zero[axis * size + i]
        at += size
