"""Reed-Solomon code over GF(2^8), shortened to any length."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from channelvq.bits import bits_to_llrs, hard_bits, pack_bits, unpack_bits
from channelvq.channel_codes.algebraic import correct
from channelvq.channel_codes.base import Bits, Llrs, Outcome, Run
from channelvq.channel_codes.gf256 import Bytes, multiply, power
from channelvq.components import integer
from channelvq.errors import UsageError

__all__ = ["ReedSolomon"]


class ReedSolomon:
    """Systematic RS(n, k) of bytes: k message bytes, then n - k parity bytes.

    Over GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1 and the generator polynomial prod_{i=0}^{n-k-1} (x - α^i),
    α = 2 [1]_, as in the library reedsolo. For n < 255 the code is shortened: leading zeros that are
    not sent. Corrects e wrong bytes and f erased bytes as long as 2e + f ≤ n - k.

    Decoding is hard: a byte is decided bit by bit from the signs, and is an erasure if any of its LLRs is 0
    (lost packets, erased bits: it would be wrong half the time and cost twice as much). A block that decodes
    has LLRs of ±CERTAIN_LLR; one that fails keeps its received bits and their channel LLRs. With few parity
    bytes a failing block is at times decoded to a wrong code word (about once in ((n-k)/2)! times): hence
    the CRC that a frame puts in each block.

    Parameters
    ----------
    n : int
        Bytes of a block, from 2 to 255.
    k : int
        Message bytes in it, from 1 to n - 1.
    crc : int
        Bits of the CRC that a frame puts at the end of each block's message: 0, 16 or 32.

    Raises
    ------
    UsageError
        If n, k or crc is out of range, or the CRC leaves no room for a message.

    References
    ----------
    .. [1] I. S. Reed and G. Solomon, "Polynomial codes over certain finite fields", J. SIAM 8(2), 1960.

    Examples
    --------
    >>> code = ReedSolomon(n=255, k=223)
    >>> bits = np.random.default_rng(0).integers(0, 2, (2, 223 * 8)).astype(np.uint8)
    >>> llrs = bits_to_llrs(code.encode(bits), 4.0)
    >>> llrs[0, :128] *= -1  # 16 wrong bytes, as many as the code corrects
    >>> llrs[1, :136] *= -1  # one more
    >>> out = code.decode(llrs)
    >>> out.ok.tolist(), bool((out.bits[0] == bits[0]).all())
    ([True, False], True)
    """

    symbol_bits = 8
    interleaved = True
    bounded_distance = True
    """The decoder jumps to a code word: where a CRC refutes it, the received word is the better guess."""

    def __init__(self, n: int, k: int, crc: int = 16) -> None:
        if not 2 <= n <= 255:
            raise UsageError(f"n is {n}, must be from 2 to 255")
        if not 1 <= k < n:
            raise UsageError(f"k is {k}, must be from 1 to n - 1 = {n - 1}")
        if crc not in (0, 16, 32):
            raise UsageError(f"crc is {crc}, must be 0, 16 or 32")
        if 8 * k <= crc:
            raise UsageError(f"k is {k}, must be above {crc // 8} to leave room beside the CRC of {crc} bits")
        self.n, self.k, self.crc_bits = int(n), int(k), int(crc)

    @classmethod
    def from_args(cls, n: str, k: str, crc: str = "16") -> ReedSolomon:
        """Build from text, `rs:255,191` or `rs:255,191,crc=32`."""
        length = integer(n, "n", 2, 255)
        return cls(length, integer(k, "k", 1, length - 1), integer(crc, "crc", 0, 32))

    @property
    def spec(self) -> str:
        """Canonical text."""
        return f"rs:{self.n},{self.k}" + ("" if self.crc_bits == 16 else f",crc={self.crc_bits}")

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
            runs.append(Run(ReedSolomon(rest // 8, k, self.crc_bits), 1))
        return runs

    def encode(self, bits: Bits) -> Bits:
        """[blocks, 8 k] of 0/1 -> [blocks, 8 n].

        Raises
        ------
        UsageError
            If a row is not 8 k bits long.
        """
        _check_shape(bits.shape, self.k_bits, "bits")
        message = pack_bits(bits)
        return unpack_bits(np.concatenate([message, self._parity(message)], axis=1))

    def decode(self, llrs: Llrs) -> Outcome:
        """[blocks, 8 n] float32 -> Outcome.

        Raises
        ------
        UsageError
            If a row is not 8 n LLRs long.
        """
        _check_shape(llrs.shape, self.n_bits, "LLRs")
        words = pack_bits(hard_bits(llrs))
        erased = (llrs.reshape(-1, self.n, 8) == 0).any(axis=2)
        message = words[:, : self.k].copy()
        # A word whose parity is that of its message is a code word: no decoder is needed.
        ok = (self._parity(message) == words[:, self.k :]).all(axis=1) & ~erased.any(axis=1)
        broken = np.flatnonzero(~ok & (erased.sum(axis=1) <= self.n - self.k))
        if broken.size:
            corrected, ok[broken] = correct(words[broken], erased[broken], self.n - self.k)
            message[broken] = corrected[:, : self.k]
        bits = unpack_bits(message)
        llr = np.where(ok[:, None], bits_to_llrs(bits), llrs[:, : self.k_bits]).astype(np.float32)
        return Outcome(llr, bits, ok)

    def _parity(self, message: Bytes) -> Bytes:
        """Parity of message bytes [blocks, k] -> [blocks, n - k], all blocks at once."""
        parity = np.zeros((message.shape[0], self.n - self.k), np.uint8)
        for i in range(self.k):
            parity ^= multiply(message[:, i, None], self._parity_rows[None, i])
        return parity

    @cached_property
    def _parity_rows(self) -> Bytes:
        """Parity of each unit message, [k, n - k]: row i is x^(n-1-i) modulo the generator polynomial."""
        generator = np.array([1], np.uint8)  # coefficients, highest power first
        for root in power(np.arange(self.n - self.k)):
            generator = np.append(generator, np.uint8(0)) ^ np.append(np.uint8(0), multiply(generator, root))
        tail = generator[1:]
        rows = np.zeros((self.k, self.n - self.k), np.uint8)
        row = tail  # x^(n-k) modulo the generator: its lower coefficients
        for i in range(self.k - 1, -1, -1):
            rows[i] = row
            row = np.append(row[1:], np.uint8(0)) ^ multiply(tail, row[0])  # times x
        return rows


def _check_shape(shape: tuple[int, ...], length: int, what: str) -> None:
    if len(shape) != 2 or shape[1] != length:
        raise UsageError(f"{what} have shape {shape}, must be [blocks, {length}]")
