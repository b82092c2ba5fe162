"""Kernels of the polar decoder's tree: LLRs down, bits up, paths from lane to lane.

Arrays are [position, lane], flattened: what happens in one lane happens in all, at SIMD speed. `lanes` is the
size of the list. Indices are unsigned: numba then need not look whether one counts from the end, and its
loops become SIMD code.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from channelvq.channel_codes.polar_lanes_kernel import (
    permute,
    rank_ascending,
    rank_descending,
    sort_eight,
    sort_four,
    sort_two,
)

__all__ = [
    "IDLE",
    "arrange",
    "combine",
    "f_root",
    "f_step",
    "fork",
    "g_root",
    "g_step",
    "grow",
    "move_bits",
    "move_llrs",
    "penalty",
    "pop",
]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Octets = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

IDLE = np.float32(1e30)
"""Metric of a lane without a path."""

STAY, FLIP, LEAST = range(3)
"""Rows of the floats of a list: metrics, metrics with the next bit flipped, weakest LLR of a parity node."""
ORIGIN, FLIPPED, RANKS, ORDER, SOURCE, MARKS, ODD, PLACES = 0, 1, 2, 4, 6, 7, 8, 9
"""Rows of the integers of a list; of ranks and order there are two, of places one more than lanes."""

_FAST = {"reassoc", "nnan", "nsz", "contract"}  # no NaN gets here
_SIGN, _MAGNITUDE = np.int32(-0x80000000), np.int32(0x7FFFFFFF)
_U: Any = np.uintp
_BYTE = np.uint64(255)


@numba.njit(nogil=True, fastmath=_FAST)
def f_step(values: Ints, start: int, width: int, out: int) -> None:
    """Min-sum of the check, sign(a) sign(b) min(|a|, |b|), on the bits of the floats."""
    a, b, c, end = _U(start), _U(start + width), _U(out), _U(width)
    for i in range(end):
        x, y = values[a + i], values[b + i]
        values[c + i] = min(x & _MAGNITUDE, y & _MAGNITUDE) | ((x ^ y) & _SIGN)


@numba.njit(nogil=True, fastmath=_FAST)
def g_step(llrs: Floats, start: int, width: int, bits: Octets, first: int, out: int) -> None:
    """Sum of the halves, b + a, or b - a where the left half's bit is 1."""
    a, b, c, d, end = _U(start), _U(start + width), _U(out), _U(first), _U(width)
    for i in range(end):
        x, y = llrs[a + i], llrs[b + i]
        llrs[c + i] = y - x if bits[d + i] else y + x


