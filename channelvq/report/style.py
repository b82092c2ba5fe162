"""How figures look: colours that colour-blind readers can tell apart, sizes that journals print."""

from __future__ import annotations

from typing import Any

__all__ = ["COLOURS", "DASHES", "MARKERS", "RC", "scheme_style"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Palette of M. Okabe and K. Ito, "Color Universal Design", 2008; darker ones first, without its yellow."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""A second cue beside colour, for grey prints."""

DASHES = ("-", "--", "-.", ":")
"""A third, once the colours have been used up."""

RC: Any = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same everywhere
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.labelsize": 9.0,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.0,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "channelvq",  # the same figure is the same file
}
"""Settings of matplotlib."""


def scheme_style(number: int) -> dict[str, Any]:
    """Give colour, marker and dash of a sweep's scheme, the same in every panel.

    Examples
    --------
    >>> scheme_style(0)
    {'color': '#0072B2', 'marker': 'o', 'linestyle': '-'}
    """
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[number // len(COLOURS) % len(DASHES)],
    }
