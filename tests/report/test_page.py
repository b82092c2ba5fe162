"""The page: everything in it, nothing from elsewhere, the numbers those of the sweep."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import re
import sqlite3
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from report.small_sweep import make_images, small_plan, sweep

from channelvq import provenance
from channelvq.report.lines import Line
from channelvq.report.page.axis import Axis
from channelvq.report.page.budget import Window
from channelvq.report.page.document import MAX_BYTES, build_page
from channelvq.report.page.origin import spec_text
from channelvq.report.page.ranking import Standing, rank
from channelvq.report.page.received import Gallery, Shot, collect
from channelvq.report.page.references import References
from channelvq.report.style import MARKERS
from channelvq.report.table import point_rows, to_csv
from channelvq.sweep.spec import SweepSpec, load_spec
from channelvq.sweep.store import STORE_NAME, Store
from channelvq.sweep.summary import Results, load_results

PAGE = Path(__file__).parents[2] / "channelvq" / "report" / "page"
VOID = {"meta", "link", "input", "br", "img"}


class Reader(HTMLParser):
    """Elements of a page, their text, and whether each end has its beginning."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        key = self._open[-1] if self._open else ""
        if key == "script":
            key = str(self.found[-1][1].get("id", "script"))
        self.text[key] = self.text.get(key, "") + data

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text["report-data"])
        return found


def bare_gallery(results: Results) -> Gallery:
    row = tuple(Shot(None, None) for _ in results.spec.points)
    shots = tuple(row for _ in results.spec.schemes)
    return Gallery("one", (3, 64, 96), 0, Window(0, 0, 64, 96), None, shots)


def bare_page(results: Results) -> str:
    standings = tuple(Standing(()) for _ in results.spec.points)
    return build_page(results, Axis.of(results.spec), standings, bare_gallery(results))


def page_of(folder: Path) -> str:
    with Store(folder) as store:
        results = load_results(store)
        axis = Axis.of(results.spec)
        return build_page(results, axis, rank(store, results, axis), collect(store, axis))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("page") / "images")


def test_curves_are_the_summaries(results: Results) -> None:
    measures = {measure["key"]: measure for measure in Reader(bare_page(results)).data["measures"]}
    first, second = measures["psnr_db"]["curves"]
    assert first[0] == {"v": 20.0, "lo": 19.5, "hi": 20.5, "f": 1}
    assert [point["v"] for point in first] == [20.0, 24.0, 28.0]
    assert second[1] is None  # not simulated
    outage = measures["outage"]["curves"]
    failed = results.summaries[0].outage
    assert outage[0][0] == {
        "v": 0.25,
        "lo": pytest.approx(failed.low, rel=1e-5),
        "hi": pytest.approx(failed.high, rel=1e-5),
        "e": 4,
        "n": 16,
    }
    assert outage[0][1]["e"] == 0
    assert "ms_ssim" not in measures


def test_measures_that_are_known_are_drawn(results: Results) -> None:
    with_more = [
        dataclasses.replace(s, means={**s.means, "ms_ssim": s.means["ssim"]}) for s in results.summaries
    ]
    nobody_failed = [
        dataclasses.replace(s, outage=dataclasses.replace(s.outage, events=0, value=0.0, low=0.0))
        for s in with_more
    ]
    page = bare_page(dataclasses.replace(results, summaries=tuple(nobody_failed)))
    keys = [measure["key"] for measure in Reader(page).data["measures"]]
    assert keys == ["psnr_db", "ssim", "ms_ssim"]
    assert "No receiver failed" in page


