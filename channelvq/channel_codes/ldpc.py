"""LDPC codes of 5G NR: any block length and rate, decoded by layered min-sum."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property

import numpy as np

from channelvq.channel_codes.base import Bits, Llrs, Outcome, Run
from channelvq.channel_codes.inputs import check_bits, check_llrs
from channelvq.channel_codes.ldpc_graph import MAX_K, MAX_K_OF_GRAPH_2, MIN_K, Graph, build_graph
from channelvq.channel_codes.ldpc_schedule import PRECISIONS, Schedule, build_schedule
from channelvq.channel_codes.ldpc_segmentation import segment
from channelvq.components import fraction, integer
from channelvq.errors import UsageError

__all__ = ["LDPC"]

_CRC_WIDTHS = (0, 16, 24, 32)
_MAX_ITERATIONS = 1000
_HIGHEST_RATE = Fraction(95, 100)


class LDPC:
    """The LDPC code of 5G NR for a block of k message bits and n coded bits.

    As in 3GPP TS 38.212 [1]_: base graph (clause 7.2.2, with the block's own k and rate), lifting size and
    filler bits (5.2.2), code (5.3.2), and rate matching from redundancy version 0 without a limited buffer
    (5.4.2): the first 2 Z message bits are not sent, and a block longer than the circular buffer repeats it.
    A message longer than 3840 bits at a rate of 1/4 or less, which the standard would cut in two, is of base
    graph 1 with repetition; `ldpc:1/4` cuts it.

    The decoder is layered normalised min-sum [2]_ [3]_ on the rows that rate matching leaves in use. A word
    stops at the sweep after which the signs of all its bits satisfy every one of these checks, and its
    result does not depend on the words beside it. The last eighth of the sweeps is not damped: once all but a
    bit are sure, the damping that makes up for min-sum's overconfidence before lets a bit that the channel
    got very wrong stand for ever, which is an error floor at some 1e-4 of long blocks.

    After 20 sweeps the block error rate is that of 20 iterations of flooding belief propagation to within
    0.1 dB: about 0.08 dB better at rates of 1/2 and more, up to 0.05 dB worse at 1/5. In int8, LLRs are
    scaled by the mean magnitude of their word and rounded, which costs some 0.02 dB and takes less than half
    of the time.

    Parameters
    ----------
    k : int
        Message bits, from 12 to 8448.
    n : int
        Coded bits, at least k / 0.95. Blocks of fewer than about 150 message bits at rates above 0.9 are not
        recovered even without noise: too little parity is sent to get at the 2 Z bits that are not.
    iterations : int
        Most sweeps over all rows, from 1 to 1000.
    precision : {"float32", "int8"}
        What the decoder counts in.
    crc : int
        Bits of the CRC that a frame puts at the end of each block's message: 0, 16, 24 (that of the
        standard) or 32.
    modulation_order : int
        Bits of a symbol Q, for the bit interleaver of clause 5.4.2.2, which spreads the first bits over the
        first places of the symbols; n must be a multiple. 1 leaves the bits as they are; frames, which
        interleave by themselves (`StrongFirstInterleaver`), use that.

    Raises
    ------
    UsageError
        If a number is out of range.

    References
    ----------
    .. [1] 3GPP TS 38.212, "NR; Multiplexing and channel coding".
    .. [2] D. E. Hocevar, "A reduced complexity decoder architecture via layered decoding of LDPC codes",
       IEEE SiPS 2004.
    .. [3] J. Chen, M. P. C. Fossorier, "Near optimum universal belief propagation based decoding of
       low-density parity check codes", IEEE Trans. Commun. 50(3), 2002.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> code = LDPC(k=1024, n=2048)
    >>> bits = rng.integers(0, 2, (3, 1024)).astype(np.uint8)
    >>> received = 1 - 2.0 * code.encode(bits) + 0.79 * rng.normal(size=(3, 2048))  # Eb/N0 = 2 dB
    >>> int(((received < 0) != code.encode(bits)).sum())  # wrong bits, of 6144
    619
    >>> out = code.decode((2 / 0.79**2 * received).astype(np.float32))
    >>> out.ok.tolist(), bool((out.bits == bits).all())
    ([True, True, True], True)
    """

    symbol_bits = 1
    interleaver = "strong-first"

    def __init__(
        self,
        k: int,
        n: int,
        iterations: int = 20,
        precision: str = "float32",
        crc: int = 24,
        modulation_order: int = 1,
    ) -> None:
        if not MIN_K <= k <= MAX_K:
            raise UsageError(f"k is {k}, must be from {MIN_K} to {MAX_K}")
        if not 100 * k <= 95 * n:
            raise UsageError(f"n is {n}, must be at least {-(-100 * k // 95)} for k = {k}: rates up to 0.95")
        if not 1 <= iterations <= _MAX_ITERATIONS:
            raise UsageError(f"iterations is {iterations}, must be from 1 to {_MAX_ITERATIONS}")
        if precision not in PRECISIONS:
            raise UsageError(f"precision is {precision!r}, must be one of {', '.join(PRECISIONS)}")
        if crc not in _CRC_WIDTHS:
            raise UsageError(f"crc is {crc}, must be 0, 16, 24 or 32")
        if modulation_order < 1 or n % modulation_order:
            raise UsageError(f"modulation_order is {modulation_order}, must divide n = {n}")
        self.k_bits, self.n_bits = int(k), int(n)
        self.rate = Fraction(self.k_bits, self.n_bits)
        self.iterations, self.precision, self.crc_bits = int(iterations), precision, int(crc)
        self.modulation_order = int(modulation_order)

    @classmethod
    def from_args(
        cls, rate: str, k: str = "", iterations: str = "20", precision: str = "float32", crc: str = "24"
    ) -> LDPC:
        """Build from text: `ldpc:1/2` has blocks as long as may be, `ldpc:1/2,k=1024` up to k bits.

        Options: `iterations=`, `precision=float32|int8`, `crc=0|16|24|32`.

        Raises
        ------
        UsageError
            If something is out of range; names it.
        """
        asked = fraction(rate, "rate")
        if asked > _HIGHEST_RATE:
            raise UsageError(f"rate is {rate}, must be above 0 and at most 0.95")
        length = integer(k, "k", MIN_K, MAX_K) if k else _longest_message(asked)
        code = cls(
            length,
            int(-(-length // asked)),
            iterations=integer(iterations, "iterations", 1, _MAX_ITERATIONS),
            precision=precision,
            crc=integer(crc, "crc", 0, 32),
        )
        code.rate = asked
        return code

    @property
    def spec(self) -> str:
        """Canonical text."""
        parts = [f"ldpc:{self.rate}"]
        if self.k_bits != _longest_message(self.rate):
            parts.append(f"k={self.k_bits}")
        if self.iterations != 20:
            parts.append(f"iterations={self.iterations}")
        if self.precision != "float32":
            parts.append(f"precision={self.precision}")
        if self.crc_bits != 24:
            parts.append(f"crc={self.crc_bits}")
        return ",".join(parts)

    def fill(self, coded_bits: int) -> list[Run]:
        """Fill a frame: as few blocks of at most k message bits as will do, as equal as they can be.

        Every coded bit is used, every block's message is whole bytes, and the rate is as near to the code's
        as that allows.
        """
        kinds = segment(coded_bits, self.rate, self.k_bits)
        if any(k <= max(self.crc_bits, MIN_K) for k, _, _ in kinds):
            return []
        return [
            Run(LDPC(k, n, self.iterations, self.precision, self.crc_bits), blocks) for k, n, blocks in kinds
        ]

    def encode(self, bits: Bits) -> Bits:
        """[blocks, k] of 0/1 -> [blocks, n].

        Raises
        ------
        TypeError, UsageError
            If these are no bits, or a row is not k long.
        """
        check_bits(bits, self.k_bits)
        from channelvq.channel_codes.ldpc_encoder import encode_blocks  # numba is slow to import

        graph = self._graph
        coded = np.empty((bits.shape[0], self.n_bits), np.uint8)
        starts = np.searchsorted(graph.row, np.arange(graph.rows + 1))
        encode_blocks(
            np.ascontiguousarray(bits),
            coded,
            starts,
            graph.column,
            graph.shift,
            graph.systematic,
            graph.lifting,
        )
        if self.modulation_order == 1:
            return coded
        columns = coded.reshape(bits.shape[0], self.modulation_order, -1)
        return np.ascontiguousarray(columns.transpose(0, 2, 1)).reshape(coded.shape)

    def decode(self, llrs: Llrs) -> Outcome:
        """[blocks, n] float32 -> Outcome with the posterior LLRs of the message.

        A block is `ok` if the signs of all bits satisfy every check in use and no bit is undecided.

        Raises
        ------
        TypeError, UsageError
            If these are no finite LLRs, or a row is not n long.
        """
        return self.decode_informed(llrs, np.empty((0, self.k_bits), np.float32))

    def decode_informed(self, llrs: Llrs, told: Llrs) -> Outcome:
        """Do as `decode`, with LLRs of the message bits [blocks, k] that do not come from the channel.

        They add to those of the channel, also for the bits that are not sent, as a model of the message's
        source gives them [1]_. No rows at all tell nothing.

        Raises
        ------
        TypeError, UsageError
            If these are no finite LLRs, or of another shape.

        References
        ----------
        .. [1] J. Hagenauer, "Source-controlled channel decoding", IEEE Trans. Commun. 43(9), 1995.

        Examples
        --------
        >>> code, bits = LDPC(k=1024, n=1280), np.zeros((1, 1024), np.uint8)
        >>> llrs = 3.0 * (1 - 2.0 * code.encode(bits)).astype(np.float32)
        >>> llrs[:, ::22] *= -1  # more wrong bits than the code can mend
        >>> told = np.full((1, 1024), 1.5, np.float32)  # ones are rare
        >>> bool(code.decode(llrs).ok[0]), bool(code.decode_informed(llrs, told).ok[0])
        (False, True)
        """
        check_llrs(llrs, self.n_bits)
        check_llrs(told, self.k_bits)
        blocks = llrs.shape[0]
        if told.shape[0] not in (0, blocks):
            raise UsageError(f"told has {told.shape[0]} rows, must have {blocks}, as the channel's LLRs")
        from channelvq.channel_codes.ldpc_kernel import decode_words  # numba is slow to import

        if self.modulation_order > 1:
            llrs = (
                llrs.reshape(blocks, -1, self.modulation_order)
                .transpose(0, 2, 1)
                .reshape(blocks, self.n_bits)
            )
        llr = np.empty((blocks, self.k_bits), np.float32)
        bits = np.empty((blocks, self.k_bits), np.uint8)
        ok = np.empty(blocks, np.bool_)
        heard, beside = np.ascontiguousarray(llrs), np.ascontiguousarray(told)
        decode_words(heard, beside, llr, bits, ok, self.iterations, self._schedule)
        return Outcome(llr, bits, ok)

    def message_llrs(self, llrs: Llrs) -> Llrs:
        """Give what the channel says of the message, [blocks, n] -> [blocks, k]: 0 of bits that are not sent.

        Examples
        --------
        >>> LDPC(k=96, n=192).message_llrs(np.ones((1, 192), np.float32)).sum()  # 2 Z = 32 bits are not sent
        np.float32(64.0)
        """
        check_llrs(llrs, self.n_bits)
        graph = self._graph
        message = np.zeros((llrs.shape[0], self.k_bits), np.float32)
        for start in range(0, self.n_bits, graph.buffer):
            heard = llrs[:, start : start + self.k_bits - graph.punctured]
            message[:, graph.punctured : graph.punctured + heard.shape[1]] += heard
        return message

    @cached_property
    def _graph(self) -> Graph:
        return build_graph(self.k_bits, self.n_bits)

    @cached_property
    def _schedule(self) -> Schedule:
        return build_schedule(self.k_bits, self.n_bits, self.precision)


def _longest_message(rate: Fraction) -> int:
    """Longest block of the standard at a rate: base graph 2 has short blocks and the low rates."""
    return MAX_K_OF_GRAPH_2 if rate <= Fraction(1, 4) else MAX_K
