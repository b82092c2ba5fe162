"""The store keeps trials once, adds to what is there, and refuses what is not its own."""

from __future__ import annotations

import math
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from channelvq.errors import UsageError
from channelvq.sweep.store import STORE_NAME, Store, Trial

TRIAL = Trial("aa", "img", 0, 30.5, 0.91, "ok", 0.01, 0.0, None, 0.0, 1000, 1500, 2000, 0.25)


def begin(store: Store, **cases: dict[str, object]) -> int:
    return store.begin_run("2026-01-01T00:00:00Z", plan={"n": 1}, provenance={"commit": "c"}, cases=cases)


def test_trials_come_back_as_they_were(tmp_path: Path) -> None:
    trials = [
        TRIAL,
        replace(TRIAL, trial=1, psnr_db=math.inf, raw_ber=None, block_error_rate=None, index_error_rate=0.5),
        replace(TRIAL, image="other", status="failed", psnr_db=12.25),
        replace(TRIAL, case="bb", status="concealed"),
    ]
    with Store(tmp_path, writable=True) as store:
        store.add(begin(store, aa={"codec": "jpeg"}, bb={"codec": "vqvae"}), trials)
    with Store(tmp_path) as store:
        assert list(store.trials()) == [trials[0], trials[1], trials[2], trials[3]]
        assert store.done() == {(t.case, t.image, t.trial) for t in trials}
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
        assert len(store.done()) == 2
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


def test_a_store_of_another_format_is_refused(tmp_path: Path) -> None:
    Store(tmp_path, writable=True).close()
    with sqlite3.connect(tmp_path / STORE_NAME) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(UsageError, match="has format 99"):
        Store(tmp_path)


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
