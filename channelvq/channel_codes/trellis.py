"""Kernel of the convolutional decoder: plain loops that numba compiles once and keeps on disk."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["max_log"]

Floats = npt.NDArray[np.float32]

_SEGMENT = 256
"""Trellis steps whose metrics are in memory at once; bounds memory whatever the length."""

_IMPOSSIBLE = np.float32(-1e30)
_FAST = {"reassoc", "nnan", "nsz", "contract"}  # no NaN gets here; lets sums and maxima run in SIMD lanes


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _branches(halves: Floats, signs: Floats, branch: Floats) -> None:
    """Correlate the step's half LLRs [n] with the outputs of the branches out of the even states."""
    for j in range(branch.shape[0]):
        branch[j] = halves[0] * signs[0, j]
    for i in range(1, halves.shape[0]):
        for j in range(branch.shape[0]):
            branch[j] += halves[i] * signs[i, j]


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _forward(before: Floats, branch: Floats, after: Floats) -> None:
    """Best score of each state after a step, less the score of state 0 before it (only differences count)."""
    half = branch.shape[0]
    reference = before[0]
    for j in range(half):
        even, odd = before[2 * j] - reference, before[2 * j + 1] - reference
        after[j] = max(even + branch[j], odd - branch[j])
        after[half + j] = max(even - branch[j], odd + branch[j])


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _backward(after: Floats, branch: Floats, before: Floats) -> None:
    """Best score from each state to the end, the mirror of `_forward`."""
    half = branch.shape[0]
    reference = after[0]
    for j in range(half):
        zero, one = after[j] - reference, after[half + j] - reference
        before[2 * j] = max(zero + branch[j], one - branch[j])
        before[2 * j + 1] = max(zero - branch[j], one + branch[j])


@numba.njit(cache=True, nogil=True, fastmath=_FAST)
def _best(past: Floats, future: Floats) -> float:
    """Score of the best path through any of these states."""
    best = float(past[0] + future[0])
    for s in range(1, past.shape[0]):
        best = max(best, float(past[s] + future[s]))
    return best


@numba.njit(cache=True, nogil=True)
def max_log(halves: Floats, signs: Floats, llr: Floats) -> None:
    """Decode zero-terminated blocks: write the LLR of every input bit, tail included.

    llr_t = (score of the best path with u_t = 0) - (score of the best path with u_t = 1). A state holds the
    newest K - 1 bits, the newest highest; 2j and 2j + 1 lead to j (input 0) and half + j (input 1), and as
    every generator has its first and last tap, the outputs of these four branches are b, -b, -b, b.

    Forward scores are kept at every 256th step only and the segments between run a second time as the
    backward pass reaches them: exact, in memory that does not grow with the block.

    Parameters
    ----------
    halves : ndarray of float32 [blocks, steps, n]
        Half of each coded bit's LLR.
    signs : ndarray of float32 [n, half]
        +1 or -1 for output i of the branch from state 2j by input 0.
    llr : ndarray of float32 [blocks, steps]
        Filled with the LLRs of the input bits.
    """
    blocks, steps, _ = halves.shape
    half = signs.shape[1]
    segments = (steps + _SEGMENT - 1) // _SEGMENT
    checkpoints = np.empty((segments + 1, 2 * half), np.float32)
    scores = np.empty((_SEGMENT + 1, 2 * half), np.float32)
    future, spare = np.empty(2 * half, np.float32), np.empty(2 * half, np.float32)
    branch = np.empty(half, np.float32)
    for b in range(blocks):
        checkpoints[0] = _IMPOSSIBLE
        checkpoints[0, 0] = 0
        for i in range(segments):
            scores[0] = checkpoints[i]
            last = min(_SEGMENT, steps - i * _SEGMENT)
            for t in range(last):
                _branches(halves[b, i * _SEGMENT + t], signs, branch)
                _forward(scores[t % 2], branch, scores[1 - t % 2])
            checkpoints[i + 1] = scores[last % 2]
        future[:] = _IMPOSSIBLE
        future[0] = 0
        for i in range(segments - 1, -1, -1):
            scores[0] = checkpoints[i]
            last = min(_SEGMENT, steps - i * _SEGMENT)
            for t in range(last):
                _branches(halves[b, i * _SEGMENT + t], signs, branch)
                _forward(scores[t], branch, scores[t + 1])
            for t in range(last - 1, -1, -1):
                past = scores[t + 1]
                llr[b, i * _SEGMENT + t] = _best(past[:half], future[:half]) - _best(
                    past[half:], future[half:]
                )
                _branches(halves[b, i * _SEGMENT + t], signs, branch)
                _backward(future, branch, spare)
                future, spare = spare, future
