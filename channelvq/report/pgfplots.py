r"""A sweep's curves for LaTeX: `tikzpicture`s with their data for PGFPlots, and the same data as CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from channelvq.report.axis import Axis
from channelvq.report.curves import bars_of
from channelvq.report.lines import Line
from channelvq.report.panels import Panel, Picture, footnotes
from channelvq.report.style import COLOURS, line_label, scheme_style
from channelvq.report.table import Cell, to_csv
from channelvq.sweep.summary import Summary

__all__ = ["curve_table", "latex_text", "tikz_picture"]

_MARKS = {
    "o": "*",
    "s": "square*",
    "^": "triangle*",
    "D": "diamond*",
    "v": "triangle*, mark options={rotate=180,solid}",
    "P": "+",
    "X": "x",
    "<": "triangle*, mark options={rotate=90,solid}",
    "p": "pentagon*",
    ">": "triangle*, mark options={rotate=-90,solid}",
}
_WIDE = 27  # letters, of a name that leaves no room for another beside it
_MOST_TICKS = 10
_DASHES = {"-": "solid", "--": "dashed", "-.": "dashdotted", ":": "densely dotted"}
_BOUND_DASHES = ("dashed", "densely dotted", "dashdotted", "densely dashed")
_PUBLISHED_MARKS = ("o", "square", "triangle", "diamond", "pentagon")
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{letter: "\\" + letter for letter in "&%$#_{}"},
    "−": r"$-$",
    "×": r"$\times$",
    "±": r"$\pm$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
    "→": r"$\to$",
    "↓": r"$\downarrow$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "·": r"$\cdot$",
}


@dataclass(frozen=True)
class _Row:
    """A point of a curve: place, value, and how far its interval reaches below and above."""

    x: float
    y: float
    below: float
    above: float


def latex_text(text: str) -> str:
    r"""Write plain text so that LaTeX prints it.

    Examples
    --------
    >>> latex_text("50 % of JPEG_2000 & more")
    '50 \\% of JPEG\\_2000 \\& more'
    """
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def tikz_picture(picture: Picture, panel: Panel) -> str:
    r"""Write a panel as a `tikzpicture` that holds its data, to be included by ``\input``.

    It needs ``\usepackage{pgfplots}`` with ``\pgfplotsset{compat=1.16}`` or later. Error bars are the whole
    95 % intervals. Where no failure was seen, the panel of outage has a hollow mark that points down from the
    upper limit, and no line. What has no place on a plain logarithmic axis (p = 0) is on one of names.
    """
    axis = _plain_axis(picture.axis)
    lines = [f"% {latex_text(note)}" for note in footnotes(picture)]
    lines.append(r"% \usepackage{pgfplots} \pgfplotsset{compat=1.16}")
    lines += [
        rf"\definecolor{{channelvq{number}}}{{HTML}}{{{colour[1:]}}}" for number, colour in enumerate(COLOURS)
    ]
    lines += [r"\begin{tikzpicture}", r"\begin{axis}["]
    lines += [f"  {option}," for option in _options(picture, axis, panel)]
    lines.append("]")
    results = picture.results
    for number, scheme in enumerate(results.spec.schemes):
        lines += _scheme_plots(number, results.of(scheme), axis, panel)
    counts: dict[str, int] = {}
    for line in picture.lines:
        if line.measure == panel.measure:
            counts[line.kind] = counts.get(line.kind, -1) + 1
            moved = dict(zip(picture.axis.places, axis.places, strict=True))
            lines += _line_plot(line, counts[line.kind], moved)
    lines += [r"\end{axis}", r"\end{tikzpicture}"]
    return "\n".join(lines) + "\n"


def curve_table(picture: Picture) -> str:
    """Write the points of all curves as CSV, one row a point, with 95 % intervals; bounds and others marked.

    `kind` is "simulated", "bound" or "published"; `how` says where the last two come from. An outage of which
    none was seen has no `value`, only its upper limit.
    """
    rows: list[dict[str, Cell]] = []
    for panel in picture.panels:
        for scheme in picture.results.spec.schemes:
            summaries = picture.results.of(scheme)
            for place, summary in zip(picture.axis.places, summaries, strict=True):
                rows.append(_simulated(panel, place, summary))
        for line in picture.lines:
            if line.measure == panel.measure:
                rows += (_drawn(line, x, y) for x, y in zip(line.x, line.y, strict=True))
    return to_csv(rows)


def _simulated(panel: Panel, place: float, summary: Summary) -> dict[str, Cell]:
    """Give a point of a scheme."""
    found = summary.outage if panel.measure == "outage" else summary.means[panel.measure]
    unseen = panel.measure == "outage" and not summary.outage.events
    return {
        "measure": panel.measure,
        "curve": summary.scheme.name,
        "kind": "simulated",
        "point": summary.point.label,
        "x": place,
        "value": None if unseen else found.value,
        "low": found.low,
        "high": found.high,
        "how": None,
    }


def _drawn(line: Line, x: float, y: float) -> dict[str, Cell]:
    """Give a point of a line that was not simulated."""
    low, high = (y - line.error, y + line.error) if line.error else (None, None)
    head: dict[str, Cell] = {"measure": line.measure, "curve": line.name, "kind": line.kind, "point": None}
    return {**head, "x": x, "value": y, "low": low, "high": high, "how": line.how}


def _plain_axis(axis: Axis) -> Axis:
    """Give an axis that PGFPlots can draw: it has no logarithmic one with a zero."""
    if axis.scale != "symlog":
        return axis
    order = sorted(axis.places)
    places = tuple(float(order.index(place)) for place in axis.places)
    return Axis(places, axis.label, "names", tuple(f"{place:g}" for place in axis.places))


def _options(picture: Picture, axis: Axis, panel: Panel) -> Iterator[str]:
    """Options of the axis."""
    yield r"width=\columnwidth, height=0.75\columnwidth"
    yield f"xlabel={{{latex_text(axis.label)}}}, ylabel={{{latex_text(panel.short)}}}"
    yield "grid=major, grid style={gray!25}, tick label style={font=\\footnotesize}"
    yield "label style={font=\\footnotesize}"
    names = [scheme.name for scheme in picture.results.spec.schemes]
    names += [line_label(line) for line in picture.lines if line.measure == panel.measure]
    columns = 1 if max(map(len, names)) > _WIDE else 2
    yield (
        f"legend style={{font=\\scriptsize, at={{(0.5,1.03)}}, anchor=south, legend columns={columns},"
        " draw=none, cells={anchor=west}}"
    )
    yield "every axis plot/.append style={mark size=1.5pt, line width=0.7pt}"
    if panel.measure == "outage":
        yield "ymode=log, ymax=1.5"
    if axis.scale == "log":
        yield "xmode=log"
    elif 1 < len(axis.places) <= _MOST_TICKS:
        ticks = ",".join(f"{place:g}" for place in axis.places)
        yield f"xtick={{{ticks}}}"
    if axis.scale == "names":
        labels = ",".join(f"{{{latex_text(name)}}}" for name in axis.names)
        yield f"xticklabels={{{labels}}}, x tick label style={{rotate=30, anchor=east}}"


def _scheme_plots(number: int, summaries: list[Summary], axis: Axis, panel: Panel) -> Iterator[str]:
    """Write a scheme's curve, and marks at the limits of outages that were not seen."""
    style = scheme_style(number, print_=True)
    colour = f"channelvq{number % len(COLOURS)}"
    look = f"color={colour}, {_DASHES[style['linestyle']]}, mark={_mark(style['marker'])}"
    places = list(zip(axis.places, summaries, strict=True))
    yield rf"\addlegendimage{{{look}}}"  # there may be no curve
    yield rf"\addlegendentry{{{latex_text(summaries[0].scheme.name)}}}"
    bars = "error bars/.cd, y dir=both, y explicit, error bar style={solid}"
    for run in filter(None, _runs(places, panel)):
        yield rf"\addplot[{look}, forget plot, {bars}]"
        yield from _data(run)
    if panel.measure == "outage":
        limits = [(x, s.outage.high) for x, s in places if s.outage.units and not s.outage.events]
        hollow = [_Row(x, high or 0.0, 0.0, 0.0) for x, high in limits]
        mark = "triangle, mark options={solid, rotate=180}"
    else:
        failed = [(x, s.means[panel.measure].value) for x, s in places if s.outage.events]
        hollow = [_Row(x, value, 0.0, 0.0) for x, value in failed if value is not None]
        mark = _mark(style["marker"]).replace("solid}", "solid, fill=white}")
    if hollow:
        yield rf"\addplot[color={colour}, only marks, mark={mark}, forget plot]"
        yield from _data(hollow)


