"""What a channel code is: blocks of message bits to blocks of coded bits, and LLRs back to LLRs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = ["Bits", "BlockCode", "ChannelCode", "InformedCode", "Llrs", "Outcome", "Run"]

Bits = npt.NDArray[np.uint8]
Llrs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Outcome:
    """What a decoder says of a batch of blocks.

    Attributes
    ----------
    llr : ndarray of float32 [blocks, k]
        Message LLRs after decoding; a failing systematic block keeps its channel LLRs.
    bits : ndarray of uint8 [blocks, k]
        Hard decisions.
    ok : ndarray of bool [blocks], or None
        Whether the code believes that the block is right; None for a code that cannot tell (uncoded).
    """

    llr: Llrs
    bits: Bits
    ok: npt.NDArray[np.bool_] | None


@runtime_checkable
class BlockCode(Protocol):
    """A code with a fixed block: k message bits, n coded bits."""

    @property
    def k_bits(self) -> int: ...

    @property
    def n_bits(self) -> int: ...

    def encode(self, bits: Bits) -> Bits:
        """[blocks, k_bits] of 0/1 -> [blocks, n_bits]."""
        ...

    def decode(self, llrs: Llrs) -> Outcome:
        """[blocks, n_bits] float32 -> Outcome."""
        ...


@runtime_checkable
class InformedCode(Protocol):
    """A block code whose decoder takes what is known of the message from elsewhere than the channel."""

    def decode_informed(self, llrs: Llrs, told: Llrs) -> Outcome:
        """[blocks, n_bits] from the channel, [blocks, k_bits] of the message -> Outcome."""
        ...

    def message_llrs(self, llrs: Llrs) -> Llrs:
        """[blocks, n_bits] from the channel -> what it says of the message by itself, [blocks, k_bits]."""
        ...


@dataclass(frozen=True)
class Run:
    """`blocks` equal blocks of one code, in a frame."""

    code: BlockCode
    blocks: int


@runtime_checkable
class ChannelCode(Protocol):
    """A code as a link names it: it says how it fills a frame of any length with blocks."""

    @property
    def spec(self) -> str: ...

    @property
    def symbol_bits(self) -> int:
        """Bits that live and die together (8 for RS over GF(2^8)); the interleaver keeps them whole."""
        ...

    @property
    def interleaver(self) -> str:
        """How a frame is interleaved that is not told: "random" for a code that wants errors scattered."""
        ...

    @property
    def crc_bits(self) -> int:
        """Length of the CRC that each block's message ends with (0, 16, 24 or 32), against miscorrection."""
        ...

    def fill(self, coded_bits: int) -> list[Run]:
        """Fill a frame: full blocks, then at most one shortened block; what is left over is padding."""
        ...
