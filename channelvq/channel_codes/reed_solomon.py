"""Reed-Solomon code over GF(2^8), shortened or punctured to any length."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from channelvq.channel_codes.base import Bits, Llrs, Outcome, Run
from channelvq.channel_codes.gf256 import Bytes, logarithms, map_rows, multiply, power
from channelvq.channel_codes.inputs import check_bits, check_llrs
from channelvq.components import integer
from channelvq.errors import UsageError

__all__ = ["ReedSolomon"]

_Tables: TypeAlias = tuple[Bytes, Bytes, Bytes, Bytes, npt.NDArray[np.int64]]


class ReedSolomon:
    """Systematic RS(n, k) of bytes: k message bytes, then n - k parity bytes.

    Over GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1 and the generator polynomial prod_{i=0}^{n-k-1} (x - α^i),
    α = 2 [1]_, as in the library reedsolo. For n < 255 the code is shortened: leading zeros that are
    not sent. A punctured one is what is left of a code with more parity bytes, the last of which are not sent
    (the decoder takes them for erased): rs:247,223,punctured=8 is the first 247 bytes of rs:255,223. Corrects
    e wrong bytes and f erased bytes as long as 2e + f ≤ n - k.

    Decoding is hard: a byte is decided bit by bit from the signs, and is an erasure if any of its LLRs is 0
    (lost packets, erased bits: it would be wrong half the time and cost twice as much). A block that decodes
    has LLRs of ±CERTAIN_LLR; one that fails keeps its received bits and their channel LLRs (up to
    ±CERTAIN_LLR). With few parity bytes a failing block is at times decoded to a wrong code word (about once
    in ((n-k)/2)! times): hence the CRC that a frame puts in each block.

    With `gmd` the LLRs' magnitudes count too, by generalised minimum distance decoding [2]_: a block that
    fails is tried again with its least reliable bytes erased, in steps of two. A code word comes out
    of it sooner or later whatever was received (n - k erasures always fit one), so it is taken only if it is
    100 times as probable as that the block sent is one not found, of which random coding says how well
    they fit [3]_; the LLRs must be calibrated for this. Blocks that decode without it are left as they are.

    Parameters
    ----------
    n : int
        Bytes of a block, from 2 to 255: those that are sent.
    k : int
        Message bytes in it, from 1 to n - 1.
    crc : {16, 0, 24, 32}
        Bits of the CRC that a frame puts at the end of each block's message.
    punctured : int
        Parity bytes that are not sent, from 0 to 255 - n.
    gmd : bool
        Whether to decode by generalised minimum distance.

    Raises
    ------
    UsageError
        If n, k, crc or punctured is out of range, or the CRC leaves no room for a message.

    References
    ----------
    .. [1] I. S. Reed and G. Solomon, "Polynomial codes over certain finite fields", J. SIAM 8(2), 1960.
    .. [2] G. D. Forney, "Generalized minimum distance decoding", IEEE Trans. Inf. Theory 12(2), 1966.
    .. [3] G. D. Forney, "Exponential error bounds for erasure, list, and decision feedback schemes", IEEE
       Trans. Inf. Theory 14(2), 1968; K. Galligan et al., "Upgrade error detection to prediction with GRAND",
       GLOBECOM 2023.

    Examples
    --------
    >>> from channelvq.bits import bits_to_llrs
    >>> code = ReedSolomon(n=255, k=223)
    >>> bits = np.random.default_rng(0).integers(0, 2, (2, 223 * 8)).astype(np.uint8)
    >>> llrs = bits_to_llrs(code.encode(bits), 4.0)
    >>> llrs[0, :128] *= -1  # 16 wrong bytes, as many as the code corrects
    >>> llrs[1, :136] *= -0.1  # one more, but the channel was not sure of them
    >>> out = code.decode(llrs)
    >>> out.ok.tolist(), bool((out.bits[0] == bits[0]).all())
    ([True, False], True)
    >>> ReedSolomon(n=255, k=223, gmd=True).decode(llrs).ok.tolist()
    [True, True]
    """

    symbol_bits = 8
    interleaver = "random"
    bounded_distance = True
    """The decoder jumps to a code word: where a CRC refutes it, the received word is the better guess."""

    def __init__(self, n: int, k: int, crc: int = 16, *, punctured: int = 0, gmd: bool = False) -> None:
        if not 2 <= n <= 255:
            raise UsageError(f"n is {n}, must be from 2 to 255")
        if not 1 <= k < n:
            raise UsageError(f"k is {k}, must be from 1 to n - 1 = {n - 1}")
        if crc not in (0, 16, 24, 32):
            raise UsageError(f"crc is {crc}, must be 0, 16, 24 or 32")
        if 8 * k <= crc:
            raise UsageError(f"k is {k}, must be above {crc // 8} to leave room beside the CRC of {crc} bits")
        if not 0 <= punctured <= 255 - n:
            raise UsageError(f"punctured is {punctured}, must be from 0 to 255 - n = {255 - n}")
        self.n, self.k, self.crc_bits = int(n), int(k), int(crc)
        self.punctured, self.gmd = int(punctured), bool(gmd)

    @classmethod
    def from_args(
        cls, n: str, k: str, crc: str = "16", *, punctured: str = "0", gmd: str = "0"
    ) -> ReedSolomon:
        """Build from text, `rs:255,191`, `rs:255,191,crc=32,gmd=1` or `rs:247,223,punctured=8`."""
        length = integer(n, "n", 2, 255)
        return cls(
            length,
            integer(k, "k", 1, length - 1),
            integer(crc, "crc", 0, 32),
            punctured=integer(punctured, "punctured", 0, 253),
            gmd=bool(integer(gmd, "gmd", 0, 1)),
        )

    @property
    def spec(self) -> str:
        """Canonical text."""
        options = {"crc": (self.crc_bits, 16), "punctured": (self.punctured, 0), "gmd": (int(self.gmd), 0)}
        named = "".join(f",{name}={value}" for name, (value, usual) in options.items() if value != usual)
        return f"rs:{self.n},{self.k}{named}"

    @property
    def k_bits(self) -> int:
        """Message bits of a block, 8 k."""
        return 8 * self.k

    @property
    def n_bits(self) -> int:
        """Coded bits of a block, 8 n."""
        return 8 * self.n

    def fill(self, coded_bits: int) -> list[Run]:
        """Fill a frame with full blocks, then one shortened to the bytes left, if it carries any bit."""
        blocks, rest = divmod(max(0, coded_bits), self.n_bits)
        runs = [Run(self, blocks)] if blocks else []
        k = rest // 8 - (self.n - self.k)
        if 8 * k > self.crc_bits:
            shorter = ReedSolomon(rest // 8, k, self.crc_bits, punctured=self.punctured, gmd=self.gmd)
            runs.append(Run(shorter, 1))
        return runs

    def encode(self, bits: Bits) -> Bits:
        """Append the parity: [blocks, 8 k] of 0/1, uint8 -> [blocks, 8 n].

        Raises
        ------
        UsageError, TypeError
            If shape, type or values are others.
        """
        check_bits(bits, self.k_bits)
        from channelvq.channel_codes.reed_solomon_kernel import encode_words  # numba is slow to import

        coded = np.empty((bits.shape[0], self.n_bits), np.uint8)
        encode_words(np.ascontiguousarray(bits), self._parity, _tables(self._parity)[0], coded)
        return coded

    def decode(self, llrs: Llrs) -> Outcome:
        """Correct errors and erasures: [blocks, 8 n] float32 -> Outcome.

        Raises
        ------
        UsageError, TypeError
            If shape or type are others, or an LLR is not finite.
        """
        check_llrs(llrs, self.n_bits)
        from channelvq.channel_codes.reed_solomon_kernel import decode_words  # numba is slow to import

        blocks, tables = llrs.shape[0], _tables(self._parity)
        llr = np.empty((blocks, self.k_bits), np.float32)
        bits, ok = np.empty(llr.shape, np.uint8), np.empty(blocks, np.bool_)
        decode_words(np.ascontiguousarray(llrs), self._parity, self.gmd, tables, llr, bits, ok)
        return Outcome(llr, bits, ok)

    @property
    def _parity(self) -> int:
        """Parity bytes of a word, sent or not."""
        return self.n - self.k + self.punctured


@lru_cache(maxsize=16)
def _tables(parity: int) -> _Tables:
    """Make what the kernels know of the code with so many parity bytes, see `decode_words`."""
    generator = np.array([1], np.uint8)  # coefficients, highest power first
    for root in power(np.arange(parity)):
        generator = np.append(generator, np.uint8(0)) ^ np.append(np.uint8(0), multiply(generator, root))
    tail = generator[1:]
    remainders = np.zeros((255 - parity, -(-parity // 32) * 32), np.uint8)
    row = tail  # x^parity modulo the generator: its lower coefficients
    for i in range(len(remainders) - 1, -1, -1):
        remainders[i, :parity] = row
        row = np.append(row[1:], np.uint8(0)) ^ multiply(tail, row[0])  # times x
    places, exponents = np.arange(256), np.arange(parity + 1)[:, None]
    syndromes = power(exponents[parity - 1 :: -1] * places[: remainders.shape[1]])
    matrices = (remainders, syndromes, power(-exponents * places))
    remainder_rows, syndrome_rows, place_rows = (map_rows(matrix).reshape(-1) for matrix in matrices)
    return remainder_rows, syndrome_rows, place_rows, power(np.arange(510)), logarithms()
