"""The figure's panel of outage: the share of receivers that failed, with exact intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channelvq.report.style import scheme_style
from channelvq.sweep.summary import Results, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_outage"]

_APART = 2.5  # points between the arrows of two schemes, which often stand in the same place


def draw_outage(axes: Axes, results: Results, places: list[float]) -> None:
    """Draw outage over the axis on a logarithmic scale.

    No failure among n receivers is an upper bound, drawn as an arrow down from it; it is no 0, and no curve
    goes through it. A point that was not simulated is not drawn.
    """
    axes.set_yscale("log")
    axes.set_ylabel("outage (receivers that show grey)")
    schemes = results.spec.schemes
    lowest = 0.1
    for number, scheme in enumerate(schemes):
        summaries = results.of(scheme)
        offset = _APART * (number - (len(schemes) - 1) / 2)
        _draw_curve(axes, number, summaries, places)
        _draw_bounds(axes, number, summaries, places, offset)
        for outage in (summary.outage for summary in summaries):
            limit = outage.low if outage.events else outage.high
            lowest = min(lowest, limit if limit else lowest)
    axes.set_ylim(lowest / 3, 1.5)


def _draw_curve(axes: Axes, number: int, summaries: list[Summary], places: list[float]) -> None:
    """Draw the points that saw failures, and join neighbours."""
    style = scheme_style(number)
    runs: list[list[tuple[float, float, float, float]]] = [[]]
    for place, summary in zip(places, summaries, strict=True):
        outage = summary.outage
        if outage.events and outage.value is not None and outage.low is not None and outage.high is not None:
            runs[-1].append((place, outage.value, outage.value - outage.low, outage.high - outage.value))
        else:
            runs.append([])
    for run in filter(None, runs):
        x, y, below, above = zip(*run, strict=True)
        axes.errorbar(x, y, yerr=(below, above), capsize=2.5, **style)


def _draw_bounds(
    axes: Axes, number: int, summaries: list[Summary], places: list[float], offset: float
) -> None:
    """Draw an arrow down from the upper bound where no failure was seen; `offset` is in points."""
    from matplotlib.transforms import ScaledTranslation

    shown = [
        (place, summary.outage.high)
        for place, summary in zip(places, summaries, strict=True)
        if summary.outage.units and not summary.outage.events
    ]
    if not shown:
        return
    x, y = zip(*shown, strict=True)
    scale = axes.get_figure(root=True).dpi_scale_trans  # type: ignore[union-attr]
    colour = scheme_style(number)["color"]
    for marker, size, drop in (("_", 6.0, 0.0), (r"$\downarrow$", 9.0, -5.0)):
        where = axes.transData + ScaledTranslation(offset / 72, drop / 72, scale)
        axes.plot(x, y, linestyle="none", marker=marker, markersize=size, color=colour, transform=where)
