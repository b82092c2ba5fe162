"""Kernel of the 64-state decoder: 16 blocks side by side, in whole numbers."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

from channelvq.bits import CERTAIN_LLR
from channelvq.channel_codes.lanes import LANES, add, aligned, larger, load, store, subtract

__all__ = ["max_log_circle", "max_log_lanes"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]

_STATES, _HALF, _QUARTER = 64, 32, 8
_SEGMENT = 64
"""Trellis steps whose scores are in memory at once (256 KiB)."""

_SCALE_BITS = 23
"""The largest LLR of a block becomes 2^22 to 2^23; a step adds at most 2^24 to a score. Scores of two states
differ by less than 6 steps' worth, 6 · 2^25 (from different starts 12): nothing reaches 2^31 when past and
future are added and two such sums subtracted, and no impossible state looks better than a possible one."""

_IMPOSSIBLE = np.int32(-(1 << 29))
_LIMIT = np.float32(CERTAIN_LLR)
_ZERO = np.float32(0)
_CHUNK = 256


@numba.njit(cache=True, nogil=True)
def _scale(llrs: Floats) -> np.float32:
    """Power of two that brings a block's largest LLR to _SCALE_BITS bits."""
    patterns = llrs.view(np.int32)  # without their signs, floats are in the order of their bit patterns
    largest = np.int32(0)
    for i in range(patterns.shape[0]):
        size = np.int32(patterns[i] & np.int32(0x7FFFFFFF))
        largest = size if size > largest else largest
    _, exponent = math.frexp(min(np.array([largest], np.int32).view(np.float32)[0], _LIMIT))
    return np.float32(math.ldexp(1.0, _SCALE_BITS - max(exponent, -100)))


@numba.njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})  # no NaN gets here
def _round(llrs: Floats, scale: np.float32, dither: Floats, row: Ints) -> None:
    """Whole numbers of LLRs; 0 stays 0, the others grow by the dither."""
    for i in range(row.shape[0]):
        x, more = llrs[i], dither[i]
        x = _LIMIT if x > _LIMIT else x
        x = -_LIMIT if x < -_LIMIT else x
        more = more if x > _ZERO else -more
        more = more if x != _ZERO else _ZERO
        row[i] = np.int32(x * scale + more)


@numba.njit(cache=True, nogil=True)
def _gather(llrs: Floats, scales: Floats, places: Places, dither: Floats, steps: Ints) -> None:
    """Write the LLRs of up to 16 blocks as whole numbers, block beside block; punctured places become 0."""
    blocks, n = llrs.shape
    steps[:] = 0
    rows = np.empty((LANES, _CHUNK), np.int32)
    for start in range(0, n, _CHUNK):
        size = min(_CHUNK, n - start)
        for b in range(blocks):
            _round(llrs[b, start:], scales[b], dither[start:], rows[b, :size])
        for i in range(size):
            there = steps[LANES * places[start + i] :]
            for b in range(np.uint64(blocks)):  # unsigned: no place counts from the end
                there[b] = rows[b, i]


@numba.njit(cache=True, nogil=True)
def _scatter(best: Ints, scales: Floats, llr: Floats) -> None:
    """Write the blocks' LLRs: best score with input 0 less that with input 1, which count each LLR twice."""
    blocks, k = llr.shape
    rows = np.empty((LANES, _CHUNK), np.int32)
    for start in range(0, k, _CHUNK):
        size = min(_CHUNK, k - start)
        for i in range(size):
            zero, one = best[2 * (start + i) * LANES :], best[(2 * (start + i) + 1) * LANES :]
            for b in range(np.uint64(LANES)):
                rows[b, i] = zero[b] - one[b]
        for b in range(blocks):
            unit = np.float32(0.5) / scales[b]
            there, row = llr[b, start:], rows[b]
            for i in range(np.uint64(size)):
                x = np.float32(row[i]) * unit
                x = _LIMIT if x > _LIMIT else x
                there[i] = -_LIMIT if x < -_LIMIT else x


@numba.njit(cache=True, nogil=True)
def _branches(steps: Ints, t: int, scores: Ints, reference: int, branch: Ints) -> None:
    """Scores of a step's outputs 00, 01, 10, 11, less that of one state: only differences count."""
    first, second, level = load(steps, 2 * t), load(steps, 2 * t + 1), load(scores, reference)
    total, apart, less = add(first, second), subtract(first, second), add(level, level)
    store(branch, 0, subtract(total, level))
    store(branch, 1, subtract(apart, level))
    store(branch, 2, subtract(subtract(level, apart), less))
    store(branch, 3, subtract(subtract(level, total), less))


