"""The figure shows the numbers that it is given, bars included, and is the same file each time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from PIL import Image

from channelvq.errors import UsageError
from channelvq.report.figure import draw_figure, save_figure
from channelvq.sweep.summary import Results


def curves(results: Results, panel: int) -> dict[str, ErrorbarContainer]:
    axes = draw_figure(results).axes[panel]
    return {str(c.get_label()): c for c in axes.containers if isinstance(c, ErrorbarContainer)}


def test_curves_are_the_means(results: Results) -> None:
    line = curves(results, 0)["A, soft"].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[0, 20], [5, 24], [10, 28]])
    np.testing.assert_allclose(curves(results, 1)["B"].lines[0].get_xydata(), [[0, 0.5], [10, 0.7]])


def test_bars_are_the_intervals(results: Results) -> None:
    (bars,) = curves(results, 0)["A, soft"].lines[2]
    np.testing.assert_allclose(bars.get_segments()[1], [[5, 23.5], [5, 24.5]])


def test_a_point_not_simulated_is_not_drawn(results: Results) -> None:
    line = curves(results, 0)["B"].lines[0]
    np.testing.assert_allclose(line.get_xydata(), [[0, 21], [10, 29]])


def test_failures_are_hollow_and_explained(results: Results) -> None:
    figure = draw_figure(results)
    hollow = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "white"]
    assert [list(line.get_xdata()) for line in hollow] == [[0], [0]]
    assert "could not decode" in figure.get_supxlabel()


def test_bit_channels_have_a_logarithmic_axis(bit_channel_results: Results) -> None:
    axes = draw_figure(bit_channel_results).axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "p of bsc"
    np.testing.assert_allclose(
        curves(bit_channel_results, 0)["A"].lines[0].get_xydata()[:, 0], [0.001, 0.01, 0.1]
    )


def test_files_are_whole_and_reproducible(results: Results, tmp_path: Path) -> None:
    def digests() -> list[str]:
        return [hashlib.sha256(path.read_bytes()).hexdigest() for path in save_figure(results, tmp_path)]

    assert digests() == digests()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.png", "figure.svg"]
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width >= 1400
    svg = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert "A, soft" in svg  # text stays text
    assert "<dc:date>" not in svg


def test_text_stays_inside_the_figure(results: Results) -> None:
    figure = draw_figure(results)
    figure.canvas.draw()
    box = figure.bbox
    for text in [*figure.texts, *figure.legends]:
        extent = text.get_window_extent()
        assert extent.x0 >= box.x0 - 1
        assert extent.x1 <= box.x1 + 1


def test_a_folder_that_cannot_be_written(results: Results, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        save_figure(results, tmp_path / "none")
