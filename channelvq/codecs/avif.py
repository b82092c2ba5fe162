"""AVIF as a codec: AV1 intra by Pillow (libaom, dav1d), tuned for PSNR; only the AV1 frame is sent."""

from __future__ import annotations

import io
import struct
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from channelvq.codecs.filling import Ladder
from channelvq.codecs.reading import read_pixels
from channelvq.codecs.sealed import Pixels, SealedCodec, as_image
from channelvq.components import integer
from channelvq.errors import UsageError

__all__ = ["Avif"]

_SPEED = 5
_QUANTISERS = 64
_SUBSTEPS = 4
_SETTINGS = {
    "tune": "psnr",
    "enable-cdef": "3",
    "quant-b-adapt": "1",
    "sb-size": "64",
}
_SEQUENCE, _FRAME = 1, 6  # types of AV1's open bitstream units (OBU)


class Avif(SealedCodec):
    """AV1 [1]_ intra coded, 4:4:4, full range, by Pillow (libaom), tuned for PSNR, one thread.

    The encoder has 64 quantisers, 6 % in size apart. In between, some blocks of little variance are given
    the next finer one (libaom's "variance boost" at a strength of 2 to 6 %), so that about 1 % of a budget is
    left over.

    Sent is the content of the AV1 frame's unit. The boxes of the AVIF file [2]_, the sequence header and the
    head of the unit, 310 bytes together, are the same for every picture of a size but for its length: the
    receiver has them from its own encoder. Message: length and CRC-32 (`channelvq.codecs.sealed`) are paid.

    Parameters
    ----------
    speed : int
        libaom's, from 0 (slowest) to 9. 5 gives 0.4 dB more than 6 in five times the time, 4 another 0.1 dB.

    Raises
    ------
    UsageError
        If `speed` is another, or Pillow was built without AVIF.

    References
    ----------
    .. [1] Alliance for Open Media, "AV1 bitstream & decoding process specification", 2019.
    .. [2] Alliance for Open Media, "AV1 image file format (AVIF)".

    Examples
    --------
    >>> picture = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))
    >>> codec = Avif()
    >>> message = codec.encode(picture, budget_bits=4000)
    >>> codec.decode(50.0 - 100.0 * message.bits, picture.shape).status
    'ok'
    """

    # 6.5 % of size from a quantiser to the next; quality 60 gives about 1 bit per pixel
    ladder = Ladder(
        steps=_QUANTISERS * _SUBSTEPS, stride=_SUBSTEPS, growth=0.065 / _SUBSTEPS, typical=40 * _SUBSTEPS
    )
    most_side = 65_535

    def __init__(self, speed: int = _SPEED) -> None:
        from PIL import features

        if not 0 <= speed <= 9:
            raise UsageError(f"speed is {speed}, must be from 0 to 9")
        if not features.check("avif"):
            raise UsageError(
                "codec 'avif' needs Pillow 11.3 or newer, built with AVIF: pip install -U pillow"
            )
        self.speed = speed

    @classmethod
    def from_args(cls, speed: str = str(_SPEED)) -> Avif:
        """Build from text, `avif` or `avif:speed=4`."""
        return cls(integer(speed, "speed", 0, 9))

    @property
    def spec(self) -> str:
        """Canonical text."""
        return "avif" if self.speed == _SPEED else f"avif:speed={self.speed}"

    def _write(self, pixels: Pixels, step: int) -> bytes:
        parts = _take_apart(_encode(pixels, step, self.speed))
        if parts.frame_head != _template(pixels.shape).frame_head:
            raise RuntimeError("libaom made a file of another form: its headers are not those of the size")
        return parts.frame

    def _read(self, payload: bytes, shape: tuple[int, int, int]) -> Pixels | None:
        channels, height, width = shape
        return read_pixels("AVIF", _put_together(_template((height, width, channels)), payload), shape)


class _Parts(NamedTuple):
    """A file taken apart: boxes before the coded picture, what comes before the frame's content, that."""

    boxes: bytes
    frame_head: bytes  # units before the frame, and the first byte of its own
    frame: bytes


@lru_cache(maxsize=64)
def _template(shape: tuple[int, ...]) -> _Parts:
    """Make the parts that all pictures [H, W, C] of a size have, from a grey one."""
    return _take_apart(_encode(np.full(shape, 128, np.uint8), 0, 9))


def _encode(pixels: Pixels, step: int, speed: int) -> bytes:
    """Write a file."""
    quantiser, within = divmod(step, _SUBSTEPS)
    boost = {"deltaq-mode": "6", "deltaq-strength": str(2 + 2 * within)} if within else {}
    file = io.BytesIO()
    as_image(pixels).save(
        file,
        "AVIF",
        quality=round(100 * quantiser / (_QUANTISERS - 1)),
        subsampling="4:0:0" if pixels.shape[2] == 1 else "4:4:4",
        speed=speed,
        range="full",
        codec="aom",
        max_threads=1,
        autotiling=False,
        advanced={**_SETTINGS, **boost},
    )
    return file.getvalue()


def _take_apart(file: bytes) -> _Parts:
    """Find the parts of a file of one picture that is one frame of AV1."""
    at = 0
    while file[at + 4 : at + 8] != b"mdat":
        at += int.from_bytes(file[at : at + 4], "big")
    boxes, data = file[: at + 8], file[at + 8 :]
    at = 0
    while at < len(data):
        length, width = _read_length(data[at + 1 :])
        start = at + 1 + width
        if data[at] >> 3 & 15 == _FRAME and start + length == len(data):
            # how the length of a unit is written is not fixed: it is left out
            return _Parts(boxes, data[: at + 1], data[start:])
        at = start + length
    raise RuntimeError("libavif made a file of another form: it does not end with a frame")


def _put_together(template: _Parts, frame: bytes) -> bytes:
    """Make the file again: the template's, with another frame in it and the lengths that follow from it."""
    data = template.frame_head + _write_length(len(frame)) + frame
    before = template.frame_head + _write_length(len(template.frame)) + template.frame
    start = len(template.boxes)
    boxes = template.boxes.replace(
        struct.pack(">II", start, len(before)), struct.pack(">II", start, len(data))
    )
    return boxes[:-8] + struct.pack(">I", 8 + len(data)) + boxes[-4:] + data


def _read_length(data: bytes) -> tuple[int, int]:
    """Read a length as AV1 writes it (leb128): its value, and the bytes that it takes."""
    value = 0
    for at, byte in enumerate(data[:8]):
        value |= (byte & 127) << 7 * at
        if byte < 128:
            return value, at + 1
    raise RuntimeError("libaom made a unit without a length")


def _write_length(value: int) -> bytes:
    """Write a length as AV1 does, in as few bytes as do."""
    digits = bytearray()
    while value > 127:
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits, value])
