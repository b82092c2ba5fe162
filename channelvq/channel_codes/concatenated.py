"""Concatenation of a Reed-Solomon and a convolutional code, as in deep space and satellite television."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt

from channelvq.bits import hard_bits
from channelvq.channel_codes.base import Bits, Llrs, Outcome, Run
from channelvq.channel_codes.inputs import check_bits, check_llrs
from channelvq.channel_codes.punctured import PuncturedConvolutional
from channelvq.channel_codes.reed_solomon import ReedSolomon
from channelvq.components import integer
from channelvq.errors import UsageError
from channelvq.interleavers import BlockInterleaver

__all__ = ["Concatenated"]

_DEPTH = 5
_MAX_DEPTH = 64
_CHUNK = 16  # blocks that are decoded at a time, as many as the inner decoder has lanes


class Concatenated:
    """Reed-Solomon words, interleaved byte by byte, inside a convolutional code [1]_.

    A block is `depth` words of RS(n, k), written a word a row and read column by column, so that neighbours
    on the channel belong to different words: the inner decoder errs in bursts of a few bytes, and each word
    gets its share of one. All of it is one zero-terminated block of the 64-state code of
    `PuncturedConvolutional`.

    The inner decoder hands LLRs on; the outer one decides bytes by their signs and takes a byte with an LLR
    of exactly 0, of which nothing is known, for an erasure. The bits of words that decode have LLRs of
    ±CERTAIN_LLR; a word that fails keeps the LLRs of the inner decoder. A block is `ok` if all its words are.

    Parameters
    ----------
    n, k : int
        Bytes of a Reed-Solomon word and message bytes in it.
    rate : str or Fraction
        Of the inner code: 1/2, 2/3, 3/4, 5/6 or 7/8.
    depth : int
        Words of a block, from 1 to 64; 5 is usual in CCSDS.
    crc : {16, 0, 24, 32}
        Bits of the CRC that a frame puts at the end of each block's message.
    last : int, optional
        Bytes of the last word, if it is shortened (as in the last block of a frame).

    Raises
    ------
    UsageError
        If an argument is out of range, or the CRC leaves no room for a message.

    References
    ----------
    .. [1] G. D. Forney, Concatenated Codes, MIT Press, 1966; CCSDS 131.0-B, "TM Synchronization and Channel
       Coding", sections 3 and 4; ETSI EN 300 421 (whose interleaver runs through instead of block by block).

    Examples
    --------
    >>> from channelvq.bits import bits_to_llrs
    >>> code = Concatenated(n=255, k=223, rate="1/2")
    >>> code.k_bits, code.n_bits  # 5 words; 2 coded bits a bit and 6 bits of tail
    (8920, 20412)
    >>> bits = np.random.default_rng(0).integers(0, 2, (1, 8920)).astype(np.uint8)
    >>> llrs = bits_to_llrs(code.encode(bits), 4.0)
    >>> llrs[0, 5000:5600] *= -1  # a burst that no convolutional code bears
    >>> out = code.decode(llrs)
    >>> bool(out.ok.all()), bool((out.bits == bits).all())
    (True, True)
    """

    symbol_bits = 1
    interleaver = "random"

    def __init__(
        self,
        n: int,
        k: int,
        rate: str | Fraction,
        depth: int = _DEPTH,
        crc: int = 16,
        last: int | None = None,
    ) -> None:
        if not 1 <= depth <= _MAX_DEPTH:
            raise UsageError(f"depth is {depth}, must be from 1 to {_MAX_DEPTH}")
        if crc not in (0, 16, 24, 32):
            raise UsageError(f"crc is {crc}, must be 0, 16, 24 or 32")
        self.outer = ReedSolomon(n, k, crc=0)
        parity = self.outer.n - self.outer.k
        if last is not None and not parity < last <= n:
            raise UsageError(f"last is {last}, must be from n - k + 1 = {parity + 1} to n = {n}")
        self.last = self.outer if last in (None, n) else ReedSolomon(last, last - parity, crc=0)
        self.depth, self.crc_bits = int(depth), int(crc)
        if self.k_bits <= crc:
            raise UsageError(f"k is {k}, must leave room for a message beside the CRC of {crc} bits")
        self.inner = PuncturedConvolutional(rate, 8 * self._bytes, crc=0)

    @classmethod
    def from_args(cls, n: str, k: str, rate: str, depth: str = str(_DEPTH), crc: str = "16") -> Concatenated:
        """Build from text, `rs+conv:255,223,1/2` or `rs+conv:204,188,3/4,depth=8,crc=32`."""
        length = integer(n, "n", 2, 255)
        return cls(
            length,
            integer(k, "k", 1, length - 1),
            rate,
            integer(depth, "depth", 1, _MAX_DEPTH),
            integer(crc, "crc", 0, 32),
        )

    @property
    def spec(self) -> str:
        """Canonical text (of the code whose last block it is, where the last word is shortened)."""
        options = {"depth": (self.depth, _DEPTH), "crc": (self.crc_bits, 16)}
        named = "".join(f",{name}={value}" for name, (value, usual) in options.items() if value != usual)
        return f"rs+conv:{self.outer.n},{self.outer.k},{self.inner.rate}{named}"

    @property
    def k_bits(self) -> int:
        """Message bits of a block."""
        return (self.depth - 1) * self.outer.k_bits + self.last.k_bits

    @property
    def n_bits(self) -> int:
        """Coded bits of a block."""
        return self.inner.n_bits

    @property
    def _bytes(self) -> int:
        """Bytes between the codes."""
        return (self.depth - 1) * self.outer.n + self.last.n

    def fill(self, coded_bits: int) -> list[Run]:
        """Fill a frame with full blocks, then one of fewer or shorter words, if it carries any bit."""
        blocks, rest = divmod(max(0, coded_bits), self.n_bits)
        runs = [Run(self, blocks)] if blocks else []
        rest_bytes = self.inner.fitting(rest) // 8
        depth = -(-rest_bytes // self.outer.n)
        parity = self.outer.n - self.outer.k
        while depth:  # words as equal as they can be; the last takes what is left
            n = -(-rest_bytes // depth)
            last = rest_bytes - (depth - 1) * n
            if last > parity:
                if 8 * (rest_bytes - depth * parity) > self.crc_bits:
                    shorter = Concatenated(n, n - parity, self.inner.rate, depth, self.crc_bits, last)
                    runs.append(Run(shorter, 1))
                break
            depth -= 1
        return runs

    def encode(self, bits: Bits) -> Bits:
        """Encode each block: [blocks, k_bits] of 0/1, uint8 -> [blocks, n_bits].

        Raises
        ------
        UsageError, TypeError
            If shape, type or values are others.
        """
        check_bits(bits, self.k_bits)
        full, cut = (self.depth - 1) * self.outer.n_bits, (self.depth - 1) * self.outer.k_bits
        words = np.empty((bits.shape[0], 8 * self._bytes), np.uint8)
        if cut:
            rows = np.ascontiguousarray(bits[:, :cut]).reshape(-1, self.outer.k_bits)
            words[:, :full] = self.outer.encode(rows).reshape(bits.shape[0], full)
        words[:, full:] = self.last.encode(np.ascontiguousarray(bits[:, cut:]))
        return self.inner.encode(self._interleaver.interleave(words))

    def decode(self, llrs: Llrs) -> Outcome:
        """Decode each block: [blocks, n_bits] float32 -> Outcome.

        Raises
        ------
        UsageError, TypeError
            If shape or type are others, or an LLR is not finite.
        """
        check_llrs(llrs, self.n_bits)
        llr = np.empty((llrs.shape[0], self.k_bits), np.float32)
        ok = np.empty(llrs.shape[0], np.bool_)
        for start in range(0, llrs.shape[0], _CHUNK):  # so little more than the result is in memory
            part = slice(start, start + _CHUNK)
            llr[part], ok[part] = self._decode(llrs[part])
        return Outcome(llr, hard_bits(llr), ok)

    def _decode(self, llrs: Llrs) -> tuple[Llrs, npt.NDArray[np.bool_]]:
        """LLRs and verdicts of some blocks."""
        blocks, full = llrs.shape[0], (self.depth - 1) * self.outer.n_bits
        words = self._interleaver.deinterleave(self.inner.decode(llrs).llr)
        last = self.last.decode(np.ascontiguousarray(words[:, full:]))
        if not full:
            return last.llr, _verdict(last)
        rest = self.outer.decode(np.ascontiguousarray(words[:, :full]).reshape(-1, self.outer.n_bits))
        llr = np.concatenate([rest.llr.reshape(blocks, -1), last.llr], axis=1)
        return llr, _verdict(rest).reshape(blocks, -1).all(axis=1) & _verdict(last)

    @cached_property
    def _interleaver(self) -> BlockInterleaver:
        return BlockInterleaver(8 * self._bytes, self.outer.n, symbol_bits=8)


def _verdict(outcome: Outcome) -> npt.NDArray[np.bool_]:
    if outcome.ok is None:
        raise AssertionError("a Reed-Solomon decoder knows whether it failed")
    return outcome.ok
