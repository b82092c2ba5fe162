"""A frame: how a message of bits fills the coded bits that a link has, and comes back out of their LLRs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from channelvq.bits import bits_to_llrs, hard_bits
from channelvq.channel_codes.base import Bits, ChannelCode, InformedCode, Llrs, Outcome, Run
from channelvq.crc import row_checks
from channelvq.errors import BudgetError, UsageError
from channelvq.interleavers import Interleaver
from channelvq.interleaving import INTERLEAVINGS, Interleaving, Slots
from channelvq.scrambling import scrambler

__all__ = ["Frame", "NoFrame", "Share", "Unframed", "Weakness", "check_llrs", "check_message"]

Weakness = npt.NDArray[np.uint8]

_CRC_WIDTHS = (0, 16, 24, 32)
_CRC_THAT_DECIDES = 24  # bits: passes a wrong block once in 2**24


@dataclass(frozen=True)
class Unframed:
    """What comes out of a received frame.

    Attributes
    ----------
    llrs : ndarray of float32 [message_bits]
        LLRs of the message, its filling included.
    trusted : ndarray of bool [message_bits], or None
        Whether CRC or code vouch for each bit; None if they cannot tell.
    blocks_ok : ndarray of bool [blocks], or None
        The same by block.
    """

    llrs: Llrs
    trusted: npt.NDArray[np.bool_] | None
    blocks_ok: npt.NDArray[np.bool_] | None


@dataclass(frozen=True)
class Share:
    """What one code of a frame carries and costs, in bits.

    Attributes
    ----------
    code : str
        The code's canonical name.
    message_bits, crc_bits, parity_bits : int
        Bits for the codec, and what framing and code add.
    """

    code: str
    message_bits: int
    crc_bits: int
    parity_bits: int


class Frame:
    """`coded_bits` bits on the channel, filled with blocks of one code.

    A message is filled up with zeros to `message_bits` and cut into blocks; each block's message ends with
    its CRC (CRC-16/IBM-3740, CRC-24B of 5G NR or CRC-32/ISO-HDLC, most significant bit first, of the bits
    before it) and is encoded. Code symbols (bytes for Reed-Solomon) are then interleaved over the whole
    frame (if the code wants it), what no block fills is padding at the end, and all is scrambled: XORed with
    a fixed pseudo-random sequence, so that zeros of filling and headers become symbols of the
    constellation's mean power.
    Interleaver and scrambler are known to the receiver and cost nothing. The receiver takes the bits of a
    block for known, with LLRs of ±CERTAIN_LLR, if a CRC of 24 bits or more vouches for them and none is
    undecided, as a receiver of 5G NR does: belief propagation can settle on the right message and still leave
    wrong a parity bit that the message does not need. A shorter CRC passes one wrong block in 65 536: then
    the code, where it can tell, has to agree.

    Parameters
    ----------
    code : ChannelCode
        The code.
    coded_bits : int
        Bits that the channel carries.
    seed : int
        Seed of interleaver and scrambler; part of the scheme, not of the experiment.
    interleaver : str, optional
        "none", "random", "strong-first", "block" or "convolutional:BRANCHES,DEPTH"; without it what the code
        wants.
    weakness : ndarray of uint8 [coded_bits], optional
        How weak the places of the coded bits are in their symbols (`bit_weakness`); without it all are
        equally strong.

    Raises
    ------
    BudgetError
        If not even one block with a message fits.

    Examples
    --------
    >>> from channelvq.bits import bits_to_llrs
    >>> from channelvq.channel_codes import ReedSolomon
    >>> frame = Frame(ReedSolomon(255, 191), coded_bits=3000)
    >>> frame.message_bits, frame.crc_bits, frame.parity_bits, frame.padding_bits
    (1944, 32, 1024, 0)
    >>> message = np.random.default_rng(0).integers(0, 2, 1900).astype(np.uint8)
    >>> out = frame.decode(bits_to_llrs(frame.encode(message), 3.0))
    >>> bool((hard_bits(out.llrs[:1900]) == message).all()), bool(out.trusted.all())
    (True, True)
    """

    def __init__(
        self,
        code: ChannelCode,
        coded_bits: int,
        seed: int = 0,
        interleaver: str | None = None,
        weakness: Weakness | None = None,
    ) -> None:
        self.code = code
        self.interleaving: Interleaving = INTERLEAVINGS.build(interleaver or code.interleaver)
        self.weakness = weakness
        self.coded_bits = int(coded_bits)
        self.seed = int(seed)
        self.runs: list[Run] = code.fill(self.coded_bits)
        if code.crc_bits not in _CRC_WIDTHS:
            raise UsageError(f"code {code.spec} wants a CRC of {code.crc_bits} bits, must be 0, 16, 24 or 32")
        if self.message_bits < 1:
            raise BudgetError(f"{self.coded_bits} coded bits are too few for one block of {code.spec}")

    @property
    def blocks(self) -> int:
        """How many blocks of the code it holds."""
        return sum(run.blocks for run in self.runs)

    @property
    def message_bits(self) -> int:
        """Bits that a codec may use."""
        return sum(run.blocks * (run.code.k_bits - self.code.crc_bits) for run in self.runs)

    @property
    def crc_bits(self) -> int:
        """Bits spent on CRCs."""
        return self.blocks * self.code.crc_bits

    @property
    def parity_bits(self) -> int:
        """Bits that the code adds."""
        return sum(run.blocks * (run.code.n_bits - run.code.k_bits) for run in self.runs)

    @property
    def padding_bits(self) -> int:
        """Coded bits that no block fills."""
        return self.coded_bits - self.filled_bits

    @property
    def filled_bits(self) -> int:
        """Coded bits that blocks fill."""
        return sum(run.blocks * run.code.n_bits for run in self.runs)

    @property
    def shares(self) -> tuple[Share, ...]:
        """What each code carries and costs: here there is one."""
        return (Share(self.code.spec, self.message_bits, self.crc_bits, self.parity_bits),)

    def encode(self, bits: Bits) -> Bits:
        """Message [n] of 0/1 -> coded bits [coded_bits].

        Raises
        ------
        UsageError
            If the message is longer than `message_bits`.
        """
        check_message(bits, self.message_bits)
        filled = np.zeros(self.message_bits, np.uint8)
        filled[: bits.size] = bits
        coded = np.zeros(self.coded_bits, np.uint8)
        start = end = 0
        for run in self.runs:
            length = run.code.k_bits - self.code.crc_bits
            message = filled[start : start + run.blocks * length].reshape(run.blocks, length)
            block = run.code.encode(
                np.concatenate([message, row_checks(self.code.crc_bits, message)], axis=1)
            )
            coded[end : end + block.size] = block.reshape(-1)
            start, end = start + message.size, end + block.size
        if self._interleaver:
            coded[:end] = self._interleaver.interleave(coded[:end])
        return coded ^ scrambler(self.coded_bits, self.seed)

    def decode(self, llrs: Llrs, told: Llrs | None = None) -> Unframed:
        """LLRs of the coded bits [coded_bits] -> message LLRs and what is known of them.

        Parameters
        ----------
        llrs : ndarray of float32 [coded_bits]
            From the channel.
        told : ndarray of float32 [message_bits], optional
            LLRs of the message from elsewhere, for a code that takes them (`InformedCode`).

        Raises
        ------
        UsageError
            If there are not as many LLRs, or the code does not take any that it is told.
        """
        if told is not None:
            check_llrs(told, self.message_bits)
        outcomes, end = [], 0
        for run, heard in self._blocks(llrs):
            held = run.blocks * (run.code.k_bits - self.code.crc_bits)
            known = None if told is None else told[end : end + held].reshape(run.blocks, -1)
            outcomes.append(self._decode_run(run, heard, known))
            end += held
        message = np.concatenate([outcome.llr.reshape(-1) for outcome in outcomes])
        verdicts = [outcome.ok for outcome in outcomes if outcome.ok is not None]
        if len(verdicts) < len(outcomes):
            return Unframed(message, None, None)
        trusted = [np.repeat(o.ok, o.llr.shape[1]) for o in outcomes if o.ok is not None]
        return Unframed(message, np.concatenate(trusted), np.concatenate(verdicts))

    def message_llrs(self, llrs: Llrs) -> Llrs:
        """LLRs of the coded bits [coded_bits] -> what the channel alone says of the message [message_bits].

        Raises
        ------
        UsageError
            If there are not `coded_bits` LLRs, or the code cannot tell (it is no `InformedCode`).
        """
        parts = []
        for run, heard in self._blocks(llrs):
            length = run.code.k_bits - self.code.crc_bits
            parts.append(_informed(run).message_llrs(heard)[:, :length].reshape(-1))
        return np.concatenate(parts)

    def _blocks(self, llrs: Llrs) -> Iterator[tuple[Run, Llrs]]:
        """Undo scrambling and interleaving: the LLRs [blocks, n_bits] of each run."""
        check_llrs(llrs, self.coded_bits)
        plain = np.where(scrambler(self.coded_bits, self.seed), -llrs, llrs)[: self.filled_bits]
        if self._interleaver:
            plain = self._interleaver.deinterleave(plain)
        plain, start = plain.astype(np.float32, copy=False), 0
        for run in self.runs:
            size = run.blocks * run.code.n_bits
            yield run, plain[start : start + size].reshape(run.blocks, -1)
            start += size

    def _decode_run(self, run: Run, llrs: Llrs, told: Llrs | None) -> Outcome:
        """Decode blocks [blocks, n_bits] and take their CRCs off and into account."""
        width = self.code.crc_bits
        if told is None:
            outcome = run.code.decode(llrs)
        else:
            outcome = _informed(run).decode_informed(llrs, np.pad(told, ((0, 0), (0, width))))
        if not width:
            return outcome
        length = run.code.k_bits - width
        message, bits, ok = outcome.llr[:, :length], outcome.bits[:, :length], outcome.ok
        checked = (row_checks(width, bits) == outcome.bits[:, length:]).all(axis=1)
        if ok is not None and getattr(run.code, "bounded_distance", False):
            refuted = ok & ~checked  # a wrong code word: what was received is nearer to the truth
            message = np.where(refuted[:, None], llrs[:, :length], message)
            bits = np.where(refuted[:, None], hard_bits(llrs[:, :length]), bits)
        if width >= _CRC_THAT_DECIDES:
            checked &= (outcome.llr != 0).all(axis=1)  # zeros of a lost block have the CRC of zeros
            ok = None
        verified = checked if ok is None else ok & checked
        message = np.where(verified[:, None], bits_to_llrs(bits), message)
        return Outcome(message, bits, verified)

    @cached_property
    def _interleaver(self) -> Interleaver | None:
        if self.interleaving.spec == "none":
            return None
        words = tuple(run.code.n_bits for run in self.runs for _ in range(run.blocks))
        weakness = None if self.weakness is None else self.weakness[: self.filled_bits]
        return self.interleaving.over(Slots(words, self.code.symbol_bits, weakness), self.seed)


def _informed(run: Run) -> InformedCode:
    """Refuse a code whose decoder takes nothing but what the channel says."""
    if not isinstance(run.code, InformedCode):
        raise UsageError(f"blocks of {type(run.code).__name__} take no LLRs but those of the channel")
    return run.code


def check_message(bits: Bits, most: int) -> None:
    """Refuse what is no message of at most so many bits."""
    if bits.ndim != 1 or bits.size > most:
        raise UsageError(f"message has shape {bits.shape}, must be [n] with n ≤ {most}")


def check_llrs(llrs: Llrs, count: int) -> None:
    """Refuse what are not the LLRs of so many coded bits."""
    if llrs.shape != (count,):
        raise UsageError(f"LLRs have shape {llrs.shape}, must be [{count}]")


class NoFrame:
    """The frame of a transmission that has no bits: the symbols of an analog codec.

    Examples
    --------
    >>> NoFrame().decode(np.zeros(0, np.float32)).llrs.size
    0
    """

    coded_bits = 0

    def decode(self, llrs: Llrs) -> Unframed:
        """Give nothing, of nothing."""
        return Unframed(llrs[:0], None, None)
