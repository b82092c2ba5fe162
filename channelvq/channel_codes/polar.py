"""Polar code of 5G NR, with a CRC that helps its list decoder."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from operator import index

import numpy as np
import numpy.typing as npt

from channelvq.bits import hard_bits
from channelvq.channel_codes.base import Bits, Llrs, Outcome, Run
from channelvq.channel_codes.inputs import check_bits, check_llrs
from channelvq.channel_codes.polar_construction import MAX_CODED, MIN_CODED, construct
from channelvq.channel_codes.polar_program import program
from channelvq.components import fraction, integer
from channelvq.crc import nr_checks
from channelvq.errors import UsageError

__all__ = ["Polar"]

_CRCS = {6: "6", 11: "11", 24: "24C"}
_LISTS = (1, 2, 4, 8, 16, 32)
_NOMINAL = 1024


class Polar:
    """Polar code of 5G NR: k message bits and their CRC to n coded bits, decoded with a list.

    The chain of uplink control information in 3GPP TS 38.212 [1]_: CRC-6, CRC-11 or CRC-24C, polar sequence
    and rate matching (repetition, puncturing, shortening) of a mother code of up to 1024 bits (n_max = 10),
    triangular channel interleaver (I_BIL = 1, can be left out); without input interleaver (I_IL = 0),
    segmentation (a frame cuts its message into blocks) and parity-check bits (n_PC = 0; the standard has
    three of them for messages of 12 to 19 bits). The CRC is part of the code: a frame adds none.

    The decoder is successive-cancellation list decoding on LLRs with the min-sum rule [2]_. Subtrees that
    are frozen, repetition, free or of even parity are decided at once [3]_ [4]_, by as many of the weakest
    bits as it takes for the result to be that of bit-by-bit decoding, ties and rounding aside. Of the list's
    paths the most likely that passes the CRC is chosen. LLRs of a block that decodes: the lead over the most
    likely of the list's other words that pass the CRC and have the other bit, and at most
    ln(1 + 2 P / Q), P the probability of the word given what was received, and Q = 2^(k - n) that of all
    messages' words had they been drawn at random, which stands for the words that the list has lost. A block
    that fails is a polar code's usual wreck, wrong in three bits of ten: its bits have LLRs of ±0.8, or
    ±0.05 where the list's paths disagree.

    Parameters
    ----------
    k : int
        Message bits of a block, without the CRC.
    n : int
        Coded bits of a block, from 18 to 8192.
    list_size : {1, 2, 4, 8, 16, 32}
        Paths that the decoder follows; 1 is plain successive cancellation.
    crc : {6, 11, 24}
        Bits of the CRC.
    channel_interleaver : bool
        I_BIL.

    Raises
    ------
    UsageError
        If an argument is out of range, or n coded bits do not hold message and CRC.

    References
    ----------
    .. [1] 3GPP TS 38.212, "NR; Multiplexing and channel coding", clauses 5.3.1 and 5.4.1.
    .. [2] I. Tal, A. Vardy, "List decoding of polar codes", IEEE Trans. Inf. Theory 61(5), 2015;
       A. Balatsoukas-Stimming, M. Bastani Parizi, A. Burg, "LLR-based successive cancellation list decoding
       of polar codes", IEEE Trans. Signal Process. 63(19), 2015.
    .. [3] G. Sarkis et al., "Fast list decoders for polar codes", IEEE J. Sel. Areas Commun. 34(2), 2016.
    .. [4] S. A. Hashemi, C. Condo, W. J. Gross, "Fast and flexible successive-cancellation list decoders for
       polar codes", IEEE Trans. Signal Process. 65(21), 2017.

    Examples
    --------
    >>> code = Polar(k=256, n=512)
    >>> rng = np.random.default_rng(0)
    >>> bits = rng.integers(0, 2, (2, 256)).astype(np.uint8)
    >>> received = 1 - 2.0 * code.encode(bits) + rng.normal(0, 0.7, (2, 512))  # BPSK, 3 dB
    >>> out = code.decode((2 / 0.49 * received).astype(np.float32))
    >>> bool((out.bits == bits).all()), out.ok.tolist()
    (True, [True, True])
    """

    symbol_bits = 1
    interleaver = "random"
    crc_bits = 0

    def __init__(
        self,
        k: int = 256,
        n: int = 512,
        list_size: int = 8,
        crc: int = 11,
        channel_interleaver: bool = True,
    ) -> None:
        if list_size not in _LISTS:
            raise UsageError(f"list size is {list_size}, must be one of {', '.join(map(str, _LISTS))}")
        if crc not in _CRCS:
            raise UsageError(f"crc is {crc}, must be 6, 11 or 24")
        if k < 1:
            raise UsageError(f"k is {k}, must be at least 1")
        self.k, self.n, self.crc = index(k), index(n), index(crc)
        self.list_size, self.channel_interleaver = index(list_size), bool(channel_interleaver)
        self._code = construct(self.k + self.crc, self.n, self.channel_interleaver)

    @classmethod
    def from_args(
        cls,
        rate: str,
        n: str = str(_NOMINAL),
        list: str = "8",  # noqa: A002
        crc: str = "11",
        bil: str = "1",
    ) -> Polar:
        """Build from text, `polar:1/2` or `polar:1/3,n=512,list=32,crc=24,bil=0`; k is floor(rate n)."""
        ratio = fraction(rate, "rate")
        if ratio >= 1:
            raise UsageError(f"rate is {rate!r}, must be below 1")
        length = integer(n, "n", MIN_CODED, MAX_CODED)
        size, check = integer(list, "list", 1, max(_LISTS)), integer(crc, "crc", min(_CRCS), max(_CRCS))
        return cls(int(ratio * length), length, size, check, bool(integer(bil, "bil", 0, 1)))

    @property
    def rate(self) -> Fraction:
        """Simplest rate r with k = floor(r n).

        Examples
        --------
        >>> Polar(k=341, n=1024).rate
        Fraction(1, 3)
        """
        below = 1
        while True:
            above = -(-self.k * below // self.n)
            if above * self.n < (self.k + 1) * below:
                return Fraction(above, below)
            below += 1

    @property
    def spec(self) -> str:
        """Canonical text."""
        options = [
            ("n", self.n, _NOMINAL),
            ("list", self.list_size, 8),
            ("crc", self.crc, 11),
            ("bil", int(self.channel_interleaver), 1),
        ]
        return f"polar:{self.rate}" + "".join(f",{name}={x}" for name, x, usual in options if x != usual)

    @property
    def k_bits(self) -> int:
        """Message bits of a block, k."""
        return self.k

    @property
    def n_bits(self) -> int:
        """Coded bits of a block, n."""
        return self.n

    def fill(self, coded_bits: int) -> list[Run]:
        """Cut a frame into as few blocks of at most n bits as will do, equal but for a shorter last one.

        A last block that would be shorter than 3/4 of the others would be much weaker: less than a bit a
        block is then left as padding instead.

        Examples
        --------
        >>> [(run.code.n_bits, run.code.k_bits, run.blocks) for run in Polar(256, 512).fill(10_001)]
        [(501, 250, 19), (482, 241, 1)]
        """
        if coded_bits < MIN_CODED:
            return []
        blocks = -(-coded_bits // self.n)
        long = self._resized(-(-coded_bits // blocks))
        if long is None:
            return []
        last = coded_bits - (blocks - 1) * long.n
        if last == long.n:
            return [Run(long, blocks)]
        short = self._resized(last) if 4 * last >= 3 * long.n else None
        if short is not None:
            return [Run(long, blocks - 1), Run(short, 1)]
        equal = self._resized(coded_bits // blocks)
        return [Run(equal, blocks)] if equal is not None else []

    def _resized(self, n: int) -> Polar | None:
        """Give the code of this rate with n coded bits, or None if there is none."""
        try:
            return Polar(int(self.rate * n), n, self.list_size, self.crc, self.channel_interleaver)
        except UsageError:
            return None

    def encode(self, bits: Bits) -> Bits:
        """[blocks, k] of 0/1 -> [blocks, n].

        Raises
        ------
        TypeError, UsageError
            If `bits` is something else.
        """
        check_bits(bits, self.k)
        code = self._code
        words = np.zeros((code.mother, bits.shape[0]), np.uint8)  # blocks side by side: SIMD
        words[code.information[: self.k]] = bits.T
        words[code.information[self.k :]] = nr_checks(_CRCS[self.crc], bits).T
        half = 1
        while half < code.mother:
            pairs = words.reshape(code.mother // (2 * half), 2, half, bits.shape[0])
            pairs[:, 0] ^= pairs[:, 1]
            half *= 2
        return np.ascontiguousarray(words[code.sent].T)

    def decode(self, llrs: Llrs) -> Outcome:
        """[blocks, n] float32 -> Outcome; a block is ok if one word alone is likeliest to pass the CRC.

        LLRs beyond ±CERTAIN_LLR count as that. Where nothing was received a block has LLRs of 0.

        Raises
        ------
        TypeError, UsageError
            If `llrs` is something else, or a value is NaN or infinite.
        """
        check_llrs(llrs, self.n)
        from channelvq.channel_codes.polar_kernel import decode_list  # numba is slow to import

        code, blocks = self._code, llrs.shape[0]
        llr, ok = np.empty((blocks, self.k), np.float32), np.empty(blocks, np.bool_)
        decode_list(
            np.ascontiguousarray(llrs), self.list_size, self._steps, code.sent, code.shortened,
            code.information, self._checks, llr, ok,
        )  # fmt: skip
        return Outcome(llr, hard_bits(llr), ok)

    @cached_property
    def _steps(self) -> npt.NDArray[np.int32]:
        """The decoder's program."""
        frozen = np.ones(self._code.mother, np.bool_)
        frozen[self._code.information] = False
        return program(frozen)

    @cached_property
    def _checks(self) -> npt.NDArray[np.uint32]:
        """What each bit of a mother code word adds to the CRC's syndrome, [N]."""
        places = np.uint32(1) << np.arange(self.crc, dtype=np.uint32)
        sums = np.zeros(self._code.mother, np.uint32)  # of an input bit: the CRC of a unit message
        units = nr_checks(_CRCS[self.crc], np.eye(self.k, dtype=np.uint8))
        sums[self._code.information] = np.concatenate([units @ places, places])
        half = 1
        while half < sums.size:  # inputs are sums of code bits: the polar transform is its own inverse
            pairs = sums.reshape(-1, 2, half)
            pairs[:, 1] ^= pairs[:, 0]
            half *= 2
        return sums
