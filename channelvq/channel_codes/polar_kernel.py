"""Kernel of the polar decoder: fast successive-cancellation list decoding, list paths in the SIMD lanes."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from channelvq.bits import CERTAIN_LLR
from channelvq.channel_codes.polar_nodes_kernel import (
    IDLE,
    LEAST,
    MARKS,
    ODD,
    PLACES,
    SOURCE,
    arrange,
    combine,
    f_root,
    f_step,
    fork,
    g_root,
    g_step,
    grow,
    move_bits,
    move_llrs,
    penalty,
    pop,
)
from channelvq.channel_codes.polar_program import COMBINE, FROZEN, PARITY, REPETITION, F, G

__all__ = ["decode_list"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Octets = npt.NDArray[np.uint8]
Marks = npt.NDArray[np.uint32]
Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_CERTAIN = np.float32(CERTAIN_LLR)
_KNOWN = np.float32(1e6)
"""LLR of a bit that is not sent because it is 0: above the sum of all that can be received."""
_AGREED, _DISPUTED = np.float32(0.8), np.float32(0.05)
"""LLRs of a block that fails, for bits that all paths agree on and others: as measured, 7 in 10 and half of
them are right where one block in three fails (more where fewer do)."""
_LEAST = np.float32(1e-6)
_STEPS = 16  # of the table below, for an LLR of 1
_SOFTPLUS = np.log1p(np.exp(-np.arange(_STEPS * int(CERTAIN_LLR) + 2) / _STEPS)).astype(np.float32)
_U: Any = np.uintp


@numba.njit(nogil=True, inline="always")
def _repetition(
    llrs: Floats, log: int, bits: Octets, first: int, lanes: int, paths: Floats, ints: Ints, tree: Floats
) -> bool:
    """Decide a node whose leaves are frozen but for the last: its bits are equal. One free bit too."""
    size, half, place = _U(lanes), _U(tree.size // 2), _U(first)
    penalty(llrs, lanes << log, 1 << log, lanes, tree)
    for i in range(size):
        zeros, ones = tree[i], tree[half + i]
        bits[place + i] = ones < zeros
        paths[size + i] = paths[i] + max(zeros, ones)
        paths[i] += min(zeros, ones)
    changed = fork(paths, lanes, ints)
    if changed:
        for i in range(size):  # a lane that another goes on with stays as it is
            bits[place + i] = bits[place + _U(ints[i])] ^ ints[size + i]
    for i in range(size, _U(lanes << log)):
        bits[place + i] = bits[place + i - size]
    return changed


@numba.njit(nogil=True, inline="always")
def _free(
    llrs: Floats, log: int, bits: Octets, words: Words, first: int, lanes: int, paths: Floats, ints: Ints,
    tree: Floats, parity: bool, spare: Octets,
) -> bool:  # fmt: skip
    """Decide a node whose leaves are free, but for the first in a node of even parity.

    The L best words of a free node differ from the hard decisions in the L - 1 weakest bits at most; those
    of even parity in the L weakest, of which the very weakest makes the parity even. So a flip a turn, the
    weaker bits first, finds what bit-by-bit decoding finds.
    """
    size, place, all_bits, start = _U(lanes), _U(first), _U(lanes << log), _U(lanes << log)
    flipped, source, marks, odd = size, _U(SOURCE * lanes), _U(MARKS * lanes), _U(ODD * lanes)
    least, places = _U(LEAST * lanes), _U(PLACES * lanes)
    for i in range(all_bits):
        bits[place + i] = llrs[start + i] < 0
    top, climb = _U(0), size
    arranged = arrange(llrs, lanes << log, log, lanes, tree, ints)
    if not arranged:
        top, climb = _U(grow(llrs, lanes << log, 1 << log, lanes, tree)), _U(0)
    for i in range(size):
        ints[source + i], ints[marks + i], ints[odd + i] = i, 0, 0
        paths[least + i] = 0
    if parity:
        for p in range(_U(0), all_bits, size):
            for i in range(size):
                ints[odd + i] ^= bits[place + p + i]
        for i in range(size):
            paths[least + i] = tree[top + i]
            paths[i] += tree[top + i] * ints[odd + i]
        if not arranged:
            pop(tree, top, 1 << log, lanes, ints, PLACES)
        top += climb
    turns = 0
    while turns < min(lanes - 1, (1 << log) - parity):
        for i in range(size):
            j = _U(ints[source + i])
            both = paths[least + j]
            paths[size + i] = paths[i] + (tree[top + j] + (-both if ints[odd + i] else both))
        if not fork(paths, lanes, ints):
            break  # nor will a stronger bit be flipped
        for i in range(size):  # a lane that another goes on with stays as it is
            j = _U(ints[i])
            ints[source + i] = ints[source + j]
            ints[odd + i] = ints[odd + j] ^ ints[flipped + i]
            ints[marks + i] = ints[marks + j] | ints[flipped + i] << turns
        if not arranged:
            pop(tree, top, 1 << log, lanes, ints, PLACES + turns + parity)
        top += climb
        turns += 1
    if turns:
        for i in range(size):
            ints[i] = ints[source + i]
        move_bits(bits, words, first, 1 << log, lanes, ints, spare)
        for i in range(size):
            at, left = places + _U(parity) * size + _U(ints[i]), ints[marks + i]
            for _ in range(turns):
                bits[place + _U(ints[at]) * size + i] ^= left & 1
                at += size
                left >>= 1
    if parity:
        for i in range(size):
            bits[place + _U(ints[places + _U(ints[source + i])]) * size + i] ^= ints[odd + i]
    return turns > 0


@numba.njit(nogil=True, inline="always")
def _turn_right(
    channel: Floats, lanes: int, log: int, first: int, llrs: Floats, bits: Octets, tree: Floats, moves: Ints,
    moved: Flags,
) -> None:  # fmt: skip
    """From a node's left half, decided, to the LLRs of its right half."""
    levels, width = moves.shape[0] // 2, lanes << log >> 1
    moved[1, log] = moved[0, log - 1]
    if moved[1, log]:
        moves[levels + log] = moves[log - 1]
    if log == levels - 1:
        g_root(channel, lanes, bits, llrs, width)
    else:
        if moved[1, log]:
            move_llrs(llrs, lanes << log, 1 << log, lanes, moves[log - 1], tree)
        g_step(llrs, lanes << log, width, bits, first, width)


