"""Which part of the received pictures a page can hold, and in which format: pixels unchanged if it can."""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LARGEST", "Packed", "Pixels", "Window", "pack", "windows"]

Pixels = npt.NDArray[np.uint8]
"""A picture as a screen has it: [H, W, 3], 8 bits a sample."""

LARGEST = 768 * 512
"""Pixels of a picture that are looked at, at most."""

_SIDES = (512, 384, 320, 256, 192, 128, 96)
_LOSSLESS_SIDE = 256  # a smaller part, unchanged, would show too little: then rather more of it, compressed
_QUALITIES = (95, 90, 85, 80)


@dataclass(frozen=True)
class Window:
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, pixels: Pixels) -> Pixels:
        """Cut it out of [H, W, ...]."""
        return pixels[self.top : self.top + self.height, self.left : self.left + self.width]

    def inside(self, height: int, width: int) -> Window:
        """Shrink it about its middle to no more than so many pixels, on the 8 × 8 grid of the picture."""
        height, width = min(height, self.height), min(width, self.width)
        top = self.top + _eighths((self.height - height) // 2)
        left = self.left + _eighths((self.width - width) // 2)
        return Window(top, left, height, width)


@dataclass(frozen=True)
class Packed:
    """Pictures as a page holds them.

    Attributes
    ----------
    window : Window
        The part of each picture.
    files : tuple of str
        Data addresses, each of another picture.
    places : tuple of int or None
        Which file each picture is; None where there is no picture.
    quality : int or None
        Of WebP; None if no pixel was changed.
    worst_db : float
        PSNR of the file that differs most from its picture; infinite if none does.
    """

    window: Window
    files: tuple[str, ...]
    places: tuple[int | None, ...]
    quality: int | None
    worst_db: float


def windows(largest: Window) -> Iterator[Window]:
    """Give the parts to try, the largest first: about 3 : 2, as the picture lies.

    Examples
    --------
    >>> [(w.height, w.width) for w in windows(Window(0, 0, 512, 768))][:3]
    [(512, 768), (344, 512), (256, 384)]
    """
    yield largest
    seen = {(largest.height, largest.width)}
    for side in _SIDES:
        other = _eighths(side * 2 // 3 + 7)
        tall = largest.height > largest.width
        part = largest.inside(side, other) if tall else largest.inside(other, side)
        if (part.height, part.width) not in seen:
            seen.add((part.height, part.width))
            yield part


def pack(pictures: Sequence[Pixels | None], largest: Window, room: int) -> Packed | None:
    """Find the best way to hold pictures in so many bytes; the same pictures are always held the same way.

    First choice is a part of at least 256 pixels' side (or all of a smaller picture) without loss; then 384 ×
    256 or less as WebP of the highest quality that fits; then smaller parts and lower qualities in turn.
    Equal pictures are held once.

    Parameters
    ----------
    pictures : sequence of arrays [H, W, 3] or None
        All of one size.
    largest : Window
        What may be shown.
    room : int
        Bytes, encoded in base 64.

    Returns
    -------
    Packed or None
        None if there is no room at all.
    """
    for window, quality in _choices(largest):
        if (packed := _packed(pictures, window, quality, room)) is not None:
            return packed
    return None


def _choices(largest: Window) -> Iterator[tuple[Window, int | None]]:
    """In the order in which they are wanted."""
    parts = list(windows(largest))
    yield from ((part, None) for part in parts if part is largest or _side(part) >= _LOSSLESS_SIDE)
    for part in parts:
        if _side(part) <= 384:
            yield from ((part, quality) for quality in _QUALITIES)


def _packed(
    pictures: Sequence[Pixels | None], window: Window, quality: int | None, room: int
) -> Packed | None:
    """Encode in one way, or give up as soon as it is too much."""
    numbers: dict[bytes, int] = {}
    files: list[str] = []
    places: list[int | None] = []
    used, worst = 0, math.inf
    for picture in pictures:
        if picture is None:
            places.append(None)
            continue
        part = np.ascontiguousarray(window.of(picture))
        key = hashlib.sha256(part.tobytes()).digest()
        if key not in numbers:
            file = _webp(part, quality)
            address = f"data:image/webp;base64,{base64.b64encode(file).decode()}"
            used += len(address) + 3
            if used > room:
                return None
            numbers[key] = len(files)
            files.append(address)
            if quality is not None:
                worst = min(worst, _psnr_db(part, file))
        places.append(numbers[key])
    return Packed(window, tuple(files), tuple(places), quality, worst)


def _webp(pixels: Pixels, quality: int | None) -> bytes:
    """Make a WebP file."""
    from PIL import Image

    file = io.BytesIO()
    image = Image.fromarray(pixels)
    if quality is None:
        image.save(file, format="WEBP", lossless=True, quality=20, method=4, exact=True)
    else:
        image.save(file, format="WEBP", quality=quality, method=6)
    return file.getvalue()


def _psnr_db(pixels: Pixels, file: bytes) -> float:
    """PSNR of what a file shows."""
    from PIL import Image

    shown = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"), dtype=np.float64)
    error = float(np.mean((shown - pixels) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _side(window: Window) -> int:
    """Its longer side."""
    return max(window.height, window.width)


def _eighths(length: int) -> int:
    """Round down to a multiple of 8."""
    return length // 8 * 8
