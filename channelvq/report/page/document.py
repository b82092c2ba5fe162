"""The page put together: one HTML file with everything inside, of at most five megabytes."""

from __future__ import annotations

import base64
import hashlib
import math
import string
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from channelvq.report.files import write_text
from channelvq.report.missing import missing
from channelvq.report.page.account import account_section
from channelvq.report.page.axis import Axis
from channelvq.report.page.budget import Packed, Window, pack
from channelvq.report.page.curves import curves, drawn, marks
from channelvq.report.page.markup import Markup, data, element, join
from channelvq.report.page.numbers import counted, number, percent
from channelvq.report.page.origin import origin_section, spec_text
from channelvq.report.page.ranking import Standing
from channelvq.report.page.received import Gallery, Shot
from channelvq.report.page.references import References
from channelvq.report.page.tables import numbers_table, standings_tables
from channelvq.report.page.words import facts, statement
from channelvq.report.style import COLOURS
from channelvq.report.table import point_rows, to_csv
from channelvq.sweep.means import Mean
from channelvq.sweep.stopping import PSNR_CAP_DB
from channelvq.sweep.summary import Results

__all__ = ["MAX_BYTES", "build_page", "save_page"]

MAX_BYTES = 5_000_000
"""Size of a page, at most: it goes by mail."""

_NO_MS_SSIM = 160
"""Short side in pixels up to which a picture has no MS-SSIM, whose five scales then do not fit."""

_MOST_CSV = 1_500_000
_SCRIPTS = ("page.js", "charts.js", "pictures.js")
_DARK = ("#5AA9E6", "#F2884B", "#35C495", "#E0A0C4", "#9AD6F8", "#F0B93F", "#F2F2F2")
"""The palette of `style` for a dark page: the same hues, lighter."""


def build_page(
    results: Results,
    axis: Axis,
    standings: Sequence[Standing],
    gallery: Gallery,
    *,
    max_bytes: int = MAX_BYTES,
) -> str:
    """Make the page; equal results and pictures give equal text.

    Parameters
    ----------
    results, axis, standings, gallery
        What it shows.
    max_bytes : int
        What it may take; pictures get what the rest leaves.
    """
    page = _Page(results, axis, standings, gallery)
    bare = page.fill(None)
    shots = [shot.pixels for row in gallery.shots for shot in row]
    room = max_bytes - len(bare.encode()) - 2000
    whole = Window(0, 0, gallery.window.height, gallery.window.width)
    packed = pack([gallery.sent, *shots], whole, room) if any(p is not None for p in shots) else None
    return page.fill(packed)


def save_page(page: str, path: Path) -> None:
    """Write a page, whole or not at all.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    write_text(path, page)


class _Page:
    """What does not change with the way that pictures are held."""

    def __init__(self, results: Results, axis: Axis, standings: Sequence[Standing], gallery: Gallery) -> None:
        self.results, self.axis, self.gallery = results, axis, gallery
        spec = results.spec
        self.script = '"use strict";\n(() => {\n' + "\n".join(map(_asset, _SCRIPTS)) + "\n})();\n"
        self.style = _palette() + _asset("page.css")
        self.files = _files(results)
        self.references = References.of(results)
        self.values: dict[str, str] = {
            "title": join([spec.name]),
            "style": self.style,
            "script": self.script,
            "policy": _policy(self.style, self.script),
            "description": element("p", spec.description, class_="description") if spec.description else "",
            "facts": join([element("div", element("dt", k), element("dd", v)) for k, v in facts(results)]),
            "statement": " ".join(join([sentence]) for sentence in statement(results, axis, standings)),
            "missing": _missing(results),
            "curve_notes": join([_curve_notes(results), self.references.notes()]),
            "standings": standings_tables(results, axis, standings),
            "account": account_section(results, axis, gallery),
            "origin": origin_section(results),
            "numbers": numbers_table(results, axis),
            "downloads": join(
                [
                    element("button", f"Save {name}", type="button", data_file=name, hidden=True)
                    for name in self.files
                ]
            ),
        }

    def fill(self, packed: Packed | None) -> str:
        """Make the page's text."""
        content = {
            "axis": _plain_axis(self.axis),
            "schemes": marks(self.results),
            "measures": curves(self.results, self.axis),
            "references": self.references.plain(),
            "pictures": None if packed is None else _pictures(self.gallery, packed),
            "files": self.files,
        }
        values = {
            **self.values,
            "data": data(content),
            "picture_notes": _picture_notes(self.results, self.gallery, packed),
        }
        return string.Template(_asset("page.html")).substitute(values)


def _asset(name: str) -> str:
    """Read one of the files that the page is made of."""
    return resources.files("channelvq.report.page").joinpath(name).read_text(encoding="utf-8")


def _palette() -> str:
    """Define the schemes' colours."""
    pairs = enumerate(zip(COLOURS, _DARK, strict=True))
    return "".join(f".c{i}{{--c:light-dark({light},{dark})}}" for i, (light, dark) in pairs) + "\n"


