"""The figure's panel of outage: the share of receivers that failed, with exact intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from channelvq.report.style import scheme_style
from channelvq.sweep.summary import Results, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_outage"]

_APART = 2.5  # points between the arrows of two schemes, which often stand in the same place
_SPREAD = 0.6  # of the distance of two points of the axis, for the arrows of all schemes
_WIDE = 0.78  # of its share of the figure's width, for a panel without its labels, about


def draw_outage(axes: Axes, results: Results, places: list[float], *, print_: bool = False) -> None:
    """Draw outage over the axis on a logarithmic scale.

    No failure among n receivers is an upper bound, drawn as an arrow down from it; it is no 0, and no curve
    goes through it. A point that was not simulated is not drawn.
    """
    axes.set_yscale("log")
    schemes = results.spec.schemes
    lowest = 0.1
    apart = min(_APART, _SPREAD * _width(axes) / len(places) / len(schemes))
    for number, scheme in enumerate(schemes):
        summaries = results.of(scheme)
        offset = number - (len(schemes) - 1) / 2
        style = scheme_style(number, print_=print_)
        _draw_curve(axes, style, summaries, places)
        _draw_bounds(axes, style["color"], summaries, places, offset, apart)
        for outage in (summary.outage for summary in summaries):
            limit = outage.low if outage.events else outage.high
            lowest = min(lowest, limit if limit else lowest)
    axes.set_ylim(lowest / 3, 1.5)


def _width(axes: Axes) -> float:
    """Give the width of a panel in points, before the figure is laid out."""
    spec, figure = axes.get_subplotspec(), axes.get_figure(root=True)
    across = spec.get_gridspec().ncols if spec is not None else 1
    return _WIDE * 72 * float(figure.get_figwidth()) / across if figure is not None else 72.0


def _draw_curve(axes: Axes, style: dict[str, Any], summaries: list[Summary], places: list[float]) -> None:
    """Draw the points that saw failures, and join neighbours."""
    runs: list[list[tuple[float, float, float, float]]] = [[]]
    for place, summary in zip(places, summaries, strict=True):
        outage = summary.outage
        if outage.events and outage.value is not None and outage.low is not None and outage.high is not None:
            runs[-1].append((place, outage.value, outage.value - outage.low, outage.high - outage.value))
        else:
            runs.append([])
    for run in filter(None, runs):
        x, y, below, above = zip(*run, strict=True)
        axes.errorbar(x, y, yerr=(below, above), capsize=1.5, elinewidth=0.8, capthick=0.8, **style)


def _draw_bounds(
    axes: Axes, colour: str, summaries: list[Summary], places: list[float], offset: float, apart: float
) -> None:
    """Draw an arrow down from the upper bound of no failure seen, `offset` times `apart` points aside."""
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
    crowded = apart < _APART  # then arrows are slim
    bar, arrow = (2 * apart, 7.0) if crowded else (6.0, 9.0)
    for marker, size, drop in (("_", bar, 0.0), (r"$\downarrow$", arrow, -5.0)):
        where = axes.transData + ScaledTranslation(offset * apart / 72, drop / 72, scale)
        looks: dict[str, Any] = {"marker": marker, "markersize": size, "color": colour, "clip_on": False}
        axes.plot(x, y, linestyle="none", transform=where, **looks)
