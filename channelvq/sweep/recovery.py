"""Save what can be read of a damaged store, page by page."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from channelvq.errors import UsageError
from channelvq.sweep.lock import FolderLock
from channelvq.sweep.opening import StoreError, check, connect, create
from channelvq.sweep.pages import Record, records
from channelvq.sweep.schema import STATUSES, STORE_NAME

__all__ = ["Saved", "recover"]

_TRIAL_FIELDS = 19
_FEWEST_FIELDS = 18  # rows of the format before have no MS-SSIM, the last one
_LOST_RUN = json.dumps({"command": "(lost with a damaged store)", "commit": None})


@dataclass(frozen=True)
class Saved:
    """What was saved, where to, and where the damaged file is now.

    `unreadable` counts pages that make no sense at all.
    """

    path: Path
    damaged: Path
    trials: int
    runs: int
    errors: int
    pictures: int
    unreadable: int


def recover(folder: Path) -> Saved:
    """Copy what can be read of a sweep's store into a new one, and keep the old one beside it.

    Trials, cases and images are looked for in every page of the file and of its write-ahead log, whatever has
    become of the tree that held them; rows of a store are never changed: an old copy is as good as a new one.
    Runs, errors and pictures are read as far as SQLite can.

    Raises
    ------
    UsageError
        If there is no store, it is not damaged, or another process writes in it.
    StoreError
        If no trial can be read.
    """
    path = folder / STORE_NAME
    if not path.is_file():
        raise UsageError(f"{folder} holds no sweep ({STORE_NAME})")
    with FolderLock(folder):
        if _is_sound(path):
            raise UsageError(f"{path} is not damaged")
        new = path.with_suffix(".recovering")
        new.unlink(missing_ok=True)
        try:
            counts = _rebuild(path, new)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        damaged = _put_aside(path)
        new.replace(path)
    return Saved(path, damaged, *counts)


def _is_sound(path: Path) -> bool:
    """Say whether SQLite finds nothing wrong with the file."""
    try:
        db = connect(path, writable=False)
        try:
            check(db, path, writable=False)
            verdicts = db.execute("PRAGMA integrity_check(1)").fetchall()
        finally:
            db.close()
    except (StoreError, sqlite3.DatabaseError):
        return False
    except UsageError as error:
        if "has format" in str(error) or "no sweep of channelvq" in str(error):
            raise
        return False
    return bool(verdicts == [("ok",)])


def _rebuild(path: Path, new: Path) -> tuple[int, int, int, int, int]:
    """Write a new store; give the counts of `Saved`."""
    found, unreadable = records(path)
    cases, images, trials = _sorted(found)
    if not trials:
        raise StoreError(f"no trial can be read of {path}; it stays as it is")
    db = connect(new, writable=True)
    try:
        create(db)
        db.execute("BEGIN")
        db.executemany("INSERT OR IGNORE INTO cases VALUES (?, ?, ?)", cases)
        db.executemany("INSERT OR IGNORE INTO images VALUES (?, ?)", images)
        known = {row[0] for row in cases}, {row[0] for row in images}
        named = [row for row in trials if row[0] in known[0] and row[1] in known[1]]
        marks = ", ".join("?" * _TRIAL_FIELDS)
        db.executemany(f"INSERT OR IGNORE INTO trials VALUES ({marks})", named)
        rest = [_copy(path, db, table) for table in ("runs", "errors", "pictures")]
        db.executemany(
            "INSERT OR IGNORE INTO runs (id, started, provenance) VALUES (?, 'unknown', ?)",
            [(run, _LOST_RUN) for run in sorted({row[3] for row in named})],
        )
        db.execute("COMMIT")
        (count,) = db.execute("SELECT count(*) FROM trials").fetchone()
    finally:
        db.close()
    return int(count), rest[0], rest[1], rest[2], unreadable


def _sorted(found: Iterator[Record]) -> tuple[list[Record], list[Record], list[Record]]:
    """Tell rows of `cases`, `images` and `trials` by their looks."""
    cases, images, trials = [], [], []
    for row in found:
        if _FEWEST_FIELDS <= len(row) <= _TRIAL_FIELDS and _is_trial(row):
            trials.append(row + (None,) * (_TRIAL_FIELDS - len(row)))
        elif len(row) == 3 and _is_name(row[1]) and isinstance(row[2], str) and _is_json(row[2]):
            cases.append(row)
        elif len(row) == 2 and isinstance(row[0], int) and _is_name(row[1]):
            images.append(row)
    return cases, images, trials


def _is_trial(row: Record) -> bool:
    """Say whether a row can be of `trials`."""
    keys = all(isinstance(value, int) and value >= 0 for value in row[:4])
    measures = isinstance(row[4], int | float) and isinstance(row[5], int | float)
    return keys and measures and row[6] in STATUSES


def _is_name(value: Any) -> bool:
    """Say whether a value is a SHA-256."""
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _is_json(text: str) -> bool:
    """Say whether a text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _copy(path: Path, db: sqlite3.Connection, table: str) -> int:
    """Copy a table row by row, as far as SQLite can read it from both ends; give the number of rows."""
    rows: dict[Any, tuple[Any, ...]] = {}
    for order in ("ASC", "DESC"):
        old = connect(path, writable=False)
        try:
            for row in old.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid {order}"):
                rows[row[0]] = row[1:]
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            continue  # what came before the damage is there
        finally:
            old.close()
    for row in rows.values():
        db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    return len(rows)


def _put_aside(path: Path) -> Path:
    """Rename the damaged file, and its log with it."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged{number}")).exists():
        number += 1
    path.replace(aside)
    for ending in ("-wal", "-shm"):
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.replace(aside.with_name(aside.name + ending))
    return aside
