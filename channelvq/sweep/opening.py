"""Open a store's file: make it, or refuse what is not ours, of another format, or damaged."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

from channelvq.errors import UsageError
from channelvq.sweep.schema import APPLICATION_ID, OLDEST, PAGE_BYTES, TABLES, UPGRADES, VERSION

__all__ = ["StoreError", "check", "connect", "create", "damaged"]


class StoreError(RuntimeError):
    """The store cannot be read or written, though nothing is wrong with what was asked: disk full, damage."""


def connect(path: Path, writable: bool) -> sqlite3.Connection:
    """Open the file."""
    address = f"file:{quote(str(path.resolve()))}?mode={'rwc' if writable else 'ro'}"
    try:
        return sqlite3.connect(address, uri=True, timeout=10.0, isolation_level=None)
    except sqlite3.Error as error:
        raise UsageError(f"cannot open {path}: {error}") from None


def check(db: sqlite3.Connection, path: Path, writable: bool) -> None:
    """Make the tables of a new file; refuse a file that is not ours, of another format, or damaged."""
    try:
        (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and writable:
            create(db)
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise UsageError(f"{path} is no sweep of channelvq; choose another folder")
        if version > VERSION:
            raise UsageError(
                f"{path} has format {version}, this channelvq reads {VERSION}: update channelvq, or choose"
                " another folder"
            )
        if version < OLDEST:
            raise UsageError(
                f"{path} has format {version}, this channelvq reads {OLDEST} to {VERSION}; choose another"
                " folder"
            )
        if writable:
            _prepare(db, path)
            _upgrade(db, version)
    except sqlite3.OperationalError as error:
        if "malformed" in str(error):
            raise damaged(path, error) from None
        raise UsageError(f"cannot use {path}: {error}") from None
    except sqlite3.DatabaseError as error:
        if "malformed" in str(error):
            raise damaged(path, error) from None
        raise UsageError(f"cannot use {path}: {error}") from None


def create(db: sqlite3.Connection) -> None:
    """Make the tables, all or none."""
    db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement in TABLES.split(";\n"):
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        with contextlib.suppress(sqlite3.OperationalError):
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Set a file up for writing: write-ahead log, so that a crash loses only the last moment."""
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":  # to add to it could spread the damage
        raise damaged(path, verdict)


def _upgrade(db: sqlite3.Connection, version: int) -> None:
    """Bring a file of an older format to ours, wholly or not at all; nothing that is there changes."""
    for number in range(version + 1, VERSION + 1):
        db.execute("BEGIN IMMEDIATE")
        db.execute(UPGRADES[number])
        db.execute(f"PRAGMA user_version = {number}")
        db.execute("COMMIT")


def damaged(path: Path, reason: object) -> StoreError:
    """Say that a file is damaged, and what to do."""
    return StoreError(
        f"{path} is damaged ({reason}); `channelvq recover {path.parent}` saves every trial that can be read"
    )
