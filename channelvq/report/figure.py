"""The sweep's figure on a screen: PSNR, SSIM, MS-SSIM and outage over the axis, with 95 % error bars."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from channelvq.report.axis import set_axis
from channelvq.report.curves import draw_panel, legend_entries
from channelvq.report.files import whole_file
from channelvq.report.panels import footnotes, picture_of
from channelvq.report.style import RC, legend_columns
from channelvq.sweep.summary import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_figure", "save", "save_figure"]

PNG_DPI = 200
_PANEL_WIDTH, _PANEL_HEIGHT, _LOWER = 3.4, 2.9, 2.6  # inches; the last of panels in two rows
_LINE, _NOTE = 0.19, 0.125  # inches of a row of the legend, of a line below the figure
_NOTE_SIZE = 7.0
_LETTERS = 18.5  # of a note, an inch
_ACROSS = 3  # panels in a row; of four there are two rows


def draw_figure(results: Results) -> Figure:
    """Draw mean PSNR, SSIM and MS-SSIM of each scheme over the axis, and the share of receivers that failed.

    What marks and bars mean is told by `draw_panel`; the figure's last lines say it to its readers. There is
    no panel of MS-SSIM where the images have none, and none of outage where no receiver failed. Bounds and
    curves of others that the spec asks for are thin, and named as what they are.

    Returns
    -------
    matplotlib.figure.Figure
        Panels of 3.4 by 2.9 inches: up to three in a row, four in two rows.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    picture = picture_of(results)
    with mpl.rc_context(RC):
        count = len(picture.panels)
        across = count if count <= _ACROSS else -(-count // 2)
        down = -(-count // across)
        width = _PANEL_WIDTH * across
        notes = [line for note in footnotes(picture) for line in textwrap.wrap(note, int(_LETTERS * width))]
        figure = Figure(figsize=(width, 1.0), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).reshape(-1)
        for axes, panel in zip(panels, picture.panels, strict=True):
            draw_panel(axes, picture, panel)
            set_axis(axes, picture.axis)
        # Above the panels: never over the data.
        handles, labels = legend_entries(panels[0], picture)
        columns = legend_columns(labels, width)
        figure.legend(handles, labels, loc="outside upper left", ncols=columns, frameon=False)
        rows = -(-len(labels) // columns)
        height = _PANEL_HEIGHT if down == 1 else 2 * _LOWER
        figure.set_size_inches(width, height + _LINE * rows + _NOTE * len(notes))
        figure.supxlabel("\n".join(notes), fontsize=_NOTE_SIZE, color="#444444", x=0.01, ha="left")
    return figure


def save_figure(results: Results, folder: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write `figure.png` and `figure.svg` in `folder`, or other formats; give their paths."""
    figure = draw_figure(results)
    return [save(figure, folder / f"figure.{kind}", RC) for kind in formats]


def save(figure: Figure, path: Path, rc: dict[str, object]) -> Path:
    """Write a figure, in the format of the file's ending: png, svg or pdf. Equal figures are equal files."""
    import matplotlib as mpl

    kind = path.suffix[1:]
    dates = {"png": "Software", "svg": "Date", "pdf": "CreationDate"}
    with mpl.rc_context(rc), whole_file(path) as temporary:  # type: ignore[arg-type]
        figure.savefig(temporary, format=kind, dpi=PNG_DPI, metadata={dates[kind]: None})
    return path
