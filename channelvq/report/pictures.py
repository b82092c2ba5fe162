"""Received pictures side by side: schemes down, channel conditions across, no pixel blurred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from channelvq.codecs.base import Picture
from channelvq.images import to_8bit
from channelvq.report.files import whole_file

if TYPE_CHECKING:
    from PIL import Image, ImageFont

__all__ = ["Sheet", "Tile", "draw_pictures", "save_pictures"]

_TILE = 384  # wider pictures are shrunk by a whole factor, so that no resampling blurs what is shown
_SMALL = 140  # room for a caption; narrower pictures are enlarged by a whole factor, each pixel a square
_GAP = 10
_LINE = 18
_INK = (30, 30, 30)
_SOFT = (110, 110, 110)


@dataclass(frozen=True)
class Tile:
    """A received picture and the line under it."""

    picture: Picture
    caption: str


@dataclass(frozen=True)
class Sheet:
    """What is drawn.

    Attributes
    ----------
    original : Picture
        What was sent, [C, H, W].
    notes : tuple of str
        Lines beside it.
    columns : tuple of str
        Heads of the columns, for example "0 dB".
    rows : tuple of (str, tuple of Tile)
        Name of the scheme, and its pictures.
    crop : (top, left, height, width), optional
        Part to show, in pixels.
    """

    original: Picture
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Tile, ...]], ...]
    crop: tuple[int, int, int, int] | None = None


def draw_pictures(sheet: Sheet) -> Image.Image:
    """Compose the sheet: the original with its notes on top, then one row for each scheme."""
    from PIL import Image, ImageDraw

    original = _image(sheet.original, sheet.crop)
    width, height = original.size
    columns = max(len(sheet.columns), 2)
    size = (
        _GAP + columns * (width + _GAP),
        2 * _GAP + _LINE + height + len(sheet.rows) * (height + 2 * _LINE + 2 * _GAP),
    )
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    plain, bold = _font("DejaVuSans.ttf"), _font("DejaVuSans-Bold.ttf")
    draw.text((_GAP, _GAP // 2), "sent", font=bold, fill=_INK)
    page.paste(original, (_GAP, _GAP + _LINE))
    for number, line in enumerate(_wrapped(sheet.notes, plain, size[0] - width - 4 * _GAP)):
        draw.text((width + 3 * _GAP, _GAP + _LINE + number * (_LINE + 2)), line, font=plain, fill=_INK)
    top = 2 * _GAP + _LINE + height
    for name, tiles in sheet.rows:
        draw.text((_GAP, top + _GAP // 2), name, font=bold, fill=_INK)
        for column, (head, tile) in enumerate(zip(sheet.columns, tiles, strict=True)):
            left = _GAP + column * (width + _GAP)
            page.paste(_image(tile.picture, sheet.crop), (left, top + _GAP + _LINE))
            caption = f"{head}: {tile.caption}" if head else tile.caption
            draw.text((left, top + _GAP + _LINE + height + 2), caption, font=plain, fill=_SOFT)
        top += height + 2 * _LINE + 2 * _GAP
    return page


def save_pictures(sheet: Sheet, path: Path) -> None:
    """Write the sheet as a PNG file.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    page = draw_pictures(sheet)
    with whole_file(path) as temporary:
        page.save(temporary, format="PNG", optimize=True)


def _image(picture: Picture, crop: tuple[int, int, int, int] | None) -> Image.Image:
    """Turn a picture [C, H, W] into an RGB image, cropped, and scaled by a whole factor if need be."""
    from PIL import Image

    pixels = to_8bit(picture)
    if crop is not None:
        top, left, height, width = crop
        pixels = pixels[:, top : top + height, left : left + width]
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).convert("RGB")
    if image.width < _SMALL:
        factor = -(-_SMALL // image.width)
        return image.resize((factor * image.width, factor * image.height), Image.Resampling.NEAREST)
    factor = -(-image.width // _TILE)
    return image.reduce(factor) if factor > 1 else image


def _font(name: str) -> ImageFont.FreeTypeFont:
    """Load a font that ships with matplotlib: the same everywhere."""
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", name)), 12)


def _wrapped(lines: Sequence[str], font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Break lines at spaces so that each fits `width` pixels."""
    broken: list[str] = []
    for line in lines:
        current = ""
        for word in line.split():
            longer = f"{current} {word}".strip()
            if current and font.getlength(longer) > width:
                broken.append(current)
                current = word
            else:
                current = longer
        broken.append(current)
    return broken
