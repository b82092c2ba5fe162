"""Curves beside the sweep's own: bounds, and what others have published; drawn apart and marked as such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from channelvq.report.axis import axis_of
from channelvq.report.lines import Line, bound_lines, left_out, published_lines
from channelvq.report.page.markup import Markup, element, join
from channelvq.sweep.summary import Results

__all__ = ["References"]

_BOUNDS = ("7 3", "2 3", "9 3 2 3", "4 2 1 2")
_PUBLISHED = (("4 3", "o"), ("4 3", "s"), ("4 3", "^"), ("4 3", "D"), ("4 3", "v"))
_KINDS = {"bound": "bound", "published": "published by others"}


@dataclass(frozen=True)
class References:
    """Lines that the spec asks for, and why some are not there."""

    lines: tuple[Line, ...]
    sources: dict[str, str]
    lacking: tuple[str, ...]

    @classmethod
    def of(cls, results: Results) -> References:
        """Work them out."""
        lines = [*bound_lines(results, axis_of(results.spec)), *published_lines(results)]
        curves = () if results.spec.published is None else results.spec.published.curves
        sources = {curve.system: "; ".join(curve.sources) for curve in curves}
        return cls(tuple(lines), sources, tuple(left_out(results, lines)))

    def plain(self) -> list[dict[str, Any]]:
        """Give the script what it draws; a dash for each bound, a marker for each published curve."""
        drawn, counts = [], {"bound": 0, "published": 0}
        for line in self.lines:
            count = counts[line.kind]
            counts[line.kind] += 1
            dash, marker = _PUBLISHED[count % len(_PUBLISHED)]
            if line.kind == "bound":
                dash, marker = _BOUNDS[count % len(_BOUNDS)], ""
            drawn.append(
                {
                    "name": f"{line.name} ({_KINDS[line.kind]})",
                    "kind": line.kind,
                    "measure": line.measure,
                    "x": list(line.x),
                    "y": [round(y, 4) for y in line.y],
                    "dash": dash,
                    "marker": marker,
                }
            )
        return drawn

    def notes(self) -> Markup | None:
        """Say how their numbers were come by."""
        words = [f"{line.name} ({_KINDS[line.kind]}): {self._origin(line)}." for line in self.lines]
        words += [f"{sentence}." for sentence in self.lacking]
        if not words:
            return None
        head = element("p", "Grey curves are no results of this sweep, and in none of its tables.")
        items = join([element("li", text) for text in words])
        return element("div", head, element("ul", items), class_="note")

    def _origin(self, line: Line) -> str:
        """Say where a line is from."""
        source = self.sources.get(line.name, "") if line.kind == "published" else ""
        return ", ".join(part for part in (line.how, source) if part)
