"""`.cvq` files: a VQ message on disk, with what tells a foreign or broken file from a good one.

Byte by byte, numbers big-endian:

=======  ==========================================================================
0 to 3   magic: 43 56 51 1A ("CVQ", end of text)
4        version of this layout: 1
5        channels: 1 (grey) or 3 (colour), plus 16 if the message is one of `vqvae-ec`
6 to 9   width in pixels
10 to 13 height in pixels
14 to 21 model id: first 8 bytes of the SHA-256 of the weights file
22 to 25 length n of the message in bits
26 to 29 CRC-32/ISO-HDLC of the message bytes
30, 31   CRC-16/IBM-3740 of bytes 0 to 29
32 on    the message, ceil(n / 8) bytes, first bit most significant; see `channelvq.codecs.layout`
=======  ==========================================================================

A message whose CRC does not hold is decoded all the same, with less trust in its bits. A head whose size
contradicts the header in the message, or is far too large for it, is not believed: no picture is made of it.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from channelvq.bits import bits_to_llrs, pack_bits, unpack_bits
from channelvq.codecs.coded_layout import HEAD, parse_header, unchecked
from channelvq.codecs.layout import Header, Layout
from channelvq.crc import crc16, crc32
from channelvq.errors import BudgetError, UsageError

__all__ = ["CONTAINER_BITS", "PROFILES", "CvqFile", "read_cvq", "write_cvq"]

_MAGIC = b"CVQ\x1a"
_VERSION = 1
_HEAD = struct.Struct(">4sBBII8sII")
_BYTES = _HEAD.size + 2

CONTAINER_BITS = 8 * _BYTES
"""Bits that a file takes besides its message."""

PROFILES = "vqvae", "vqvae-ec"
"""Codecs whose messages a file can hold."""

_DOUBTFUL_LLR = math.log(0.99 / 0.01)  # a file with some wrong bits somewhere
_SIDES = 16, 65536
_MOST_PIXELS = 178_956_970  # what Pillow takes for an attack, and `load_image` therefore does not read
_MOST_PIXELS_A_BIT = (
    8  # of a message whose own header is lost, so that nothing but the head vouches for a size
)


@dataclass(frozen=True)
class CvqFile:
    """What a `.cvq` file holds.

    Attributes
    ----------
    model_id : str
        16 hexadecimal digits; the weights that made the message.
    shape : (C, H, W)
        Size of the picture.
    bits : ndarray of uint8 [n]
        The message.
    intact : bool
        Whether the message's CRC holds.
    codec : {"vqvae", "vqvae-ec"}
        Whose message it is.
    """

    model_id: str
    shape: tuple[int, int, int]
    bits: npt.NDArray[np.uint8]
    intact: bool = True
    codec: str = PROFILES[0]

    @property
    def llrs(self) -> npt.NDArray[np.float32]:
        """LLRs of the message: certain if it is intact, else as if one bit in a hundred were wrong."""
        return bits_to_llrs(self.bits) if self.intact else bits_to_llrs(self.bits, _DOUBTFUL_LLR)


def write_cvq(path: str | Path, content: CvqFile) -> None:
    """Write a file in one step: it is there whole, or not at all.

    Raises
    ------
    UsageError
        If it cannot be written, or the picture's size is none that a file can have.
    """
    if wrong := _wrong_shape(content.shape):
        raise UsageError(f"cannot write {path}: {wrong}")
    message = pack_bits(content.bits).tobytes()
    channels, height, width = content.shape
    head = _HEAD.pack(
        _MAGIC,
        _VERSION,
        channels | PROFILES.index(content.codec) << 4,
        width,
        height,
        bytes.fromhex(content.model_id),
        len(content.bits),
        crc32(message),
    )
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(head + struct.pack(">H", crc16(head)) + message)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(f"cannot write {target}: {error.strerror}") from None


def read_cvq(path: str | Path) -> CvqFile:
    """Read a file.

    Raises
    ------
    UsageError
        Missing, no `.cvq` file, of another version, with a broken head, cut short, or of a size that its
        message denies.
    """
    source = Path(path)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror}") from None
    if data[:4] != _MAGIC:
        raise UsageError(f"{source} is no .cvq file: it starts with {data[:4].hex(' ') or 'nothing'}")
    if len(data) < _BYTES:
        raise UsageError(f"{source} is cut short: {len(data)} bytes, its head alone takes {_BYTES}")
    head, (check,) = data[: _HEAD.size], struct.unpack(">H", data[_HEAD.size : _BYTES])
    if crc16(head) != check:
        raise UsageError(f"{source} is broken: the CRC of its first {_HEAD.size} bytes does not hold")
    _, version, kind, width, height, model, n_bits, message_crc = _HEAD.unpack(head)
    if version != _VERSION:
        raise UsageError(f"{source} is of version {version}, this program reads version {_VERSION}")
    profile, channels = divmod(kind, 16)
    if profile >= len(PROFILES):
        raise UsageError(f"{source} is of a codec number {profile} that this program does not know")
    message = data[_BYTES:]
    if len(message) != -(-n_bits // 8):
        how = "cut short" if len(message) < -(-n_bits // 8) else "too long"
        raise UsageError(f"{source} is {how}: {len(message)} message bytes, must be {-(-n_bits // 8)}")
    bits, intact = unpack_bits(message)[:n_bits], crc32(message) == message_crc
    content = CvqFile(model.hex(), (channels, height, width), bits, intact, PROFILES[profile])
    if wrong := _wrong_shape(content.shape) or _denied_shape(content):
        raise UsageError(f"{source} is broken: {wrong}")
    return content


def _wrong_shape(shape: tuple[int, int, int]) -> str | None:
    """Say why no picture can have this shape, if so."""
    channels, height, width = shape
    low, high = _SIDES
    if channels not in (1, 3):
        return f"{channels} channels, must be 1 or 3"
    if not (low <= height <= high and low <= width <= high):
        return f"{width}×{height} pixels, sides must be from {low} to {high}"
    if height * width > _MOST_PIXELS:
        return f"{width}×{height} are too many pixels, at most {_MOST_PIXELS}"
    return None


def _denied_shape(content: CvqFile) -> str | None:
    """Say why the message cannot be one of a picture of this shape, if so, before memory is taken for it."""
    channels, height, width = content.shape
    header = _header_of(content)
    if header is None:
        if height * width > _MOST_PIXELS_A_BIT * len(content.bits):
            few = f"{len(content.bits)} bits are few for {width}×{height} pixels"
            return f"the header of its message is lost, and {few}"
    elif (header.height, header.width, header.grey) != (height, width, channels == 1):
        inner = f"{header.width}×{header.height} in {1 if header.grey else 3}"
        return f"its head says {width}×{height} pixels in {channels} channels, its message {inner}"
    return None


def _header_of(content: CvqFile) -> Header | None:
    if content.codec == "vqvae":
        return Layout("strewn").read_header(content.llrs)
    found = unchecked(pack_bits(content.bits[: 8 * HEAD]).tobytes())
    return parse_header(found) if found else None


def message_budget(bpp: float, height: int, width: int) -> int:
    """Bits that a file of `bpp` bits per pixel leaves to its message.

    Raises
    ------
    BudgetError
        If nothing is left.
    """
    budget = math.floor(bpp * height * width) // 8 * 8 - CONTAINER_BITS  # a file has whole bytes
    if budget <= 0:
        raise BudgetError(f"{bpp:g} bits per pixel of {width}×{height} do not hold a head of {_BYTES} bytes")
    return budget
