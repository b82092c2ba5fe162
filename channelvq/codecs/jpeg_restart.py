"""JPEG with restart markers as a codec: its picture is decoded through damage, segment by segment."""

from __future__ import annotations

import io
import math
import struct
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from channelvq.bits import hard_bits, pack_bits, unpack_bits
from channelvq.codecs.base import Decoded, Message, Picture, grey_picture
from channelvq.codecs.filling import Ladder, fill, too_small
from channelvq.codecs.jpeg import SUBSAMPLINGS, quantisation_tables, scan_start
from channelvq.codecs.jpeg_segments import Segment, conceal, huffman_codes, join, segment_holds, split
from channelvq.codecs.reading import read_pixels
from channelvq.codecs.sandbox import SANDBOX
from channelvq.codecs.sealed import Pixels, as_image, as_pixels
from channelvq.components import integer
from channelvq.crc import crc32
from channelvq.errors import UsageError
from channelvq.images import from_8bit

__all__ = ["JpegRestart"]

_BLOCKS = 8  # chosen on gb82: 0.1 dB of a clean picture for 20 dB of one with a wrong bit in 10 000
_STEPS = 8  # a quality
_HEAD = struct.Struct(">HH")  # bytes of the whole head, step
_CRC_BYTES = 4
_MOST_HEAD = 2048
_TABLES = 0xC4  # DHT
_END = b"\xff\xd9"


