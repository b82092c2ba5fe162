"""How figures look: colours that colour-blind readers can tell apart, sizes that journals print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from channelvq.report.lines import Line

__all__ = [
    "COLOURS",
    "DASHES",
    "MARKERS",
    "PAPER_RC",
    "RC",
    "legend_columns",
    "line_label",
    "line_style",
    "plain",
    "scheme_style",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Palette of M. Okabe and K. Ito, "Color Universal Design", 2008; darker ones first, without its yellow."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p", ">")
"""A second cue beside colour, for grey prints."""

DASHES = ("-", "--", "-.", ":")
"""A third: on screens once the colours have been used up, in print from the second scheme on."""

_BOUND_COLOUR, _PUBLISHED_COLOUR = "#333333", "#8a8a8a"
_BOUND_DASHES = ((0, (6, 1.6)), (0, (1.4, 1.2)), (0, (6, 1.6, 1.4, 1.6)), (0, (3, 1.2)))
_PUBLISHED_MARKERS = ("o", "s", "^", "D", "v", "<", ">", "p")

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
"""Settings of matplotlib for figures on a screen."""

PAPER_RC: Any = RC | {
    "font.family": ["STIXGeneral", "DejaVu Sans"],  # as the text of most journals; both ship with matplotlib
    "mathtext.fontset": "stix",
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.6,
    "legend.fontsize": 8.0,
    "legend.handlelength": 2.6,  # dashes must be told apart
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.25,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.8,
    "pdf.fonttype": 42,  # TrueType, embedded: what journals take
    "svg.fonttype": "path",  # the fonts go with the file
}
"""The same for figures in print: 8 pt, thin lines."""


def scheme_style(number: int, *, print_: bool = False) -> dict[str, Any]:
    """Give colour, marker and dash of a sweep's scheme, the same in every panel.

    Examples
    --------
    >>> scheme_style(0)
    {'color': '#0072B2', 'marker': 'o', 'linestyle': '-'}
    >>> scheme_style(1)["linestyle"], scheme_style(1, print_=True)["linestyle"]
    ('-', '--')
    """
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": DASHES[(number if print_ else number // len(COLOURS)) % len(DASHES)],
    }


def line_style(line: Line, number: int) -> dict[str, Any]:
    """Give a line that no trial stands behind its looks: bounds dark and dashed, figures of others grey.

    Both are thinner than what was simulated. `number` counts lines of the same kind.
    """
    if line.kind == "bound":
        dash = _BOUND_DASHES[number % len(_BOUND_DASHES)]
        return {"color": _BOUND_COLOUR, "linestyle": dash, "linewidth": 0.9, "marker": "", "zorder": 1.6}
    return {
        "color": _PUBLISHED_COLOUR,
        "linestyle": "-",
        "linewidth": 0.8,
        "marker": _PUBLISHED_MARKERS[number % len(_PUBLISHED_MARKERS)],
        "markerfacecolor": "white",
        "zorder": 1.5,
    }


def line_label(line: Line) -> str:
    """Say in a legend what kind of line it is; the daggers are explained below the figure.

    Examples
    --------
    >>> from channelvq.report.lines import Line
    >>> line_label(Line("JPEG + capacity", "bound", "psnr_db", (0.0,), (30.0,), "jpeg.json"))
    'JPEG + capacity (bound)'
    >>> line_label(Line("WITT", "published", "psnr_db", (0.0,), (30.0,), "printed"))
    'WITT (others†)'
    """
    if line.kind == "bound":
        return f"{line.name} (bound)"
    return f"{line.name} (others{'‡' if line.error else '†'})"


def plain(name: str) -> str:
    r"""Write a name so that matplotlib shows it as it is: no formula, and not hidden from legends.

    Examples
    --------
    >>> plain("cost $5"), plain("_mine")
    ('cost \\$5', ' _mine')
    """
    text = name.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def legend_columns(labels: Sequence[str], inches: float) -> int:
    """Count the columns of a legend of these labels that fit a width, with the settings of the moment."""
    import matplotlib as mpl
    import numpy as np
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    rc = mpl.rcParams
    size = float(rc["legend.fontsize"])
    font = FontProperties(family=rc["font.family"], size=size)
    widths = [text_to_path.get_text_width_height_descent(label, font, False)[0] for label in labels]
    handle = (rc["legend.handlelength"] + rc["legend.handletextpad"]) * size
    gap = rc["legend.columnspacing"] * size
    room = 72 * inches - 2 * (rc["legend.borderpad"] + 1) * size
    for columns in range(len(labels), 1, -1):
        parts = [part for part in np.array_split(np.asarray(widths), columns) if part.size]
        if sum(float(part.max()) + handle for part in parts) + gap * (len(parts) - 1) <= room:
            return columns
    return 1
