"""Pictures are shown pixel for pixel, where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from channelvq.images import to_8bit
from channelvq.report.pictures import Sheet, Tile, draw_pictures, save_pictures


def picture(seed: int, channels: int = 3, height: int = 40, width: int = 150) -> np.ndarray:
    return np.random.default_rng(seed).random((channels, height, width), dtype=np.float32)


def contains(page: np.ndarray, part: np.ndarray) -> bool:
    """Whether `part` [h, w, 3] lies somewhere in `page`, exactly."""
    height, width = part.shape[:2]
    ys, xs = np.nonzero((page == part[0, 0]).all(axis=-1))
    return any(
        (page[y : y + height, x : x + width] == part).all()
        for y, x in zip(ys, xs, strict=True)
        if page[y : y + height, x : x + width].shape == part.shape
    )


def rgb(image: np.ndarray) -> np.ndarray:
    pixels = to_8bit(image).transpose(1, 2, 0)
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_is_there(tmp_path: Path, channels: int) -> None:
    pictures = [picture(seed, channels) for seed in range(5)]
    rows = (
        ("A", (Tile(pictures[1], "a"), Tile(pictures[2], "b"))),
        ("B", (Tile(pictures[3], "c"), Tile(pictures[4], ""))),
    )
    save_pictures(Sheet(pictures[0], ("a note",), ("0 dB", "5 dB"), rows), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as page:
        pixels = np.asarray(page.convert("RGB"))
    assert all(contains(pixels, rgb(p)) for p in pictures)


def test_a_crop_is_the_part_asked_for() -> None:
    one = picture(0)
    page = np.asarray(
        draw_pictures(Sheet(one, (), ("",), (("A", (Tile(one, "x"),)),), crop=(10, 5, 16, 141)))
    )
    assert contains(page, rgb(one)[10:26, 5:146])
    assert not contains(page, rgb(one))


def test_wide_pictures_are_shrunk_by_a_whole_factor() -> None:
    wide = np.full((3, 300, 800), 0.25, dtype=np.float32)
    page = draw_pictures(Sheet(wide, (), ("", ""), (("A", (Tile(wide, ""), Tile(wide, ""))),)))
    assert page.width < 800
    assert contains(np.asarray(page), np.full((100, 266, 3), 64, dtype=np.uint8))


def test_small_pictures_are_enlarged_pixel_by_pixel() -> None:
    digit = picture(0, channels=1, height=28, width=28)
    page = np.asarray(draw_pictures(Sheet(digit, (), ("",), (("A", (Tile(digit, "x"),)),))))
    large = np.repeat(np.repeat(rgb(digit), 5, axis=0), 5, axis=1)  # 140 pixels leave room for a caption
    assert contains(page, large)
