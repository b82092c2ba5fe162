"""Summaries count what the latest plan asks for, and nothing is ever 0 for want of a simulation."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from channelvq.report.table import point_rows, to_csv
from channelvq.sweep.plan import Plan, make_plan
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.statistics import share
from channelvq.sweep.stopping import PSNR_CAP_DB
from channelvq.sweep.store import Store, Trial, TrialError
from channelvq.sweep.summary import Results, load_results


def fill(
    plan: Plan,
    folder: Path,
    trials: Iterable[Trial],
    commit: str | None = "c0ffee",
    errors: Iterable[TrialError] = (),
) -> Results:
    folder.mkdir(exist_ok=True)
    with Store(folder, writable=True) as store:
        number = store.begin_run(
            "2026-01-01T00:00:00Z",
            plan=plan.to_dict(),
            provenance={"commit": commit},
            cases={case.hash: case.content for case in plan.cases},
        )
        store.add(number, trials, errors=errors)
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


def test_ms_ssim_has_a_mean_where_every_trial_has_one(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    trials = [
        dataclasses.replace(trial(plan, case, image, n, 30.0), ms_ssim=0.9 + image / 20 + n / 100)
        for case in (0, 1)
        for image in (0, 1)
        for n in range(3)
    ]
    results = fill(plan, tmp_path / "a", [*trials[:-1], dataclasses.replace(trials[-1], ms_ssim=None)])
    whole, part = (summary.means["ms_ssim"] for summary in results.summaries[:2])
    assert whole.value == pytest.approx(0.935)
    assert whole.low is not None and whole.low < 0.935
    assert part.value is None
    row = point_rows(results)[0]
    assert row["ms_ssim"] == whole.value
    assert list(row)[list(row).index("ms_ssim") - 1] == "ssim_population_high"


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


def sequential(spec: SweepSpec, **stop: object) -> SweepSpec:
    content = spec.model_dump(mode="json", by_alias=True) | {"stop": stop, "trials": 40}
    return SweepSpec.model_validate({key: value for key, value in content.items() if value is not None})


def every(plan: Plan, case: int, count: int, seed: int = 0, spread: float = 0.2) -> list[Trial]:
    rng = np.random.default_rng(seed)
    return [
        trial(plan, case, image, number, 30 + image + spread * rng.standard_normal())
        for number in range(count)
        for image in (0, 1)
    ]


def test_only_the_looks_of_a_stopping_rule_count(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(sequential(spec, tolerance_db=0.8, min_trials=4))
    trials = every(plan, 0, 40)  # more than it needs: workers were ahead
    results = fill(plan, tmp_path / "a", trials)
    first = results.summaries[0]
    assert first.stopped == "tolerance"
    assert first.trials == first.planned < 80
    assert first.complete
    look = first.trials // 2
    counted = [t.psnr_db for t in trials if t.trial < look]
    assert first.means["psnr_db"].value == pytest.approx(np.mean(counted))
    rule = plan.spec.rule
    mean = first.means["psnr_db"]
    assert mean.high is not None and mean.low is not None
    assert look in rule.looks()
    assert (mean.high - mean.low) / 2 <= 0.8


def test_a_point_that_goes_on_has_the_interval_of_a_peek(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(sequential(spec, tolerance_db=1e-6, min_trials=4))
    partial = fill(plan, tmp_path / "a", every(plan, 0, 10)).summaries[0]
    assert (partial.stopped, partial.trials, partial.planned, partial.complete) == ("go on", 18, 80, False)
    fixed = make_plan(spec.model_copy(update={"trials": 9}))
    whole = fill(fixed, tmp_path / "b", every(fixed, 0, 9)).summaries[0]
    wide, narrow = partial.means["psnr_db"], whole.means["psnr_db"]
    assert wide.value == pytest.approx(narrow.value)
    assert wide.high is not None and narrow.high is not None
    assert wide.high > narrow.high
    assert partial.outage.high == pytest.approx(1 - 0.0005 ** (1 / 18))


def test_a_trial_that_raised_is_tried_but_lost(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    error = TrialError(plan.cases[0].hash, plan.images[1].hash, 2, "ValueError", "no", "trace")
    trials = [t for t in every(plan, 0, 3) if (t.image, t.trial) != (plan.images[1].hash, 2)]
    summary = fill(plan, tmp_path / "a", trials, errors=[error]).summaries[0]
    assert (summary.trials, summary.lost, summary.planned, summary.complete) == (5, 1, 6, True)
    assert summary.means["psnr_db"].low is not None


def test_identical_pictures_are_capped_and_counted(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    trials = [trial(plan, 0, i, n, math.inf if n else 30.0) for i in (0, 1) for n in range(3)]
    summary = fill(plan, tmp_path / "a", trials).summaries[0]
    assert summary.capped == 4
    assert summary.means["psnr_db"].value == pytest.approx((30 + 2 * PSNR_CAP_DB) / 3)


def test_block_errors_are_counted_over_blocks_where_noise_is_independent(
    spec: SweepSpec, tmp_path: Path
) -> None:
    errors = [3, 0, 0, 0, 0, 0]
    for channel, expected in (("awgn", share(3, 60)), ("rayleigh:block", None)):
        plan = make_plan(spec.model_copy(update={"channel": channel}))
        trials = [
            dataclasses.replace(t, blocks=10, block_errors=e)
            for t, e in zip(every(plan, 0, 3), errors, strict=True)
        ]
        found = fill(plan, tmp_path / channel.replace(":", "-"), trials).summaries[0]
        assert (found.blocks.events, found.blocks.units, found.blocks.value) == (3, 60, 0.05)
        assert found.means["block_error_rate"].value == 0.05
        if expected is not None:
            assert (found.blocks.low, found.blocks.high) == (expected.low, expected.high)
        else:
            wide = share(3, 60).high
            assert found.blocks.high is not None and wide is not None
            assert found.blocks.high > wide + 0.1


def test_rates_without_an_event_are_bounded(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    means = fill(plan, tmp_path / "a", every(plan, 0, 3)).summaries[0].means
    rate = means["message_ber"]
    assert (rate.value, rate.low) == (0.0, 0.0)
    assert rate.high == pytest.approx(1 - 0.025 ** (1 / 6))  # of trials, each wrong throughout at worst
    assert means["block_error_rate"].value is None  # no blocks were told of
    raw = means["raw_ber"]
    assert (raw.low, raw.value, raw.high) == pytest.approx((0.1, 0.1, 0.1))


def test_the_order_of_arrival_changes_nothing(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec)
    trials = [t for case in range(2) for t in every(plan, case, 3, seed=case)]
    turned = [trials[i] for i in np.random.default_rng(0).permutation(len(trials))]
    rows = [point_rows(fill(plan, tmp_path / name, some)) for name, some in (("a", trials), ("b", turned))]
    assert to_csv(rows[0]) == to_csv(rows[1])


@pytest.mark.slow
def test_a_million_trials_are_summed_up_in_seconds(spec: SweepSpec, tmp_path: Path) -> None:
    plan = make_plan(spec.model_copy(update={"trials": 100_000}))
    rng = np.random.default_rng(0)
    trials = (
        trial(plan, case, image, number, 30 + psnr)
        for case in range(5)
        for image in (0, 1)
        for number, psnr in enumerate(rng.standard_normal(100_000).tolist())
    )
    results = fill(plan, tmp_path / "a", trials)
    assert [summary.trials for summary in results.summaries[:5]] == [200_000] * 5
    for summary in results.summaries[:5]:
        mean = summary.means["psnr_db"]
        assert mean.value == pytest.approx(30, abs=5 / math.sqrt(200_000))
