"""`channelvq report`: one file, one line on what it is, one line on what is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from channelvq.sweep.schema import VERSION
from channelvq.sweep.store import STORE_NAME

Run = Callable[..., Result]
Wrong = Callable[..., str]


@pytest.fixture
def swept(cli: Run, spec_file: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "swept"
    result = cli("sweep", spec_file, "--out", folder, "--workers", 0)
    assert result.exit_code == 0, result.output
    return folder


def test_a_page_beside_the_sweep(cli: Run, swept: Path) -> None:
    result = cli("report", swept)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{swept / 'report.html'}: 0.")
    assert result.stderr == ""
    first = (swept / "report.html").read_bytes()
    assert first.startswith(b"<!doctype html>")
    assert b"data:image/webp" in first
    assert cli("report", swept).exit_code == 0
    assert (swept / "report.html").read_bytes() == first


def test_elsewhere_and_without_pictures(cli: Run, swept: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.html"
    result = cli("report", swept, "--out", target, "--no-pictures")
    assert result.exit_code == 0, result.output
    assert b"data:image/webp" not in target.read_bytes()
    assert not (swept / "report.html").exists()


def test_what_is_missing_is_a_note(cli: Run, swept: Path) -> None:
    db = sqlite3.connect(swept / STORE_NAME)
    with db:
        db.execute('DELETE FROM trials WHERE "case" = 2')
        db.execute("DELETE FROM pictures")
    db.close()
    result = cli("report", swept)
    assert result.exit_code == 0, result.output
    assert "no trials at awgn 10 dB" in result.stderr


def test_images_that_are_gone(cli: Run, swept: Path, tmp_path: Path) -> None:
    result = cli("report", swept, "--images", tmp_path / "gone")
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'gone'}" in result.stderr
    assert b"data:image/webp" in (swept / "report.html").read_bytes()  # those that the sweep kept


def test_no_sweep(wrong: Wrong, tmp_path: Path) -> None:
    assert "holds no sweep" in wrong("report", tmp_path)


def test_nowhere_to_write(wrong: Wrong, swept: Path, tmp_path: Path) -> None:
    assert "there is no folder" in wrong("report", swept, "--out", tmp_path / "none" / "a.html")
    assert "it is a folder" in wrong("report", swept, "--out", tmp_path)


def test_a_newer_format(wrong: Wrong, swept: Path) -> None:
    db = sqlite3.connect(swept / STORE_NAME)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    assert "update channelvq" in wrong("report", swept)
