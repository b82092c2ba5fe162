"""`channelvq plot`: styles and formats, sweeps half done, and what is refused."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from channelvq.sweep.schema import STORE_NAME

Run = Callable[..., Result]
Wrong = Callable[..., str]


@pytest.fixture
def swept(cli: Run, spec_file: Path, tmp_path: Path) -> Path:
    """A sweep with bounds, of which one was measured on other images."""
    points = [{"bpp": bpp, "psnr_db": psnr} for bpp, psnr in ((0.1, 24.0), (4.0, 44.0))]
    for name, images in (("here", 1), ("elsewhere", 24)):
        content = {"codec": "jpeg", "images": images, "points": points}
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        bound = f'\n[[bound]]\nname = "JPEG {name}"\nrd = "{name}.json"\n'
        spec_file.write_text(spec_file.read_text(encoding="utf-8") + bound, encoding="utf-8")
    out = tmp_path / "results"
    assert cli("sweep", spec_file, "--out", out, "--workers", 0).exit_code == 0
    for name in ("here", "elsewhere"):
        (tmp_path / f"{name}.json").unlink()  # the store holds all that is needed
    return out


def test_styles_and_formats(cli: Run, swept: Path, tmp_path: Path) -> None:
    screen = cli("plot", swept)
    assert screen.exit_code == 0, screen.output
    assert screen.stderr == (
        "note: bound 'JPEG elsewhere' is not drawn: its codec was measured on 24 images, the sweep has 1\n"
    )
    assert "JPEG here (bound)" in (swept / "figure.svg").read_text(encoding="utf-8")
    paper = cli("plot", swept, "--style", "paper", "--format", "pgf,png")
    assert paper.exit_code == 0, paper.output
    made = {path.name for path in (swept / "paper").iterdir()}
    assert {"psnr.tex", "psnr.png", "ssim.tex", "all.png", "curves.csv", "caption.txt"} <= made
    assert not any(name.startswith("ms_ssim") for name in made)  # the picture is too small
    assert "JPEG here" in (swept / "paper" / "psnr.tex").read_text(encoding="utf-8")
    elsewhere = cli("plot", swept, "--format", "pdf", "--out", tmp_path / "deep" / "here")
    assert elsewhere.exit_code == 0
    assert [path.name for path in (tmp_path / "deep" / "here").iterdir()] == ["figure.pdf"]


def test_half_a_sweep_is_drawn_and_what_is_missing_listed(cli: Run, swept: Path) -> None:
    with sqlite3.connect(swept / STORE_NAME) as db:
        (last,) = db.execute("SELECT max(id) FROM cases").fetchone()
        db.execute('DELETE FROM trials WHERE "case" = ?', (last,))
    db.close()
    half = cli("plot", swept)
    assert half.exit_code == 0, half.output
    assert "missing: JPEG + RS: no trials at awgn 10 dB" in half.stderr
    with sqlite3.connect(swept / STORE_NAME) as db:
        db.execute("DELETE FROM trials")
    db.close()
    for style in ("screen", "paper"):
        nothing = cli("plot", swept, "--style", style, "--format", "png")
        assert nothing.exit_code == 0, nothing.output
        assert "no trials at awgn 4 dB, awgn 10 dB" in nothing.stderr


def test_what_cannot_be_drawn(wrong: Wrong, swept: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds no sweep" in wrong("plot", empty)
    assert wrong("plot", swept, "--format", "jpg") == "unknown format 'jpg'; allowed: pdf, svg, png, pgf"
    assert wrong("plot", swept, "--format", "pgf") == "--format pgf goes with --style paper"
    assert "is not one of" in wrong("plot", swept, "--style", "poster")
    with sqlite3.connect(swept / STORE_NAME) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    assert "update channelvq" in wrong("plot", swept)
