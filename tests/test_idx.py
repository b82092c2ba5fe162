"""IDX files say what they hold, and are held to it; digits of MNIST are pictures like any other."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from channelvq.errors import UsageError
from channelvq.idx import image_in_idx, read_idx
from channelvq.images import content_hash, from_8bit, image_set, load_image, to_8bit


def idx_bytes(array: np.ndarray) -> bytes:
    """The format as published: 0, 0, type 8, dimensions, sizes (32 bits, high byte first), samples."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def digits(count: int, side: int = 28) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, side, side)).astype(np.uint8)


@pytest.mark.parametrize("shape", [(7,), (2, 3), (5, 4, 3), (2, 300, 2)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_was_written_is_read(tmp_path: Path, shape: tuple[int, ...], pack: object) -> None:
    array = np.arange(np.prod(shape), dtype=np.int64).reshape(shape).astype(np.uint8)
    (tmp_path / "a-ubyte").write_bytes(pack(idx_bytes(array)))  # type: ignore[operator]
    back = read_idx(tmp_path / "a-ubyte")
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, array)


GOOD = idx_bytes(digits(3))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no IDX file of bytes: it begins with , must"),
        (b"\x89PNG\r\n\x1a\n", "is no IDX file of bytes"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 0]), "begins with 00000d01"),  # floats
        (bytes([0, 0, 8, 0]), "is no IDX file"),
        (GOOD[:9], "ends within its header"),
        (GOOD[:-1], "holds 2351 samples, its header says 3 x 28 x 28"),
        (GOOD + b"\0", "holds more samples, its header says 3 x 28 x 28"),
        (bytes([0, 0, 8, 4]) + b"\xff" * 16, "at most 1073741824 are read"),
        (gzip.compress(GOOD)[:-20], "cannot read"),
        (gzip.compress(GOOD)[:40] + b"\xff" * 9 + gzip.compress(GOOD)[49:], "cannot read"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a-ubyte").write_bytes(content)
    with pytest.raises(UsageError, match=reason) as caught:
        read_idx(tmp_path / "a-ubyte")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*No such file"):
        read_idx(tmp_path / "a-ubyte")


@pytest.fixture
def mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A data folder with 12 digits of noise."""
    images = digits(12)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    monkeypatch.setenv("CHANNELVQ_DATA", str(tmp_path))
    return images


def test_digits_are_an_image_set(mnist: np.ndarray, tmp_path: Path) -> None:
    found = image_set("mnist:12")
    assert [image.name for image in found][::11] == ["mnist-00000", "mnist-00011"]
    for image, pixels in zip(found, mnist, strict=True):
        picture = image.load()
        assert picture.shape == (1, 28, 28)
        np.testing.assert_array_equal(to_8bit(picture)[0], pixels)
        assert content_hash(load_image(str(image.path))) == content_hash(from_8bit(pixels))
    assert len(image_set("mnist")) == 500
    assert image_set("mnist") == image_set(tmp_path / "mnist")
    assert image_set("mnist")[:12] == found


def test_digits_that_are_not_there(
    mnist: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="holds 12 images, there is none of number 12"):
        image_set("mnist:13")[12].load()
    with pytest.raises(UsageError, match="number of digits is 10001, must be from 1 to 10000"):
        image_set("mnist:10001")
    with pytest.raises(UsageError, match="number of digits is 'all'"):
        image_set("mnist:all")
    with pytest.raises(UsageError, match="no such image file"):
        load_image(tmp_path / "mnist" / "other-ubyte" / "3")
    (tmp_path / "labels-ubyte").write_bytes(idx_bytes(np.zeros(3, np.uint8)))
    with pytest.raises(UsageError, match="has 1 dimensions"):
        image_in_idx(tmp_path / "labels-ubyte" / "1")
    (tmp_path / "small-ubyte").write_bytes(idx_bytes(digits(2, side=8)))
    with pytest.raises(UsageError, match="is 8 x 8 px, each side must be at least 16"):
        load_image(tmp_path / "small-ubyte" / "1")
    assert image_in_idx(tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz" / "one") is None
    monkeypatch.setenv("CHANNELVQ_DATA", str(tmp_path / "mnist"))
    with pytest.raises(UsageError, match="no t10k-images-idx3-ubyte"):
        image_set("mnist")
    monkeypatch.delenv("CHANNELVQ_DATA")
    with pytest.raises(UsageError, match=r"needs \$CHANNELVQ_DATA"):
        image_set("mnist")


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    import os

    path = tmp_path / "a-ubyte"
    for turn, value in enumerate((7, 9)):
        path.write_bytes(idx_bytes(np.full((1, 16, 16), value, np.uint8)))
        os.utime(path, ns=(turn, turn))
        pixels = image_in_idx(path / "0")
        assert pixels is not None and (pixels == value).all()
