"""Figures for papers have the size, type and fonts that journals want; PGFPlots' data are the means."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from channelvq.report.figure import PNG_DPI
from channelvq.report.panels import picture_of
from channelvq.report.paper import COLUMN, PAGE, draw_paper, save_paper
from channelvq.report.pgfplots import curve_table, latex_text, tikz_picture
from channelvq.report.style import MARKERS, scheme_style
from channelvq.sweep.overlay import BoundChoice
from channelvq.sweep.summary import Results


def test_one_file_a_panel_and_one_for_all(results: Results, tmp_path: Path) -> None:
    paths = save_paper(results, tmp_path, ("png", "pgf"))
    assert [path.name for path in paths] == [
        *("psnr.png", "psnr.tex", "ssim.png", "ssim.tex", "outage.png", "outage.tex", "all.png"),
        *("curves.csv", "caption.txt"),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in paths)
    for name, inches in (("psnr", COLUMN), ("all", PAGE)):
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.width == int(inches * PNG_DPI)
    caption = (tmp_path / "caption.txt").read_text(encoding="utf-8")
    assert "Hollow marker" in caption and "CBR 1/12" in caption


def test_files_are_the_same_each_time_with_their_fonts(bit_channel_results: Results, tmp_path: Path) -> None:
    def digests() -> list[str]:
        paths = save_paper(bit_channel_results, tmp_path, ("pdf", "svg"))
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]

    assert digests() == digests()
    pdf, svg = (tmp_path / "psnr.pdf").read_bytes(), (tmp_path / "psnr.svg").read_text(encoding="utf-8")
    assert b"CreationDate" not in pdf and "<dc:date>" not in svg
    assert b"/FontFile2" in pdf and b"/Type3" not in pdf  # TrueType, embedded
    assert "<text" not in svg


def test_type_is_8_pt_and_the_legend_covers_nothing(results: Results) -> None:
    names = ["HEVC + LDPC, best at each SNR", *(f"Scheme number {n}" for n in range(9))]
    first = results.spec.schemes[0]
    schemes = [first.model_copy(update={"name": name}) for name in names]
    summaries = [dataclasses.replace(s, scheme=scheme) for scheme in schemes for s in results.summaries[:3]]
    spec = results.spec.model_copy(update={"schemes": tuple(schemes)})
    picture = picture_of(dataclasses.replace(results, spec=spec, summaries=tuple(summaries)))
    for panels, width in ((picture.panels[:1], COLUMN), (picture.panels, PAGE)):
        figure = draw_paper(picture, panels, width)
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1 + 1
        for axes in figure.axes:
            assert axes.get_window_extent().y1 <= box.y0 + 1
            assert axes.get_window_extent().height > 1.2 * figure.dpi
            sizes = [label.get_fontsize() for label in axes.get_xticklabels()]
            assert {*sizes, axes.xaxis.label.get_fontsize()} == {8.0}
        assert {text.get_fontsize() for text in legend.get_texts()} == {8.0}


def test_schemes_differ_without_colour() -> None:
    looks = [scheme_style(number, print_=True) for number in range(2 * len(MARKERS))]
    assert len({(look["marker"], look["linestyle"]) for look in looks}) == len(looks)
    neighbours = itertools.pairwise(looks)
    assert all(a["marker"] != b["marker"] and a["linestyle"] != b["linestyle"] for a, b in neighbours)


def plots(text: str) -> list[tuple[str, np.ndarray]]:
    """Options and numbers of each plot."""
    found = re.findall(
        r"\\addplot\[(.*)\]\n  table\[.*\] \{\n    x y below above\n((?:    [-0-9.e+ ]+\n)*)", text
    )
    return [(options, np.array([row.split() for row in rows.splitlines()], float)) for options, rows in found]


def test_pgfplots_has_the_means_and_their_intervals(results: Results) -> None:
    picture = picture_of(results)
    text = tikz_picture(picture, picture.panels[0])
    assert text.count(r"\begin{") == text.count(r"\end{") == 2
    assert text.count("{") == text.count("}")
    (first, a), (_, hollow), (_, b), _ = plots(text)
    np.testing.assert_allclose(a, [[0, 20, 0.5, 0.5], [5, 24, 0.5, 0.5], [10, 28, 0.5, 0.5]])
    np.testing.assert_allclose(hollow[:, :2], [[0, 20]])
    np.testing.assert_allclose(b[:, :2], [[0, 21], [10, 29]])
    assert "error bars" in first
    assert re.findall(r"\\addlegendentry\{(.*)\}", text) == ["A, soft", "B"]


def test_pgfplots_outage_has_limits_and_no_zero(results: Results) -> None:
    picture = picture_of(results)
    text = tikz_picture(picture, picture.panels[-1])
    assert "ymode=log" in text
    (_, seen), (_, limits), *_ = plots(text)
    np.testing.assert_allclose(seen[:, :2], [[0, 0.25]])
    np.testing.assert_allclose(limits[:, 0], [5, 10])
    np.testing.assert_allclose(limits[:, 1], 1 - 0.025 ** (1 / 16), rtol=1e-5)


def test_pgfplots_places_a_channel_without_errors_by_name(bit_channel_results: Results) -> None:
    spec = bit_channel_results.spec.model_copy(update={"channels": ("bsc:0", "bsc:0.003", "bsc:0.1")})
    picture = picture_of(dataclasses.replace(bit_channel_results, spec=spec))
    text = tikz_picture(picture, picture.panels[0])
    assert "xticklabels={{0},{0.003},{0.1}}" in text
    assert plots(text)[0][1][:, 0].tolist() == [0, 1, 2]
    assert "xmode=log" in tikz_picture(picture_of(bit_channel_results), picture.panels[0])


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b^2 {c}", r"a\_b\textasciicircum{}2 \{c\}"),
        ("10 % ± 1 − x", r"10 \% $\pm$ 1 $-$ x"),
        ("\\", "\\textbackslash{}"),
    ],
)
def test_latex_prints_what_is_written(text: str, written: str) -> None:
    assert latex_text(text) == written


def test_curves_as_csv_say_what_they_are(results: Results) -> None:
    bound = BoundChoice(name="JPEG + capacity", rd=("jpeg.json",), rates=((0.1, 24.0), (2.0, 38.0)), images=2)
    spec = results.spec.model_copy(update={"bounds": (bound,)})
    over = dataclasses.replace(results, spec=spec, shapes=((3, 64, 64),) * 2, grey_psnr_db=12.0)
    rows = list(csv.DictReader(curve_table(picture_of(over)).splitlines()))
    first = rows[0]
    assert (first["measure"], first["curve"], first["kind"], float(first["value"])) == (
        *("psnr_db", "A, soft", "simulated"),
        20.0,
    )
    assert (float(first["low"]), float(first["high"]), first["how"]) == (19.5, 20.5, "")
    bounds = [row for row in rows if row["kind"] == "bound"]
    assert len(bounds) == 41 and bounds[0]["how"] == "jpeg.json with limit capacity"
    outage = [row for row in rows if row["measure"] == "outage" and row["curve"] == "A, soft"]
    assert [bool(row["value"]) for row in outage] == [True, False, False]  # no failure seen is no 0
    assert all(float(row["high"]) > 0 for row in outage)
