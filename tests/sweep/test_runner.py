"""A sweep gives the same trials for any number of workers, interrupted or not, and adds to what is there."""

from __future__ import annotations

import csv
import io
import os
import signal
import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from channelvq.codecs.jpeg import Jpeg
from channelvq.errors import UsageError
from channelvq.images import load_image
from channelvq.link import Link
from channelvq.report.table import point_rows, to_csv
from channelvq.report.trials import trial_rows
from channelvq.sweep import runner, worker
from channelvq.sweep.executors import ClusterLostError, Processes, Serial, WorkerLostError
from channelvq.sweep.identity import trial_id
from channelvq.sweep.plan import Plan, make_plan
from channelvq.sweep.progress import Snapshot
from channelvq.sweep.rows import Trial
from channelvq.sweep.runner import run_plan
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.store import Store, StoreError
from channelvq.sweep.summary import load_results


def untimed(store: Store) -> list[Trial]:
    return sorted((replace(t, seconds=0.0) for t in store.trials()), key=lambda t: (t.case, t.image, t.trial))


def run(plan: Plan, path: Path, **options: Any) -> list[Trial]:
    path.mkdir(exist_ok=True)
    with Store(path, writable=True) as store:
        run_plan(plan, store, **{"executor": Serial(), **options})
        return untimed(store)


class Interrupting(Serial):
    """Ctrl-C after so many slices."""

    def __init__(self, slices: int) -> None:
        self.slices = slices

    def submit(self, worker: str, function: Any, /, *args: Any) -> Future[Any]:
        self.slices -= 1
        if self.slices < 0:
            raise KeyboardInterrupt
        return super().submit(worker, function, *args)


class Dying(Serial):
    """A worker that dies of every third unit, or of a certain trial, or always."""

    def __init__(self, plan: Plan, trial: int | None = None, *, always: bool = False) -> None:
        self.plan, self.trial, self.always, self.units = plan, trial, always, 0

    def submit(self, worker: str, function: Any, /, *args: Any) -> Future[Any]:
        self.units += 1
        unit = args[0]
        bad = any(
            (job.case, unit.image.hash, job.trial)
            == (self.plan.cases[1].hash, self.plan.images[0].hash, self.trial)
            for job in unit.jobs
        )
        if self.always or bad or (self.trial is None and self.units % 3 == 0):
            future: Future[Any] = Future()
            future.set_exception(WorkerLostError("worker x died"))
            return future
        return super().submit(worker, function, *args)


