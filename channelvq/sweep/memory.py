"""What a picture's receivers have shown: from the same message come the same picture and the same score."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from channelvq.codecs.base import Codec, Decisive, Picture
from channelvq.framing import Unframed
from channelvq.images import to_8bit
from channelvq.reception import Prepared
from channelvq.showing import Shown, show

__all__ = ["Memory", "essence"]

_CAPACITY = 2


@dataclass(frozen=True)
class _Kept:
    """Something shown, its picture as a file would hold it: scores and files see no more than 8 bits."""

    shown: Shown
    pixels: npt.NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        indices = self.shown.decoded.indices
        return self.pixels.nbytes + (0 if indices is None else indices.nbytes)


class Memory:
    """Shows the picture that one codec makes of one picture's messages, each message decoded and scored once.

    Behind a channel code most receivers have the error-free message, or nothing of it at all. What is equal
    is told by what the codec goes by, see `essence`, so that no result is changed, only had sooner; a picture
    that is shown again is rounded to 8 bits a sample.

    Parameters
    ----------
    pinned : bytes
        Essence of a message that is never forgotten: the error-free one.
    capacity : int
        How many others are kept, the latest used first to stay.
    """

    def __init__(self, pinned: bytes, capacity: int = _CAPACITY) -> None:
        self.pinned, self.capacity = pinned, capacity
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return sum(kept.nbytes for kept in self._kept.values())

    def show(self, codec: Codec, prepared: Prepared[Any], unframed: Unframed) -> Shown:
        """Show what was shown of the same message, or decode it; takes the place of `showing.show`."""
        begin = time.perf_counter()
        key = essence(codec, unframed)
        kept = self._kept.get(key)
        if kept is None:
            shown = show(codec, prepared, unframed)
            self._keep(key, shown)
            return shown
        self._kept.move_to_end(key)
        decoded = replace(kept.shown.decoded, picture=_picture(kept.pixels))
        return replace(kept.shown, decoded=decoded, seconds=time.perf_counter() - begin)

    def _keep(self, key: bytes, shown: Shown) -> None:
        """Keep something shown, and forget what was not asked for the longest."""
        pixels = to_8bit(shown.decoded.picture)
        without = replace(shown.decoded, picture=np.zeros((0, 0, 0), np.float32))
        self._kept[key] = _Kept(replace(shown, decoded=without), pixels)
        others = [name for name in self._kept if name != self.pinned]
        for name in others[: max(len(others) - self.capacity, 0)]:
            del self._kept[name]


def essence(codec: Codec, unframed: Unframed) -> bytes:
    """Name what a codec goes by in a received message: equal names, equal pictures.

    Of a codec that does not say what it goes by, all that it gets counts.

    Returns
    -------
    bytes
        SHA-256, 32 bytes.
    """
    if isinstance(codec, Decisive):
        return hashlib.sha256(codec.essence(unframed.llrs, unframed.trusted)).digest()
    trusted = b"" if unframed.trusted is None else unframed.trusted.tobytes()
    return hashlib.sha256(unframed.llrs.tobytes() + trusted).digest()


def _picture(pixels: npt.NDArray[np.uint8]) -> Picture:
    return pixels.astype(np.float32) / np.float32(255)