def test_nothing_comes_from_elsewhere(results: Results) -> None:
    page = bare_page(results)
    reader = Reader(page)
    for tag, attributes in reader.found:
        for key in ("src", "href", "action", "srcset", "data", "poster"):
            value = attributes.get(key)
            assert value is None or value.startswith(("#", "data:")), (tag, value)
        assert not any(key.startswith("on") or key == "style" for key in attributes)
    policy = next(a["content"] for t, a in reader.found if t == "meta" and "http-equiv" in a)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(reader.text[tag].encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert not re.search(r"\b(?:fetch|XMLHttpRequest|WebSocket|eval|import)\s*\(", reader.text["script"])
    assert "url(" not in reader.text["style"]
    assert "@import" not in reader.text["style"]


@pytest.mark.parametrize(
    "name",
    [
        "</script><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a & b < c \"d\" 'e'",
        "$title ${x}",
    ],
)
def test_names_are_only_text(results: Results, name: str) -> None:
    schemes = [{"name": name, "codec": "jpeg"}, {"name": "B", "codec": "jpeg", "code": "rs:255,191"}]
    spec = SweepSpec.model_validate(
        {"name": name, "description": name, "channel": "awgn", "snr_db": [0, 5, 10], "scheme": schemes}
    )
    summaries = tuple(
        dataclasses.replace(s, scheme=spec.schemes[i // 3]) for i, s in enumerate(results.summaries)
    )
    reader = Reader(bare_page(dataclasses.replace(results, spec=spec, summaries=summaries, images=(name,))))
    assert [tag for tag, _ in reader.found].count("script") == 2
    assert [tag for tag, _ in reader.found].count("img") == 0
    assert reader.data["schemes"][0]["name"] == name
    assert reader.text["h1"] == name


def test_the_table_is_the_csv_file(results: Results) -> None:
    assert Reader(bare_page(results)).data["files"]["table.csv"]["text"] == to_csv(point_rows(results))


def test_an_axis_of_channels(bit_channel_results: Results) -> None:
    axis = Reader(bare_page(bit_channel_results)).data["axis"]
    assert (axis["scale"], axis["places"]) == ("log", [0.001, 0.01, 0.1])
    assert axis["names"] == ["bsc:0.001", "bsc:0.01", "bsc:0.1"]


def test_snrs_are_shown_in_ascending_order(results: Results) -> None:
    spec = results.spec.model_copy(update={"snr_db": (10.0, 0.0, 5.0)})
    data = Reader(bare_page(dataclasses.replace(results, spec=spec))).data
    assert data["axis"]["places"] == [0.0, 5.0, 10.0]
    assert [point["v"] for point in data["measures"][0]["curves"][0]] == [20.0, 24.0, 28.0]


def test_bounds_and_others_are_drawn_apart(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (
        Line(
            "JPEG + capacity", "bound", "psnr_db", (0.0, 5.0), (31.5, 33.25), "jpeg.json with limit capacity"
        ),
        Line("Theirs", "published", "psnr_db", (5.0,), (30.1,), "read off a figure (±0.15)", 0.15),
    )
    found = References(lines, {"Theirs": "Somebody 2023"}, ("bound 'x' is not drawn: too few rates",))
    monkeypatch.setattr(References, "of", lambda _: found)
    page = bare_page(results)
    bound, published = Reader(page).data["references"]
    assert (bound["kind"], bound["x"], bound["y"]) == ("bound", [0.0, 5.0], [31.5, 33.25])
    assert "(bound)" in bound["name"]
    assert "published by others" in published["name"]
    for text in ("read off a figure (±0.15), Somebody 2023", "too few rates", "no results of this sweep"):
        assert text in page
    assert "Theirs" not in Reader(page).data["files"]["table.csv"]["text"]


def test_every_marker_of_the_figure_is_known() -> None:
    script = (PAGE / "page.js").read_text(encoding="utf-8")
    table = script.partition("const MARKERS = {")[2].partition("};")[0]
    assert set(MARKERS) == set(re.findall(r'^ *"?([^\s":]+)"?: "M', table, re.MULTILINE))


def test_equal_sweeps_give_equal_pages(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = []
    for day, folder in (("2026-01-01", "a"), ("2027-12-31", "b")):
        monkeypatch.setattr(provenance, "now", lambda day=day: f"{day}T00:00:00Z")
        pages.append(page_of(sweep(small_plan(images, trials=2), tmp_path / folder)))
        assert day not in pages[-1]
    assert pages[0] == pages[1]
    assert len(pages[0].encode()) <= MAX_BYTES
    assert len(Reader(pages[0]).data["pictures"]["files"]) > 3


def test_pictures_leave_room_for_the_rest(images: Path, tmp_path: Path) -> None:
    folder = sweep(small_plan(images, trials=1), tmp_path / "s")
    with Store(folder) as store:
        results = load_results(store)
        axis = Axis.of(results.spec)
        given = results, axis, rank(store, results, axis), collect(store, axis)
    size = len(build_page(*given).encode())
    bare = len(build_page(*given, max_bytes=0).encode())
    assert bare + 12_000 < size
    for most in (size - 1, bare + 10_000, bare + 10):
        smaller = build_page(*given, max_bytes=most)
        assert len(smaller.encode()) <= most
        assert "do not fit" in smaller or "WebP of quality" in smaller


def test_a_half_done_sweep_says_what_is_missing(images: Path, tmp_path: Path) -> None:
    folder = sweep(small_plan(images, trials=2), tmp_path / "s")
    db = sqlite3.connect(folder / STORE_NAME)
    with db:
        db.execute('DELETE FROM trials WHERE "case" = 1 OR ("case" = 6 AND trial = 1)')
        db.execute('DELETE FROM pictures WHERE "case" = 1')
    db.close()
    page = page_of(folder)
    text = re.sub(r"<[^>]+>", "", page.partition("</header>")[0])
    assert "Not complete: 42 of 48 transmissions." in text
    assert "JPEG, strong: no trials at awgn 4 dB" in text
    assert "JPEG, weak" in text.partition("Not complete")[2]
    data = Reader(page).data
    assert data["measures"][0]["curves"][0][0] is None
    assert data["pictures"]["shots"][0][0] == {"file": None, "words": "not simulated"}


SPECS: list[dict[str, Any]] = [
    {"scheme": [{"name": 'ä "q" \\ \n', "codec": "jpeg", "code": "rs:255,191"}]},
    {"stop": {"tolerance_db": 0.1}, "trials": 9, "scheme": [{"name": "A", "codec": "jpeg"}]},
    {"pictures": {"snr_db": [0.0], "crop": [0, 1, 2, 3]}, "scheme": [{"name": "A", "codec": "jpeg"}]},
    {
        "scheme": [
            {
                "name": "A",
                "codec": "jpeg",
                "choice": [
                    {"snr_db": 0.0, "code": "ldpc:1/2", "modulation": "qpsk"},
                    {"snr_db": 5.0, "code": "ldpc:3/4", "modulation": "qam16"},
                ],
            },
            {"name": "B", "codec": "jpeg", "code": "ldpc:1/3@0.2;ldpc:3/4"},
        ]
    },
]


@pytest.mark.parametrize("content", SPECS)
def test_the_spec_can_be_run_again(content: dict[str, Any], tmp_path: Path) -> None:
    spec = SweepSpec.model_validate({"name": "x", "channel": "awgn", "snr_db": [0, 5.5], **content})
    name, text = spec_text(spec)
    assert name == "spec.toml"
    (tmp_path / name).write_text(text, encoding="utf-8")
    again = load_spec(tmp_path / name)
    assert again.content_hash == spec.content_hash
    assert again.schemes == spec.schemes
    assert again.pictures == spec.pictures


def test_pictures_in_the_page_are_those_received(images: Path, tmp_path: Path) -> None:
    folder = sweep(small_plan(images, trials=1), tmp_path / "s")
    with Store(folder) as store:
        gallery = collect(store, Axis.of(load_results(store).spec))
    pictures = Reader(page_of(folder)).data["pictures"]
    assert (pictures["width"], pictures["height"]) == (96, 64)
    for row, shots in zip(pictures["shots"], gallery.shots, strict=True):
        for entry, shot in zip(row, shots, strict=True):
            file = base64.b64decode(pictures["files"][entry["file"]].partition(",")[2])
            assert shot.pixels is not None
            np.testing.assert_array_equal(
                np.asarray(Image.open(io.BytesIO(file)).convert("RGB")), shot.pixels
            )
