"""Pictures come in as a person would expect to see them, and go out whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from channelvq.errors import UsageError
from channelvq.images import (
    check_picture,
    content_hash,
    from_8bit,
    image_set,
    load_image,
    save_image,
    to_8bit,
)


def ramp(channels: int, height: int = 20, width: int = 24) -> np.ndarray:
    values = np.arange(height * width * channels, dtype=np.int64) * 7 % 256
    return values.reshape(height, width, channels).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp"])
def test_lossless_files_give_back_what_was_saved(tmp_path: Path, channels: int, suffix: str) -> None:
    picture = from_8bit(ramp(channels))
    path = tmp_path / f"picture{suffix}"
    save_image(picture, path)
    back = load_image(path)
    if suffix == ".webp" and channels == 1:  # WebP has no grey
        picture = np.repeat(picture, 3, axis=0)
    assert back.dtype == np.float32
    assert back.shape == picture.shape
    np.testing.assert_array_equal(to_8bit(back), to_8bit(picture))


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, :8] = (255, 0, 0, 255)
    pixels[:, 8:] = (255, 0, 0, 51)  # a fifth red
    Image.fromarray(pixels, "RGBA").save(tmp_path / "a.png")
    picture = to_8bit(load_image(tmp_path / "a.png"))
    assert picture[:, 0, 0].tolist() == [255, 0, 0]
    assert picture[:, 0, 8].tolist() == [255, 204, 204]
    grey = np.zeros((16, 16, 2), np.uint8)
    Image.fromarray(grey, "LA").save(tmp_path / "la.png")
    assert (load_image(tmp_path / "la.png") == 1).all()
    assert load_image(tmp_path / "la.png").shape == (1, 16, 16)


def test_palette_with_and_without_colour_and_transparency(tmp_path: Path) -> None:
    colour = Image.fromarray(ramp(3)).quantize(8)
    colour.save(tmp_path / "p.png")
    expected = np.asarray(colour.convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(to_8bit(load_image(tmp_path / "p.png")), expected)
    Image.fromarray(ramp(1)[:, :, 0]).convert("P").save(tmp_path / "g.gif")
    assert load_image(tmp_path / "g.gif").shape == (1, 20, 24)
    see_through = Image.new("P", (16, 16), 0)
    see_through.putpalette([10, 20, 30])
    see_through.save(tmp_path / "t.gif", transparency=0)
    assert (load_image(tmp_path / "t.gif") == 1).all()


def test_16_bit_grey_keeps_its_precision(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 20 * 24).astype(np.uint16).reshape(20, 24)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        picture = load_image(tmp_path / name)
        assert picture.shape == (1, 20, 24)
        np.testing.assert_allclose(picture[0], values / 65535, atol=1e-7)


def test_one_bit_and_float_grey(tmp_path: Path) -> None:
    bits = ramp(1)[:, :, 0] > 100
    Image.fromarray(bits).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(load_image(tmp_path / "bits.png")[0], bits.astype(np.float32))
    values = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    Image.fromarray(values).save(tmp_path / "f.tif")
    np.testing.assert_allclose(load_image(tmp_path / "f.tif")[0], values)
    Image.fromarray(values * 300).save(tmp_path / "big.tif")
    with pytest.raises(UsageError, match="from 0 to 300"):
        load_image(tmp_path / "big.tif")


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "c.tif")
    assert to_8bit(load_image(tmp_path / "c.tif"))[:, 3, 3].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_obeyed(tmp_path: Path, orientation: int) -> None:
    upright = ramp(3)
    undo = {  # how a camera would have stored the picture, from the EXIF standard's table
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(undo)).save(tmp_path / "o.png", exif=exif)
    np.testing.assert_array_equal(to_8bit(load_image(tmp_path / "o.png")), upright.transpose(2, 0, 1))


def test_bad_files_are_one_line_errors(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.fromarray(ramp(3, 200, 200)).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(ramp(3, 200, 200)).save(tmp_path / "whole.jpg")
    jpeg = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    Image.new("L", (15, 40)).save(tmp_path / "small.png")
    cases = {
        "missing.png": "no such image file",
        ".": "is a folder",
        "text.png": "not an image",
        "empty.png": "not an image",
        "cut.png": "cannot be read",
        "cut.jpg": "cannot be read",
        "small.png": "15 x 40 px, each side must be at least 16",
    }
    for name, reason in cases.items():
        with pytest.raises(UsageError, match=reason) as caught:
            load_image(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_failed_save_leaves_nothing(tmp_path: Path) -> None:
    picture = np.zeros((3, 16, 16), np.float32)
    with pytest.raises(UsageError, match="unknown extension"):
        save_image(picture, tmp_path / "a.xyz")
    with pytest.raises(UsageError, match="cannot write"):
        save_image(picture, tmp_path / "no" / "such" / "a.png")
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        save_image(picture, tmp_path / "taken.png")
    assert [p.name for p in tmp_path.iterdir()] == ["taken.png"]


def test_check_picture_names_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="shape"):
        check_picture(np.zeros((16, 16, 3)))
    with pytest.raises(UsageError, match="type uint8"):
        check_picture(np.zeros((3, 16, 16), np.uint8))
    with pytest.raises(UsageError, match="from 0 to 255"):
        check_picture(np.linspace(0, 255, 3 * 256).reshape(3, 16, 16))
    bad = np.zeros((3, 16, 16))
    bad[0, 0, 0] = np.nan
    with pytest.raises(UsageError, match="nan"):
        check_picture(bad)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_hash_is_of_8_bit_content(value: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 17, 3)).astype(np.uint8)
    picture = from_8bit(pixels)
    assert content_hash(picture) == content_hash(picture.astype(np.float64))
    changed = pixels.copy()
    changed[3, 4, 1] ^= value
    assert (content_hash(from_8bit(changed)) == content_hash(picture)) == (value == 0)
    assert content_hash(picture.transpose(0, 2, 1)) != content_hash(picture)


def test_builtin_images_are_the_photographs() -> None:
    shapes = [image.load().shape for image in image_set("builtin")]
    assert shapes == [(3, 512, 512), (3, 300, 451), (3, 400, 600), (3, 427, 640)]


def test_folder_is_sorted_and_names_are_unique(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "a.bmp", ".hidden.png"):
        save_image(np.zeros((1, 16, 16), np.float32), tmp_path / name)
    (tmp_path / "notes.txt").write_text("")
    assert [image.name for image in image_set(tmp_path)] == ["a.bmp", "a.png", "b"]
    assert [image.name for image in image_set(tmp_path / "b.png")] == ["b"]
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UsageError, match="holds no image"):
        image_set(tmp_path / "nothing")
    with pytest.raises(UsageError, match="unknown image set"):
        image_set("kodac")


def test_kodak_needs_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHANNELVQ_DATA", raising=False)
    with pytest.raises(UsageError, match="CHANNELVQ_DATA"):
        image_set("kodak")
    monkeypatch.setenv("CHANNELVQ_DATA", str(tmp_path))
    with pytest.raises(UsageError, match="no kodim"):
        image_set("kodak")
    (tmp_path / "kodak").mkdir()
    save_image(np.zeros((3, 16, 16), np.float32), tmp_path / "kodak" / "kodim01.png")
    assert [image.name for image in image_set("kodak")] == ["kodim01"]
    with pytest.raises(UsageError, match=r"no \*\.png in \S+gb82"):
        image_set("gb82")