@numba.njit(nogil=True, inline="always")
def _rise(
    lanes: int, log: int, first: int, bits: Octets, words: Words, spare: Octets, moves: Ints, moved: Flags
) -> None:
    """From a node's halves, decided, to its code words, and to how its paths have moved in all."""
    levels = moves.shape[0] // 2
    right, left = moved[0, log - 1], moved[1, log]
    moved[0, log] = left or right
    if right:
        move_bits(bits, words, first, 1 << log >> 1, lanes, moves[log - 1], spare)
        for i in range(lanes):
            j = moves[log - 1, i]
            moves[log, i] = moves[levels + log, j] if left else j
    elif left:
        moves[log] = moves[levels + log]
    combine(bits, first, lanes << log >> 1)


@numba.njit(nogil=True)
def _search(
    steps: Ints, channel: Floats, lanes: int, llrs: Floats, values: Ints, bits: Octets, words: Words,
    tree: Floats, spare: Octets, paths: Floats, ints: Ints, moves: Ints,
) -> None:  # fmt: skip
    """Run the program on one block: code words into `bits` [N * lanes], their metrics into `paths`.

    `moves[log]` is which lane each lane of a node went on with, `moves[levels + log]` the same of its left
    half. LLRs above and bits on the left are moved when they are needed next.
    """
    size, levels = lanes, moves.shape[0] // 2
    root = levels - 1
    paths[:] = IDLE
    paths[0] = 0
    moved = np.zeros((2, levels), np.bool_)
    if steps.shape[0] == 1:
        for p in range(channel.size):
            for i in range(size):
                llrs[(channel.size + p) * size + i] = channel[p]
    for t in range(steps.shape[0]):
        what, log, first = steps[t, 0], int(steps[t, 1]), int(steps[t, 2]) * size
        start, width = size << log, size << log >> 1
        if what == F:
            if log == root:
                f_root(channel, lanes, llrs, width)
            else:
                f_step(values, start, width, width)
        elif what == G:
            _turn_right(channel, lanes, log, first, llrs, bits, tree, moves, moved)
        elif what == COMBINE:
            _rise(lanes, log, first, bits, words, spare, moves, moved)
        elif what == FROZEN:
            penalty(llrs, start, 1 << log, lanes, tree)
            for i in range(size):
                paths[i] += tree[i]
            bits[first : first + start] = 0
            moved[0, log] = False
        else:
            if what == REPETITION:
                changed = _repetition(llrs, log, bits, first, lanes, paths, ints, tree)
            else:
                changed = _free(
                    llrs, log, bits, words, first, lanes, paths, ints, tree, what == PARITY, spare
                )
            moved[0, log] = changed
            if changed:
                for i in range(size):
                    moves[log, i] = ints[i]


