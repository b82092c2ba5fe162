"""Kernels of the LDPC decoder: layered min-sum on SIMD vectors, in float32 and in int8.

A row of the base graph is a layer: its Z checks share no bit, so they run side by side in the lanes of
vectors. Where Z is less than a vector, several words run side by side as well: place z of word w is element
z · words + w of its column, and a shift by s becomes one by s · words. A column is kept in the order in which
its last row met it, so that it is written straight and read from its middle, and the vector that starts it
is repeated behind its end, so that no read is split. Lanes behind the end repeat the checks of the first
lanes and do no harm.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from channelvq.bits import CERTAIN_LLR
from channelvq.channel_codes.ldpc_schedule import Schedule
from channelvq.channel_codes.ldpc_vectors import (
    BYTES,
    add,
    any_negative,
    any_zero,
    either,
    larger,
    load,
    magnitude,
    peek,
    pick,
    scaled,
    smaller,
    splat,
    store,
    subtract,
    toggle,
    with_sign,
)

__all__ = ["decode_words"]

Floats: TypeAlias = npt.NDArray[np.float32]
Values: TypeAlias = npt.NDArray[Any]  # float32 or int8
Ints: TypeAlias = npt.NDArray[np.int64]

_CERTAIN = np.float32(CERTAIN_LLR)
_WIDEST_ROW = 19
_UNDAMPED = 8  # the last sweeps, one in so many: a bit that damped messages never outweigh is mended then
_CHANNEL_LIMIT = np.float32(31)  # of int8: below the damped limit of messages, so that these can outweigh it


@numba.njit(nogil=True)
def _aligned(length: int, constants: Values) -> Values:
    """Zeros that begin where a vector's worth of bytes does."""
    array = np.zeros(length + BYTES // constants.itemsize, constants.dtype)
    return array[(-array.ctypes.data % BYTES) // array.itemsize :]


@numba.njit(nogil=True)
def _wrap(place: int, end: int, size: int) -> int:
    """Go back by `size` from `end` and beyond; no branch, as it would be guessed wrong too often."""
    return place - (size & ((end - 1 - place) >> 63))


@numba.njit(nogil=True)
def _sweep(
    columns: Values,
    messages: Values,
    spare: Values,
    starts: Ints,
    edges: Ints,
    factors: Values,
    tails: Ints,
    chunks: int,
    size: int,
    fresh: bool,
    zero: Any,
    limit: Any,
) -> None:
    """Update every row once: the checks' messages and, with them at once, the bits' totals.

    A `fresh` word has no messages yet. `spare` is for what one row's checks hear.
    """
    lanes = BYTES // columns.itemsize
    width = chunks * lanes
    for row in range(starts.shape[0] - 1):
        first, last = peek(starts, row), peek(starts, row + 1)
        for chunk in range(chunks):
            at = chunk * lanes
            least, second, signs = splat(limit), splat(limit), splat(zero)
            slot, message_at = 3 * width + at, first * width + at
            for e in range(first, last):
                value = load(columns, _wrap(peek(edges, 4 * e) + at, peek(edges, 4 * e + 1), size))
                if not fresh:
                    value = subtract(value, load(messages, message_at))
                store(spare, slot, value)
                slot += width
                message_at += width
                height = magnitude(value)
                second = smaller(second, larger(least, height))
                least = smaller(least, height)
                signs = toggle(signs, value)
            store(spare, at, least)
            store(spare, width + at, second)
            store(spare, 2 * width + at, signs)
        factor, tail = peek(factors, row), peek(tails, row)
        for chunk in range(chunks - 1, -1, -1):  # the repeat of chunk 0 ends up where the last one overruns
            at = chunk * lanes
            least, second, signs = load(spare, at), load(spare, width + at), load(spare, 2 * width + at)
            low, high = scaled(least, factor), scaled(second, factor)
            slot, message_at = 3 * width + at, first * width + at
            for e in range(first, last):
                if e == last - 1 and tail != 0:
                    low, high = least, second
                value = load(spare, slot)
                message = with_sign(pick(magnitude(value), least, high, low), toggle(signs, value))
                store(messages, message_at, message)
                value = add(value, message)
                place = peek(edges, 4 * e + 2)
                store(columns, place + at, value)
                if chunk == 0:
                    store(columns, place + size, value)
                slot += width
                message_at += width


@numba.njit(nogil=True)
def _verify(
    columns: Values,
    violated: Values,
    starts: Ints,
    edges: Ints,
    chunks: int,
    size: int,
    words: int,
    zero: Any,
    minus: Any,
) -> bool:
    """Whether some word may satisfy every check by the signs of its totals, none of them zero.

    Fills `violated`: the sign bit of an element is set where a check of its word fails. A word that is alone
    gives up at its first row that fails, and then nothing is filled.
    """
    lanes = BYTES // columns.itemsize
    for chunk in range(chunks):
        store(violated, chunk * lanes, splat(zero))
    for row in range(starts.shape[0] - 1):
        first, last = peek(starts, row), peek(starts, row + 1)
        for chunk in range(chunks):
            at = chunk * lanes
            signs, smallest = splat(zero), magnitude(splat(minus))
            for e in range(first, last):
                value = load(columns, _wrap(peek(edges, 4 * e + 3) + at, peek(edges, 4 * e + 1), size))
                signs = toggle(signs, value)
                smallest = smaller(smallest, magnitude(value))
            if words == 1:
                if any_negative(signs) or any_zero(smallest):
                    return False
            else:
                undecided = pick(smallest, splat(zero), splat(minus), splat(zero))
                store(violated, at, either(load(violated, at), either(signs, undecided)))
    return True


@numba.njit(nogil=True)
def _clip(x: np.float32, limit: np.float32) -> np.float32:
    low = x if x < limit else limit
    return low if low > -limit else -limit


@numba.njit(nogil=True)
def _add_clipped(source: Floats, target: Floats) -> None:
    for i in range(source.shape[0]):
        target[i] += _clip(source[i], _CERTAIN)


@numba.njit(nogil=True)
def _receive(llrs: Floats, channel: Floats, k: int, punctured: int, fillers: int, buffer: int) -> None:
    """Undo the rate matching of one word: LLRs [n], clipped, to those of all variables; repeats add up."""
    gap = k - punctured
    channel[:] = np.float32(0)  # and 0 added to -0.0 is 0.0
    for start in range(0, llrs.shape[0], buffer):
        block = llrs[start : start + buffer]
        _add_clipped(block[:gap], channel[punctured:k])
        _add_clipped(block[gap:], channel[k + fillers :])


@numba.njit(nogil=True)
def _mean_magnitude(channel: Floats) -> np.float32:
    """Mean magnitude of the LLRs that are not 0; 1 if all are. In vectors: the same sum on every machine."""
    lanes = BYTES // channel.itemsize
    sums = np.empty(lanes, np.float32)
    total = splat(np.float32(0))
    count = 0
    for at in range(0, channel.shape[0], lanes):
        total = add(total, magnitude(load(channel, at)))
    for i in range(channel.shape[0]):
        count += channel[i] != 0
    store(sums, 0, total)
    return sums.sum() / np.float32(count) if count else np.float32(1)


@numba.njit(nogil=True)
def _quantise(channel: Floats, scale: np.float32, quantised: Values) -> None:
    """Scale the LLRs; for int8, round and clip them too."""
    if quantised.itemsize == 4:
        for i in range(channel.shape[0]):
            quantised[i] = channel[i]
    else:
        for i in range(channel.shape[0]):
            x = _clip(channel[i] * scale, _CHANNEL_LIMIT)
            quantised[i] = np.int8(np.int32(x + np.float32(128.5)) - 128)


@numba.njit(nogil=True)
def _place(
    values: Values, columns: Values, used: Ints, stride: int, lifting: int, words: int, word: int
) -> None:
    """Write the variables of one word into the columns."""
    for j in range(used.shape[0]):
        begin, start = used[j] * lifting, used[j] * stride
        if words == 1:
            for at in range(0, lifting, BYTES // values.itemsize):
                store(columns, start + at, load(values, begin + at))
        else:
            target = columns[start + word : start + stride]
            for i in range(lifting):
                target[i * words] = values[begin + i]


@numba.njit(nogil=True)
def _convert(source: Values, factor: np.float32, llr: Floats, bits: npt.NDArray[np.uint8]) -> None:
    for i in range(llr.shape[0]):
        x = _clip(np.float32(source[i]) * factor, _CERTAIN)
        llr[i] = x
        bits[i] = np.uint8(x < 0)


@numba.njit(nogil=True)
def _deliver(
    columns: Values,
    used: Ints,
    turns: Ints,
    stride: int,
    lifting: int,
    words: int,
    word: int,
    factor: np.float32,
    llr: Floats,
    bits: npt.NDArray[np.uint8],
    row: Values,
) -> None:
    """Read one word's message LLRs [k] and hard bits out of the columns as a sweep leaves them."""
    for j in range(used.shape[0]):
        begin, turn = used[j] * lifting, turns[j]
        if begin >= llr.shape[0]:
            break
        end = min(begin + lifting, llr.shape[0])
        start = used[j] * stride + word
        source = columns[start : start + words * lifting]
        if words > 1:
            for i in range(lifting):
                row[i] = source[i * words]
            source = row
        split = min(begin + turn, end)
        _convert(source[lifting - turn :], factor, llr[begin:split], bits[begin:split])
        _convert(source, factor, llr[split:end], bits[split:end])


@numba.njit(nogil=True)
def _satisfied(violated: Values, size: int, words: int, word: int) -> bool:
    """Whether no check of the word fails."""
    if words > 1:
        for i in range(word, size, words):
            if np.signbit(np.float32(violated[i])):
                return False
    return True


@numba.njit(nogil=True)
def _admit(
    llrs: Floats,
    told: Floats,
    columns: Values,
    channel: Floats,
    quantised: Values,
    scales: Floats,
    plan: Schedule,
) -> None:
    """Fill the columns with the words [up to `words`, n] of a group, unshifted, and with what is `told`."""
    size = plan.lifting * plan.words
    for word in range(llrs.shape[0]):
        _receive(llrs[word], channel, plan.k, plan.punctured, plan.fillers, plan.buffer)
        if word < told.shape[0]:
            _add_clipped(told[word], channel)
        if plan.level > 0:
            scales[word] = np.float32(plan.level) / _mean_magnitude(channel)
        _quantise(channel, scales[word], quantised)
        quantised[plan.k : plan.k + plan.fillers] = plan.constants[3]
        _place(quantised, columns, plan.used, plan.stride, plan.lifting, plan.words, word)
    for column in plan.used:
        store(columns, column * plan.stride + size, load(columns, column * plan.stride))


@numba.njit(cache=True, nogil=True)
def decode_words(
    llrs: Floats,
    told: Floats,
    llr: Floats,
    bits: npt.NDArray[np.uint8],
    ok: npt.NDArray[np.bool_],
    iterations: int,
    plan: Schedule,
) -> None:
    """Decode words [blocks, n]: fill llr and bits [blocks, k] and ok [blocks].

    `told` [blocks or 0, k] are LLRs of the message from elsewhere than the channel.
    A word is done as soon as the signs of its totals satisfy every check; what it then says is kept, however
    long the words beside it take. The last eighth of the sweeps is without damping.
    """
    starts, edges, factors, tails = plan.starts, plan.edges, plan.factors, plan.tails
    used, turns, stride, lifting, words = plan.used, plan.turns, plan.stride, plan.lifting, plan.words
    chunks, size = plan.chunks, lifting * words
    zero, minus, limit = plan.constants[0], plan.constants[1], plan.constants[2]
    lanes = BYTES // plan.constants.itemsize
    padded = -(-plan.variables // lanes) * lanes
    channel, quantised = np.zeros(padded, np.float32), _aligned(padded + lanes, plan.constants)
    columns = _aligned(plan.variables // lifting * stride, plan.constants)
    messages = _aligned(starts[-1] * chunks * lanes, plan.constants)
    spare = _aligned((3 + _WIDEST_ROW) * chunks * lanes, plan.constants)
    violated = _aligned(chunks * lanes, plan.constants)
    scales, pending = np.ones(words, np.float32), np.zeros(words, np.bool_)
    for base in range(0, llrs.shape[0], words):
        left = min(words, llrs.shape[0] - base)
        pending[:left] = True
        _admit(
            llrs[base : base + left],
            told[base : base + left],
            columns,
            channel,
            quantised,
            scales,
            plan,
        )
        for iteration in range(iterations):
            table, fresh = edges if iteration else plan.opening, iteration == 0
            damped = iteration < iterations - iterations // _UNDAMPED
            weights = factors if damped else plan.undamped
            _sweep(columns, messages, spare, starts, table, weights, tails, chunks, size, fresh, zero, limit)
            verified = _verify(columns, violated, starts, edges, chunks, size, words, zero, minus)
            for word in range(words):
                good = verified and pending[word] and _satisfied(violated, size, words, word)
                if good or (pending[word] and iteration == iterations - 1):
                    row, row_bits, factor = llr[base + word], bits[base + word], np.float32(1) / scales[word]
                    _deliver(
                        columns, used, turns, stride, lifting, words, word, factor, row, row_bits, quantised
                    )
                    ok[base + word] = good
                    pending[word] = False
                    left -= 1
            if left == 0:
                break
