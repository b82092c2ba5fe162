"""Pictures in a page: unchanged while there is room, and never more than the room."""

from __future__ import annotations

import base64
import io
import itertools
import math

import numpy as np
import pytest
from PIL import Image
from samples import photo_like

from channelvq.images import to_8bit
from channelvq.report.page.budget import Packed, Pixels, Window, pack, windows


def photo(height: int, width: int, noise: float = 0.0, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    picture = photo_like(height, width) + rng.normal(0, noise, (3, height, width))
    return np.ascontiguousarray(to_8bit(picture).transpose(1, 2, 0))


def shown(packed: Packed, number: int) -> Pixels:
    place = packed.places[number]
    assert place is not None
    file = base64.b64decode(packed.files[place].partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def size(packed: Packed) -> int:
    return sum(map(len, packed.files))


def test_pixels_are_unchanged_and_equal_pictures_held_once() -> None:
    first, second = photo(64, 96), photo(64, 96, noise=0.05)
    packed = pack([first, second, None, first.copy()], Window(0, 0, 64, 96), 10**6)
    assert packed is not None
    assert (packed.quality, packed.worst_db) == (None, math.inf)
    assert packed.places == (0, 1, None, 0)
    assert len(packed.files) == 2
    np.testing.assert_array_equal(shown(packed, 0), first)
    np.testing.assert_array_equal(shown(packed, 1), second)


@pytest.fixture(scope="module")
def pictures() -> list[Pixels]:
    return [photo(240, 320, noise=0.06 * i, seed=i) for i in range(3)]


@pytest.mark.parametrize("room", [900_000, 60_000, 8_000])
def test_room_is_kept_and_quality_stated(pictures: list[Pixels], room: int) -> None:
    largest = Window(0, 0, 240, 320)
    packed = pack(pictures, largest, room)
    assert packed is not None
    assert size(packed) <= room
    assert pack(pictures, largest, room) == packed
    parts = [packed.window.of(picture) for picture in pictures]
    errors = [np.mean((shown(packed, i).astype(float) - part) ** 2) for i, part in enumerate(parts)]
    worst = 10 * math.log10(255**2 / max(errors)) if max(errors) else math.inf
    assert packed.worst_db == pytest.approx(worst)
    assert (packed.quality is None) == (worst == math.inf)


def test_more_room_is_never_less_picture(pictures: list[Pixels]) -> None:
    found = [pack(pictures, Window(0, 0, 240, 320), room) for room in (8_000, 100_000, 900_000)]
    assert all(packed is not None for packed in found)
    lossless = [packed.quality is None for packed in found if packed is not None]
    assert lossless == sorted(lossless)
    assert lossless[-1]
    assert found[-1] is not None
    assert found[-1].window == Window(0, 0, 240, 320)


def test_no_room_no_picture() -> None:
    assert pack([photo(64, 96)], Window(0, 0, 64, 96), 50) is None


@pytest.mark.parametrize(("height", "width"), [(512, 768), (768, 512), (576, 576), (28, 28), (100, 900)])
def test_parts_shrink_about_the_middle(height: int, width: int) -> None:
    parts = list(windows(Window(0, 0, height, width)))
    assert parts[0] == Window(0, 0, height, width)
    for larger, part in itertools.pairwise(parts):
        assert part.height <= larger.height
        assert part.width <= larger.width
        assert (part.height, part.width) != (larger.height, larger.width)
        assert 0 <= part.top <= height - part.height
        assert 0 <= part.left <= width - part.width
        assert abs(2 * part.top + part.height - height) < 16  # as near to the middle as the grid allows
        assert abs(2 * part.left + part.width - width) < 16
        assert (part.top % 8, part.left % 8) == (0, 0)


def test_a_small_picture_is_shown_whole_however_little_room_there_is() -> None:
    digits = [photo(28, 28, noise=0.1, seed=i) for i in range(30)]
    packed = pack(digits, Window(0, 0, 28, 28), 60_000)
    assert packed is not None
    assert packed.window == Window(0, 0, 28, 28)