@numba.njit(cache=True, nogil=True)
def _forward(scores: Ints, before: int, after: int, branch: Ints, order: Places) -> None:
    """Best score of each state after a step; `before` and `after` say where states lie, in vectors."""
    for output in range(4):
        same, other = load(branch, output), load(branch, 3 - output)
        for i in range(_QUARTER):
            j = order[output * _QUARTER + i]
            even, odd = load(scores, before + 2 * j), load(scores, before + 2 * j + 1)
            store(scores, after + j, larger(add(even, same), add(odd, other)))
            store(scores, after + _HALF + j, larger(add(even, other), add(odd, same)))


@numba.njit(cache=True, nogil=True)
def _backward(scores: Ints, after: int, before: int, branch: Ints, order: Places) -> None:
    """Best score from each state to the end, the mirror of `_forward`."""
    for output in range(4):
        same, other = load(branch, output), load(branch, 3 - output)
        for i in range(_QUARTER):
            j = order[output * _QUARTER + i]
            zero, one = load(scores, after + j), load(scores, after + _HALF + j)
            store(scores, before + 2 * j, larger(add(zero, same), add(one, other)))
            store(scores, before + 2 * j + 1, larger(add(zero, other), add(one, same)))


@numba.njit(cache=True, nogil=True)
def _backward_joined(
    future: Ints,
    after: int,
    before: int,
    branch: Ints,
    order: Places,
    past: Ints,
    at: int,
    best: Ints,
    t: int,
) -> None:
    """Do the same as `_backward`, and find the best path with input 0 and with input 1, through any state."""
    best_zero = add(load(past, at), load(future, after))
    best_one = add(load(past, at + _HALF), load(future, after + _HALF))
    for output in range(4):
        same, other = load(branch, output), load(branch, 3 - output)
        for i in range(_QUARTER):
            j = order[output * _QUARTER + i]
            zero, one = load(future, after + j), load(future, after + _HALF + j)
            best_zero = larger(best_zero, add(load(past, at + j), zero))
            best_one = larger(best_one, add(load(past, at + _HALF + j), one))
            store(future, before + 2 * j, larger(add(zero, same), add(one, other)))
            store(future, before + 2 * j + 1, larger(add(zero, other), add(one, same)))
    store(best, 2 * t, best_zero)
    store(best, 2 * t + 1, best_one)


@numba.njit(cache=True, nogil=True)
def _copy(source: Ints, first: int, target: Ints, place: int) -> None:
    """Copy the scores of all states."""
    for state in range(_STATES):
        store(target, place + state, load(source, first + state))


@numba.njit(cache=True, nogil=True)
def _start(scores: Ints, certain: bool) -> None:
    """Scores at an end of the trellis: in state 0 for certain, or in any state."""
    for i in range(_STATES * LANES):
        scores[i] = _IMPOSSIBLE if certain and i >= LANES else 0


@numba.njit(cache=True, nogil=True)
def _run_forward(
    steps: Ints, first: int, count: int, length: int, scores: Ints, branch: Ints, order: Places
) -> int:
    """Take the scores at place 0 through `count` steps round a circle of `length`; return where they end."""
    at = 0
    for i in range(count):
        _branches(steps, (first + i) % length, scores, at, branch)
        _forward(scores, at, _STATES - at, branch, order)
        at = _STATES - at
    return at


