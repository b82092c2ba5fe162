"""One SQLite file that keeps every trial of a sweep; only ever added to, and written by one process."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from channelvq.errors import UsageError

__all__ = ["STORE_NAME", "Store", "Trial"]

STORE_NAME = "sweep.sqlite"

_APPLICATION_ID = 0x63765131  # "cvQ1", in the file's header: this is a store of ours
_VERSION = 1

_TABLES = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    started TEXT NOT NULL,      -- UTC, ISO 8601
    plan TEXT NOT NULL,         -- JSON: spec, images in order, cases in order
    provenance TEXT NOT NULL    -- JSON: command, commit, machine, versions, weights
);
CREATE TABLE cases (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,  -- SHA-256 of content
    content TEXT NOT NULL       -- JSON: everything that a trial depends on but image and trial number
);
CREATE TABLE trials (
    "case" INTEGER NOT NULL REFERENCES cases (id),
    image TEXT NOT NULL,        -- SHA-256 of its pixels
    trial INTEGER NOT NULL,
    run INTEGER NOT NULL REFERENCES runs (id),
    psnr_db REAL NOT NULL,
    ssim REAL NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ok', 'concealed', 'failed')),
    raw_ber REAL,
    message_ber REAL,
    index_error_rate REAL,
    block_error_rate REAL,
    channel_uses INTEGER NOT NULL,
    source_bits INTEGER NOT NULL,
    paid_bits INTEGER NOT NULL,
    seconds REAL NOT NULL,
    PRIMARY KEY ("case", image, trial)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Trial:
    """What one transmission of one image gave; names and units as `Link.transmit` has them.

    Attributes
    ----------
    case : str
        Hash of the case (scheme, point of the axis, seed, weights).
    image : str
        Hash of the image's pixels.
    trial : int
        Number of the repetition, from 0.
    """

    case: str
    image: str
    trial: int
    psnr_db: float
    ssim: float
    status: str
    raw_ber: float | None
    message_ber: float | None
    index_error_rate: float | None
    block_error_rate: float | None
    channel_uses: int
    source_bits: int
    paid_bits: int
    seconds: float


_COLUMNS = [field.name for field in fields(Trial)][3:]


class Store:
    """The trials of a sweep.

    Rows are keyed by the content of what was simulated, so a changed scheme, seed or model never mixes with
    what is there, and a spec that asks for more trials or SNRs adds to it.

    Parameters
    ----------
    folder : Path
        The sweep's folder; the file in it is `sweep.sqlite`.
    writable : bool
        Whether to make the file if it is not there, and to allow additions.

    Raises
    ------
    UsageError
        If there is no store (to read), it is no store of ours, or it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> trial = Trial("5f", "ab", 0, 30.5, 0.9, "ok", 0.01, 0.0, None, 0.0, 1000, 2000, 2000, 0.1)
    >>> with tempfile.TemporaryDirectory() as folder, Store(Path(folder), writable=True) as store:
    ...     run = store.begin_run("2026-01-01T00:00:00Z", plan={}, provenance={}, cases={"5f": {}})
    ...     store.add(run, [trial])
    ...     list(store.trials()) == [trial]
    True
    """

    def __init__(self, folder: Path, *, writable: bool = False) -> None:
        self.path = folder / STORE_NAME
        self._writable = writable
        if not writable and not self.path.is_file():
            raise UsageError(f"{folder} holds no sweep ({STORE_NAME}); make one with: channelvq sweep SPEC")
        address = f"file:{quote(str(self.path.resolve()))}?mode={'rwc' if writable else 'ro'}"
        try:
            self._db = sqlite3.connect(address, uri=True, timeout=10.0, isolation_level=None)
        except sqlite3.Error as error:
            raise UsageError(f"cannot open {self.path}: {error}") from None
        try:
            self._check(writable)
            if writable:
                # Write-ahead log: readers see a sweep at work, and a crash loses only the last moment.
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise UsageError(f"cannot use {self.path}: {error}") from None
        except UsageError:
            self._db.close()
            raise

    def _check(self, writable: bool) -> None:
        """Make the tables of a new file; refuse a file that is not ours."""
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and writable:
            with self._transaction():
                for statement in _TABLES.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION_ID:
            raise UsageError(f"{self.path} is no sweep of channelvq; choose another folder")
        if version != _VERSION:
            raise UsageError(
                f"{self.path} has format {version}, this channelvq reads {_VERSION}; choose another folder"
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def begin_run(
        self,
        started: str,
        *,
        plan: dict[str, Any],
        provenance: dict[str, Any],
        cases: dict[str, dict[str, Any]],
    ) -> int:
        """Note that a run starts, with its plan; give its number."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO cases (hash, content) VALUES (?, ?)",
                [(key, json.dumps(content, sort_keys=True)) for key, content in cases.items()],
            )
            cursor = self._db.execute(
                "INSERT INTO runs (started, plan, provenance) VALUES (?, ?, ?)",
                (started, json.dumps(plan), json.dumps(provenance)),
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def add(self, run: int, trials: Iterable[Trial]) -> None:
        """Add trials; one that is there already stays as it is."""
        names = ", ".join(_COLUMNS)
        marks = ", ".join("?" * len(_COLUMNS))
        with self._transaction():
            self._db.executemany(
                f'INSERT INTO trials ("case", image, trial, run, {names}) '
                f"VALUES ((SELECT id FROM cases WHERE hash = ?), ?, ?, ?, {marks}) "
                'ON CONFLICT ("case", image, trial) DO NOTHING',  # OR IGNORE would also drop bad rows
                [(t.case, t.image, t.trial, run, *astuple(t)[3:]) for t in trials],
            )

    def trials(self) -> Iterator[Trial]:
        """All trials, in the order of case, image and trial number."""
        query = (
            f"SELECT cases.hash, image, trial, {', '.join(_COLUMNS)} FROM trials "
            'JOIN cases ON cases.id = trials."case" ORDER BY "case", image, trial'
        )
        for row in self._db.execute(query):
            yield Trial(*row)

    def cases(self) -> dict[str, dict[str, Any]]:
        """Say what each case's hash stands for."""
        return {key: json.loads(text) for key, text in self._db.execute("SELECT hash, content FROM cases")}

    def done(self) -> set[tuple[str, str, int]]:
        """Keys (case, image, trial) of the trials that are there."""
        query = 'SELECT cases.hash, image, trial FROM trials JOIN cases ON cases.id = trials."case"'
        return set(self._db.execute(query))

    def last_run(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Plan and provenance of the latest run.

        Raises
        ------
        UsageError
            If there was none.
        """
        row = self._db.execute("SELECT plan, provenance FROM runs ORDER BY id DESC LIMIT 1").fetchone()
        if row is None:
            raise UsageError(f"{self.path} holds no run; make one with: channelvq sweep SPEC")
        return json.loads(row[0]), json.loads(row[1])

    def provenances(self, cases: Collection[str]) -> list[dict[str, Any]]:
        """Provenance of each run that trials of the given cases come from, oldest first."""
        query = (
            'SELECT DISTINCT run, cases.hash FROM trials JOIN cases ON cases.id = trials."case" ORDER BY run'
        )
        runs = dict.fromkeys(run for run, case in self._db.execute(query) if case in cases)
        texts = dict(self._db.execute("SELECT id, provenance FROM runs"))
        return [json.loads(texts[run]) for run in runs]

    def close(self) -> None:
        """Close the file; at rest it is one file, without a log beside it."""
        if self._writable:
            with contextlib.suppress(sqlite3.OperationalError):  # someone is reading: the log stays
                self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
