"""Frames inside a codec's message: the parts that it protects by itself with LDPC codes."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from channelvq.bits import CERTAIN_LLR
from channelvq.channel_codes.ldpc import LDPC
from channelvq.components import fraction
from channelvq.errors import UsageError
from channelvq.framing import Frame, Unframed

__all__ = ["decode_frame", "read_rate", "sane", "shortest_frame"]

_LOWEST, _HIGHEST = Fraction(1, 5), Fraction(19, 20)
_SHORT, _SAFE = 256, Fraction(3, 4)  # of fewer bits, the two punctured columns are not found at higher rates


def read_rate(text: str, name: str) -> Fraction:
    """Read the rate of such a code.

    Raises
    ------
    UsageError
        It is no number from 1/5 to 19/20; names the option.
    """
    rate = fraction(text.strip(), name)
    if not _LOWEST <= rate <= _HIGHEST:
        raise UsageError(f"{name} is {text!r}, rates must be from {_LOWEST} to {_HIGHEST}")
    return rate


@lru_cache(maxsize=64)
def shortest_frame(rate: Fraction, bits: int, seed: int = 0) -> Frame:
    """Make the shortest frame of LDPC blocks of a rate, each with its CRC-24B, that holds `bits` bits.

    Its length follows from its arguments, so that nothing need be sent for it. Fewer than 256 bits get a rate
    of at most 3/4: of so short a block, higher ones would not be recovered even without noise.

    Examples
    --------
    >>> shortest_frame(Fraction(1, 2), 6000).coded_bits
    12048
    """
    rate = min(rate, _SAFE) if bits < _SHORT else rate
    code = LDPC.from_args(str(rate))
    coded = math.ceil((bits + code.crc_bits) / rate)
    while True:
        runs = code.fill(coded)
        held = sum(run.blocks * (run.code.k_bits - code.crc_bits) for run in runs)
        if held >= bits:
            return Frame(code, coded, seed)
        coded += max(1, math.ceil((bits - held) / rate))


def sane(llrs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Make any LLRs finite: infinite ones are certain, and what is no number says nothing."""
    return np.nan_to_num(llrs.astype(np.float32), nan=0.0, posinf=CERTAIN_LLR, neginf=-CERTAIN_LLR)


def decode_frame(
    frame: Frame, llrs: npt.NDArray[np.float32], told: npt.NDArray[np.float32] | None = None
) -> Unframed:
    """Decode such a frame of any LLRs; `told` [message_bits] are from elsewhere, see `Frame.decode`."""
    return frame.decode(sane(llrs), told)
