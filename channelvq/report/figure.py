"""The sweep's figure: PSNR and SSIM over the axis, with 95 % error bars."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from channelvq.components import parse_spec
from channelvq.report.files import whole_file
from channelvq.report.style import COLOURS, DASHES, MARKERS, RC
from channelvq.sweep.summary import Results, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_figure", "save_figure"]

PNG_DPI = 200
_PANELS = (("psnr_db", "PSNR (dB)"), ("ssim", "SSIM"))


def draw_figure(results: Results) -> Figure:
    """Draw mean PSNR and SSIM of each scheme over the axis.

    Error bars are the 95 % intervals of `stratified_mean`: what the channel's randomness leaves open for
    these images. A hollow marker says that at that point some receivers could not decode and showed grey.
    A point that was not simulated is not drawn.

    Returns
    -------
    matplotlib.figure.Figure
        7 × 3.6 inches; two panels.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(RC):
        figure = Figure(figsize=(7.2, 3.9), layout="constrained")
        panels = figure.subplots(1, len(_PANELS))
        places, axis_label = _axis(results)
        hollow = False
        for axes, (measure, label) in zip(panels, _PANELS, strict=True):
            for number, scheme in enumerate(results.spec.schemes):
                hollow |= _draw_scheme(axes, number, results.of(scheme), measure, places)
            axes.set_xlabel(axis_label)
            axes.set_ylabel(label)
            _finish_axis(axes, results, places)
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
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    dash = DASHES[number // len(COLOURS) % len(DASHES)]
    x = [place for place, _, _ in shown]
    y = [mean.value if mean.value is not None else math.nan for _, mean, _ in shown]
    half = [
        0.0 if mean.high is None or mean.value is None else mean.high - mean.value for _, mean, _ in shown
    ]
    name = summaries[0].scheme.name
    axes.errorbar(x, y, yerr=half, color=colour, linestyle=dash, marker=marker, capsize=2.5, label=name)
    failing = [i for i, (_, _, failed) in enumerate(shown) if failed]
    axes.plot(
        [x[i] for i in failing],
        [y[i] for i in failing],
        linestyle="none",
        marker=marker,
        markerfacecolor="white",
        markeredgecolor=colour,
        zorder=4,
    )
    return bool(failing)


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
    trials = f"{spec.trials} trial{'s' if spec.trials != 1 else ''}"
    text = f"Mean over {images}, {trials} each; bars: 95 % over the channel's randomness."
    text += f" CBR {spec.cbr}{modulation}."
    if hollow:
        text += "\nHollow marker: some receivers could not decode; their grey is scored like any picture."
    return text