class JpegRestart:
    """Baseline JPEG [1]_ by Pillow (libjpeg-turbo) with a restart marker every few units.

    A receiver that lost something resumes at the next marker. Segments between markers are shown if the
    channel code vouches for them. One that an erased or doubtful bit falls into is lost, and so is one that
    cannot be a run of Huffman codes of the right number of units, where nothing vouches (an uncoded channel);
    what is lost is made up from the rows above and below. What is doubtful is decoded in the sandbox.

    The head of a JPEG file is not sent, but what it says and the receiver does not know: the quality and the
    optimised Huffman tables, with a CRC-32, before the scan and once more after it. If both are lost the
    picture is.

    Parameters
    ----------
    subsampling : {"420", "444"}
        As of `Jpeg`.
    blocks : int
        Coded units (16 × 16 pixels, of grey and 4:4:4 pictures 8 × 8) between two markers.

    Raises
    ------
    UsageError
        If `subsampling` or `blocks` is another.

    References
    ----------
    .. [1] ISO/IEC 10918-1, ITU-T T.81, 1992.

    Examples
    --------
    >>> picture = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))
    >>> codec = JpegRestart(blocks=2)
    >>> message = codec.encode(picture, budget_bits=8000)
    >>> list(message.parts)
    ['head', 'stream', 'head again']
    >>> llrs = 50.0 - 100.0 * message.bits.astype(np.float32)
    >>> codec.decode(llrs, picture.shape).status
    'ok'
    >>> trusted = np.arange(llrs.size) != message.parts["head"] + 99
    >>> codec.decode(llrs, picture.shape, trusted).notes
    {'jpeg-restart': '1 of 6 segments lost'}
    """

    ladder = Ladder(steps=99 * _STEPS + 1, stride=4 * _STEPS, growth=0.03 / _STEPS, typical=65 * _STEPS)

    def __init__(self, subsampling: str = "420", blocks: int = _BLOCKS) -> None:
        if subsampling not in SUBSAMPLINGS:
            raise UsageError(f"chroma subsampling is {subsampling!r}, must be 420 or 444")
        if not 1 <= blocks <= 65_535:
            raise UsageError(f"blocks is {blocks}, must be from 1 to 65535")
        self.subsampling, self.blocks = subsampling, blocks

    @classmethod
    def from_args(cls, subsampling: str = "420", blocks: str = str(_BLOCKS)) -> JpegRestart:
        """Build from text, `jpeg-restart` or `jpeg-restart:444,blocks=24`."""
        return cls(subsampling, integer(blocks, "blocks", 1, 65_535))

    @property
    def spec(self) -> str:
        """Canonical text."""
        parts = [self.subsampling] if self.subsampling != "420" else []
        parts += [f"blocks={self.blocks}"] if self.blocks != _BLOCKS else []
        return f"jpeg-restart:{','.join(parts)}" if parts else "jpeg-restart"

    def encode(self, picture: Picture, budget_bits: int) -> Message:
        """Find the stream of the highest quality within the budget.

        Raises
        ------
        BudgetError
            If even quality 1 is too long; says how many bits it needs.
        """
        checked, pixels = as_pixels(self.spec, picture, 65_500)
        data, fits = fill(
            self.spec, self.ladder, lambda step: self._write(pixels, step), checked, budget_bits // 8
        )
        if not fits:
            raise too_small(self.spec, budget_bits, 8 * len(data), checked)
        head = 8 * _HEAD.unpack_from(data)[0]
        return Message(
            unpack_bits(data), {"head": head, "stream": 8 * len(data) - 2 * head, "head again": head}
        )

    def decode(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Show the segments that arrived; never raises on corrupt input."""
        received = self._receive(llrs, shape, trusted)
        if isinstance(received, str):
            return Decoded(grey_picture(shape), "failed", notes={"jpeg-restart": received})
        read = read_pixels if received.intact else SANDBOX.read_pixels
        pixels = read("JPEG", received.file, shape)
        if pixels is None:
            return Decoded(grey_picture(shape), "failed", notes={"jpeg-restart": "stream unreadable"})
        if not received.lost.any():
            return Decoded(from_8bit(pixels), "ok")
        side, rows, columns = self._units(shape)
        units = np.repeat(received.lost, self.blocks)[: rows * columns].reshape(rows, columns)
        note = f"{int(received.lost.sum())} of {received.lost.size} segments lost"
        shown = from_8bit(conceal(pixels, units, side))
        return Decoded(shown, "concealed", notes={"jpeg-restart": note})

    def essence(self, llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None = None) -> bytes:
        """Give hard decisions and which bytes are doubtful; see `Decisive.essence`."""
        data, sure = _bytes(llrs, trusted)
        vouched = b"-" if trusted is None else b"+"
        return vouched + data + np.packbits(sure).tobytes()

    def _write(self, pixels: Pixels, step: int) -> bytes:
        """Write head, scan with its end marker, and head."""
        file = io.BytesIO()
        as_image(pixels).save(
            file,
            "JPEG",
            qtables=quantisation_tables(1 + step / _STEPS)[: pixels.shape[2]],
            optimize=True,
            subsampling=SUBSAMPLINGS[self.subsampling],
            restart_marker_blocks=self.blocks,
        )
        data = file.getvalue()
        start = scan_start(data)
        tables = b"".join(body for marker, body in _marker_segments(data[:start]) if marker == _TABLES)
        head = _HEAD.pack(_HEAD.size + len(tables) + _CRC_BYTES, step) + tables
        head += crc32(head).to_bytes(_CRC_BYTES, "big")
        return head + data[start:] + head

    def _units(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Side of a coded unit in pixels, and how many rows and columns of them a picture [C, H, W] has."""
        side = 16 if shape[0] == 3 and self.subsampling == "420" else 8
        return side, -(-shape[1] // side), -(-shape[2] // side)

    def _receive(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None,
    ) -> _Received | str:
        """Make a file of what arrived, or say why there is none."""
        data, sure = _bytes(llrs, trusted)
        head = _find_head(data)
        if head is None:
            return "head lost"
        header = self._header(head, shape)
        scan, scan_sure = data[len(head) :], sure[len(head) :]
        _, rows, columns = self._units(shape)
        count = math.ceil(rows * columns / self.blocks)
        segments, end = split(scan, count)
        doubtful = np.concatenate([[0], np.cumsum(~scan_sure)])
        intact = trusted is not None and end >= 0 and doubtful[end] == 0
        if not intact:
            codes = huffman_codes(header)
            blocks = np.array(
                [0] if shape[0] == 1 else [0] * (4 if self.subsampling == "420" else 1) + [1, 1]
            )
            for number, (start, stop) in enumerate(segments):
                units = min(self.blocks, rows * columns - number * self.blocks)
                doubted = doubtful[stop] > doubtful[start]
                if doubted or not segment_holds(scan[start:stop], codes, blocks, units):
                    segments[number] = Segment(0, 0)
        lost = np.array([start == stop for start, stop in segments])
        if lost.all():
            return "all segments lost"
        return _Received(join(header, scan, segments), lost, bool(intact))

    def _header(self, head: bytes, shape: tuple[int, int, int]) -> bytes:
        """Make the header of a file: that of a grey picture of this shape, with these tables."""
        _, step = _HEAD.unpack_from(head)
        tables = quantisation_tables(1 + min(step, self.ladder.steps - 1) / _STEPS)[: shape[0]]
        header = _header(shape, self.subsampling, self.blocks)
        zigzag = [
            bytes([0xFF, 0xDB, 0, 67, number, *(table[at] for at in _ZIGZAG)])
            for number, table in enumerate(tables)
        ]
        huffman = head[_HEAD.size : -_CRC_BYTES]
        segment = b"\xff\xc4" + (2 + len(huffman)).to_bytes(2, "big") + huffman
        return b"\xff\xd8" + b"".join(zigzag) + segment + header


class _Received(NamedTuple):
    """A file of what arrived, which of its segments did not, and whether all is known to be right."""

    file: bytes
    lost: npt.NDArray[np.bool_]
    intact: bool


# The order of a block's coefficients (figure A.6 of the standard): by diagonals, to and fro.
_ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))


