"""A sweep gives the same trials for any number of workers, interrupted or not, and adds to what is there."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from channelvq.errors import UsageError
from channelvq.images import load_image
from channelvq.link import Link
from channelvq.sweep import runner, worker
from channelvq.sweep.executors import Serial
from channelvq.sweep.plan import Plan, make_plan
from channelvq.sweep.runner import run_plan
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.store import Store, Trial


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

    def submit(self, function: Any, /, *args: Any) -> Future[Any]:
        self.slices -= 1
        if self.slices < 0:
            raise KeyboardInterrupt
        return super().submit(function, *args)


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


def test_one_and_two_workers_give_the_same_table(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    assert run(plan, tmp_path / "1") == run(plan, tmp_path / "2", executor=None, workers=2)


@pytest.mark.parametrize("seconds", [0.0, 1000.0])
def test_slices_do_not_matter(
    spec: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    plan = make_plan(spec)
    whole = run(plan, tmp_path / "whole")
    monkeypatch.setattr(runner, "SLICE_SECONDS", seconds)
    assert run(plan, tmp_path / "sliced", workers=7) == whole


def test_interrupted_and_resumed_is_the_same(
    spec: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(spec)
    whole = run(plan, tmp_path / "whole")
    monkeypatch.setattr(runner, "SLICE_SECONDS", 0.0)
    (tmp_path / "cut").mkdir()
    with Store(tmp_path / "cut", writable=True) as store:
        first = run_plan(plan, store, executor=Interrupting(10))
        assert (first.interrupted, first.done) == (True, 10)
        assert set(untimed(store)) < set(whole)
        shown: list[tuple[int, int]] = []
        second = run_plan(plan, store, executor=Serial(), progress=lambda *counts: shown.append(counts))
        assert (second.interrupted, second.before, second.done) == (False, 10, plan.total)
        assert untimed(store) == whole
    assert shown[0] == (10, plan.total)
    assert shown[-1] == (plan.total, plan.total)
    assert shown == sorted(shown)


def test_a_finished_sweep_simulates_nothing(
    spec: SweepSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(spec)
    trials = run(plan, tmp_path / "a")
    monkeypatch.setattr(worker, "receive", lambda *_: pytest.fail("simulated again"))
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
    monkeypatch.setattr(worker, "_desk", worker._Desk())
    monkeypatch.setattr(runner, "SLICE_SECONDS", 0.0)
    run(make_plan(spec), tmp_path / "a")
    assert len(calls) == 4


def test_an_image_that_cannot_be_sent_is_named(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec.model_copy(update={"cbr": spec.cbr / 40}))
    with pytest.raises(UsageError, match=r"image 'one', codec 'jpeg': cbr 1/160 gives"):
        run(plan, tmp_path / "a")


def test_an_image_that_changes_meanwhile_is_noticed(spec: SweepSpec, tmp_path: Path, folder: Path) -> None:
    plan = make_plan(spec)
    (folder / "one.png").write_bytes((folder / "two.png").read_bytes())
    with pytest.raises(UsageError, match=r"one\.png has changed"):
        run(plan, tmp_path / "a")
