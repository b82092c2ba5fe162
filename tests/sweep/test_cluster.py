"""A sweep on a dask cluster gives what one process gives, whatever becomes of its workers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from channelvq.errors import UsageError
from channelvq.sweep.executors import ClusterLostError, Serial, WorkerLostError
from channelvq.sweep.plan import Plan, make_plan
from channelvq.sweep.progress import Snapshot
from channelvq.sweep.rows import Trial
from channelvq.sweep.runner import run_plan
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.store import Store

distributed = pytest.importorskip("distributed")

from channelvq.sweep import cluster as module  # noqa: E402
from channelvq.sweep.cluster import Cluster  # noqa: E402


def rows(plan: Plan, folder: Path, executor: Any, **options: Any) -> tuple[list[Trial], Any]:
    folder.mkdir()
    with Store(folder, writable=True) as store:
        outcome = run_plan(plan, store, executor=executor, **options)
        trials = [replace(trial, seconds=0.0) for trial in store.trials()]
    return sorted(trials, key=lambda t: (t.case, t.image, t.trial)), outcome


@pytest.fixture
def local() -> Iterator[Any]:
    """Two workers, processes of their own."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as made:
        yield made


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen in 30 s")


def look_until_lost(there: Cluster) -> None:
    for _ in range(300):
        there.workers()
        time.sleep(0.1)
    pytest.fail("it was not lost in 30 s")


def test_a_worker_killed_in_the_middle_changes_nothing(spec: SweepSpec, tmp_path: Path, local: Any) -> None:
    plan = make_plan(spec)
    expected, _ = rows(plan, tmp_path / "here", Serial())
    lines: list[str] = []
    there = Cluster(local.scheduler_address, log=lines.append)
    try:
        wait_for(lambda: len(there.workers()) == 2)
        pids = [there.submit(name, os.getpid).result(60) for name in there.workers()]
        with pytest.raises(ZeroDivisionError):
            there.submit(there.workers()[0], divmod, 1, 0).result(60)

        def kill(now: Snapshot) -> None:
            if now.done >= 6 and len(pids) == 2:
                os.kill(pids.pop(), 9)

        made, outcome = rows(plan, tmp_path / "there", there, batch=3, progress=kill, log=lines.append)
        assert made == expected
        assert (outcome.lost, outcome.errors) == (None, ())
        assert len(pids) == 1
        future = there.submit(there.workers()[0], time.sleep, 600)
        there._patience = 1.0
        local.scale(0)
        with pytest.raises(ClusterLostError, match="has had no worker for 1 s"):
            look_until_lost(there)
        with pytest.raises(WorkerLostError):
            future.result(0)
    finally:
        there.close()


def test_pictures_travel_and_others_are_refused(
    spec: SweepSpec, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(spec)
    expected, _ = rows(plan, tmp_path / "here", Serial())
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, silence_logs=50
    ) as made:
        lines: list[str] = []
        with monkeypatch.context() as patch:
            patch.setattr(module, "source_fingerprint", lambda: next(calls))
            calls = iter([*["theirs"], *["ours"] * 10])
            refusing = Cluster(made.scheduler_address, patience=0.5, log=lines.append)
            try:
                with pytest.raises(
                    ClusterLostError, match=r"no worker of .* may take part \(.*source theirs"
                ):
                    look_until_lost(refusing)
            finally:
                refusing.close()
        assert "is refused: it runs channelvq" in lines[0]
        there = Cluster(made.scheduler_address)
        try:
            wait_for(lambda: len(there.workers()) == 2)
            got, _ = rows(plan, tmp_path / "there", there, batch=4)
            assert got == expected
        finally:
            there.close()
        gone = Cluster(made.scheduler_address, patience=0.5)
        wait_for(lambda: bool(gone.workers()))
    with pytest.raises(ClusterLostError, match="is gone"):
        look_until_lost(gone)
    gone.close()


def test_an_address_without_a_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.5)
    with pytest.raises(ClusterLostError, match=r"cannot reach the cluster tcp://127\.0\.0\.1:9"):
        Cluster("tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match="must be like tcp://"):
        Cluster("nonsense://x")


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'channelvq\[distributed\]'"):
        Cluster("tcp://127.0.0.1:9")