@numba.njit(cache=True, nogil=True)
def _decode(
    steps: Ints, length: int, warm_up: int, order: Places, past: Ints, marks: Ints, future: Ints
) -> None:
    """Decode 16 blocks of `length` steps; the best scores take the place of the outputs.

    Forward scores are kept at every 64th step only (`marks`), and the segments between run a second time as
    the backward pass reaches them: exact, in memory that hardly grows with the block.
    """
    branch = aligned(4)
    _start(past, warm_up == 0)
    _start(future, warm_up == 0)
    at = _run_forward(steps, -warm_up, warm_up, length, past, branch, order)
    segments = -(-length // _SEGMENT)
    for i in range(segments):
        _copy(past, at, marks, i * _STATES)
        _copy(marks, i * _STATES, past, 0)
        count = min(_SEGMENT, length - i * _SEGMENT)
        at = _run_forward(steps, i * _SEGMENT, count, length, past, branch, order)
    at = 0
    for i in range(warm_up - 1, -1, -1):
        _branches(steps, i % length, future, at, branch)
        _backward(future, at, _STATES - at, branch, order)
        at = _STATES - at
    for i in range(segments - 1, -1, -1):
        _copy(marks, i * _STATES, past, 0)
        count = min(_SEGMENT, length - i * _SEGMENT)
        for t in range(count):
            _branches(steps, i * _SEGMENT + t, past, t * _STATES, branch)
            _forward(past, t * _STATES, (t + 1) * _STATES, branch, order)
        for t in range(count - 1, -1, -1):
            step, there = i * _SEGMENT + t, (t + 1) * _STATES
            _branches(steps, step, future, at, branch)
            _backward_joined(future, at, _STATES - at, branch, order, past, there, steps, step)
            at = _STATES - at


@numba.njit(cache=True, nogil=True)
def max_log_lanes(
    llrs: Floats, places: Places, length: int, warm_up: int, order: Places, dither: Floats, llr: Floats
) -> None:
    """Decode blocks that begin and end in state 0, or (with a warm-up) in one and the same state.

    llr_t = (score of the best path with u_t = 0) - (score of the best path with u_t = 1). A state holds the
    newest 6 bits, the newest highest; 2j and 2j + 1 lead to j (input 0) and 32 + j (input 1), and as both
    generators have their first and last tap, the outputs of these four branches are c, not c, not c, c.

    Parameters
    ----------
    llrs : ndarray of float32 [blocks, n]
        LLRs of the coded bits, finite.
    places : ndarray of int64 [n]
        Where each stands among the outputs of all steps, 2 · step + output.
    length : int
        Steps of the trellis, at least as many as `llr` has columns.
    warm_up : int
        0 for blocks from state 0 to state 0, else the steps round the circle before scores count.
    order : ndarray of int64 [32]
        The j above, first the 8 with c = 00, then those with 01, 10 and 11.
    dither : ndarray of float32 [n]
        What is added to magnitudes, in units of which the largest LLR has 2^22 to 2^23.
    llr : ndarray of float32 [blocks, k]
        Filled with the LLRs of the first k input bits.
    """
    segments = -(-length // _SEGMENT)
    steps, marks = aligned(2 * length), aligned(segments * _STATES)
    past, future = aligned((_SEGMENT + 1) * _STATES), aligned(2 * _STATES)
    scales = np.ones(LANES, np.float32)
    for start in range(0, llrs.shape[0], LANES):
        group = llrs[start : start + LANES]
        for b in range(group.shape[0]):
            scales[b] = _scale(group[b])
        _gather(group, scales, places, dither, steps)
        _decode(steps, length, warm_up, order, past, marks, future)
        _scatter(steps, scales, llr[start : start + LANES])


@numba.njit(cache=True, nogil=True)
def _broadcast(number: np.int32, vectors: Ints, t: int) -> None:
    for lane in range(LANES):
        vectors[t * LANES + lane] = number


@numba.njit(cache=True, nogil=True)
def _decode_circle(
    steps: Ints, length: int, order: Places, past: Ints, levels: Ints, best: Ints, found: Ints
) -> None:
    """Decode a block that stands in all lanes from each of the 64 states in turn, 16 at a time.

    Scores from different states are compared, so the same `levels`, those of the zero state from the zero
    state, are taken off all of them.
    """
    size = _STATES * LANES
    future, branch = aligned(2 * _STATES), aligned(4)
    for first in range(0, _STATES, LANES):
        for i in range(size):
            past[i] = 0 if i // LANES - i % LANES == first else _IMPOSSIBLE
        _copy(past, 0, future, 0)
        for t in range(length):
            if first == 0:
                _broadcast(past[t * size], levels, t)
            _branches(steps, t, levels, t, branch)
            _forward(past, t * _STATES, (t + 1) * _STATES, branch, order)
        at = 0
        for t in range(length - 1, -1, -1):
            if first == 0:
                _broadcast(future[at * LANES], levels, length + t)
            there = (t + 1) * _STATES
            _branches(steps, t, levels, length + t, branch)
            _backward_joined(future, at, _STATES - at, branch, order, past, there, best, t)
            at = _STATES - at
        for i in range(2 * length):
            for lane in range(LANES):
                score = best[i * LANES + lane]
                if (first == 0 and lane == 0) or score > found[i * LANES]:
                    found[i * LANES] = score


@numba.njit(cache=True, nogil=True)
def max_log_circle(
    llrs: Floats, places: Places, length: int, order: Places, dither: Floats, llr: Floats
) -> None:
    """Decode short blocks that end in the state in which they begin, exactly: the best of 64 decodings.

    Parameters are those of `max_log_lanes`. Time is 64 times and memory 4 KiB a step.
    """
    steps, best, found = aligned(2 * length), aligned(2 * length), aligned(2 * length)
    past, levels = aligned((length + 1) * _STATES), aligned(2 * length)
    scales = np.ones(LANES, np.float32)
    for b in range(llrs.shape[0]):
        scales[0] = _scale(llrs[b])
        _gather(llrs[b : b + 1], scales, places, dither, steps)
        for i in range(2 * length):
            _broadcast(steps[i * LANES], steps, i)
        _decode_circle(steps, length, order, past, levels, best, found)
        _scatter(found, scales, llr[b : b + 1])
