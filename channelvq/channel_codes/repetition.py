"""Repetition code: every bit n times."""

from __future__ import annotations

import numpy as np

from channelvq.bits import CERTAIN_LLR, hard_bits
from channelvq.channel_codes.base import Bits, Llrs, Outcome, Run
from channelvq.channel_codes.inputs import check_bits, check_llrs
from channelvq.components import integer
from channelvq.errors import UsageError

__all__ = ["Repetition"]

_MAX = 1000


class Repetition:
    """Blocks of one bit that is sent n times.

    The copies are independent observations, so their LLRs add: llr = sum_i llr_i, which is the exact
    a-posteriori LLR on a memoryless channel. On a BSC(p) with n odd a bit is wrong with probability
    sum_{j > n/2} C(n, j) p^j (1-p)^(n-j).

    Parameters
    ----------
    n : int
        Copies, from 1 to 1000.

    Raises
    ------
    UsageError
        If n is out of range.

    Examples
    --------
    >>> code = Repetition(3)
    >>> code.encode(np.array([[1]], np.uint8)).tolist()
    [[1, 1, 1]]
    >>> out = code.decode(np.array([[-2.0, 1.0, -0.5]], np.float32))
    >>> out.llr.tolist(), out.bits.tolist()
    ([[-1.5]], [[1]])
    """

    symbol_bits = 1
    interleaver = "random"
    crc_bits = 0
    k_bits = 1

    def __init__(self, n: int) -> None:
        if not 1 <= n <= _MAX:
            raise UsageError(f"n is {n}, must be from 1 to {_MAX}")
        self.n_bits = int(n)

    @classmethod
    def from_args(cls, n: str) -> Repetition:
        """Build from text, `repetition:3`."""
        return cls(integer(n, "n", 1, _MAX))

    @property
    def spec(self) -> str:
        """Canonical text."""
        return f"repetition:{self.n_bits}"

    def fill(self, coded_bits: int) -> list[Run]:
        """Fill a frame with blocks of n bits; fewer than n are left over."""
        blocks = max(0, coded_bits) // self.n_bits
        return [Run(self, blocks)] if blocks else []

    def encode(self, bits: Bits) -> Bits:
        """[blocks, 1] of 0/1, uint8 -> [blocks, n].

        Raises
        ------
        TypeError, UsageError
            If these are no bits [blocks, 1].
        """
        check_bits(bits, 1)
        return np.repeat(bits, self.n_bits, axis=1)

    def decode(self, llrs: Llrs) -> Outcome:
        """[blocks, n] float32 -> Outcome with ok = None; the sum is clipped to ±CERTAIN_LLR.

        Raises
        ------
        TypeError, UsageError
            If these are no finite LLRs [blocks, n].
        """
        check_llrs(llrs, self.n_bits)
        total = llrs.sum(axis=1, keepdims=True, dtype=np.float64)
        llr = np.clip(total, -CERTAIN_LLR, CERTAIN_LLR).astype(np.float32)
        return Outcome(llr, hard_bits(llr), None)
