"""The figure shows the numbers that it is given, bars included, and is the same file each time."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from PIL import Image

from channelvq.errors import UsageError
from channelvq.report.figure import draw_figure, save_figure
from channelvq.sweep.statistics import share
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


def outage_points(results: Results) -> dict[str, list[tuple[float, float]]]:
    """Where the outage panel has markers of each kind, in data's units."""
    points: dict[str, list[tuple[float, float]]] = {}
    for line in draw_figure(results).axes[2].lines:
        kind = str(line.get_marker())
        points.setdefault(kind, []).extend((float(x), float(y)) for x, y in line.get_xydata())
    return points


def test_no_failure_seen_is_an_arrow_down_from_the_bound(results: Results) -> None:
    bound = 1 - 0.025 ** (1 / 16)
    points = outage_points(results)
    arrows = points[r"$\downarrow$"]
    assert [x for x, _ in arrows] == [5, 10, 10]
    np.testing.assert_allclose([y for _, y in arrows], bound)
    assert set(arrows) <= set(points["_"])  # each hangs from a bar
    assert (0, 0.25) in points["o"]
    assert all(y > 0 for kind in points.values() for _, y in kind)  # never 0
    assert "no failure seen" in draw_figure(results).get_supxlabel()


def test_a_point_not_simulated_has_no_outage(results: Results) -> None:
    assert (
        outage_points(results)[r"$\downarrow$"][0][0] == 5
    )  # of the first scheme; the second has none there
    assert [x for x, _ in outage_points(results)["s"]] == [0]
    second = [dataclasses.replace(s, outage=share(0, 0)) for s in results.summaries]
    none = dataclasses.replace(results, summaries=tuple(second))
    assert outage_points(none) == {}


def test_outage_bars_are_clopper_and_pearsons(results: Results) -> None:
    containers = draw_figure(results).axes[2].containers
    (bars,) = containers[0].lines[2]
    found = share(4, 16)
    np.testing.assert_allclose(bars.get_segments()[0][:, 1], [found.low, found.high])


def test_what_is_owed_to_the_unseen_is_drawn_thin(results: Results) -> None:
    first = results.summaries[1]
    mean = dataclasses.replace(first.means["psnr_db"], low=22.5, unseen_low=1.0)
    summary = dataclasses.replace(first, means={**first.means, "psnr_db": mean})
    changed = dataclasses.replace(results, summaries=(results.summaries[0], summary, *results.summaries[2:]))
    (bars,) = curves(changed, 0)["A, soft"].lines[2]
    np.testing.assert_allclose(bars.get_segments()[1], [[5, 23.5], [5, 24.5]])
    thin = [line for line in draw_figure(changed).axes[0].lines if line.get_linewidth() < 1]
    assert [line.get_xydata().tolist() for line in thin] == [[[5, 22.5], [5, 23.5]]]


def test_capped_trials_are_explained(results: Results) -> None:
    capped = tuple(dataclasses.replace(summary, capped=2) for summary in results.summaries)
    text = draw_figure(dataclasses.replace(results, summaries=capped)).get_supxlabel()
    assert "12 trials above 60 dB" in text


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
