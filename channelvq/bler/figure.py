"""Figure of block error rates: simulated points with intervals, theory as lines, other decoders hollow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from channelvq.bler.curves import BlerPoint
from channelvq.report.files import whole_file
from channelvq.report.style import COLOURS, MARKERS, RC

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_bler", "save_bler"]

PNG_DPI = 200
_LOWEST = 2e-6
_LINES = {"exact": "-", "union bound": "--", "normal approximation": ":"}


def draw_bler(points: list[BlerPoint], title: str) -> Figure:
    """Draw block error rate over Eb/N0, a panel a modulation and channel.

    Filled markers are our decoders, hollow ones another implementation on the same LLRs, both with 95 %
    intervals; an arrow down begins at the upper limit where no block was wrong. Lines are theory: solid
    where it is exact, dashed a union bound, dotted the normal approximation to the best code of that length.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    panels = list(dict.fromkeys((point.modulation, point.channel) for point in points))
    with mpl.rc_context(RC):
        figure = Figure(figsize=(max(4.2, 3.5 * len(panels)), 5.6), layout="constrained")
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            chosen = [point for point in points if (point.modulation, point.channel) == panel]
            _draw_panel(axes, chosen)
            axes.set_title(f"{panel[0].upper()}, {panel[1]}")
        figure.suptitle(title, fontsize=10.5)
    return figure


def save_bler(points: list[BlerPoint], title: str, folder: Path) -> None:
    """Write `figure.png` and `figure.svg` in `folder`."""
    import matplotlib as mpl

    figure = draw_bler(points, title)
    metadata = {"png": {"Software": None}, "svg": {"Date": None}}  # the same points give the same file
    with mpl.rc_context(RC):
        for kind in ("png", "svg"):
            with whole_file(folder / f"figure.{kind}") as temporary:
                figure.savefig(temporary, format=kind, dpi=PNG_DPI, metadata=metadata[kind])


def _draw_panel(axes: Axes, points: list[BlerPoint]) -> None:
    """Draw the curves of one panel."""
    for number, name in enumerate(dict.fromkeys(point.curve for point in points)):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        of_curve = [point for point in points if point.curve == name]
        for decoder in dict.fromkeys(point.decoder for point in of_curve):
            ours = decoder == "channelvq"
            shown = [point for point in of_curve if point.decoder == decoder]
            _draw_points(
                axes,
                shown,
                color=colour,
                marker=marker,
                markerfacecolor=colour if ours else "white",
                markersize=4.0 if ours else 6.5,
                zorder=3 if ours else 2,
                label=name if ours else f"{name}, {decoder}",
            )
        _draw_bound(axes, [point for point in of_curve if point.decoder == "channelvq"], colour)
    axes.set_yscale("log")
    axes.set_ylim(_LOWEST, 1.4)
    axes.set_xlabel("Eb/N0 (dB)")
    axes.set_ylabel("block error rate")
    # Below the panel: never over the data.
    axes.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13))


def _draw_points(axes: Axes, points: list[BlerPoint], **style: Any) -> None:
    """Draw simulated points; those without an error as arrows down from their upper limits."""
    seen = [point for point in points if point.block_errors]
    x, y = [point.ebn0_db for point in seen], [point.bler for point in seen]
    below = [point.bler - point.bler_low for point in seen]
    above = [point.bler_high - point.bler for point in seen]
    bars: dict[str, Any] = {"linestyle": "none", "elinewidth": 0.9, "capsize": 2}
    axes.errorbar(x, y, yerr=[below, above], **bars, **style)
    none = [point for point in points if not point.block_errors]
    limits = [point.bler_high for point in none]
    unnamed = {**style, "label": None}
    lengths = [0.5 * limit for limit in limits]
    axes.errorbar([point.ebn0_db for point in none], limits, yerr=lengths, uplims=True, **bars, **unnamed)


def _draw_bound(axes: Axes, points: list[BlerPoint], colour: str) -> None:
    """Draw the line of theory through a curve's SNRs."""
    known = [point for point in points if point.bound is not None]
    if known:
        kind = known[0].bound_kind or ""
        x, y = [point.ebn0_db for point in known], [min(1.0, point.bound or 0.0) for point in known]
        axes.plot(x, y, color=colour, linestyle=_LINES.get(kind, "-."), linewidth=1.1)
