"""One SQLite file that keeps every trial of a sweep; only ever added to, and written by one process."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError
from channelvq.sweep.lock import FolderLock
from channelvq.sweep.opening import StoreError, check, connect, damaged
from channelvq.sweep.rows import KeptPicture, Trial, TrialError
from channelvq.sweep.schema import COLUMNS, STATUSES, STORE_NAME, Column

__all__ = ["STATUSES", "STORE_NAME", "KeptPicture", "Store", "StoreError", "Trial", "TrialError"]

Table = npt.NDArray[np.void]


_COLUMNS = [field.name for field in fields(Trial)][3:]


class Store:
    """The trials of a sweep.

    Rows are keyed by the content of what was simulated, so a changed scheme, seed or model never mixes with
    what is there, and a spec that asks for more trials or SNRs adds to it. What tables and columns mean is
    told in `channelvq.sweep.schema`. Each addition is one transaction: a process that is killed loses at most
    what it was about to add, and readers see a sweep at work.

    Parameters
    ----------
    folder : Path
        The sweep's folder; the file in it is `sweep.sqlite`.
    writable : bool
        Whether to make the file if it is not there, and to allow additions; one process at a time may.

    Raises
    ------
    UsageError
        If there is no store (to read), it is no store of ours or of another format, it cannot be written, or
        another process writes in it.
    StoreError
        If the file is damaged.

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
        self._lock: FolderLock | None = None
        if not writable and not self.path.is_file():
            raise UsageError(f"{folder} holds no sweep ({STORE_NAME}); make one with: channelvq sweep SPEC")
        if writable:
            self._lock = FolderLock(folder)
        try:
            self._db = connect(self.path, writable)
            try:
                check(self._db, self.path, writable)
                # A file of an older format lacks columns; its trials have no such number.
                self._there = {row[1] for row in self._read("PRAGMA table_info(trials)")}
            except BaseException:
                self._db.close()
                raise
        except BaseException:
            if self._lock is not None:
                self._lock.release()
            raise
        self._case_codes: dict[str, int] = {}
        self._image_codes: dict[str, int] = {}

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; what the disk refuses is a StoreError."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.OperationalError):  # SQLite may have rolled back by itself
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise StoreError(f"cannot write {self.path}: {error}") from None
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise damaged(self.path, error) from None

    def _read(self, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Rows of a query."""
        try:
            yield from self._db.execute(query, values)
        except sqlite3.DatabaseError as error:
            raise damaged(self.path, error) from None

    def begin_run(
        self,
        started: str,
        *,
        plan: dict[str, Any] | None,
        provenance: dict[str, Any],
        cases: dict[str, dict[str, Any]],
    ) -> int:
        """Note that a run starts, with its plan; give its number.

        A run without a plan is one of another sweep, whose trials are taken over.
        """
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO cases (hash, content) VALUES (?, ?)",
                [(key, json.dumps(content, sort_keys=True)) for key, content in cases.items()],
            )
            cursor = self._db.execute(
                "INSERT INTO runs (started, plan, provenance) VALUES (?, ?, ?)",
                (started, None if plan is None else json.dumps(plan), json.dumps(provenance)),
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def add(
        self,
        run: int,
        trials: Iterable[Trial] = (),
        *,
        errors: Iterable[TrialError] = (),
        pictures: Iterable[KeptPicture] = (),
    ) -> None:
        """Add what a worker gave back, in one transaction; a trial that is there already stays as it is."""
        names = ", ".join(_COLUMNS)
        marks = ", ".join("?" * len(_COLUMNS))
        with self._transaction():
            try:
                self._db.executemany(
                    f'INSERT INTO trials ("case", image, trial, run, {names}) VALUES (?, ?, ?, ?, {marks}) '
                    'ON CONFLICT ("case", image, trial) DO NOTHING',  # OR IGNORE would also drop bad rows
                    [(*self._codes(t.case, t.image), t.trial, run, *astuple(t)[3:]) for t in trials],
                )
                self._db.executemany(
                    'INSERT INTO errors ("case", image, trial, run, kind, message, trace) '
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [
                        (*self._codes(e.case, e.image), e.trial, run, e.kind, e.message, e.trace)
                        for e in errors
                    ],
                )
                self._add_pictures(pictures)
            except BaseException:
                self._image_codes.clear()  # those of this transaction are not there
                raise

    def keep(self, pictures: Iterable[KeptPicture]) -> None:
        """Add pictures of trials that are there."""
        with self._transaction():
            self._add_pictures(pictures)

    def _add_pictures(self, pictures: Iterable[KeptPicture]) -> None:
        self._db.executemany(
            'INSERT OR IGNORE INTO pictures ("case", image, trial, png) VALUES (?, ?, ?, ?)',
            [(*self._codes(p.case, p.image), p.trial, p.png) for p in pictures],
        )

    def _codes(self, case: str, image: str) -> tuple[int | None, int]:
        """Numbers of a case (None if it was not begun) and of an image, which is made known if need be."""
        if case not in self._case_codes:
            self._case_codes = dict(self._db.execute("SELECT hash, id FROM cases"))
        if image not in self._image_codes:
            self._db.execute("INSERT OR IGNORE INTO images (hash) VALUES (?)", (image,))
            self._image_codes = dict(self._db.execute("SELECT hash, id FROM images"))
        return self._case_codes.get(case), self._image_codes[image]

    def _chosen(self) -> str:
        """Name the columns of a `Trial`."""
        return ", ".join(name if name in self._there else "NULL" for name in _COLUMNS)

    def trials(self, case: str | None = None) -> Iterator[Trial]:
        """All trials, or those of one case, in the order of case, image (as they came) and trial number."""
        query = (
            f"SELECT cases.hash, images.hash, trial, {self._chosen()} FROM trials "
            'JOIN cases ON cases.id = trials."case" JOIN images ON images.id = trials.image '
            + ("WHERE cases.hash = ? " if case is not None else "")
            + 'ORDER BY trials."case", trials.image, trial'
        )
        for row in self._read(query, () if case is None else (case,)):
            yield Trial(*row)

    def trial(self, case: str, image: str, trial: int) -> Trial | None:
        """One trial, if it is there."""
        query = (
            f"SELECT {self._chosen()} FROM trials "
            'WHERE "case" = (SELECT id FROM cases WHERE hash = ?) '
            "AND image = (SELECT id FROM images WHERE hash = ?) AND trial = ?"
        )
        row = next(self._read(query, (case, image, trial)), None)
        return None if row is None else Trial(case, image, trial, *row)

    def columns(self, case: str) -> Table:
        """Give the trials of one case as arrays, quickly: 10⁶ rows take about two seconds.

        Returns
        -------
        structured ndarray [trials]
            By image and trial number. Fields: `image` (index into `images()`), `trial`, `status` (index into
            `STATUSES`), and the others as in `Trial`: float64 with NaN, int64 with −1, where there is none.

        Examples
        --------
        >>> import tempfile
        >>> trial = Trial("5f", "ab", 0, 30.5, 0.9, "concealed", None, 0.0, None, 0.0, 1000, 2000, 2000, 0.1)
        >>> with tempfile.TemporaryDirectory() as folder, Store(Path(folder), writable=True) as store:
        ...     run = store.begin_run("2026-01-01T00:00:00Z", plan={}, provenance={}, cases={"5f": {}})
        ...     store.add(run, [trial])
        ...     table = store.columns("5f")
        >>> float(table["psnr_db"][0]), STATUSES[table["status"][0]], float(table["raw_ber"][0])
        (30.5, 'concealed', nan)
        """
        chosen = ", ".join(column.sql if column.name in self._there else "-1" for column in COLUMNS)
        query = (
            f'SELECT {chosen} FROM trials WHERE "case" = (SELECT id FROM cases WHERE hash = ?) '
            "ORDER BY image, trial"
        )
        table = np.fromiter(self._read(query, (case,)), dtype=[(c.name, c.kind) for c in COLUMNS])
        _absent(table, COLUMNS)
        return table

    def images(self) -> list[str]:
        """Hashes of the images, by the number that `columns` has for them; no image has the number 0."""
        rows = list(self._read("SELECT id, hash FROM images"))
        names = [""] * (max((code for code, _ in rows), default=0) + 1)
        for code, name in rows:
            names[code] = name
        return names

    def cases(self) -> dict[str, dict[str, Any]]:
        """Say what each case's hash stands for."""
        return {key: json.loads(text) for key, text in self._read("SELECT hash, content FROM cases")}

    def done(self) -> set[tuple[str, str, int]]:
        """Keys (case, image, trial) of the trials that are there."""
        return {(trial.case, trial.image, trial.trial) for trial in self.trials()}

    def errors(self) -> list[TrialError]:
        """Trials that raised and have not been made since, the latest error of each, in order."""
        query = """
            SELECT cases.hash, images.hash, e.trial, e.kind, e.message, e.trace FROM errors AS e
            JOIN cases ON cases.id = e."case" JOIN images ON images.id = e.image
            WHERE e.id IN (SELECT max(id) FROM errors GROUP BY "case", image, trial)
            AND NOT EXISTS (SELECT 1 FROM trials AS t
                            WHERE t."case" = e."case" AND t.image = e.image AND t.trial = e.trial)
            ORDER BY e."case", e.image, e.trial
        """
        return [TrialError(*row) for row in self._read(query)]

    def picture(self, case: str, image: str, trial: int) -> bytes | None:
        """PNG of a received picture, if it was kept."""
        query = """
            SELECT png FROM pictures WHERE "case" = (SELECT id FROM cases WHERE hash = ?)
            AND image = (SELECT id FROM images WHERE hash = ?) AND trial = ?
        """
        row = next(self._read(query, (case, image, trial)), None)
        return None if row is None else bytes(row[0])

    def pictures(self) -> list[tuple[str, str, int]]:
        """Keys (case, image, trial) of the pictures that were kept."""
        query = """
            SELECT cases.hash, images.hash, trial FROM pictures
            JOIN cases ON cases.id = pictures."case" JOIN images ON images.id = pictures.image
            ORDER BY pictures."case", pictures.image, trial
        """
        return list(self._read(query))

    def last_run(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Plan and provenance of the latest run.

        Raises
        ------
        UsageError
            If there was none.
        """
        query = "SELECT plan, provenance FROM runs WHERE plan IS NOT NULL ORDER BY id DESC LIMIT 1"
        row = next(self._read(query), None)
        if row is None:
            raise UsageError(f"{self.path} holds no run; make one with: channelvq sweep SPEC")
        return json.loads(row[0]), json.loads(row[1])

    def provenances(self, cases: Collection[str]) -> list[dict[str, Any]]:
        """Provenance of each run that trials of the given cases come from, oldest first."""
        runs: set[int] = set()
        for case in cases:
            query = 'SELECT DISTINCT run FROM trials WHERE "case" = (SELECT id FROM cases WHERE hash = ?)'
            runs.update(run for (run,) in self._read(query, (case,)))
        texts = dict(self._read("SELECT id, provenance FROM runs"))
        return [json.loads(texts[run]) for run in sorted(runs)]

    def trials_by_run(self, case: str) -> Iterator[tuple[int, Trial]]:
        """Trials of one case, each with the number of its run; see `runs`."""
        numbers = (
            'SELECT run FROM trials WHERE "case" = (SELECT id FROM cases WHERE hash = ?) '
            "ORDER BY image, trial"
        )
        for (run,), trial in zip(self._read(numbers, (case,)), self.trials(case), strict=True):
            yield run, trial

    def runs(self) -> dict[int, tuple[str, dict[str, Any]]]:
        """When each run started, and its provenance."""
        query = "SELECT id, started, provenance FROM runs ORDER BY id"
        return {run: (started, json.loads(text)) for run, started, text in self._read(query)}

    def close(self) -> None:
        """Close the file; at rest it is one file, without a log beside it."""
        if self._writable:
            with contextlib.suppress(sqlite3.DatabaseError):  # someone reads, or the disk is full: it stays
                self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _absent(table: Table, columns: Sequence[Column]) -> None:
    """Put NaN where a number that is never negative was marked as absent."""
    for column in columns:
        if column.kind == "f8" and column.optional:
            values = table[column.name]
            values[values < 0] = np.nan
