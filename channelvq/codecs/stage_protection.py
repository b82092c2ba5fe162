"""Protection of the stages that matter most, by the codec itself."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from channelvq.bits import CERTAIN_LLR
from channelvq.codecs.inner_frame import decode_frame, read_rate, sane, shortest_frame
from channelvq.errors import UsageError
from channelvq.framing import Frame

__all__ = ["CodedStage", "StageProtection"]

Bits = npt.NDArray[np.uint8]
Llrs = npt.NDArray[np.float32]

_BELIEVED = np.float32(0.5)  # of what min-sum adds to a block that it cannot mend: it is too sure of itself


class StageProtection:
    """Which stages of a message go through an LDPC code, and at what rate.

    A wrong index of the first stage takes a block of picture with it, one of the fourth some noise: bits that
    protect the first stage save more than they would describe. Each protected stage is a frame of its own
    (LDPC blocks of 5G NR with CRC-24B, interleaved), whose length follows from the number of its bits, so
    that nothing is sent for it. A receiver that knows more of the bits than the channel says decodes it
    again, see `CodedStage`.

    Parameters
    ----------
    text : str
        A rate a stage, from the first on, joined by `+`: "1/2+3/4". "none" protects nothing.

    Raises
    ------
    UsageError
        A rate is no number from 1/5 to 19/20, or there are more rates than `stages`.

    Examples
    --------
    >>> protection = StageProtection("1/2+3/4", stages=12)
    >>> [protection.coded_bits(stage, 6000) for stage in range(3)]
    [12048, 8032, 6000]
    >>> from channelvq.bits import bits_to_llrs
    >>> bits = np.random.default_rng(0).integers(0, 2, 6000).astype(np.uint8)
    >>> llrs = bits_to_llrs(protection.protect(0, bits), 2.0)
    >>> llrs[::20] *= -1  # one bit in twenty is wrong
    >>> bool(((protection.receive(0, llrs, 6000).llrs < 0) == bits).all())
    True
    """

    def __init__(self, text: str, stages: int) -> None:
        parts = [] if text == "none" else text.split("+")
        self.rates = tuple(read_rate(part, "protect") for part in parts)
        if len(self.rates) > stages:
            raise UsageError(f"protect is {text!r}, more rates than the {stages} stages of the model")
        self.stages = stages

    @property
    def spec(self) -> str:
        """Canonical text."""
        return "+".join(map(str, self.rates)) or "none"

    @property
    def expansion(self) -> npt.NDArray[np.float64]:
        """About how many bits are sent for one of each stage [stages]."""
        return np.array([1 / rate for rate in self.rates] + [1] * (self.stages - len(self.rates)), float)

    def coded_bits(self, stage: int, bits: int) -> int:
        """Bits that are sent for `bits` bits of a stage (from 0)."""
        if stage >= len(self.rates) or not bits:
            return bits
        return shortest_frame(self.rates[stage], bits, stage).coded_bits

    def protect(self, stage: int, bits: Bits) -> Bits:
        """Encode the bits [n] of a stage."""
        if stage >= len(self.rates) or not bits.size:
            return bits
        return shortest_frame(self.rates[stage], bits.size, stage).encode(bits)

    def receive(self, stage: int, llrs: Llrs, bits: int) -> CodedStage:
        """Take the LLRs of what was sent for the `bits` bits of a stage, and decode them."""
        if stage >= len(self.rates) or not bits:
            return CodedStage(None, llrs, bits)
        return CodedStage(shortest_frame(self.rates[stage], bits, stage), llrs, bits)


class CodedStage:
    """The bits of a stage as a receiver has them; they may be decoded again when more is known of them.

    Bits of a block that the code cannot mend are what it makes of them, which shows better pictures than
    doubting them would (measured at rate 1/2 and bit error rates of 0.09 to 0.12).

    Parameters
    ----------
    frame : Frame, optional
        What they were sent in; without one they were sent as they are.
    received : ndarray of float32
        LLRs of what was sent.
    bits : int
        How many bits there are.

    Attributes
    ----------
    llrs : ndarray of float32 [bits]
        What channel and code say of them.
    """

    def __init__(self, frame: Frame | None, received: Llrs, bits: int) -> None:
        self._frame, self._received = frame, received.astype(np.float32, copy=False)
        self._trusted = np.ones(bits, np.bool_)
        self.llrs: Llrs = self._received
        if frame is not None:
            self.llrs, self._trusted = self._decode(frame, None)

    @property
    def settled(self) -> bool:
        """Whether nothing more can be known: no code, or its CRCs vouch for every bit."""
        return bool(self._trusted.all())

    def hear(self, told: Llrs) -> None:
        """Decode again, with LLRs [bits] of the bits that are from elsewhere than the channel.

        Blocks that are settled stay as they are; `llrs` of the others are without what they were told.
        """
        if self._frame is None or self.settled:
            return
        known = np.full(self._frame.message_bits, CERTAIN_LLR, np.float32)  # the filling is zeros
        known[: told.size] = np.where(self._trusted, self.llrs, told)
        llrs, trusted = self._decode(self._frame, known)
        doubted = self._heard + _BELIEVED * (llrs - told - self._heard)
        self.llrs = np.where(self._trusted, self.llrs, np.where(trusted, llrs, doubted))
        self._trusted |= trusted

    @cached_property
    def _heard(self) -> Llrs:
        """What the channel alone says of the bits [bits]; the same however often they are decoded."""
        if self._frame is None:
            return self._received
        return self._frame.message_llrs(sane(self._received))[: self._trusted.size]

    def _decode(self, frame: Frame, told: Llrs | None) -> tuple[Llrs, npt.NDArray[np.bool_]]:
        out, bits = decode_frame(frame, self._received, told), self._trusted.size
        trusted = np.zeros(bits, np.bool_) if out.trusted is None else out.trusted[:bits]
        return out.llrs[:bits], trusted
