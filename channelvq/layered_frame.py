"""Frames of unequal protection, and the frame that a link has for its code."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from channelvq.channel_codes.base import Bits, ChannelCode, Llrs
from channelvq.channel_codes.unequal import Unequal
from channelvq.framing import Frame, Share, Unframed, Weakness, check_llrs, check_message
from channelvq.interleaving import spread
from channelvq.modulation import Modulation, bit_weakness

__all__ = ["LayeredFrame", "make_frame"]


class LayeredFrame:
    """`coded_bits` bits on the channel for a message in order of importance, a frame of its own a level.

    Each level's frame lies evenly strewn among those of the levels below it, so that a burst or a lost packet
    takes of each level no more than its share. What the blocks of a level leave over goes to the last one.

    Parameters
    ----------
    code : Unequal
        The levels.
    coded_bits : int
        Bits that the channel carries.
    seed : int
        Seed of interleavers and scrambler.
    interleaver, weakness : optional
        As for `Frame`, for all levels.

    Raises
    ------
    BudgetError
        If a level's share does not hold one block of its code.

    Examples
    --------
    >>> from channelvq.channel_codes.unequal import build_code
    >>> frame = LayeredFrame(build_code("repetition:3@1/4;uncoded"), coded_bits=1200)
    >>> [share.message_bits for share in frame.shares], frame.message_bits, frame.parity_bits
    ([100, 900], 1000, 200)
    """

    def __init__(
        self,
        code: Unequal,
        coded_bits: int,
        seed: int = 0,
        interleaver: str | None = None,
        weakness: Weakness | None = None,
    ) -> None:
        self.code, self.coded_bits = code, int(coded_bits)
        self.frames: list[Frame] = []
        self._places: list[npt.NDArray[np.intp]] = []
        rest = np.arange(self.coded_bits)
        for i, level in enumerate(code.levels):
            given = rest.size if level.share is None else math.floor(level.share * self.coded_bits)
            size = Frame(level.code, given).filled_bits if level.share is not None else given
            places, rest = (rest, rest[:0]) if level.share is None else spread(rest, size)
            there = None if weakness is None else weakness[places]
            self.frames.append(Frame(level.code, size, seed + i, interleaver, there))
            self._places.append(places)

    @property
    def message_bits(self) -> int:
        """Bits that a codec may use."""
        return sum(frame.message_bits for frame in self.frames)

    @property
    def crc_bits(self) -> int:
        """Bits spent on CRCs."""
        return sum(frame.crc_bits for frame in self.frames)

    @property
    def parity_bits(self) -> int:
        """Bits that the codes add."""
        return sum(frame.parity_bits for frame in self.frames)

    @property
    def padding_bits(self) -> int:
        """Coded bits that no block fills."""
        return sum(frame.padding_bits for frame in self.frames)

    @property
    def shares(self) -> tuple[Share, ...]:
        """What each code carries and costs, the most important first."""
        return tuple(share for frame in self.frames for share in frame.shares)

    def encode(self, bits: Bits) -> Bits:
        """Message [n] of 0/1, the most important bits first -> coded bits [coded_bits].

        Raises
        ------
        UsageError
            If the message is longer than `message_bits`.
        """
        check_message(bits, self.message_bits)
        coded, start = np.zeros(self.coded_bits, np.uint8), 0
        for frame, places in zip(self.frames, self._places, strict=True):
            coded[places] = frame.encode(bits[start : start + frame.message_bits])
            start += frame.message_bits
        return coded

    def decode(self, llrs: Llrs) -> Unframed:
        """LLRs of the coded bits [coded_bits] -> message LLRs and what is known of them.

        Bits of a level whose code cannot tell pass as trusted where another level can tell.

        Raises
        ------
        UsageError
            If there are not `coded_bits` LLRs.
        """
        check_llrs(llrs, self.coded_bits)
        parts = [frame.decode(llrs[places]) for frame, places in zip(self.frames, self._places, strict=True)]
        message = np.concatenate([part.llrs for part in parts])
        verdicts = [part.blocks_ok for part in parts if part.blocks_ok is not None]
        if not verdicts:
            return Unframed(message, None, None)
        trusted = [
            np.ones(part.llrs.size, np.bool_) if part.trusted is None else part.trusted for part in parts
        ]
        return Unframed(message, np.concatenate(trusted), np.concatenate(verdicts))


def make_frame(
    code: ChannelCode | Unequal,
    uses: int,
    modulation: Modulation,
    interleaver: str | None = None,
) -> Frame | LayeredFrame:
    """Make the frame of so many channel uses: one of its own a level of unequal protection."""
    coded_bits = uses * modulation.bits_per_symbol
    weakness = np.tile(bit_weakness(modulation), uses)
    if isinstance(code, Unequal):
        return LayeredFrame(code, coded_bits, interleaver=interleaver, weakness=weakness)
    return Frame(code, coded_bits, interleaver=interleaver, weakness=weakness)
