"""The page in a real browser: it answers pointer and keyboard, and asks the network for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from report import chromium
from report.small_sweep import make_images, small_plan, sweep

from channelvq.report.page.axis import Axis
from channelvq.report.page.document import MAX_BYTES, build_page, save_page
from channelvq.report.page.ranking import rank
from channelvq.report.page.received import collect
from channelvq.sweep.store import Store
from channelvq.sweep.summary import load_results

BROWSER = chromium.find()
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium (name it in $CHROMIUM)")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("browser")
    folder = sweep(small_plan(make_images(root / "images"), trials=4), root / "sweep")
    with Store(folder) as store:
        results = load_results(store)
        axis = Axis.of(results.spec)
        text = build_page(results, axis, rank(store, results, axis), collect(store, axis))
    save_page(text, root / "report.html")
    return root / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    assert BROWSER is not None
    with chromium.Chromium(BROWSER, tmp_path_factory.mktemp("profile")) as started:
        yield started


FOCUSED = """(() => {
    const { id, dataset, tagName } = document.activeElement;
    const link = document.activeElement.getAttribute("href");
    return id || dataset.measure || dataset.scheme || dataset.file || link || tagName;
})()"""

Opened = Callable[..., chromium.Chromium]


@pytest.fixture
def opened(browser: chromium.Chromium, page: Path) -> Iterator[Opened]:
    """Open the page; at the end, nothing may have gone wrong in it."""

    def start(fragment: str = "", *, width: int = 1280, height: int = 900) -> chromium.Chromium:
        browser.prefer()
        browser.resize(width, height)
        browser.open(page.as_uri() + fragment)
        browser.settle()
        return browser

    yield start
    assert browser.errors == []
    assert [
        address for address in browser.requests if not address.startswith(("file:", "data:", "blob:"))
    ] == []


def box(browser: chromium.Chromium, selector: str) -> list[float]:
    """Left, top, width and height of an element that is scrolled into sight."""
    script = """(() => {
        const element = document.querySelector(SELECTOR);
        element.scrollIntoView({ block: "center", behavior: "instant" });
        const { left, top, width, height } = element.getBoundingClientRect();
        return [left, top, width, height];
    })()"""
    found: list[float] = browser.run(script.replace("SELECTOR", repr(selector)))
    return found


def sources(browser: chromium.Chromium) -> list[str]:
    """Pictures on show."""
    found: list[str] = browser.run(
        "[...document.querySelectorAll('.tile .got')].filter((e) => !e.closest('[hidden]')).map((e) => e.src)"
    )
    return found


def readout(browser: chromium.Chromium, measure: str) -> list[list[str]]:
    """Rows of a chart's readout: name and value."""
    found: list[list[str]] = browser.run(
        f"[...document.querySelector('[data-measure={measure}]').parentElement.querySelectorAll('.readout:not("
        "[hidden]) tr')].map((row) => [row.cells[0].textContent, row.cells[1].textContent])"
    )
    return found


def value(browser: chromium.Chromium, selector: str, what: str = "value") -> Any:
    return browser.run(f"document.querySelector({selector!r}).{what}")


def test_it_opens_and_is_small(
    opened: Opened, page: Path, record_property: Callable[[str, object], None]
) -> None:
    browser = opened()
    seconds = browser.open(page.as_uri())
    record_property("seconds", round(seconds, 2))
    print(f"opened in {seconds:.2f} s, {page.stat().st_size} bytes")
    assert page.stat().st_size <= MAX_BYTES
    assert browser.run("document.querySelectorAll('#charts svg').length") == 3
    assert len(sources(browser)) == 4  # the original and three schemes
    browser.run("Promise.all([...document.images].map((image) => image.decode()))")


def test_the_slider_changes_the_pictures(opened: Opened) -> None:
    browser = opened("#at=0")
    before = sources(browser)
    browser.run("document.getElementById('point').focus()")
    browser.press("End")
    after = sources(browser)
    assert value(browser, "#point-name", "textContent") == "SNR 10\u00a0dB"
    assert before[0] == after[0]  # the original
    assert all(old != new for old, new in zip(before[1:], after[1:], strict=True))
    browser.press("ArrowLeft")
    assert value(browser, "#point") == "2"
    browser.run("document.getElementById('back').click()")
    assert value(browser, "#point-name", "textContent") == "SNR 6\u00a0dB"
    assert "at=1" in browser.run("location.hash")


def test_a_scheme_is_switched_off_everywhere(opened: Opened) -> None:
    browser = opened()
    x, y, width, height = box(browser, ".legend [data-scheme='1']")
    curves = "document.querySelectorAll('#charts g[data-scheme=\"1\"]').length"
    assert browser.run(curves) == 3
    browser.point(x + width / 2, y + height / 2, click=True)
    assert browser.run(curves) == 0
    assert browser.run("document.querySelectorAll('#charts g[data-scheme=\"0\"]').length") == 3
    assert len(sources(browser)) == 3
    assert value(browser, ".legend [data-scheme='1']", "getAttribute('aria-pressed')") == "false"
    assert "off=1" in browser.run("location.hash")
    browser = opened("#off=0.2")
    assert browser.run(curves) == 3
    assert len(sources(browser)) == 2
    browser.run("document.querySelector('.legend .all').click()")
    assert len(sources(browser)) == 4


