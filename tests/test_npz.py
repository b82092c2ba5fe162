"""CIFAR-10 as it is packed: pictures by number, the named set, and what is said of other files."""

import numpy as np
import pytest

from channelvq.errors import UsageError
from channelvq.images import image_set, load_image
from channelvq.npz import image_in_npz


@pytest.fixture
def data(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (3004, 32, 32, 3), dtype=np.uint8)
    (tmp_path / "cifar10").mkdir()
    np.savez(tmp_path / "cifar10" / "cifar10_train_first4000.npz", x=pixels)
    monkeypatch.setenv("CHANNELVQ_DATA", str(tmp_path))
    return pixels


def test_the_set_is_the_last_thousand(data):
    images = image_set("cifar10")
    assert len(images) == 1000
    assert [image.name for image in images[:2]] == ["cifar10-3000", "cifar10-3001"]
    assert (np.rint(images[3].load() * 255) == data[3003].transpose(2, 0, 1)).all()
    assert len(image_set("cifar10:7")) == 7


def test_what_is_not_there_is_named(data, tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="holds 3004 images, there is none of number 3999"):
        image_set("cifar10")[-1].load()
    with pytest.raises(UsageError, match="number of pictures is 1001, must be from 1 to 1000"):
        image_set("cifar10:1001")
    assert image_in_npz(tmp_path / "none.npz" / "1") is None
    monkeypatch.setenv("CHANNELVQ_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match="cifar10_train_first4000"):
        image_set("cifar10")


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"y": np.zeros((2, 32, 32), np.uint8)}, "no array 'x'"),
        ({"x": np.zeros((2, 32, 32))}, "must be uint8"),
    ],
)
def test_other_files_are_refused(tmp_path, arrays, reason):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UsageError, match=reason):
        load_image(tmp_path / "a.npz" / "0")


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04broken")
    with pytest.raises(UsageError, match="cannot read"):
        load_image(tmp_path / "a.npz" / "0")
