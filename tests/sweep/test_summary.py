"""Summaries count what the latest plan asks for, and nothing is ever 0 for want of a simulation."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelvq.sweep.plan import Plan, make_plan
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.store import Store, Trial
from channelvq.sweep.summary import Results, load_results


def fill(plan: Plan, folder: Path, trials: list[Trial], commit: str | None = "c0ffee") -> Results:
    folder.mkdir(exist_ok=True)
    with Store(folder, writable=True) as store:
        number = store.begin_run(
            "2026-01-01T00:00:00Z",
            plan=plan.to_dict(),
            provenance={"commit": commit},
            cases={case.hash: case.content for case in plan.cases},
        )
        store.add(number, trials)
    with Store(folder) as store:
        return load_results(store)


def trial(plan: Plan, case: int, image: int, number: int, psnr: float, status: str = "ok") -> Trial:
    keys = plan.cases[case].hash, plan.images[image].hash
    return Trial(*keys, number, psnr, 0.9, status, 0.1, 0.0, None, 0.25, 4608, 5000, 9216, 0.01)


def test_means_are_over_images_and_outage_over_trials(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    trials = [trial(plan, 0, 0, n, psnr) for n, psnr in enumerate([30.0, 31.0, 32.0])]
    trials += [trial(plan, 0, 1, n, 20.0, "failed" if n else "concealed") for n in range(3)]
    results = fill(plan, tmp_path / "a", trials)
    summary = results.summaries[0]
    assert (summary.scheme.name, summary.point.snr_db) == ("strong", 4)
    assert summary.means["psnr_db"].value == pytest.approx(25.5)
    assert (summary.outage.events, summary.outage.units, summary.concealed.events) == (2, 6, 1)
    assert summary.complete
    assert summary.channel_uses == 4608
    assert summary.means["index_error_rate"].value is None


def test_points_without_trials_are_missing(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    results = fill(plan, tmp_path / "a", [trial(plan, 0, 0, 0, 30.0)])
    partial, empty = results.summaries[0], results.summaries[1]
    assert partial.means["psnr_db"].value is None  # an image is missing: a mean over the other would mislead
    assert (partial.trials, partial.planned, partial.complete) == (1, 6, False)
    assert empty.means["psnr_db"].value is None
    assert empty.outage.value is None


def test_rows_of_other_plans_are_left_out(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    other = make_plan(spec.model_copy(update={"seed": 99}))
    trials = [trial(plan, 0, i, n, 30.0) for i in (0, 1) for n in range(2)]
    last = [trial(plan, 0, i, 2, 30.0) for i in (0, 1)]
    fill(other, tmp_path / "a", [trial(other, 0, i, n, 10.0) for i in (0, 1) for n in range(3)], "another")
    fill(plan, tmp_path / "a", trials, "first")
    results = fill(plan, tmp_path / "a", last, None)
    assert results.summaries[0].means["psnr_db"].value == 30.0
    assert results.commits == ("first", "unknown")
    fewer = make_plan(spec.model_copy(update={"trials": 2}))
    assert fill(fewer, tmp_path / "a", []).summaries[0].trials == 4