@numba.njit(nogil=True, fastmath=_FAST)
def f_root(channel: Floats, lanes: int, llrs: Floats, out: int) -> None:
    """`f_step` at the root, whose LLRs are the same in all lanes."""
    half, end, c = _U(channel.size // 2), _U(lanes), _U(out)
    for p in range(half):
        x, y = channel[p], channel[p + half]
        value = min(abs(x), abs(y))
        value = -value if (x < 0) != (y < 0) else value
        for i in range(end):
            llrs[c + i] = value
        c += end


@numba.njit(nogil=True, fastmath=_FAST)
def g_root(channel: Floats, lanes: int, bits: Octets, llrs: Floats, out: int) -> None:
    """`g_step` at the root."""
    half, end, c, d = _U(channel.size // 2), _U(lanes), _U(out), _U(0)
    for p in range(half):
        x, y = channel[p], channel[p + half]
        for i in range(end):
            llrs[c + i] = y - x if bits[d + i] else y + x
        c += end
        d += end


@numba.njit(nogil=True)
def move_llrs(llrs: Floats, start: int, rows: int, lanes: int, origin: Ints, spare: Floats) -> None:
    """Let lane i go on with what lane origin[i] has, in place, in `rows` rows of LLRs."""
    size = lanes
    if size == 8:
        row = _U(start)
        for _ in range(rows):
            permute(llrs, row, origin)
            row += _U(8)
        return
    step, end = _U(size), _U(rows)
    kept = _U(0)
    for i in range(size):
        if origin[i] != i:
            place = _U(start + origin[i])
            for p in range(end):
                spare[kept + p] = llrs[place]
                place += step
            kept += end
    kept = _U(0)
    for i in range(size):
        if origin[i] != i:
            place = _U(start + i)
            for p in range(end):
                llrs[place] = spare[kept + p]
                place += step
            kept += end


@numba.njit(nogil=True)
def _move_octets(words: Words, first: int, rows: int, origin: Ints) -> None:
    """Move the eight bytes of each word."""
    s0, s1, s2, s3 = _shift(origin[0]), _shift(origin[1]), _shift(origin[2]), _shift(origin[3])
    s4, s5, s6, s7 = _shift(origin[4]), _shift(origin[5]), _shift(origin[6]), _shift(origin[7])
    start, end = _U(first), _U(rows)
    for p in range(end):
        w = words[start + p]
        low = ((w >> s0) & _BYTE) | (((w >> s1) & _BYTE) << np.uint64(8))
        low |= (((w >> s2) & _BYTE) << np.uint64(16)) | (((w >> s3) & _BYTE) << np.uint64(24))
        high = ((w >> s4) & _BYTE) | (((w >> s5) & _BYTE) << np.uint64(8))
        high |= (((w >> s6) & _BYTE) << np.uint64(16)) | (((w >> s7) & _BYTE) << np.uint64(24))
        words[start + p] = low | (high << np.uint64(32))


@numba.njit(nogil=True)
def _shift(lane: int) -> np.uint64:
    return np.uint64(lane) * np.uint64(8)


@numba.njit(nogil=True)
def move_bits(
    bits: Octets, words: Words, first: int, rows: int, lanes: int, origin: Ints, spare: Octets
) -> None:
    """`move_llrs` for bits, of which `words` is a view by eight."""
    size = lanes
    if size == 8:
        _move_octets(words, first // 8, rows, origin)
        return
    step, end = _U(size), _U(rows)
    kept = _U(0)
    for i in range(size):
        if origin[i] != i:
            place = _U(first + origin[i])
            for p in range(end):
                spare[kept + p] = bits[place]
                place += step
            kept += end
    kept = _U(0)
    for i in range(size):
        if origin[i] != i:
            place = _U(first + i)
            for p in range(end):
                bits[place] = spare[kept + p]
                place += step
            kept += end


@numba.njit(nogil=True)
def combine(bits: Octets, first: int, width: int) -> None:
    """Code word of a node, in place: left half XOR right half, right half."""
    a, b, end = _U(first), _U(first + width), _U(width)
    for i in range(end):
        bits[a + i] ^= bits[b + i]


@numba.njit(nogil=True, fastmath=_FAST)
def penalty(llrs: Floats, start: int, size: int, lanes: int, sums: Floats) -> None:
    """Cost of bits that are all 0, the sum of max(0, -llr), and all 1, in the first row of each half."""
    step, zero, c = _U(lanes), np.float32(0), _U(sums.size // 2)
    a, width = _U(start), _U(size) * step
    if size > 1:
        width //= _U(2)
        b = a + width
        for i in range(width):
            x, y = llrs[a + i], llrs[b + i]
            sums[i] = max(zero, -x) + max(zero, -y)
            sums[c + i] = max(zero, x) + max(zero, y)
    else:
        for i in range(width):
            sums[i], sums[c + i] = max(zero, -llrs[a + i]), max(zero, llrs[a + i])
    while width > step:
        width //= _U(2)
        b = c + width
        for i in range(width):
            sums[i] += sums[width + i]
        for i in range(width):
            sums[c + i] += sums[b + i]


@numba.njit(nogil=True, fastmath=_FAST)
def _rank(paths: Floats, lanes: int, ints: Ints) -> None:
    """Rank the paths that stay, the worst first, and those that flip, the best first."""
    size, ranks = _U(lanes), _U(RANKS * lanes)
    if lanes == 8:
        rank_descending(paths, _U(0), ints, ranks)
        rank_ascending(paths, size, ints, ranks + size)
    else:
        for i in range(size + size):
            ints[ranks + i] = 0
        for j in range(size):
            x, y = paths[j], paths[size + j]
            for i in range(size):
                stay, flip, earlier = paths[i], paths[size + i], j < i
                ints[ranks + i] += (x > stay) | ((x == stay) & earlier)
                ints[ranks + size + i] += (y < flip) | ((y == flip) & earlier)


@numba.njit(nogil=True, fastmath=_FAST)
def fork(paths: Floats, lanes: int, ints: Ints) -> bool:
    """Keep the best of the paths that stay and those that flip.

    A path that flips is never better than the same path that stays. So the survivors that stay keep their
    lanes, and the r-th best of those that flip takes the lane of the r-th worst that stays, if it is better.

    Metrics are in the rows STAY and FLIP of `paths`; those of the survivors go into STAY. Row ORIGIN of
    `ints` becomes the lane that each lane goes on with, row FLIPPED whether it flips. Returns whether any
    does; the rows are left alone if not.
    """
    size = _U(lanes)
    worst, best = paths[0], paths[size]
    for i in range(size):
        worst, best = max(worst, paths[i]), min(best, paths[size + i])
    if not best < worst:
        return False
    _rank(paths, lanes, ints)
    origin, flipped, ranks, order = (
        _U(ORIGIN * lanes), _U(FLIPPED * lanes), _U(RANKS * lanes), _U(ORDER * lanes)
    )  # fmt: skip
    for i in range(size):
        ints[order + _U(ints[ranks + i])] = i
        ints[order + size + _U(ints[ranks + size + i])] = i
    for r in range(size):
        dying, born = _U(ints[order + r]), _U(ints[order + size + r])
        stay, flip = paths[dying], paths[size + born]
        ints[flipped + dying] = flip < stay
        ints[origin + dying] = born if flip < stay else dying
        paths[dying] = min(flip, stay)
    return True


@numba.njit(nogil=True)
def arrange(llrs: Floats, start: int, log: int, lanes: int, tree: Floats, ints: Ints) -> bool:
    """Sort the |llr| of each lane of a small node, if that pays: rows of `tree`, rows PLACES of `ints`."""
    if lanes != 8 or log < 1 or log > 3:
        return False
    if log == 1:
        sort_two(llrs, _U(start), tree, ints, _U(PLACES * 8))
    elif log == 2:
        sort_four(llrs, _U(start), tree, ints, _U(PLACES * 8))
    else:
        sort_eight(llrs, _U(start), tree, ints, _U(PLACES * 8))
    return True


@numba.njit(nogil=True, fastmath=_FAST)
def grow(llrs: Floats, start: int, size: int, lanes: int, tree: Floats) -> int:
    """Tournament of the least |llr| in each lane; returns where the winners' row is in `tree`."""
    step = _U(lanes)
    a, base, width = _U(start), _U(0), _U(size) * step
    for i in range(width):
        tree[i] = abs(llrs[a + i])
    while width > step:
        top = base + width
        width //= _U(2)
        b = base + width
        for i in range(width):
            tree[top + i] = min(tree[base + i], tree[b + i])
        base = top
    return int(base)


@numba.njit(nogil=True)
def pop(tree: Floats, top: int, size: int, lanes: int, ints: Ints, row: int) -> None:
    """Write where each lane's least |llr| is, into that row of `ints`, and take it out of the tournament."""
    step, leaves, two, places = _U(lanes), _U(size), _U(2), _U(row * lanes)
    for lane in range(step):
        base, place, width = _U(top), _U(0), _U(1)
        value = tree[base + lane]
        while width < leaves:
            base -= two * width * step
            place += width * _U(tree[base + place * step + lane] != value)
            width *= two
        ints[places + lane] = place
        tree[place * step + lane] = IDLE
        while width > _U(1):
            half = width // two
            place &= half - _U(1)
            node = base + place * step + lane
            base += width * step
            tree[base + place * step + lane] = min(tree[node], tree[node + half * step])
            width = half
