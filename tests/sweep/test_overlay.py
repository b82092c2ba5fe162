"""A spec's bounds and published curves become numbers when it is loaded, and change no trial."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from channelvq.errors import UsageError
from channelvq.sweep.spec import SweepSpec, from_json, load_spec

PLAIN = """
name = "test"
images = "kodak"
cbr = "1/16"
channel = "awgn"
snr_db = [1, 4, 7]

[[scheme]]
name = "JPEG"
codec = "jpeg"
"""
BOUND = """
[[bound]]
name = "JPEG + capacity"
rd = "../rd/jpeg.json"
limit = "bicm:qam16"
"""
PUBLISHED = """
[published]
systems = ["WITT", "BPG + 5G LDPC"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rd").mkdir()
    points = [{"bpp": bpp, "psnr_db": psnr} for bpp, psnr in ((0.3, 28.0), (1.0, 33.0))]
    content = {"codec": "jpeg", "images": 24, "points": points}
    (tmp_path / "rd" / "jpeg.json").write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "sims").mkdir()
    return tmp_path / "sims"


def load(folder: Path, text: str) -> SweepSpec:
    path = folder / "spec.toml"
    path.write_text(text, encoding="utf-8")
    return load_spec(path)


def test_numbers_are_in_the_spec(folder: Path) -> None:
    spec = load(folder, PLAIN + BOUND + PUBLISHED)
    (bound,) = spec.bounds
    assert (bound.rates, bound.images, bound.rd) == (((0.3, 28.0), (1.0, 33.0)), 24, ("../rd/jpeg.json",))
    assert spec.published is not None
    assert [curve.system for curve in spec.published.curves] == ["WITT", "BPG + 5G LDPC"]
    assert spec.published.curves[1].values == (28.6, 29.75, 31.1, 33.3, 35.45)
    again = from_json(spec.to_json())
    assert again == spec  # without any file
    assert str(folder) not in spec.to_json()


def test_they_are_no_part_of_what_results_depend_on(folder: Path) -> None:
    assert load(folder, PLAIN + BOUND + PUBLISHED).content_hash == load(folder, PLAIN).content_hash


def test_a_dataset_can_be_named(folder: Path) -> None:
    text = PLAIN.replace('"kodak"', '"digits"').replace("1/16", "1/6")
    with pytest.raises(UsageError, match=r'say which images .digits. are: dataset = "Kodak", "CIFAR-10"'):
        load(folder, text + '[published]\nsystems = ["WITT"]')
    named = load(folder, text + '[published]\nsystems = ["WITT"]\ndataset = "CIFAR-10"')
    assert named.published is not None and named.published.curves[0].values == (32.65,)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (
            BOUND.replace("jpeg.json", "none.json"),
            r"spec.toml, line 12: no such file: .*none.json; make it with",
        ),
        (BOUND.replace("bicm:qam16", "bicm"), "line 15: bound 1, limit is 'bicm'.* must be capacity"),
        (BOUND.replace("limit", "limits"), "unknown key 'limits' in bound 1; allowed: name, rd, limit, csi"),
        (BOUND + "csi = true", "line 12: csi = true is for block fading"),
        (BOUND.replace("JPEG + capacity", "JPEG"), "bound's name 'JPEG' is given twice"),
        (BOUND.replace('"../rd/jpeg.json"', "[]"), "bound 1, rd"),
        (
            PUBLISHED.replace("WITT", "WIT"),
            "line 12: no published curve of 'WIT' for Kodak over awgn at CBR 1/16",
        ),
        (PUBLISHED + "how = 1", "unknown key 'how' in published; allowed: systems, dataset"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(folder: Path, wrong: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        load(folder, PLAIN + wrong)


def test_channels_of_bits_have_no_published_curves(folder: Path) -> None:
    text = PLAIN.replace('channel = "awgn"\nsnr_db = [1, 4, 7]', 'channels = ["bsc:0.1"]')
    with pytest.raises(UsageError, match="over the SNR of a symbol channel"):
        load(folder, text + PUBLISHED)
    with pytest.raises(UsageError, match="takes capacity"):
        load(folder, text + BOUND)
    assert load(folder, text + BOUND.replace("bicm:qam16", "capacity")).bounds[0].rates
