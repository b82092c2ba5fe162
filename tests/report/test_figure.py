"""The figure shows the numbers that it is given, bars included, and is the same file each time."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from PIL import Image

from channelvq.errors import UsageError
from channelvq.report.figure import draw_figure, save_figure
from channelvq.sweep.means import Mean
from channelvq.sweep.statistics import Share, share
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


def test_outage_has_no_panel_where_no_receiver_failed(results: Results) -> None:
    def of(outage: Share) -> Figure:
        summaries = tuple(dataclasses.replace(s, outage=outage) for s in results.summaries)
        return draw_figure(dataclasses.replace(results, summaries=summaries))

    clean, nothing = of(share(0, 16)), of(share(0, 0))
    assert [axes.get_ylabel() for axes in clean.axes] == ["PSNR (dB)", "SSIM"]
    assert "No receiver failed at any point: outage is below 21 %" in clean.get_supxlabel()
    assert "failed" not in nothing.get_supxlabel()


def test_ms_ssim_has_a_panel_where_it_is_known(results: Results) -> None:
    known = [
        dataclasses.replace(s, means={**s.means, "ms_ssim": dataclasses.replace(s.means["ssim"], value=0.9)})
        for s in results.summaries
    ]
    figure = draw_figure(dataclasses.replace(results, summaries=tuple(known)))
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels[:3] == ["PSNR (dB)", "SSIM", "MS-SSIM"] and labels[3].startswith("outage")
    np.testing.assert_array_equal(figure.axes[2].containers[0].lines[0].get_ydata(), 0.9)


def many(results: Results, names: list[str]) -> Results:
    """The first scheme again and again, under other names."""
    schemes = [results.spec.schemes[0].model_copy(update={"name": name}) for name in names]
    summaries = [
        dataclasses.replace(summary, scheme=scheme) for scheme in schemes for summary in results.summaries[:3]
    ]
    spec = results.spec.model_copy(update={"schemes": tuple(schemes)})
    return dataclasses.replace(results, spec=spec, summaries=tuple(summaries))


@pytest.mark.parametrize("count", [1, 4, 10, 14])
def test_a_legend_of_many_names_is_whole_and_covers_nothing(results: Results, count: int) -> None:
    names = [f"Scheme {number} of {'some ' * (number % 4)}kind" for number in range(count - 1)]
    figure = draw_figure(many(results, [*names, "_cost $5"]))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert figure.bbox.x0 - 1 <= box.x0 and box.x1 <= figure.bbox.x1 + 1
    assert box.y1 <= figure.bbox.y1 + 1
    assert all(axes.get_window_extent().y1 <= box.y0 + 1 for axes in figure.axes)
    assert all(axes.get_window_extent().height > 1.6 * figure.dpi for axes in figure.axes)
    assert [text.get_text() for text in legend.get_texts()][-1].strip() == r"_cost \$5"
    looks = {(h.get_color(), h.get_marker(), h.get_linestyle()) for h in legend.legend_handles}
    assert len(looks) == count


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
    figure.draw_without_rendering()
    box = figure.bbox
    for text in [*figure.texts, *figure.legends]:
        extent = text.get_window_extent()
        assert extent.x0 >= box.x0 - 1
        assert extent.x1 <= box.x1 + 1


def test_a_folder_that_cannot_be_written(results: Results, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        save_figure(results, tmp_path / "none")


def test_a_sweep_that_has_not_begun_is_an_empty_figure(results: Results) -> None:
    nothing = dict.fromkeys(results.summaries[0].means, Mean(None, None, None, None, 0))
    empty = [dataclasses.replace(s, trials=0, means=nothing, outage=share(0, 0)) for s in results.summaries]
    figure = draw_figure(dataclasses.replace(results, summaries=tuple(empty)))
    figure.draw_without_rendering()
    assert [len(axes.lines) for axes in figure.axes] == [0, 0]


def test_a_channel_without_errors_has_a_place_beside_small_rates(bit_channel_results: Results) -> None:
    channels = ("bsc:0", "bsc:0.003", "bsc:0.1")
    spec = bit_channel_results.spec.model_copy(update={"channels": channels})
    axes = draw_figure(dataclasses.replace(bit_channel_results, spec=spec)).axes[0]
    places = axes.transData.transform([(x, 20.0) for x in (0, 0.003, 0.1)])[:, 0]
    assert np.diff(places).min() > 0.1 * np.ptp(places)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "0.003", "0.1"]
    few = spec.model_copy(update={"channels": ("bsc:0", "bsc:0.1", "bsc:0.2")})
    assert draw_figure(dataclasses.replace(bit_channel_results, spec=few)).axes[0].get_xscale() == "linear"
