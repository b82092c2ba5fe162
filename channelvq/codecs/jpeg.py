"""JPEG as a codec: the classical way to describe a picture within a budget."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from channelvq.bits import hard_bits, pack_bits, unpack_bits
from channelvq.codecs.base import Decoded, Message, Picture, grey_picture
from channelvq.codecs.reading import read_pixels
from channelvq.codecs.sandbox import SANDBOX
from channelvq.errors import BudgetError, UsageError
from channelvq.images import check_picture, from_8bit, to_8bit

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["SUBSAMPLINGS", "Jpeg", "quantisation_tables", "scan_start"]

_END = b"\xff\xd9"
_MAX_SIDE = 65_500  # of libjpeg
SUBSAMPLINGS = {"420": 2, "444": 0}
_STEPS = 8
# Quantisation tables of ISO/IEC 10918-1, annex K.1, row by row: luminance, chrominance.
_ANNEX_K = tuple(
    tuple(map(int, rows.split()))
    for rows in (
        "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
        "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 "
        "103 99",
        "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66" + " 99" * 38,
    )
)


class Jpeg:
    """Baseline JPEG [1]_ by Pillow (libjpeg-turbo), Huffman tables optimised for each picture.

    The whole file is sent, its tables and markers included, at the highest quality that fits the budget:
    from 1 to 100 in steps of 1/8, on libjpeg's scale of the standard's quantisation tables (annex K), so
    that about 1 % of a budget is left over at most. The receiver reads the file up to the first bit that the
    channel code does not vouch for; blocks lost from there on are mid-grey (an uncoded channel vouches for
    nothing, and all is read, in the sandbox). A file whose header is lost or claims another size is a
    failure: a flat grey picture.

    Parameters
    ----------
    subsampling : {"420", "444"}
        Chroma at half the resolution, which is better at the rates of noisy links, or at the full one.
    huffman : {"optimised", "standard"}
        Huffman tables made for each picture, or those of the standard (annex K), which take 2 to 40 % more
        bits; for comparisons with the figures of others.

    Raises
    ------
    UsageError
        If `subsampling` or `huffman` is another.

    References
    ----------
    .. [1] ISO/IEC 10918-1, ITU-T T.81, 1992.

    Examples
    --------
    >>> picture = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))
    >>> codec = Jpeg()
    >>> message = codec.encode(picture, budget_bits=8000)
    >>> message.bits.size <= 8000, list(message.parts)
    (True, ['header', 'stream'])
    >>> decoded = codec.decode(50.0 - 100.0 * message.bits.astype(np.float32), picture.shape)
    >>> decoded.status, bool(abs(decoded.picture - picture).max() < 0.05)
    ('ok', True)
    """

    def __init__(self, subsampling: str = "420", huffman: str = "optimised") -> None:
        if subsampling not in SUBSAMPLINGS:
            raise UsageError(f"chroma subsampling is {subsampling!r}, must be 420 or 444")
        if huffman not in ("optimised", "standard"):
            raise UsageError(f"huffman is {huffman!r}, must be optimised or standard")
        self.subsampling, self.huffman = subsampling, huffman

    @classmethod
    def from_args(cls, subsampling: str = "420", huffman: str = "optimised") -> Jpeg:
        """Build from text, `jpeg`, `jpeg:444` or `jpeg:huffman=standard`."""
        return cls(subsampling, huffman)

    @property
    def spec(self) -> str:
        """Canonical text."""
        parts = [self.subsampling] if self.subsampling != "420" else []
        parts += ["huffman=standard"] if self.huffman == "standard" else []
        return f"jpeg:{','.join(parts)}" if parts else "jpeg"

    def encode(self, picture: Picture, budget_bits: int) -> Message:
        """Find the file of the highest quality within the budget.

        Raises
        ------
        BudgetError
            If even quality 1 is too long; says how many bits it needs.
        """
        from PIL import Image

        pixels = to_8bit(check_picture(picture)).transpose(1, 2, 0)
        height, width, channels = pixels.shape
        if max(height, width) > _MAX_SIDE:
            raise UsageError(f"picture is {height} x {width} px, JPEG takes sides of at most {_MAX_SIDE}")
        image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if channels == 1 else pixels))
        best = self._write(image, 1.0)
        if 8 * len(best) > budget_bits:
            reason = f"{8 * len(best)} bits at the least for a picture of {height} x {width} px"
            raise BudgetError(f"a budget of {budget_bits} bits is too small: {self.spec} needs {reason}")
        low, high = _STEPS, 100 * _STEPS + 1  # low fits, high does not
        while high - low > 1:
            middle = (low + high) // 2
            data = self._write(image, middle / _STEPS)
            if 8 * len(data) <= budget_bits:
                low, best = middle, data
            else:
                high = middle
        start = scan_start(best)
        return Message(unpack_bits(best), {"header": 8 * start, "stream": 8 * (len(best) - start)})

    def decode(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Read the file as far as it is trusted; never raises on corrupt input."""
        data = self.essence(llrs, trusted)
        start = scan_start(data)
        end = data.find(_END, start)  # inside a scan, FF is followed by 00 or a restart marker
        whole = start > 0 and end >= 0
        if start == 0:
            return Decoded(grey_picture(shape), "failed", notes={"jpeg": "header lost"})
        # The end marker that is put after what arrived makes libjpeg leave the lost blocks mid-grey.
        read = SANDBOX.read_pixels if trusted is None else read_pixels
        pixels = read("JPEG", (data[:end] if whole else data) + _END, shape)
        if pixels is None:
            return Decoded(grey_picture(shape), "failed", notes={"jpeg": "stream unreadable"})
        if whole:
            return Decoded(from_8bit(pixels), "ok")
        return Decoded(from_8bit(pixels), "concealed", notes={"jpeg": f"cut after {len(data)} bytes"})

    def essence(self, llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None = None) -> bytes:
        """Give the file as far as it is trusted; see `Decisive.essence`."""
        count = llrs.size
        if trusted is not None and not trusted.all():
            count = int(np.argmin(trusted))
        return pack_bits(hard_bits(llrs[: count // 8 * 8])).tobytes()

    def _write(self, image: Image.Image, quality: float) -> bytes:
        """Write the file at one quality."""
        file = io.BytesIO()
        subsampling = SUBSAMPLINGS[self.subsampling]
        tables = quantisation_tables(quality)[: len(image.getbands())]
        image.save(
            file, "JPEG", qtables=tables, optimize=self.huffman == "optimised", subsampling=subsampling
        )
        return file.getvalue()


def quantisation_tables(quality: float) -> list[list[int]]:
    """Quantisation tables, luminance and chrominance, as libjpeg scales them, but for any real quality."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    return [[min(max(int((step * scale + 50) / 100), 1), 255) for step in table] for table in _ANNEX_K]


def scan_start(data: bytes) -> int:
    """Find where the entropy-coded scan begins: walk the marker segments; 0 if they do not lead there."""
    if data[:2] != b"\xff\xd8":
        return 0
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker < 0xC0 or length < 2:
            return 0
        at += 2 + length
        if marker == 0xDA:
            return at if at <= len(data) else 0
    return 0
