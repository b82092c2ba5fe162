"""Convolutional code: feed-forward, zero-terminated, decoded softly."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

from channelvq.bits import CERTAIN_LLR, hard_bits
from channelvq.channel_codes.base import Bits, Llrs, Outcome
from channelvq.channel_codes.inputs import check_bits, check_llrs
from channelvq.errors import UsageError

__all__ = ["Convolutional"]

_MAX_CONSTRAINT = 12
_LARGEST = np.float32(1e18)  # sums of LLRs must not come near the kernel's "impossible", -1e30


class Convolutional:
    """Rate 1/n feed-forward convolutional code for blocks of any length, ended by K - 1 zeros.

    Output i of step t is the parity of g_i AND (u_t, u_{t-1}, ..., u_{t-K+1}); the highest bit of a
    generator meets the newest input, as in the published octal tables [1]_. The outputs of one step stand
    together. The decoder is max-log APP [2]_, exact: the sign of a bit's LLR is that of the most likely
    block (what Viterbi finds) and its magnitude the margin over the best block with the other bit; 0 where
    nothing was received.

    Parameters
    ----------
    generators : sequence of int
        The n ≥ 2 generators, for example ``(0o133, 0o171)``.
    constraint_length : int
        K, from 2 to 12: 2^(K-1) states.

    Raises
    ------
    UsageError
        If a generator does not have exactly K bits with the first and last of them set, as those of every
        good code do (the decoder counts on it).

    References
    ----------
    .. [1] K. J. Larsen, "Short convolutional codes with maximal free distance for rates 1/2, 1/3, and
       1/4", IEEE Trans. Inf. Theory 19(3), 1973; J. G. Proakis, Digital Communications, tables 8.2-1 ff.
    .. [2] P. Robertson, E. Villebrun, P. Hoeher, "A comparison of optimal and sub-optimal MAP decoding
       algorithms operating in the log domain", ICC 1995; the most likely block: A. J. Viterbi, 1967.

    Examples
    --------
    >>> import numpy as np
    >>> code = Convolutional(generators=(0o5, 0o7), constraint_length=3)
    >>> code.encode(np.array([[1, 0, 1]], np.uint8))
    array([[1, 1, 0, 1, 0, 0, 0, 1, 1, 1]], dtype=uint8)
    >>> llrs = 4.0 * (1.0 - 2.0 * code.encode(np.array([[1, 0, 1]], np.uint8)).astype(np.float32))
    >>> llrs[0, :2] *= -1  # two coded bits hit
    >>> code.decode(llrs).bits
    array([[1, 0, 1]], dtype=uint8)
    >>> code.free_distance
    5
    """

    def __init__(self, generators: tuple[int, ...] | list[int], constraint_length: int) -> None:
        top = 1 << (constraint_length - 1) if 2 <= constraint_length <= _MAX_CONSTRAINT else 0
        if not top:
            raise UsageError(f"constraint length is {constraint_length}, must be from 2 to {_MAX_CONSTRAINT}")
        if len(generators) < 2:
            raise UsageError(f"{len(generators)} generators given, a rate 1/n code needs at least 2")
        for g in generators:
            if not (0 < g < 2 * top and g & top and g & 1):
                allowed = f"have {constraint_length} bits, the first and the last of them 1"
                raise UsageError(f"generator 0o{g:o} must {allowed}")
        self.generators = tuple(int(g) for g in generators)
        self.constraint_length = int(constraint_length)
        self._signs = self._branch_signs()

    @property
    def spec(self) -> str:
        """Canonical text: the generators in octal."""
        return "convolutional:" + ",".join(f"{g:o}" for g in self.generators)

    @property
    def tail_bits(self) -> int:
        """Zeros that end a block, K - 1; each costs n coded bits."""
        return self.constraint_length - 1

    def coded_bits(self, k: int) -> int:
        """Length of the coded block of a message of k bits, (k + K - 1) n."""
        return (k + self.tail_bits) * len(self.generators)

    def message_bits(self, coded: int) -> int:
        """Longest message whose coded block fits in `coded` bits; 0 if none does."""
        return max(0, coded // len(self.generators) - self.tail_bits)

    @property
    def free_distance(self) -> int:
        """Least weight of a path that leaves the zero state and comes back, by Dijkstra on the trellis."""
        half = 1 << (self.constraint_length - 2)
        n = len(self.generators)
        light = (self._signs < 0).sum(axis=0)  # weight of the branch from 2j by 0 and from 2j + 1 by 1
        best: dict[int, int] = {}
        queue = [(n, half)]  # the first step leaves state 0 by input 1, where every output is 1
        while queue:
            distance, state = heapq.heappop(queue)
            if state == 0:
                return distance
            if state in best:
                continue
            best[state] = distance
            for u in (0, 1):
                weight = int(light[state >> 1])
                cost = distance + (weight if u == (state & 1) else n - weight)
                heapq.heappush(queue, (cost, u * half + (state >> 1)))
        raise AssertionError("a terminated trellis always comes back")

    def encode(self, bits: Bits) -> Bits:
        """Encode each row and append the tail: [blocks, k] of 0/1 -> [blocks, (k + K - 1) n].

        Raises
        ------
        UsageError, TypeError
            If shape, type or values are others.
        """
        check_bits(bits, None)
        blocks, k = bits.shape
        steps = k + self.tail_bits
        padded = np.zeros((blocks, steps + self.tail_bits), np.uint8)
        padded[:, self.tail_bits : self.tail_bits + k] = bits
        coded = np.zeros((blocks, steps, len(self.generators)), np.uint8)
        for i, g in enumerate(self.generators):
            for tap in range(self.constraint_length):  # tap = bits of g from the oldest input to the newest
                if g >> tap & 1:
                    coded[:, :, i] ^= padded[:, tap : tap + steps]
        return coded.reshape(blocks, -1)

    def decode(self, llrs: Llrs) -> Outcome:
        """Find each row's most likely message: [blocks, (k + K - 1) n] float32 -> Outcome with ok = None.

        Raises
        ------
        UsageError, TypeError
            If the length is no multiple of n or leaves no room for the tail, the type is another, or an LLR
            is not finite.
        """
        outputs = len(self.generators)
        check_llrs(llrs, None)
        if llrs.shape[1] % outputs or llrs.shape[1] // outputs < self.tail_bits:
            allowed = f"[blocks, (k + {self.tail_bits}) * {outputs}]"
            raise UsageError(f"LLRs have shape {llrs.shape}, must be {allowed}")
        from channelvq.channel_codes.trellis import max_log  # numba is slow to import

        blocks, steps = llrs.shape[0], llrs.shape[1] // outputs
        halves = np.clip(llrs, -_LARGEST, _LARGEST).reshape(blocks, steps, outputs) / np.float32(2)
        margins = np.empty((blocks, steps), np.float32)
        max_log(halves, self._signs, margins)
        llr: Llrs = np.clip(margins[:, : steps - self.tail_bits], -CERTAIN_LLR, CERTAIN_LLR)
        return Outcome(llr, hard_bits(llr), None)

    def _branch_signs(self) -> npt.NDArray[np.float32]:
        """Give the outputs, +1 or -1, of the branch from state 2j by input 0, [n, half]."""
        register = 2 * np.arange(1 << (self.constraint_length - 2))
        taps = register[None, :] & np.asarray(self.generators)[:, None]
        parity = np.zeros_like(taps)
        for shift in range(self.constraint_length):
            parity ^= taps >> shift & 1
        return np.ascontiguousarray(1 - 2 * parity, dtype=np.float32)
