"""The curves of a panel: means with their intervals, bounds, and curves of others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from channelvq.report.lines import Line
from channelvq.report.outage import draw_outage
from channelvq.report.panels import Panel, Picture
from channelvq.report.style import line_label, line_style, plain, scheme_style
from channelvq.sweep.means import Mean
from channelvq.sweep.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bars_of", "draw_panel", "legend_entries"]

_CROWD = 5  # more schemes than that get smaller caps and thinner bars


def draw_panel(axes: Axes, picture: Picture, panel: Panel, *, print_: bool = False) -> None:
    """Draw one panel, but for its horizontal axis.

    Error bars are 95 % intervals: what the channel's randomness leaves open for these images (`limits`). The
    thin part of a bar is owed to failures (or successes) of which none was seen, and which so few trials do
    not rule out. A hollow marker says that at that point some receivers could not decode and showed grey. A
    point that was not simulated is not drawn.
    """
    from matplotlib.ticker import MaxNLocator

    axes.set_ylabel(panel.short if print_ else panel.label)
    if panel.measure == "outage":
        draw_outage(axes, picture.results, list(picture.axis.places), print_=print_)
        return
    schemes = picture.results.spec.schemes
    bars = bar_style(len(schemes), print_=print_)
    for number, scheme in enumerate(schemes):
        style = scheme_style(number, print_=print_)
        _draw_scheme(axes, picture.results.of(scheme), panel.measure, picture.axis.places, style | bars)
    _draw_lines(axes, [line for line in picture.lines if line.measure == panel.measure])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=9, steps=[1, 2, 5, 10]))


def bar_style(schemes: int, *, print_: bool = False) -> dict[str, Any]:
    """Give error bars their looks: thin, so that they do not hide curves, the more there are the thinner."""
    crowded = schemes > _CROWD
    if print_:
        return {"capsize": 1.0 if crowded else 1.5, "elinewidth": 0.6, "capthick": 0.6}
    return {"capsize": 1.5 if crowded else 2.5, "elinewidth": 0.8 if crowded else 1.1, "capthick": 0.8}


def legend_entries(axes: Axes, picture: Picture, *, print_: bool = False) -> tuple[list[Any], list[str]]:
    """Give handles and labels of all that the figure shows, in the order of the spec."""
    from matplotlib.lines import Line2D

    handles: list[Any] = []
    labels = []
    for number, scheme in enumerate(picture.results.spec.schemes):
        handles.append(Line2D([], [], **scheme_style(number, print_=print_)))
        labels.append(plain(scheme.name))
    counts: dict[str, int] = {}
    for line in picture.lines:
        number = counts[line.kind] = counts.get(line.kind, -1) + 1
        handles.append(Line2D([], [], **_marker(line_style(line, number))))
        labels.append(plain(line_label(line)))
    return handles, labels


def bars_of(mean: Mean) -> tuple[float, float]:
    """How far the bar reaches below and above, for what was seen."""
    if mean.value is None or mean.low is None or mean.high is None:
        return 0.0, 0.0
    below, above = mean.value - mean.low - mean.unseen_low, mean.high - mean.value - mean.unseen_high
    return max(below, 0.0), max(above, 0.0)  # rounding may leave less than nothing


def _draw_scheme(
    axes: Axes, summaries: list[Summary], measure: str, places: tuple[float, ...], style: dict[str, Any]
) -> None:
    """Draw one scheme's curve."""
    shown = [
        (place, summary.means[measure], summary.outage.events > 0)
        for place, summary in zip(places, summaries, strict=True)
        if summary.means[measure].value is not None
    ]
    if not shown:
        return
    x = [place for place, _, _ in shown]
    y = [mean.value if mean.value is not None else math.nan for _, mean, _ in shown]
    below, above = zip(*(bars_of(mean) for _, mean, _ in shown), strict=True)
    name = plain(summaries[0].scheme.name)
    axes.errorbar(x, y, yerr=(below, above), label=name, zorder=3, **style)
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


def _draw_unseen(axes: Axes, place: float, mean: Mean, colour: str) -> None:
    """Draw the part of the interval that is owed to an outcome never seen."""
    for limit, part in ((mean.low, mean.unseen_low), (mean.high, -mean.unseen_high)):
        if limit is not None and part:
            axes.plot([place, place], [limit, limit + part], color=colour, linewidth=0.6, alpha=0.6)


def _draw_lines(axes: Axes, lines: list[Line]) -> None:
    """Draw bounds and curves of others."""
    counts: dict[str, int] = {}
    for line in lines:
        number = counts[line.kind] = counts.get(line.kind, -1) + 1
        style = _marker(line_style(line, number))
        bars = line.error or None
        axes.errorbar(line.x, line.y, yerr=bars, elinewidth=0.6, label=plain(line_label(line)), **style)


def _marker(style: dict[str, Any]) -> dict[str, Any]:
    """Size markers of lines a little below those of schemes."""
    import matplotlib as mpl

    return {"markersize": 0.8 * mpl.rcParams["lines.markersize"], **style}
