"""A rate-distortion curve keeps what was measured, and says nothing beyond it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelvq.errors import UsageError
from channelvq.evaluation.rate_curve import RateCurve, read_rates


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=8))
def test_interpolation_is_monotone_and_keeps_what_was_measured(steps: list[float]) -> None:
    bpp = np.cumsum(np.asarray(steps))
    psnr = 20 + np.cumsum(np.asarray(steps[::-1]))
    curve = RateCurve(tuple(bpp.tolist()), tuple(psnr.tolist()))
    np.testing.assert_allclose(curve.at(bpp), psnr)
    between = curve.at(np.linspace(bpp[0], bpp[-1], 200))
    assert np.isfinite(between).all()
    assert (np.diff(between) >= -1e-9).all()


def rd_file(path: Path, points: list[tuple[float | None, float | None]], **head: object) -> Path:
    content = {"codec": "jpeg", "images": 24, **head, "points": [{"bpp": b, "psnr_db": p} for b, p in points]}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_files_of_one_codec_are_put_together(tmp_path: Path) -> None:
    one = rd_file(tmp_path / "a.json", [(1.0, 33.0), (None, None), (0.5, 30.0)])
    two = rd_file(tmp_path / "b.json", [(0.25, 27.0), (1.0, 33.0)])
    assert read_rates([one, two]) == (RateCurve((0.25, 0.5, 1.0), (27.0, 30.0, 33.0)), 24)


def test_files_that_are_no_rate_distortion(tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text("PSNR", encoding="utf-8")
    (tmp_path / "list.json").write_text("[1, 2]", encoding="utf-8")
    good = rd_file(tmp_path / "good.json", [(0.5, 30.0), (1.0, 33.0)])
    other = rd_file(tmp_path / "other.json", [(0.5, 30.0)], codec="webp")
    single = rd_file(tmp_path / "single.json", [(0.5, 30.0)])
    for paths, complaint in (
        ([tmp_path / "none.json"], "no such file: .*channelvq rd"),
        ([tmp_path / "text.json"], "is not JSON"),
        ([tmp_path / "list.json"], "is not what `channelvq rd --json` prints"),
        ([good, other], "good.json is of jpeg on 24 images, .*other.json of webp"),
        ([single], "1 rates, a curve needs at least 2"),
        ([tmp_path], "cannot read"),
    ):
        with pytest.raises(UsageError, match=complaint):
            read_rates(paths)
