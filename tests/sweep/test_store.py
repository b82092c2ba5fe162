"""The store keeps trials once, adds to what is there, and refuses what is not its own."""

from __future__ import annotations

import math
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from channelvq.errors import UsageError
from channelvq.sweep.rows import KeptPicture, Trial, TrialError
from channelvq.sweep.schema import STATUSES, STORE_NAME
from channelvq.sweep.store import Store, StoreError

TRIAL = Trial("aa", "img", 0, 30.5, 0.91, "ok", 0.01, 0.0, None, 0.0, 1000, 1500, 2000, 0.25)


def begin(store: Store, **cases: dict[str, object]) -> int:
    return store.begin_run("2026-01-01T00:00:00Z", plan={"n": 1}, provenance={"commit": "c"}, cases=cases)


def test_trials_come_back_as_they_were(tmp_path: Path) -> None:
    trials = [
        TRIAL,
        replace(TRIAL, trial=1, psnr_db=math.inf, raw_ber=None, block_error_rate=None, index_error_rate=0.5),
        replace(TRIAL, image="other", status="failed", psnr_db=12.25),
        replace(TRIAL, case="bb", status="concealed", ms_ssim=0.98),
    ]
    with Store(tmp_path, writable=True) as store:
        store.add(begin(store, aa={"codec": "jpeg"}, bb={"codec": "vqvae"}), trials)
    with Store(tmp_path) as store:
        assert list(store.trials()) == [trials[0], trials[1], trials[2], trials[3]]
        assert [store.trial(t.case, t.image, t.trial) for t in trials] == trials
        assert store.trial("aa", "img", 5) is None
        assert store.cases() == {"aa": {"codec": "jpeg"}, "bb": {"codec": "vqvae"}}
        assert store.last_run() == ({"n": 1}, {"commit": "c"})


def test_a_trial_is_kept_once_and_never_changed(tmp_path: Path) -> None:
    with Store(tmp_path, writable=True) as store:
        run = begin(store, aa={})
        store.add(run, [TRIAL])
        store.add(run, [replace(TRIAL, psnr_db=1.0), replace(TRIAL, trial=1)])
        assert [t.psnr_db for t in store.trials()] == [30.5, 30.5]


def test_runs_of_different_cases_do_not_mix(tmp_path: Path) -> None:
    with Store(tmp_path, writable=True) as store:
        store.add(begin(store, aa={"seed": 0}), [TRIAL])
        store.add(begin(store, bb={"seed": 1}), [replace(TRIAL, case="bb")])
        assert [len(list(store.trials(case))) for case in ("aa", "bb")] == [1, 1]
        assert len(store.provenances({"aa", "bb"})) == 2
        assert store.provenances({"bb"}) == [{"commit": "c"}]


def test_a_bad_batch_leaves_nothing(tmp_path: Path) -> None:
    with Store(tmp_path, writable=True) as store:
        run = begin(store, aa={})
        with pytest.raises(sqlite3.IntegrityError):
            store.add(run, [TRIAL, replace(TRIAL, trial=1, status="fine")])
        with pytest.raises(sqlite3.IntegrityError):  # NaN is no measurement
            store.add(run, [TRIAL, replace(TRIAL, trial=1, psnr_db=math.nan)])
        assert list(store.trials()) == []


