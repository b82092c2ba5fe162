"""Where the bits of a VQ message stand: guarded header and depth map among the indices.

Header (7 bytes): version 4 bits, grey 1, width - 1 16, height - 1 16, bytes of the coded map 19; then a
CRC-16. The map: its bytes, then a CRC-16. Both go through the guard code, are shuffled, and are strewn
evenly over the message, so that no burst and no lost packet takes much of them.
The indices follow stage by stage, in a shuffled order of positions, so that neighbours part.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from channelvq.bits import pack_bits, unpack_bits
from channelvq.channel_codes.convolutional import Convolutional
from channelvq.crc import crc16
from channelvq.interleaving import RandomInterleaver
from channelvq.randomness import generator

__all__ = ["HEADER_BITS", "Header", "guarded_bits", "position_order", "protect", "recover", "slots"]

Bits = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

VERSION = 1
_FIELDS = (("version", 4), ("grey", 1), ("width", 16), ("height", 16), ("map_bytes", 19))
_HEADER_BYTES = 7

GUARD = Convolutional(generators=(0o2353, 0o2671, 0o3175), constraint_length=11)
"""Rate 1/3, 1024 states, free distance 22 (Larsen's table): survives where uncoded indices are long lost."""


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
        return number.to_bytes(_HEADER_BYTES, "big")

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


def guarded_bits(n_bytes: int) -> int:
    """Coded bits that `n_bytes` take under the guard, CRC and termination included."""
    return 3 * (8 * n_bytes + 16 + GUARD.constraint_length - 1)


HEADER_BITS = guarded_bits(_HEADER_BYTES)
"""Coded bits of the header."""


def protect(data: bytes) -> Bits:
    """Append a CRC-16, encode with the guard, and shuffle, for a trellis does not bear a burst."""
    plain = unpack_bits(data + crc16(data).to_bytes(2, "big"))
    coded = GUARD.encode(plain[None])[0]
    return _shuffle(len(coded)).interleave(coded)


@lru_cache(maxsize=8)
def _shuffle(n: int) -> RandomInterleaver:
    return RandomInterleaver(n)


def recover(llrs: npt.NDArray[np.float32]) -> bytes | None:
    """Decode what `protect` made; None if its CRC does not hold."""
    coded = _shuffle(len(llrs)).deinterleave(llrs)
    decoded = pack_bits(GUARD.decode(coded[None]).bits[0]).tobytes()
    data, check = decoded[:-2], decoded[-2:]
    return data if crc16(data) == int.from_bytes(check, "big") else None


def slots(total: int, header: int, map_: int) -> tuple[Ints, Ints, Ints]:
    """Places of header, map and index bits in a message of `total` bits.

    Examples
    --------
    >>> [place.tolist() for place in slots(8, 2, 2)]
    [[2, 6], [1, 5], [0, 3, 4, 7]]
    """
    every = np.arange(total)
    first, rest = _pick(every, header)
    second, rest = _pick(rest, map_)
    return first, second, rest


def _pick(places: Ints, count: int) -> tuple[Ints, Ints]:
    """Part `count` evenly spaced places from the others."""
    chosen = (2 * np.arange(count) + 1) * len(places) // (2 * count) if count else np.arange(0)
    taken = np.zeros(len(places), dtype=bool)
    taken[chosen] = True
    return places[taken], places[~taken]


@lru_cache(maxsize=8)
def position_order(positions: int) -> Ints:
    """Shuffle the positions into the order in which they are sent, known to both sides."""
    return generator(0, "position order", trial=positions).permutation(positions)
