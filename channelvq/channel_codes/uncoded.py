"""No code at all: every coded bit is a message bit."""

from __future__ import annotations

from channelvq.bits import hard_bits
from channelvq.channel_codes.base import Bits, Llrs, Outcome, Run
from channelvq.channel_codes.inputs import check_bits, check_llrs

__all__ = ["Uncoded"]


class Uncoded:
    """Blocks of one bit that is sent as it is; nothing is added and nothing can be told of errors.

    Examples
    --------
    >>> import numpy as np
    >>> code = Uncoded()
    >>> code.encode(np.array([[1], [0]], np.uint8)).tolist()
    [[1], [0]]
    >>> code.decode(np.array([[-2.5], [0.5]], np.float32)).bits.tolist()
    [[1], [0]]
    """

    spec = "uncoded"
    symbol_bits = 1
    interleaver = "none"  # a burst or lost packet then hits few indices whole, not many in part
    crc_bits = 0
    k_bits = 1
    n_bits = 1

    @classmethod
    def from_args(cls) -> Uncoded:
        """Build from text: takes no argument."""
        return cls()

    def fill(self, coded_bits: int) -> list[Run]:
        """Fill a frame of `coded_bits` with as many blocks of one bit."""
        return [Run(self, coded_bits)] if coded_bits > 0 else []

    def encode(self, bits: Bits) -> Bits:
        """Give back the bits [blocks, 1], uint8.

        Raises
        ------
        TypeError, UsageError
            If these are no bits [blocks, 1].
        """
        check_bits(bits, 1)
        return bits

    def decode(self, llrs: Llrs) -> Outcome:
        """Give back the LLRs [blocks, 1], float32, and their signs; `ok` is None.

        Raises
        ------
        TypeError, UsageError
            If these are no finite LLRs [blocks, 1].
        """
        check_llrs(llrs, 1)
        return Outcome(llrs, hard_bits(llrs), None)