def test_a_trial_is_what_the_link_gives(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    trials = run(plan, tmp_path / "a")
    assert len(trials) == plan.total
    case = next(c for c in plan.cases if c.scheme.name == "weak" and c.point.snr_db == 7)
    image = plan.images[1]
    ours = next(t for t in trials if (t.case, t.image, t.trial) == (case.hash, image.hash, 2))
    link = Link(codec="jpeg", code="rs:255,191", cbr="1/4")
    theirs = link.transmit(load_image(image.path), snr_db=7, seed=5, trial=2)
    assert (ours.psnr_db, ours.ssim, ours.status) == (theirs.psnr_db, theirs.ssim, theirs.status)
    assert (ours.raw_ber, ours.message_ber) == (theirs.raw_ber, theirs.message_ber)
    assert ours.channel_uses == theirs.account.channel_uses == 64 * 96 * 3 // 4


@pytest.mark.parametrize(("seconds", "batch"), [(0.0, 16), (1000.0, 1), (1000.0, 8), (1000.0, 1000)])
def test_slices_and_batches_do_not_matter(
    spec: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, batch: int
) -> None:
    plan = make_plan(spec)
    whole = run(plan, tmp_path / "whole")
    monkeypatch.setattr(runner, "SLICE_SECONDS", seconds)
    assert run(plan, tmp_path / "sliced", batch=batch) == whole


def test_interrupted_and_resumed_is_the_same(
    spec: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(spec)
    whole = run(plan, tmp_path / "whole")
    monkeypatch.setattr(runner, "SLICE_SECONDS", 0.0)
    (tmp_path / "cut").mkdir()
    with Store(tmp_path / "cut", writable=True) as store:
        first = run_plan(plan, store, executor=Interrupting(10))
        assert (first.interrupted, first.done, first.made) == (True, 10, 10)
        assert set(untimed(store)) < set(whole)
        shown: list[Snapshot] = []
        second = run_plan(plan, store, executor=Serial(), progress=shown.append)
        assert (second.interrupted, second.before, second.made) == (False, 10, plan.total - 10)
        assert (second.points_done, second.points, second.errors) == (6, 6, ())
        assert untimed(store) == whole
    assert (shown[0].done, shown[0].expected) == (10, plan.total)
    assert (shown[-1].done, shown[-1].points_done) == (plan.total, 6)


def test_asked_to_end_it_finishes_what_it_has_in_hand(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    asked = iter([0, 0])
    with Store(tmp_path, writable=True) as store:
        outcome = run_plan(plan, store, executor=Serial(), batch=3, stop=lambda: next(asked, 1))
        assert (outcome.interrupted, outcome.made) == (True, 9)
        assert len(list(store.trials())) == 9


def test_dead_workers_cost_a_retry_and_nothing_else(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    whole = run(plan, tmp_path / "whole")
    lines: list[str] = []
    (tmp_path / "dying").mkdir()
    with Store(tmp_path / "dying", writable=True) as store:
        outcome = run_plan(plan, store, executor=Dying(plan), batch=4, log=lines.append)
        assert untimed(store) == whole
    assert outcome.retries == len(lines) > 2
    assert lines[0].startswith("retry 1: worker x died; its ")
    assert (outcome.errors, outcome.lost) == ((), None)


def test_a_trial_that_kills_workers_is_an_error(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    whole = run(plan, tmp_path / "whole")
    key = plan.cases[1].hash, plan.images[0].hash, 2
    (tmp_path / "dying").mkdir()
    with Store(tmp_path / "dying", writable=True) as store:
        outcome = run_plan(plan, store, executor=Dying(plan, trial=2), batch=4)
        assert [(e.case, e.image, e.trial, e.kind) for e in outcome.errors] == [(*key, "WorkerDied")]
        assert untimed(store) == [t for t in whole if (t.case, t.image, t.trial) != key]
        again = run_plan(plan, store, executor=Serial())  # the next run tries it again
        assert (again.made, again.errors) == (1, ())
        assert untimed(store) == whole


def test_workers_that_all_die_end_the_run(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    with Store(tmp_path, writable=True) as store:
        outcome = run_plan(plan, store, executor=Dying(plan, always=True), batch=1)
    assert outcome.lost is not None
    assert "workers die one after the other" in outcome.lost


class Gone(Serial):
    """A cluster that is there for some units."""

    units = 3

    def workers(self) -> tuple[str, ...]:
        self.units -= 1
        if self.units < 0:
            raise ClusterLostError("the scheduler is gone")
        return super().workers()


def test_a_cluster_that_goes_away_keeps_what_it_gave(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    with Store(tmp_path, writable=True) as store:
        outcome = run_plan(plan, store, executor=Gone(), batch=2)
        assert (outcome.lost, outcome.made, len(list(store.trials()))) == ("the scheduler is gone", 6, 6)


def test_errors_inside_a_trial_are_kept_and_the_rest_goes_on(
    spec: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(spec)
    whole = run(plan, tmp_path / "whole")
    send = Link.send

    def fail(self: Link, prepared: Any, snr_db: float, seed: int, trial: int) -> Any:
        if (snr_db, trial) == (7.0, 1):
            raise ZeroDivisionError("of all things")
        return send(self, prepared, snr_db, seed, trial)

    lines: list[str] = []
    (tmp_path / "bad").mkdir()
    with Store(tmp_path / "bad", writable=True) as store:
        with monkeypatch.context() as patch:
            patch.setattr(Link, "send", fail)
            outcome = run_plan(plan, store, executor=Serial(), log=lines.append)
        assert {(e.kind, e.message, e.trial) for e in outcome.errors} == {
            ("ZeroDivisionError", "of all things", 1)
        }
        assert len(outcome.errors) == 4  # two images, two schemes
        assert "in fail" in outcome.errors[0].trace
        assert lines[0].startswith("error in trial 1 of one, codec jpeg: ZeroDivisionError: of all things")
        assert len(untimed(store)) == len(whole) - 4
        assert run_plan(plan, store, executor=Serial()).errors == ()
        assert untimed(store) == whole


def test_a_store_that_cannot_be_written_ends_the_run(
    spec: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(spec)
    add, calls = Store.add, []

    def full(self: Store, *args: Any, **kwargs: Any) -> None:
        calls.append(0)
        if len(calls) > 2:
            raise StoreError("disk full")
        add(self, *args, **kwargs)

    with Store(tmp_path, writable=True) as store:
        with monkeypatch.context() as patch:
            patch.setattr(Store, "add", full)
            with pytest.raises(StoreError, match="disk full"):
                run_plan(plan, store, executor=Serial(), batch=2)
        assert len(list(store.trials())) == 4
        assert run_plan(plan, store, executor=Serial()).made == plan.total - 4


def test_two_workers_of_which_one_is_killed_give_the_same(spec: SweepSpec, tmp_path: Path) -> None:
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    content |= {"trials": 16, "snr_db": [6, 10], "stop": {"block_errors": 20, "min_trials": 3}}
    plan = make_plan(SweepSpec.model_validate(content))
    whole = run(plan, tmp_path / "whole")
    counts = {case.hash: sum(t.case == case.hash for t in whole) for case in plan.cases}
    assert counts[plan.cases[2].hash] < 32  # errors enough
    assert counts[plan.cases[1].hash] == 32  # none at all: the budget
    lines: list[str] = []
    (tmp_path / "killed").mkdir()
    with Store(tmp_path / "killed", writable=True) as store, Processes(2) as processes:
        pids = [processes.submit(name, os.getpid).result() for name in processes.workers()]

        def kill(snapshot: Snapshot) -> None:
            if snapshot.done >= 4 and len(pids) == 2:
                os.kill(pids.pop(), signal.SIGKILL)

        run_plan(plan, store, executor=processes, batch=5, log=lines.append, progress=kill)
        assert untimed(store) == whole
    assert len(pids) == 1


def test_pictures_are_kept_with_the_trials(spec: SweepSpec, tmp_path: Path) -> None:
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    plan = make_plan(SweepSpec.model_validate({**content, "pictures": {"image": "two", "snr_db": [10]}}))
    with Store(tmp_path, writable=True) as store:
        run_plan(plan, store, executor=Serial())
        assert sorted(store.pictures()) == sorted(plan.kept())
        case = plan.cases[2]
        kept = store.picture(*plan.kept()[0])
    received = Link(codec="jpeg", code="rs:255,127", cbr="1/4").transmit(
        load_image(plan.images[1].path), snr_db=10, seed=5
    )
    assert case.scheme.code == "rs:255,127"
    assert kept == worker.png(received.image)


def test_a_finished_sweep_simulates_nothing(
    spec: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(spec)
    trials = run(plan, tmp_path / "a")
    monkeypatch.setattr(worker, "_send", lambda *_: pytest.fail("simulated again"))
    assert run(plan, tmp_path / "a") == trials


def test_more_trials_are_added(spec: SweepSpec, tmp_path: Path) -> None:
    few = run(make_plan(spec), tmp_path / "a")
    more = run(make_plan(spec.model_copy(update={"trials": 4})), tmp_path / "a")
    assert set(few) < set(more)
    assert len(more) == len(few) // 3 * 4


def test_an_image_is_encoded_once_for_a_scheme(
    spec: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    prepare = Link.prepare
    monkeypatch.setattr(Link, "prepare", lambda self, picture: calls.append(0) or prepare(self, picture))
    monkeypatch.setattr(worker, "_local", threading.local())
    monkeypatch.setattr(runner, "SLICE_SECONDS", 0.0)
    run(make_plan(spec), tmp_path / "a")
    assert len(calls) == 4


def test_an_image_that_cannot_be_sent_is_named(
    spec: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UsageError("picture is of a kind that JPEG does not know")

    monkeypatch.setattr(Jpeg, "encode", refuse)
    monkeypatch.setattr(worker, "_local", threading.local())  # a worker that has not encoded it yet
    with pytest.raises(UsageError, match=r"image 'one', codec 'jpeg': picture is of a kind"):
        run(make_plan(spec), tmp_path / "a")


def test_an_image_that_changes_meanwhile_is_noticed(
    spec: SweepSpec, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(spec)
    monkeypatch.setattr(worker, "_local", threading.local())  # a worker that has not seen it yet
    (folder / "one.png").write_bytes((folder / "two.png").read_bytes())
    with pytest.raises(UsageError, match=r"one\.png has changed"):
        run(plan, tmp_path / "a")


def test_exports_do_not_depend_on_which_image_came_first(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    trials = run(plan, tmp_path / "whole")
    exports = []
    for name, turn in (("forth", 1), ("back", -1)):
        (tmp_path / name).mkdir()
        with Store(tmp_path / name, writable=True) as store:
            contents = {case.hash: case.content for case in plan.cases}
            number = store.begin_run("2026", plan=plan.to_dict(), provenance={}, cases=contents)
            for trial in trials[::turn]:
                store.add(number, [trial])
            assert store.images()[1] == trials[::turn][0].image
            exports.append((to_csv(point_rows(load_results(store))), to_csv(list(trial_rows(store)))))
    assert exports[0] == exports[1]
    by_id = {row["id"]: row["psnr_db"] for row in csv.DictReader(io.StringIO(exports[0][1]))}
    for trial in trials:
        assert float(by_id[trial_id(trial.case, trial.image, trial.trial)]) == trial.psnr_db