def _bytes(
    llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None
) -> tuple[bytes, npt.NDArray[np.bool_]]:
    """Give hard decisions and which bytes have no bit that is erased or that the code does not vouch for."""
    whole = llrs[: llrs.size // 8 * 8]
    sure = np.isfinite(whole) & (whole != 0)
    if trusted is not None:
        sure &= trusted[: whole.size]
    return pack_bits(hard_bits(whole)).tobytes(), sure.reshape(-1, 8).all(axis=1)


def _find_head(data: bytes) -> bytes | None:
    """Find a head whose CRC holds: the first thing that is sent, or anywhere else."""
    for at in (0, *range(len(data) - _HEAD.size, 0, -1)):
        length = int.from_bytes(data[at : at + 2], "big")
        if not _HEAD.size + _CRC_BYTES <= length <= min(_MOST_HEAD, len(data) - at):
            continue
        head = data[at : at + length]
        if crc32(head[:-_CRC_BYTES]) == int.from_bytes(head[-_CRC_BYTES:], "big"):
            return head
    return None


def _marker_segments(header: bytes) -> list[tuple[int, bytes]]:
    """Take a header's marker segments apart: (marker, what follows its length)."""
    found, at = [], 2
    while at + 4 <= len(header):
        length = int.from_bytes(header[at + 2 : at + 4], "big")
        found.append((header[at + 1], header[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


@lru_cache(maxsize=64)
def _header(shape: tuple[int, int, int], subsampling: str, blocks: int) -> bytes:
    """Frame header, restart interval and scan header of pictures [C, H, W]: those of a grey one."""
    file = io.BytesIO()
    channels, height, width = shape
    as_image(np.full((height, width, channels), 128, np.uint8)).save(
        file, "JPEG", subsampling=SUBSAMPLINGS[subsampling], restart_marker_blocks=blocks
    )
    data = file.getvalue()
    kept = [
        bytes([0xFF, marker]) + (2 + len(body)).to_bytes(2, "big") + body
        for marker, body in _marker_segments(data[: scan_start(data)])
        if marker in (0xC0, 0xDD, 0xDA)
    ]
    return b"".join(kept)
