"""Where the bits of a VQ message stand: header, depth map and indices.

Header (7 bytes): version 4 bits, grey 1, width - 1 16, height - 1 16, bytes of the coded map 19; then a
CRC-16. The map: its bytes, then a CRC-16. Both are guarded (`Layout`). The indices follow stage by stage,
in a shuffled order of positions, so that neighbours part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from channelvq.bits import CERTAIN_LLR, hard_bits, pack_bits, unpack_bits
from channelvq.channel_codes.convolutional import Convolutional
from channelvq.codecs.inner_frame import read_rate, shortest_frame
from channelvq.crc import crc16
from channelvq.errors import UsageError, unknown_name
from channelvq.framing import Frame
from channelvq.interleavers import RandomInterleaver
from channelvq.interleaving import spread
from channelvq.randomness import generator

__all__ = ["GUARD_RATE", "HEADER_BYTES", "Header", "Layout", "position_order"]

Bits = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

VERSION = 3
_FIELDS = (("version", 4), ("grey", 1), ("width", 16), ("height", 16), ("map_bytes", 19))
HEADER_BYTES = 7
_CRC_BITS = 16
GUARD_RATE = "2/5"
_LONG = 1000  # bits from which on LDPC codes of a higher rate do better than the convolutional one

GUARD = Convolutional(generators=(0o2353, 0o2671, 0o3175), constraint_length=11)
"""Of short parts: rate 1/3, 1024 states, free distance 22 (Larsen's table)."""


@dataclass(frozen=True)
class Header:
    """What a receiver must know before anything else.

    Attributes
    ----------
    grey : bool
        One channel is shown.
    width, height : int
        In pixels, 1 to 65536.
    map_bytes : int
        Length of the coded depth map.
    """

    grey: bool
    width: int
    height: int
    map_bytes: int

    def to_bytes(self) -> bytes:
        """Seven bytes, most significant bit first."""
        values = (VERSION, int(self.grey), self.width - 1, self.height - 1, self.map_bytes)
        number = 0
        for value, (_, size) in zip(values, _FIELDS, strict=True):
            number = number << size | value
        return number.to_bytes(HEADER_BYTES, "big")

    @classmethod
    def from_bytes(cls, data: bytes) -> Header | None:
        """Read seven bytes; None if they are of another version.

        Examples
        --------
        >>> Header.from_bytes(Header(False, 768, 512, 40).to_bytes())
        Header(grey=False, width=768, height=512, map_bytes=40)
        """
        number = int.from_bytes(data, "big")
        values = []
        for _, size in reversed(_FIELDS):
            values.append(number & ((1 << size) - 1))
            number >>= size
        map_bytes, height, width, grey, version = values
        if version != VERSION:
            return None
        return cls(bool(grey), width + 1, height + 1, map_bytes)


class Layout:
    """How header and map are protected, and where they stand in a message.

    Parameters
    ----------
    name : {"strewn", "ranked"}
        "strewn": both are guarded by a code of their own and strewn evenly among the indices; for a message
        that nothing else protects, or all of it alike. "ranked": header, map and stages follow in order of
        importance and bear no protection of the codec's; for a link that protects the parts of a message
        unequally.
    guard : str
        Rate of the LDPC code of maps of 1000 bits and more: 2/5 survives where uncoded indices are long lost,
        the more so than the convolutional code of rate 1/3 and 1024 states that header and shorter maps have
        (which is shuffled, for a trellis does not bear a burst). "none" leaves long maps bare, for a channel
        that delivers all bits right.

    Raises
    ------
    UsageError
        If the name is another, the guard no rate from 1/5 to 19/20, or a guard is given to a ranked message.

    Examples
    --------
    >>> strewn, ranked = Layout("strewn"), Layout("ranked")
    >>> strewn.header_bits, ranked.header_bits
    (246, 72)
    >>> [place.tolist() for place in strewn.slots(8, 2, 2)]
    [[2, 6], [1, 5], [0, 3, 4, 7]]
    >>> [place.tolist() for place in ranked.slots(8, 2, 2)]
    [[0, 1], [2, 3], [4, 5, 6, 7]]
    >>> from channelvq.bits import bits_to_llrs
    >>> ranked.recover(bits_to_llrs(ranked.protect(b"map")), 3)
    b'map'
    >>> [Layout("strewn", guard).coded_bits(450) for guard in ("2/5", "1/2", "none")]
    [9100, 7280, 3616]
    """

    def __init__(self, name: str, guard: str = GUARD_RATE) -> None:
        if name not in ("strewn", "ranked"):
            raise unknown_name("layout", name, ("strewn", "ranked"))
        if name == "ranked" and guard not in (GUARD_RATE, "none"):
            raise UsageError(f"guard={guard} does not go with layout=ranked, which the link protects")
        self.name = name
        self.rate = None if guard == "none" else read_rate(guard, "guard")
        self._guarded = name == "strewn"

    @property
    def guard(self) -> str:
        """Canonical text of the guard."""
        return "none" if self.rate is None else str(self.rate)

    def coded_bits(self, n_bytes: int) -> int:
        """Bits that `n_bytes` of header or map take, their CRC and all protection included."""
        plain = 8 * n_bytes + _CRC_BITS
        code = self._code(plain)
        if isinstance(code, Frame):
            return code.coded_bits
        return plain if code is None else code.coded_bits(plain)

    @property
    def header_bits(self) -> int:
        """Bits of the header."""
        return self.coded_bits(HEADER_BYTES)

    def protect(self, data: bytes) -> Bits:
        """Append a CRC-16, and guard."""
        plain = unpack_bits(data + crc16(data).to_bytes(2, "big"))
        code = self._code(len(plain))
        if isinstance(code, Frame):
            return code.encode(plain)
        if code is None:
            return plain
        coded = code.encode(plain[None])[0]
        return _shuffle(len(coded)).interleave(coded)

    def recover(self, llrs: npt.NDArray[np.float32], n_bytes: int) -> bytes | None:
        """Decode what `protect` made of so many bytes; None if its CRC does not hold."""
        plain = 8 * n_bytes + _CRC_BITS
        known = np.nan_to_num(llrs.astype(np.float32), nan=0.0, posinf=CERTAIN_LLR, neginf=-CERTAIN_LLR)
        code = self._code(plain)
        if isinstance(code, Frame):
            bits = hard_bits(code.decode(known).llrs[:plain])
        elif code is None:
            bits = hard_bits(known)
        else:
            bits = code.decode(_shuffle(len(known)).deinterleave(known)[None]).bits[0]
        decoded = pack_bits(bits).tobytes()
        data, check = decoded[:-2], decoded[-2:]
        return data if crc16(data) == int.from_bytes(check, "big") else None

    def _code(self, plain: int) -> Frame | Convolutional | None:
        """Give what guards a part of so many bits; None for a bare one."""
        if not self._guarded:
            return None
        if plain < _LONG:
            return GUARD
        return None if self.rate is None else shortest_frame(self.rate, plain)

    def read_header(self, llrs: npt.NDArray[np.float32]) -> Header | None:
        """Read the header of a message; None if it is lost.

        Examples
        --------
        >>> from channelvq.bits import bits_to_llrs
        >>> layout, message = Layout("ranked"), np.zeros(100, np.uint8)
        >>> message[:72] = layout.protect(Header(True, 32, 16, 0).to_bytes())
        >>> layout.read_header(bits_to_llrs(message))
        Header(grey=True, width=32, height=16, map_bytes=0)
        """
        if len(llrs) < self.header_bits:
            return None
        place, _, _ = self.slots(len(llrs), self.header_bits, 0)
        data = self.recover(llrs[place], HEADER_BYTES)
        return Header.from_bytes(data) if data else None

    def slots(self, total: int, header: int, map_: int) -> tuple[Ints, Ints, Ints]:
        """Places of header, map and index bits in a message of `total` bits."""
        every = np.arange(total)
        if not self._guarded:
            return every[:header], every[header : header + map_], every[header + map_ :]
        first, rest = spread(every, header)
        second, rest = spread(rest, map_)
        return first, second, rest


@lru_cache(maxsize=8)
def _shuffle(n: int) -> RandomInterleaver:
    return RandomInterleaver(n)


@lru_cache(maxsize=8)
def position_order(positions: int) -> Ints:
    """Shuffle the positions into the order in which they are sent, known to both sides."""
    return generator(0, "position order", trial=positions).permutation(positions)