def _policy(style: str, script: str) -> str:
    """Allow this style and this script, pictures inside the page, and nothing else: no network at all."""

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def _files(results: Results) -> dict[str, dict[str, str]]:
    """Files that the reader can save: the table in full, and the spec."""
    name, text = spec_text(results.spec)
    files = {name: {"type": "text/plain", "text": text}}
    table = to_csv(point_rows(results))
    return {"table.csv": {"type": "text/csv", "text": table}, **files} if len(table) <= _MOST_CSV else files


def _plain_axis(axis: Axis) -> dict[str, Any]:
    """Give the script what it needs of the axis."""
    return {
        "scale": axis.scale,
        "label": axis.label,
        "places": list(axis.places),
        "ticks": list(axis.ticks),
        "names": [axis.at(i) for i in range(len(axis.names))],
    }


def _pictures(gallery: Gallery, packed: Packed) -> dict[str, Any]:
    """Give the script files and captions."""
    sent, *places = packed.places
    points = len(gallery.shots[0])
    return {
        "files": list(packed.files),
        "width": packed.window.width,
        "height": packed.window.height,
        "sent": sent,
        "shots": [
            [_caption(shot, places[s * points + i]) for i, shot in enumerate(row)]
            for s, row in enumerate(gallery.shots)
        ],
    }


def _caption(shot: Shot, file: int | None) -> dict[str, Any]:
    """Say what one picture is."""
    trial = shot.trial
    if trial is None:
        return {"file": None, "words": "not simulated"}
    psnr = f"{number(trial.psnr_db, 2)} dB" if math.isfinite(trial.psnr_db) else "identical"
    words = f"{psnr}, SSIM {number(trial.ssim, 3)}"
    if trial.status == "failed":
        words = f"could not decode, flat grey: {psnr}"
    elif trial.status == "concealed":
        words += ", losses concealed"
    return {"file": file, "words": words if file is not None else f"{words}; no picture"}


def _missing(results: Results) -> Markup:
    """Warn of a sweep that is not done."""
    lines = missing(results)
    if not lines:
        return Markup("")
    done = sum(summary.trials for summary in results.summaries)
    planned = sum(summary.planned for summary in results.summaries)
    head = element("strong", f"Not complete: {done} of {planned} transmissions.")
    how = join(["Go on with ", element("code", results.command), "."])
    items = element("ul", *(element("li", line) for line in lines))
    return element("div", element("p", head, " ", how), items, class_="missing", role="note")


def _curve_notes(results: Results) -> Markup:
    """Say how to read the charts."""
    images = counted(len(results.images), "image")
    notes = [
        f"Means over {images}; bars are 95 % intervals over the channel's randomness for these images."
        " The thin part of a bar is owed to failures, or successes, of which none was seen and which so few"
        " transmissions do not rule out. A hollow marker: some receivers could not decode there; their"
        " grey is scored like any picture."
    ]
    if any(measure.key == "outage" for measure in drawn(results)):
        notes.append(
            "Outage: share of receivers that showed grey. An arrow hangs from the upper limit where none did."
        )
    elif bounds := [s.outage.high for s in results.summaries if s.outage.units and s.outage.high is not None]:
        notes.append(f"No receiver failed: outage is below {percent(max(bounds))} at every point (95 %).")
    if capped := sum(summary.capped for summary in results.summaries):
        notes.append(f"{counted(capped, 'transmission')} above {PSNR_CAP_DB:g} dB count as that.")
    if not any(_known(summary.means.get("ms_ssim")) for summary in results.summaries):
        small = all(min(height, width) <= _NO_MS_SSIM for _, height, width in results.shapes)
        why = (
            f"pictures of a short side of {_NO_MS_SSIM} pixels or less have none"
            if small
            else "it was not measured"
        )
        notes.append(f"There is no MS-SSIM: {why}.")
    return element("p", " ".join(notes), class_="note")


def _known(mean: Mean | None) -> bool:
    """Whether there is a mean."""
    return mean is not None and mean.value is not None


def _picture_notes(results: Results, gallery: Gallery, packed: Packed | None) -> Markup:
    """Say which pictures these are, and whether their pixels are as they were."""
    notes = list(gallery.notes)
    if packed is None:
        if any(shot.pixels is not None for row in gallery.shots for shot in row):
            notes.insert(0, "The pictures do not fit into the page.")
        return join([element("p", note, class_="note") for note in notes or ["No picture is at hand."]])
    part, outer = packed.window, gallery.window
    _, height, width = gallery.shape
    size = f"{width} × {height} pixels"
    if (part.width, part.height) != (width, height):
        place = f"{outer.left + part.left}, {outer.top + part.top}"
        size = f"{part.width} × {part.height} pixels of {width} × {height}, from ({place}) on"
    if packed.quality is None:
        how = "Pixels as the receivers showed them, stored without loss."
    else:
        how = (
            f"Stored as WebP of quality {packed.quality}, so that the page stays small: fine artefacts are"
            f" softened a little; the stored pictures are within {number(packed.worst_db, 1)} dB PSNR of the"
            " received ones."
        )
    text = (
        f"{gallery.image}, {size}; transmission {gallery.trial}, the same noise for all schemes (seed"
        f" {results.spec.seed}). Figures under a picture are of the whole picture. {how}"
    )
    return join([element("p", text, class_="note"), *(element("p", note, class_="note") for note in notes)])