def _mark(marker: str) -> str:
    """Name a mark; its outline is solid whatever the line's dash."""
    name = _MARKS[marker]
    return name if "mark options" in name else f"{name}, mark options={{solid}}"


def _runs(places: list[tuple[float, Summary]], panel: Panel) -> list[list[_Row]]:
    """Points to be joined: of an outage those in a row that saw failures, of a mean all that there are."""
    if panel.measure != "outage":
        rows = []
        for x, summary in places:
            mean = summary.means[panel.measure]
            if mean.value is not None:
                below, above = bars_of(mean)
                rows.append(_Row(x, mean.value, below + mean.unseen_low, above + mean.unseen_high))
        return [rows]
    runs: list[list[_Row]] = [[]]
    for x, summary in places:
        outage = summary.outage
        if outage.events and outage.value is not None and outage.low is not None and outage.high is not None:
            runs[-1].append(_Row(x, outage.value, outage.value - outage.low, outage.high - outage.value))
        else:
            runs.append([])
    return runs


def _line_plot(line: Line, number: int, moved: dict[float, float]) -> Iterator[str]:
    """Write a bound, or a curve of others; `moved` says where places of the axis are in this picture."""
    if line.kind == "bound":
        yield rf"\addplot[color=black!80, thin, no marks, {_BOUND_DASHES[number % len(_BOUND_DASHES)]}]"
    else:
        mark = _PUBLISHED_MARKS[number % len(_PUBLISHED_MARKS)]
        bars = ", error bars/.cd, y dir=both, y explicit" if line.error else ""
        yield rf"\addplot[color=black!45, thin, mark={mark}{bars}]"
    points = zip(line.x, line.y, strict=True)
    yield from _data([_Row(moved.get(x, x), y, line.error, line.error) for x, y in points])
    yield rf"\addlegendentry{{{latex_text(line_label(line))}}}"


def _data(rows: list[_Row]) -> Iterator[str]:
    """Write a table of points."""
    yield "  table[x=x, y=y, y error minus=below, y error plus=above, row sep=newline] {"
    yield "    x y below above"
    for row in rows:
        numbers = (row.x, row.y, row.below, row.above)
        yield "    " + " ".join(f"{value:.6g}" if math.isfinite(value) else "nan" for value in numbers)
    yield "  };"
