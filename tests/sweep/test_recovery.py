"""Whatever part of a store is damaged, every row in another part is saved."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from channelvq.errors import UsageError
from channelvq.sweep.pages import records
from channelvq.sweep.recovery import recover
from channelvq.sweep.rows import KeptPicture, Trial
from channelvq.sweep.schema import PAGE_BYTES, STATUSES, STORE_NAME
from channelvq.sweep.store import Store, StoreError

CASES = {f"{n:064x}": {"codec": "jpeg", "snr_db": n} for n in range(4)}
IMAGES = [f"{n:064x}" for n in range(16, 22)]


def trials() -> list[Trial]:
    rng = random.Random(0)
    return [
        Trial(
            *(
                case,
                image,
                number,
                20 + rng.random(),
                rng.random(),
                rng.choice(STATUSES),
            ),
            *(
                rng.random(),
                0.0,
                None,
                rng.random(),
                4608,
                4000,
                9216,
                rng.random(),
                5,
                1,
                None,
                rng.random(),
            ),
        )
        for case in CASES
        for image in IMAGES
        for number in range(150)
    ]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with Store(tmp_path, writable=True) as made:
        run = made.begin_run("2026", plan={"spec": "x"}, provenance={"commit": "c"}, cases=CASES)
        made.add(run, trials())
        made.add(run, pictures=[KeptPicture(next(iter(CASES)), IMAGES[0], 0, b"png" * 100)])
    return tmp_path / STORE_NAME


def damage(path: Path, change: Callable[[bytearray], None]) -> bytes:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    return bytes(content)


def kinds(path: Path) -> dict[int, list[int]]:
    content, found = path.read_bytes(), {}
    for page in range(1, len(content) // PAGE_BYTES):
        found.setdefault(content[page * PAGE_BYTES], []).append(page)
    return found


def rows(folder: Path) -> set[Trial]:
    with Store(folder) as found:
        return set(found.trials())


def test_pages_are_read_as_sqlite_reads_them(store: Path) -> None:
    found, unreadable = records(store)
    wide = {row for row in found if len(row) == 19}
    db = sqlite3.connect(store)
    assert wide == set(db.execute("SELECT * FROM trials"))
    db.close()
    assert unreadable == 0


def test_a_lost_leaf_costs_its_rows_only(store: Path) -> None:
    leaf = kinds(store)[0x0A][10]
    before = damage(store, lambda content: wipe(content, leaf))
    saved = recover(store.parent)
    kept = rows(store.parent)
    assert saved.trials == len(kept)
    assert kept < set(trials())
    assert 0 < len(trials()) - len(kept) < 60  # a page of them
    assert saved.damaged.read_bytes() == before
    assert (saved.runs, saved.pictures, saved.unreadable) == (1, 1, 1)
    with Store(store.parent, writable=True) as again:  # and it can be gone on with
        again.add(1, trials())
        assert set(again.trials()) == set(trials())
        assert again.last_run() == ({"spec": "x"}, {"commit": "c"})


def wipe(content: bytearray, page: int) -> None:
    content[page * PAGE_BYTES : (page + 1) * PAGE_BYTES] = random.Random(1).randbytes(PAGE_BYTES)


def test_a_lost_root_costs_nothing_but_what_it_held(store: Path) -> None:
    db = sqlite3.connect(store)
    (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trials'").fetchone()
    db.close()
    damage(store, lambda content: wipe(content, root - 1))
    with pytest.raises(StoreError, match=r"is damaged .*channelvq recover"):
        rows(store.parent)
    with pytest.raises(StoreError, match="is damaged"):
        Store(store.parent, writable=True)
    saved = recover(store.parent)
    assert len(trials()) - saved.trials < 200  # rows also lie inside of the tree
    assert rows(store.parent) < set(trials())


def test_a_lost_beginning_leaves_the_rest(store: Path) -> None:
    damage(store, lambda content: wipe(content, 0))
    with pytest.raises(UsageError, match="cannot use"):
        Store(store.parent)
    saved = recover(store.parent)
    assert saved.trials == len(trials())
    assert rows(store.parent) == set(trials())
    assert saved.runs == 0  # SQLite cannot read them: the rows say so
    with Store(store.parent) as found:
        assert found.provenances(list(CASES)) == [{"command": "(lost with a damaged store)", "commit": None}]


def test_a_store_of_the_format_before_is_saved_in_ours(store: Path) -> None:
    with sqlite3.connect(store) as db:
        db.execute("ALTER TABLE trials DROP COLUMN ms_ssim")
        db.execute("PRAGMA user_version = 2")
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trials'").fetchone()
    db.close()
    with Store(store.parent, writable=True) as upgraded:  # rows of both widths
        upgraded.add(1, [replace(t, trial=t.trial + 1000) for t in trials()[:300]])
    damage(store, lambda content: wipe(content, root - 1))
    saved = recover(store.parent)
    assert saved.trials > len(trials())
    known = {replace(t, ms_ssim=None) for t in trials()}
    known |= {replace(t, trial=t.trial + 1000) for t in trials()[:300]}
    assert rows(store.parent) < known


def test_a_file_cut_short_gives_its_beginning(store: Path) -> None:
    whole = store.read_bytes()
    store.write_bytes(whole[: len(whole) // 2 // PAGE_BYTES * PAGE_BYTES + 1000])
    saved = recover(store.parent)
    assert len(trials()) // 3 < saved.trials < len(trials())
    assert rows(store.parent) < set(trials())


def test_rows_in_the_log_of_a_killed_sweep_are_saved(store: Path, tmp_path: Path) -> None:
    import shutil

    more = [replace(t, trial=t.trial + 1000) for t in trials()[:500]]
    with Store(store.parent, writable=True) as made:
        made.add(1, more)
        folder = tmp_path / "copy"
        folder.mkdir()
        for ending in ("", "-wal"):
            shutil.copy(f"{store}{ending}", folder / (STORE_NAME + ending))
    damage(folder / STORE_NAME, lambda content: wipe(content, kinds(store)[0x0A][3]))
    recover(folder)
    assert set(more) <= rows(folder)


def test_what_is_sound_or_foreign_is_left_alone(store: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not damaged"):
        recover(store.parent)
    with sqlite3.connect(store) as db:
        db.execute("PRAGMA user_version = 4")
    db.close()
    with pytest.raises(UsageError, match="has format 4"):
        recover(store.parent)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UsageError, match="holds no sweep"):
        recover(other)
    (other / STORE_NAME).write_bytes(b"something else" * 1000)
    with pytest.raises(StoreError, match="no trial can be read"):
        recover(other)
    assert [path.name for path in other.iterdir()] == [STORE_NAME]