def test_hovering_reads_all_schemes_in_order(opened: Opened) -> None:
    browser = opened()
    assert readout(browser, "psnr_db") == []
    x, y, width, height = box(browser, "[data-measure=psnr_db]")
    browser.point(x + width - 15, y + height / 2)
    rows = readout(browser, "psnr_db")
    assert {name for name, _ in rows} == {"JPEG, strong", "JPEG, weak", "JPEG, bare"}
    values = [float(text) for _, text in rows]
    assert values == sorted(values, reverse=True)
    point = browser.run(
        "JSON.parse(document.getElementById('report-data').textContent).measures[0].curves[0][3].v"
    )
    assert dict(rows)["JPEG, strong"] == f"{point:.2f}"
    browser.point(5, 5)
    assert readout(browser, "psnr_db") == []


def test_charts_answer_the_keyboard(opened: Opened) -> None:
    browser = opened("#at=1")
    browser.run("document.querySelector('[data-measure=psnr_db]').focus()")
    first = readout(browser, "psnr_db")
    browser.press("ArrowRight")
    assert value(browser, "[data-measure=psnr_db]", "getAttribute('aria-valuetext')").startswith("SNR 8")
    assert value(browser, "#point") == "2"  # the pictures follow
    assert readout(browser, "psnr_db") != first
    browser.press("Home")
    assert value(browser, "#point") == "0"
    browser.press("Escape")
    assert readout(browser, "psnr_db") == []


def test_everything_is_reached_by_tab_in_order(opened: Opened) -> None:
    browser = opened()
    seen = []
    for _ in range(40):
        browser.press("Tab")
        seen.append(browser.run(FOCUSED))
    expected = [
        "#curves",
        "theme",
        "0",
        "1",
        "2",
        "psnr_db",
        "ssim",
        "outage",
        "point",
        "in",
        "split",
        "tiles",
    ]
    places = [seen.index(name) for name in expected]
    assert places == sorted(places)
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_pictures_zoom_together(opened: Opened) -> None:
    browser = opened("#at=3")
    zoom = "new DOMMatrix(getComputedStyle(document.querySelectorAll('.tile img')[{}]).transform).a"
    x, y, width, height = box(browser, ".tile:nth-child(2) .stage")
    browser.wheel(x + width / 2, y + height / 2, -240)
    assert browser.run(zoom.format(0)) == 1  # whoever scrolls past is not caught
    x, y, width, height = box(browser, ".tile:nth-child(2) .stage")
    browser.point(x + width / 2, y + height / 2, click=True)
    browser.wheel(x + width / 2, y + height / 2, -240)
    count = browser.run("document.querySelectorAll('.tile img').length")
    assert count == 7
    assert {browser.run(zoom.format(i)) for i in range(count)} == {2}
    browser.press("+")
    assert browser.run(zoom.format(0)) == 3
    before = browser.run("getComputedStyle(document.querySelector('.tile img')).transform")
    browser.press("ArrowLeft")
    assert browser.run("getComputedStyle(document.querySelector('.tile img')).transform") != before
    browser.press("0")
    assert {browser.run(zoom.format(i)) for i in range(count)} == {1}
    browser.press("[")
    assert value(browser, "#point") == "2"


def test_the_original_is_drawn_over(opened: Opened) -> None:
    browser = opened("#at=3")
    x, y, width, height = box(browser, ".tile:nth-child(2) .stage")
    assert value(browser, "#split") == "0"
    browser.drag(x + 3, y + height / 2, x + 0.6 * width, y + height / 2)
    assert abs(float(value(browser, "#split")) - 60) <= 1
    browser.press("o")
    assert value(browser, "#split") == "0"
    browser.press("o")
    assert value(browser, "#split") == "100"


def test_light_and_dark(opened: Opened) -> None:
    browser = opened()
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    browser.prefer(prefers_color_scheme="light")
    light = browser.run(ground)
    browser.prefer(prefers_color_scheme="dark")
    dark = browser.run(ground)
    assert light != dark
    browser.run("document.getElementById('theme').click()")
    assert browser.run(ground) == light
    assert "theme=light" in browser.run("location.hash")
    browser.run("document.getElementById('theme').click()")
    browser.prefer(prefers_color_scheme="light")
    assert browser.run(ground) == dark


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(opened: Opened, width: int) -> None:
    browser = opened(width=width, height=740)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert (
        browser.run("document.querySelector('[data-measure=psnr_db] svg').getBoundingClientRect().width")
        <= width
    )


def test_files_are_saved(opened: Opened, browser: chromium.Chromium, tmp_path: Path) -> None:
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    opened().run("document.querySelector('[data-file=\"table.csv\"]').click()")
    target = tmp_path / "table.csv"
    for _ in range(200):
        if target.is_file() and target.stat().st_size:
            break
        browser.run("new Promise((done) => setTimeout(() => done(0), 50))")
    wanted = browser.run(
        "JSON.parse(document.getElementById('report-data').textContent).files['table.csv'].text"
    )
    assert target.read_bytes().decode() == wanted


def test_print_opens_what_is_folded(opened: Opened) -> None:
    browser = opened()
    browser.prefer("print")
    assert browser.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("document.querySelectorAll('details:not([open])').length") == 0
    assert browser.run("document.documentElement.scrollWidth") <= 1280
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("document.querySelectorAll('details[open]').length") == 0


@pytest.mark.parametrize("fragment", ["#at=99&off=x.7.1&theme=pink", "#curves", "#%", "#at=-1&off=&&="])
def test_addresses_that_make_no_sense(opened: Opened, fragment: str) -> None:
    browser = opened(fragment)
    assert 0 <= int(value(browser, "#point")) <= 3
    assert browser.run("document.querySelectorAll('#charts svg').length") == 3