def test_reading_needs_a_sweep(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no sweep .*channelvq sweep SPEC"):
        Store(tmp_path)
    assert not (tmp_path / STORE_NAME).exists()
    with Store(tmp_path, writable=True) as store, pytest.raises(UsageError, match="holds no run"):
        store.last_run()


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look" * 30, None])
def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / STORE_NAME
    if content is None:
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE other (x)")
        db.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    for writable in (False, True):
        with pytest.raises(UsageError, match=r"cannot use|no sweep of channelvq"):
            Store(tmp_path, writable=writable)
    assert path.read_bytes() == before


def older(folder: Path, trials: list[Trial]) -> None:
    """Make a store of format 2."""
    with Store(folder, writable=True) as store:
        store.add(begin(store, aa={}), trials)
    with sqlite3.connect(folder / STORE_NAME) as db:
        db.execute("ALTER TABLE trials DROP COLUMN ms_ssim")
        db.execute("PRAGMA user_version = 2")
    db.close()


def test_a_store_of_the_format_before_is_read_as_it_is(tmp_path: Path) -> None:
    older(tmp_path, [TRIAL, replace(TRIAL, trial=1)])
    before = (tmp_path / STORE_NAME).read_bytes()
    with Store(tmp_path) as store:
        assert list(store.trials()) == [TRIAL, replace(TRIAL, trial=1)]
        assert store.trial("aa", "img", 1) == replace(TRIAL, trial=1)
        table = store.columns("aa")
        assert np.isnan(table["ms_ssim"]).all()
        assert table["psnr_db"].tolist() == [30.5, 30.5]
    assert (tmp_path / STORE_NAME).read_bytes() == before


def test_a_store_of_the_format_before_is_added_to(tmp_path: Path) -> None:
    older(tmp_path, [TRIAL])
    new = replace(TRIAL, trial=1, ms_ssim=0.97)
    with Store(tmp_path, writable=True) as store:
        store.add(begin(store, aa={}), [new])
    for writable in (False, True):  # an upgrade is made once
        with Store(tmp_path, writable=writable) as store:
            assert list(store.trials()) == [TRIAL, new]
            np.testing.assert_array_equal(store.columns("aa")["ms_ssim"], [np.nan, 0.97])


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    Store(tmp_path, writable=True).close()
    with sqlite3.connect(tmp_path / STORE_NAME) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    for writable in (False, True):
        with pytest.raises(UsageError, match="has format 99, this channelvq reads 3: update channelvq"):
            Store(tmp_path, writable=writable)
    before = (tmp_path / STORE_NAME).read_bytes()
    with sqlite3.connect(tmp_path / STORE_NAME) as db:
        db.execute("PRAGMA user_version = 1")
    db.close()
    with pytest.raises(UsageError, match="has format 1, this channelvq reads 2 to 3; choose another folder"):
        Store(tmp_path)
    assert len((tmp_path / STORE_NAME).read_bytes()) == len(before)


def test_reading_leaves_no_trace(tmp_path: Path) -> None:
    with Store(tmp_path, writable=True) as store:
        store.add(begin(store, aa={}), [TRIAL])
    assert [p.name for p in tmp_path.iterdir()] == [STORE_NAME]
    (tmp_path / STORE_NAME).chmod(stat.S_IRUSR)
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with Store(tmp_path) as store:
            assert list(store.trials()) == [TRIAL]
    finally:
        tmp_path.chmod(stat.S_IRWXU)
    assert [p.name for p in tmp_path.iterdir()] == [STORE_NAME]


def test_a_reader_sees_a_writer_at_work(tmp_path: Path) -> None:
    with Store(tmp_path, writable=True) as writer:
        writer.add(begin(writer, aa={}), [TRIAL])
        with Store(tmp_path) as reader:
            assert list(reader.trials()) == [TRIAL]
        with pytest.raises(UsageError, match=r"is in use by process \d+ on"):
            Store(tmp_path, writable=True)


def test_columns_are_the_rows(tmp_path: Path) -> None:
    trials = [
        TRIAL,
        replace(TRIAL, trial=7, psnr_db=math.inf, raw_ber=None, blocks=5, block_errors=2, clean_psnr_db=31.5),
        replace(TRIAL, image="other", status="failed", index_error_rate=0.25),
    ]
    with Store(tmp_path, writable=True) as store:
        store.add(begin(store, aa={}, bb={}), [*trials, replace(TRIAL, case="bb", psnr_db=1.0)])
        table, images = store.columns("aa"), store.images()
        assert store.columns("cc").size == 0
    assert [images[code] for code in table["image"]] == ["img", "img", "other"]
    assert table["trial"].tolist() == [0, 7, 0]
    assert table["psnr_db"].tolist() == [30.5, math.inf, 30.5]
    assert [STATUSES[code] for code in table["status"]] == ["ok", "ok", "failed"]
    assert np.isnan(table["raw_ber"]).tolist() == [False, True, False]
    assert np.isnan(table["index_error_rate"]).tolist() == [True, True, False]
    assert table["blocks"].tolist() == [-1, 5, -1]
    assert table["block_errors"].tolist() == [-1, 2, -1]
    assert table["clean_psnr_db"][1] == 31.5


def test_errors_count_until_the_trial_is_there(tmp_path: Path) -> None:
    error = TrialError("aa", "img", 0, "ValueError", "no", "Traceback ...")
    with Store(tmp_path, writable=True) as store:
        run = begin(store, aa={})
        store.add(run, errors=[error, replace(error, trial=1)])
        store.add(run, errors=[replace(error, message="again")])
        assert [(e.trial, e.message) for e in store.errors()] == [(0, "again"), (1, "no")]
        store.add(run, [TRIAL])
        assert [e.trial for e in store.errors()] == [1]


def test_pictures_are_kept_with_their_trials(tmp_path: Path) -> None:
    picture = KeptPicture("aa", "img", 0, b"png")
    with Store(tmp_path, writable=True) as store:
        run = begin(store, aa={})
        with pytest.raises(sqlite3.IntegrityError):  # all or nothing
            store.add(run, [replace(TRIAL, status="fine")], pictures=[picture])
        assert store.pictures() == []
        store.add(run, [TRIAL], pictures=[picture])
        store.keep([replace(picture, trial=3, png=b"other")])
        assert store.pictures() == [("aa", "img", 0), ("aa", "img", 3)]
        assert store.picture("aa", "img", 0) == b"png"
        assert store.picture("aa", "other", 0) is None


def test_a_full_disk_keeps_what_is_there(tmp_path: Path) -> None:
    many = [replace(TRIAL, trial=number) for number in range(2000)]
    with Store(tmp_path, writable=True) as store:
        run = begin(store, aa={})
        store.add(run, many[:100])
        (pages,) = store._db.execute("PRAGMA page_count").fetchone()
        store._db.execute(f"PRAGMA max_page_count = {pages + 2}")  # what SQLite sees of a full disk
        with pytest.raises(StoreError, match=r"cannot write .*full"):
            store.add(run, many[100:])
        assert len(list(store.trials())) == 100
    with Store(tmp_path, writable=True) as store:
        assert list(store.trials()) == many[:100]
        store.add(run, many)
        assert list(store.trials()) == many


def test_a_million_trials_fit(tmp_path: Path) -> None:
    """10⁶ rows in 300 MB: measured on 20 000 of them."""
    rng = np.random.default_rng(0)
    with Store(tmp_path, writable=True) as store:
        run = begin(store, aa={})
        rows = [
            Trial(
                "aa",
                "img",
                n,
                *rng.random(2),
                "concealed",
                *rng.random(4),
                98304,
                131072,
                196608,
                0.5,
                120,
                3,
                ms_ssim=0.987654321,
            )
            for n in range(20_000)
        ]
        store.add(run, rows)
    assert (tmp_path / STORE_NAME).stat().st_size / 20_000 * 1e6 < 300e6