@numba.njit(nogil=True)
def _inputs(bits: Octets, lane: int, size: int, word: Octets, eights: Words) -> None:
    """Input bits of the code word in a lane: the polar transform is its own inverse."""
    for p in range(_U(word.size)):
        word[p] = bits[p * _U(size) + _U(lane)]
    # Eight bits, a byte each, at a time.
    for p in range(_U(eights.size)):
        w = eights[p]
        w ^= (w >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
        w ^= (w >> np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
        eights[p] = w ^ (w >> np.uint64(32))
    half = _U(1)
    while half < _U(eights.size):
        for p in range(_U(0), _U(eights.size), half + half):
            for i in range(p, p + half):
                eights[i] ^= eights[i + half]
        half += half


@numba.njit(nogil=True)
def _match(llrs: Floats, sent: Ints, shortened: Ints, channel: Floats) -> bool:
    """LLRs of the mother code word: copies add up, 0 where nothing was sent, certain where shortened."""
    channel[:] = 0
    received = np.float32(0)
    for i in range(_U(sent.size)):
        value = min(max(llrs[i], -_CERTAIN), _CERTAIN)
        received = max(received, abs(value))
        channel[_U(sent[i])] += value
    for i in range(_U(shortened.size)):
        channel[_U(shortened[i])] = _KNOWN
    return bool(received > 0)


@numba.njit(nogil=True)
def _certainty(channel: Floats, metric: float, free: float) -> float:
    """LLR of a bit that all candidates agree on.

    Of two causes one: the word, whose probability is the product of those of its bits, or one of the words
    that the list has lost, on average as many as there are messages, spread evenly over all words. In half
    of those the bit is right too.
    """
    against = np.float32(metric - free)
    for p in range(_U(channel.size)):
        place = min(abs(channel[p]), _CERTAIN) * np.float32(_STEPS)
        step = _U(place)
        low = _SOFTPLUS[step]
        against += low + (_SOFTPLUS[step + _U(1)] - low) * (place - np.float32(step))
    return math.log1p(2.0 * math.exp(min(float(-against), 2.0 * CERTAIN_LLR)))


@numba.njit(nogil=True)
def _conclude(
    channel: Floats, bits: Octets, lanes: int, metrics: Floats, checks: Marks, syndromes: Marks,
    information: Ints, word: Octets, other: Octets, free: float, out: Floats,
) -> bool:  # fmt: skip
    """Choose among the list, give each message bit its LLR, and say whether the choice is sure of itself."""
    size, k = lanes, _U(out.size)
    step, place = _U(size), _U(0)
    syndromes[:] = 0
    for p in range(_U(checks.size)):
        for i in range(step):
            syndromes[i] ^= checks[p] * np.uint32(bits[place + i])
        place += step
    chosen, best, valid = 0, 0, False
    for i in range(size):
        if metrics[i] < metrics[best]:
            best = i
        if syndromes[i] == 0 and metrics[i] < IDLE and (not valid or metrics[i] < metrics[chosen]):
            chosen, valid = i, True
    bound, check = _AGREED, valid
    if valid:
        bound = np.float32(_certainty(channel, metrics[chosen], free))
        bound = max(min(bound, _CERTAIN), _LEAST)  # the sign must remain
    else:
        chosen = best
    _inputs(bits, chosen, size, word, word.view(np.uint64))
    for j in range(k):
        out[j] = bound
    for i in range(size):
        margin = metrics[i] - metrics[chosen]
        margin = margin if check else min(margin, _DISPUTED)
        if i == chosen or (check and syndromes[i] != 0) or margin >= bound:
            continue
        valid = valid and margin > 0  # two words are equally good: it is either
        _inputs(bits, i, size, other, other.view(np.uint64))
        for j in range(k):
            p = _U(information[j])
            out[j] = min(out[j], margin if word[p] != other[p] else bound)
    for j in range(k):
        out[j] = -out[j] if word[_U(information[j])] else out[j]
    return valid


@numba.njit(cache=True, nogil=True)
def decode_list(
    llrs: Floats, lanes: int, steps: Ints, sent: Ints, shortened: Ints, information: Ints, checks: Marks,
    out: Floats, ok: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    """Decode blocks.

    Parameters
    ----------
    llrs : ndarray of float32 [blocks, E]
        Of the coded bits.
    lanes : int
        Size of the list.
    steps : ndarray of int32 [steps, 3]
        The code's `program`.
    sent, shortened, information : ndarray of int32
        As in `Construction`.
    checks : ndarray of uint32 [N]
        What each bit of a mother code word adds to the CRC's syndrome.
    out : ndarray of float32 [blocks, k]
        Filled with the LLRs of the message.
    ok : ndarray of bool [blocks]
        Filled with whether the CRC holds.
    """
    size, length, k = lanes, checks.size, out.shape[1]
    channel, alpha = np.empty(length, np.float32), np.empty(2 * length * size, np.float32)
    values, paths = alpha.view(np.int32), np.empty(3 * size, np.float32)
    words = np.empty(length * size // 8, np.uint64)
    bits, spare = words.view(np.uint8), np.empty(length * size, np.uint8)
    tree = np.empty(4 * length * size, np.float32)
    ints = np.empty((PLACES + size + 1) * size, np.int32)
    moves = np.empty((2 * round(math.log2(length)) + 2, size), np.int32)
    syndromes = np.empty(size, np.uint32)
    word, other = np.empty(length, np.uint8), np.empty(length, np.uint8)
    free = (length - shortened.size - k) * math.log(2.0)
    for b in range(llrs.shape[0]):
        if not _match(llrs[b], sent, shortened, channel):
            out[b] = 0
            ok[b] = False
            continue
        _search(steps, channel, lanes, alpha, values, bits, words, tree, spare, paths, ints, moves)
        ok[b] = _conclude(
            channel, bits, lanes, paths, checks, syndromes, information, word, other, free, out[b]
        )
