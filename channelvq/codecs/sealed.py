"""Codecs whose files decode whole or not at all: a length, the file and a CRC make the message."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from channelvq.bits import hard_bits, pack_bits, unpack_bits
from channelvq.codecs.base import Decoded, Message, Picture, grey_picture
from channelvq.codecs.filling import Ladder, fill, too_small
from channelvq.crc import crc32
from channelvq.errors import UsageError
from channelvq.images import check_picture, from_8bit, to_8bit

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Pixels", "SealedCodec", "as_image", "as_pixels", "seal", "seal_bytes", "unseal"]

Pixels = npt.NDArray[np.uint8]
"""What encoders take and decoders give: [H, W, 3] or [H, W, 1], 8 bits a sample."""

_CRC_BYTES = 4
_LENGTH_BYTES = 4  # at most: 2^28 bytes


def seal(payload: bytes) -> Message:
    """Make the message of a file: its length (7 bits a byte, the last byte below 128), itself, its CRC-32.

    The length is needed because a link fills up what the message leaves; the CRC is of length and file.

    Examples
    --------
    >>> seal(b"abc").parts
    {'length': 8, 'stream': 24, 'crc': 32}
    """
    length = _length(len(payload))
    body = length + payload
    parts = {"length": 8 * len(length), "stream": 8 * len(payload), "crc": 8 * _CRC_BYTES}
    return Message(unpack_bits(body + crc32(body).to_bytes(_CRC_BYTES, "big")), parts)


def seal_bytes(budget_bits: int) -> int:
    """Bytes of the longest file whose message fits a budget; negative if not even an empty one does.

    Examples
    --------
    >>> seal_bytes(8 * 8), seal_bytes(8 * 132), seal_bytes(8 * 133), seal_bytes(8 * 134)
    (3, 127, 127, 128)
    """
    room = budget_bits // 8 - _CRC_BYTES
    if room <= 1 << 7:
        return room - 1
    for width in range(2, _LENGTH_BYTES + 1):
        if room - width < 1 << 7 * width:
            return max(room - width, (1 << 7 * (width - 1)) - 1)
    return (1 << 7 * _LENGTH_BYTES) - 1


def unseal(llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None = None) -> bytes | str:
    """Take the file out of a received message, or say why there is none.

    All bits of length, file and CRC must be vouched for, where a code can vouch, and the CRC must hold.

    Examples
    --------
    >>> from channelvq.bits import bits_to_llrs
    >>> llrs = bits_to_llrs(np.append(seal(b"abc").bits, np.zeros(99, np.uint8)))
    >>> unseal(llrs)
    b'abc'
    >>> llrs[20] *= -1
    >>> unseal(llrs)
    'CRC failed'
    """
    data = pack_bits(hard_bits(llrs[: llrs.size // 8 * 8])).tobytes()
    at, length = _read_length(data)
    end = at + length + _CRC_BYTES
    if not at or end > len(data):
        return "length lost"
    if trusted is not None and not trusted[: 8 * end].all():
        return "blocks lost"
    if crc32(data[: at + length]) != int.from_bytes(data[at + length : end], "big"):
        return "CRC failed"
    return data[at : at + length]


def _length(count: int) -> bytes:
    """Write a length, the most significant 7 bits first; the top bit of a byte says that more follow."""
    digits = [count & 127]
    while count := count >> 7:
        digits.append(count & 127 | 128)
    return bytes(reversed(digits))


def as_image(pixels: Pixels) -> Image.Image:
    """Hand pixels [H, W, 3] or [H, W, 1] to Pillow."""
    from PIL import Image

    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def as_pixels(spec: str, picture: Picture, most: int) -> tuple[Picture, Pixels]:
    """Check a picture that a codec is to send; give it, and its pixels.

    Raises
    ------
    UsageError
        If it is no picture, or a side is longer than `most` pixels.
    """
    checked = check_picture(picture)
    _, height, width = checked.shape
    if max(height, width) > most:
        raise UsageError(f"picture is {height} x {width} px, {spec} takes sides of at most {most}")
    return checked, np.ascontiguousarray(to_8bit(checked).transpose(1, 2, 0))


def _read_length(data: bytes) -> tuple[int, int]:
    """Read what `_length` wrote: the bytes that it takes, 0 if there is none, and its value."""
    value = 0
    for at, byte in enumerate(data[:_LENGTH_BYTES]):
        value = value << 7 | byte & 127
        if byte < 128:
            return at + 1, value
    return 0, 0


class SealedCodec(ABC):
    """Fills a budget with one file of a library's encoder, and shows it if all of it arrived.

    What members do: they write a file's payload at a step of their ladder, and read it again. The receiver
    shows flat mid-grey ("failed") unless the code vouches for all bits and the message's CRC holds, so that
    a library's decoder never sees damaged data (but for one damaged message in 2^32).
    """

    ladder: ClassVar[Ladder]
    most_side: ClassVar[int] = 65_535

    @property
    @abstractmethod
    def spec(self) -> str:
        """Canonical text."""

    @abstractmethod
    def _write(self, pixels: Pixels, step: int) -> bytes:
        """Encode at one step of the ladder; what comes out the link sends."""

    @abstractmethod
    def _read(self, payload: bytes, shape: tuple[int, int, int]) -> Pixels | None:
        """Decode what `_write` made of a picture [C, H, W]; None if it cannot be."""

    def encode(self, picture: Picture, budget_bits: int) -> Message:
        """Find the file of the highest quality within the budget.

        Raises
        ------
        BudgetError
            If even the lowest quality is too long; says how many bits it needs.
        """
        checked, pixels = as_pixels(self.spec, picture, self.most_side)

        def write(step: int) -> bytes:
            return self._write(pixels, step)

        file, fits = fill(self.spec, self.ladder, write, checked, seal_bytes(budget_bits))
        message = seal(file)
        if not fits:
            raise too_small(self.spec, budget_bits, message.bits.size, checked)
        return message

    def decode(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Show the file if it is whole; never raises on corrupt input."""
        payload = unseal(llrs, trusted)
        if isinstance(payload, str):
            return self._failed(shape, payload)
        try:
            pixels = self._read(payload, shape)
        except Exception:  # a library raises almost anything
            pixels = None
        return (
            self._failed(shape, "stream unreadable") if pixels is None else Decoded(from_8bit(pixels), "ok")
        )

    def essence(self, llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None = None) -> bytes:
        """Give the file, or why there is none; see `Decisive.essence`."""
        payload = unseal(llrs, trusted)
        return b"lost: " + payload.encode() if isinstance(payload, str) else b"file: " + payload

    def _failed(self, shape: tuple[int, int, int], reason: str) -> Decoded:
        return Decoded(grey_picture(shape), "failed", notes={self.spec.partition(":")[0]: reason})
