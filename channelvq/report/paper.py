"""Figures for papers: one file a panel in a column's width, and all panels across two columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from channelvq.report.axis import set_axis
from channelvq.report.curves import draw_panel, legend_entries
from channelvq.report.figure import save
from channelvq.report.files import write_text
from channelvq.report.panels import Panel, Picture, footnotes, picture_of
from channelvq.report.pgfplots import curve_table, tikz_picture
from channelvq.report.style import PAPER_RC, legend_columns
from channelvq.sweep.summary import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Entry = TypeVar("Entry")

__all__ = ["COLUMN", "FORMATS", "PAGE", "draw_paper", "save_paper"]

COLUMN, PAGE = 3.5, 7.16
"""Widths in inches of one column and of two, as IEEE's journals have them."""

FORMATS = ("pdf", "svg", "png", "pgf")

_HEIGHT, _LINE = 2.05, 0.155  # inches of a panel with its axis, of a row of the legend
_ACROSS = 3
_FOLD = 24  # letters of a label's line, if it is folded


def draw_paper(picture: Picture, panels: Sequence[Panel], width: float) -> Figure:
    """Draw panels of a sweep's figure for print, with one legend above them.

    8 pt throughout. Schemes differ in marker and dash as well as in colour. What a caption must say is not in
    the figure: see `save_paper`.

    Parameters
    ----------
    picture : Picture
        What the figure shows.
    panels : sequence of Panel
        Those of its panels to draw.
    width : float
        In inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    across = len(panels) if len(panels) <= _ACROSS else 2
    down = -(-len(panels) // across)
    with mpl.rc_context(PAPER_RC):
        figure = Figure(figsize=(width, 1.0), layout="constrained")
        drawn = figure.subplots(down, across, squeeze=False).reshape(-1)
        for axes, panel in zip(drawn, panels, strict=False):
            draw_panel(axes, picture, panel, print_=True)
            set_axis(axes, picture.axis)
        for axes in drawn[len(panels) :]:
            axes.set_axis_off()
        handles, labels = legend_entries(drawn[0], picture, print_=True)
        if len(panels) == 1 and panels[0].measure != "psnr_db":
            handles, labels = _of_schemes(picture, handles), _of_schemes(picture, labels)
        labels, columns = _arranged(labels, width)
        figure.legend(handles, labels, loc="outside upper center", ncols=columns, frameon=False)
        figure.set_size_inches(width, _HEIGHT * down + _LINE * _rows(labels, columns))
    return figure


def save_paper(results: Results, folder: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write a sweep's figures for print in `folder`; give the paths.

    `psnr`, `ssim`, `ms_ssim` and `outage` (those that there are) are a column wide, `all` two columns; "pgf"
    writes no `all`, but `.tex` with `tikzpicture` and data for PGFPlots. `curves.csv` has the points of all
    curves, `caption.txt` what a caption must say. Nothing in a file tells when it was written.

    Raises
    ------
    UsageError
        If a file cannot be written.
    """
    picture = picture_of(results)
    groups = {panel.measure.removesuffix("_db"): ([panel], COLUMN) for panel in picture.panels}
    groups["all"] = (list(picture.panels), PAGE)
    paths = []
    for name, (panels, width) in groups.items():
        figure = None
        for kind in formats:
            path = folder / f"{name}.{'tex' if kind == 'pgf' else kind}"
            if kind != "pgf":
                figure = figure or draw_paper(picture, panels, width)
                paths.append(save(figure, path, PAPER_RC))
            elif name != "all":
                write_text(path, tikz_picture(picture, panels[0]))
                paths.append(path)
    write_text(folder / "curves.csv", curve_table(picture))
    write_text(folder / "caption.txt", "\n".join(footnotes(picture)) + "\n")
    return [*paths, folder / "curves.csv", folder / "caption.txt"]


def _arranged(labels: list[str], width: float) -> tuple[list[str], int]:
    """Fold long labels, if a legend of more columns is won by it; give them and the number of columns."""
    whole = legend_columns(labels, width)
    folded = [textwrap.fill(label, _FOLD) for label in labels]
    columns = legend_columns([max(label.split("\n"), key=len) for label in folded], width)
    better = _rows(folded, columns) < _rows(labels, whole)
    return (folded, columns) if better else (labels, whole)


def _rows(labels: list[str], columns: int) -> int:
    """Count the lines of a legend's longest column."""
    lines = np.array([label.count("\n") + 1 for label in labels])
    return max(int(part.sum()) for part in np.array_split(lines, columns))


def _of_schemes(picture: Picture, entries: list[Entry]) -> list[Entry]:
    """Leave out of a legend what only the panel of PSNR shows."""
    return entries[: len(picture.results.spec.schemes)]
