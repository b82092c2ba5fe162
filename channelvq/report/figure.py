"""The sweep's figure: PSNR, SSIM and outage over the axis, with 95 % error bars."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from channelvq.components import parse_spec
from channelvq.report.files import whole_file
from channelvq.report.outage import draw_outage
from channelvq.report.style import RC, scheme_style
from channelvq.report.table import trial_count
from channelvq.sweep.means import Mean
from channelvq.sweep.stopping import PSNR_CAP_DB
from channelvq.sweep.summary import Results, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_figure", "save_figure"]

PNG_DPI = 200
_PANELS = (("psnr_db", "PSNR (dB)"), ("ssim", "SSIM"))


def draw_figure(results: Results) -> Figure:
    """Draw mean PSNR and SSIM of each scheme over the axis, and the share of receivers that failed.

    Error bars are 95 % intervals: what the channel's randomness leaves open for these images (`limits`). The
    thin part of a bar is owed to failures (or successes) of which none was seen, and which so few trials do
    not rule out. A hollow marker says that at that point some receivers could not decode and showed grey.
    Where no failure was seen the outage is below the arrow, and not zero. A point that was not simulated is
    not drawn.

    Returns
    -------
    matplotlib.figure.Figure
        10.2 × 3.9 inches; three panels.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(RC):
        figure = Figure(figsize=(10.2, 3.9), layout="constrained")
        panels = figure.subplots(1, len(_PANELS) + 1)
        places, axis_label = _axis(results)
        hollow = False
        for axes, (measure, label) in zip(panels, _PANELS, strict=False):
            for number, scheme in enumerate(results.spec.schemes):
                hollow |= _draw_scheme(axes, number, results.of(scheme), measure, places)
            axes.set_ylabel(label)
        draw_outage(panels[-1], results, places)
        for axes in panels:
            axes.set_xlabel(axis_label)
            _finish_axis(axes, results, places)
        panels[-1].set_xlim(panels[0].get_xlim())  # arrows are moved aside and would be cut
        handles, labels = panels[0].get_legend_handles_labels()
        # Above the panels: never over the data.
        columns = 2 if max(map(len, labels), default=0) > 24 or len(labels) == 4 else 3
        figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False)
        figure.supxlabel(_footnote(results, hollow), fontsize=7.0, color="#444444", x=0.01, ha="left")
    return figure


def save_figure(results: Results, folder: Path) -> list[Path]:
    """Write `figure.png` and `figure.svg` in `folder`; give their paths."""
    import matplotlib as mpl

    figure = draw_figure(results)
    paths = [folder / "figure.png", folder / "figure.svg"]
    # No date inside: the same results give the same file.
    metadata = {"png": {"Software": None}, "svg": {"Date": None}}
    with mpl.rc_context(RC):
        for path in paths:
            kind = path.suffix[1:]
            with whole_file(path) as temporary:
                figure.savefig(temporary, format=kind, dpi=PNG_DPI, metadata=metadata[kind])
    return paths


def _draw_scheme(
    axes: Axes, number: int, summaries: list[Summary], measure: str, places: list[float]
) -> bool:
    """Draw one scheme's curve; say whether a marker is hollow."""
    shown = [
        (place, summary.means[measure], summary.outage.events > 0)
        for place, summary in zip(places, summaries, strict=True)
        if summary.means[measure].value is not None
    ]
    if not shown:
        return False
    style = scheme_style(number)
    x = [place for place, _, _ in shown]
    y = [mean.value if mean.value is not None else math.nan for _, mean, _ in shown]
    below, above = zip(*(_bars(mean) for _, mean, _ in shown), strict=True)
    name = summaries[0].scheme.name
    axes.errorbar(x, y, yerr=(below, above), capsize=2.5, label=name, **style)
    for place, mean, _ in shown:
        _draw_unseen(axes, place, mean, style["color"])
    failing = [i for i, (_, _, failed) in enumerate(shown) if failed]
    axes.plot(
        [x[i] for i in failing],
        [y[i] for i in failing],
        linestyle="none",
        marker=style["marker"],
        markerfacecolor="white",
        markeredgecolor=style["color"],
        zorder=4,
    )
    return bool(failing)


def _bars(mean: Mean) -> tuple[float, float]:
    """How far the bar reaches below and above, for what was seen."""
    if mean.value is None or mean.low is None or mean.high is None:
        return 0.0, 0.0
    below, above = mean.value - mean.low - mean.unseen_low, mean.high - mean.value - mean.unseen_high
    return max(below, 0.0), max(above, 0.0)  # rounding may leave less than nothing


def _draw_unseen(axes: Axes, place: float, mean: Mean, colour: str) -> None:
    """Draw the part of the interval that is owed to an outcome never seen."""
    for limit, part in ((mean.low, mean.unseen_low), (mean.high, -mean.unseen_high)):
        if limit is not None and part:
            axes.plot([place, place], [limit, limit + part], color=colour, linewidth=0.7, alpha=0.6)


def _axis(results: Results) -> tuple[list[float], str]:
    """Where the points lie, and what the axis is called."""
    points = results.spec.points
    if results.spec.channel is not None:
        places = [point.snr_db if point.snr_db is not None else math.nan for point in points]
        return places, f"SNR, Es/N0 (dB); channel {results.spec.channel}"
    parameters = _parameters(results)
    if parameters is not None:
        return parameters, f"p of {parse_spec(points[0].channel).name}"
    return [float(i) for i in range(len(points))], "channel"


def _parameters(results: Results) -> list[float] | None:
    """Give the first arguments of the channels, if all are of one kind and differ in nothing else."""
    specs = [parse_spec(point.channel) for point in results.spec.points]
    first = specs[0]
    rest = {(s.name, s.args[1:], tuple(sorted(s.options.items()))) for s in specs}
    if len(specs) < 2 or len(rest) > 1 or not first.args:
        return None
    try:
        values = [float(s.args[0]) for s in specs]
    except ValueError:
        return None
    return values if all(value > 0 for value in values) else None


def _finish_axis(axes: Axes, results: Results, places: list[float]) -> None:
    """Set scale and ticks."""
    from matplotlib.ticker import MaxNLocator

    if axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 5, 10]))
    if results.spec.channel is not None:
        if 1 < len(places) <= 10:
            axes.set_xticks(sorted(places))
    elif _parameters(results) is not None:
        axes.set_xscale("log")
    else:
        axes.set_xticks(places, [point.channel for point in results.spec.points], rotation=30, ha="right")


def _footnote(results: Results, hollow: bool) -> str:
    """Say what a reader needs to know to trust the figure."""
    spec = results.spec
    names = {scheme.modulation for scheme in spec.schemes}
    modulation = f", {names.pop().upper()}" if len(names) == 1 else ""
    images = f"{len(results.images)} image{'s' if len(results.images) != 1 else ''}"
    text = f"Mean over {images}, {trial_count(results)}; bars: 95 % over the channel's randomness, thin"
    text += " where owed to what was never seen; ↓: no failure seen, outage is below."
    text += f" CBR {spec.cbr}{modulation}."
    if hollow:
        text += "\nHollow marker: some receivers could not decode; their grey is scored like any picture."
    if capped := sum(summary.capped for summary in results.summaries):
        text += f"\n{capped} trials above {PSNR_CAP_DB:g} dB (identical pictures, say) count as that."
    return text
