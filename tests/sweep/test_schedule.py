"""Work is handed out once, the widest interval first, an image to whom has it; rounds are judged whole."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.sweep.columns import CaseColumns
from channelvq.sweep.plan import Plan, Unit, make_plan
from channelvq.sweep.rows import Trial, TrialError
from channelvq.sweep.schedule import MAX_LOSSES, Schedule
from channelvq.sweep.spec import SweepSpec


def schedule_of(plan: Plan) -> Schedule:
    hashes, floors = [i.hash for i in plan.images], [i.grey_psnr_db for i in plan.images]
    return Schedule(plan, [CaseColumns(hashes, floors) for _ in plan.cases])


def psnr_of(case: str, image: str, trial: int) -> float:
    """A trial is always the same; one point in two is noisy."""
    spread = 3.0 if int(case[0], 16) % 2 else 0.01
    return 30.0 + random.Random(f"{case}{image}{trial}").gauss(0, spread)


def trials_of(unit: Unit, count: int | None = None) -> list[Trial]:
    return [
        Trial(
            *(job.case, unit.image.hash, job.trial, psnr_of(job.case, unit.image.hash, job.trial)),
            *(0.9, "ok", 0.1, 0.0, None, 0.0, 1, 1, 1, 0.0),
        )
        for job in unit.jobs[:count]
    ]


def keys_of(unit: Unit) -> list[tuple[str, str, int]]:
    return [(job.case, unit.image.hash, job.trial) for job in unit.jobs]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("images")
    for n in range(3):
        Image.fromarray(np.full((32, 32), 40 * n + 30, np.uint8)).save(folder / f"{n}.png")
    spec = {
        "name": "s",
        "images": str(folder),
        "cbr": 1,
        "channel": "awgn",
        "snr_db": [0, 1, 2, 3],
        "trials": 60,
        "stop": {"tolerance_db": 0.7, "min_trials": 3, "unseen_failures": False},
        "scheme": [
            {"name": "A", "codec": "jpeg", "code": "rs:255,191"},
            {"name": "B", "codec": "jpeg", "code": "rs:255,127"},
        ],
    }
    made = make_plan(SweepSpec.model_validate(spec))
    # Names of our own: a hash tells of the package's sources too, and what is noisy must not hang on these.
    return replace(made, cases=tuple(replace(case, hash=f"{n:x}" * 64) for n, case in enumerate(made.cases)))


def result(schedule: Schedule) -> list[tuple[int, bool, float | None]]:
    return [(point.look, point.done, point.half_width_db) for point in schedule.points]


def drive(plan: Plan, seed: int, workers: int, size: int) -> tuple[Schedule, Counter[tuple[str, str, int]]]:
    """Run with workers that finish in random order, give parts back, and die now and then."""
    rng, schedule = random.Random(seed), schedule_of(plan)
    made: Counter[tuple[str, str, int]] = Counter()
    running: dict[str, Unit] = {}
    while not schedule.finished:
        for worker in map(str, range(workers)):
            if worker not in running and (unit := schedule.next(worker, rng.randint(1, size))):
                running[worker] = unit
        worker = rng.choice(sorted(running))
        unit = running.pop(worker)
        if rng.random() < 0.02 and not any(key in made for key in keys_of(unit)):
            for key in [k for k in keys_of(unit) if schedule._losses.get(k, 0) + 1 >= MAX_LOSSES]:
                schedule._losses[key] = 0  # never give up here
            assert schedule.lose(worker, unit, "died") == []
            continue
        trials = trials_of(unit, rng.randint(1, len(unit.jobs)))
        made.update((t.case, t.image, t.trial) for t in trials)
        schedule.finish(unit, trials, ())
    assert schedule.next("0", 8) is None
    return schedule, made


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from([1, 3, 50]))
def test_neither_order_nor_batches_nor_deaths_matter(plan: Plan, seed: int, workers: int, size: int) -> None:
    expected, all_made = drive(plan, 0, 1, 1000)
    schedule, made = drive(plan, seed, workers, size)
    assert result(schedule) == result(expected)
    assert made == all_made  # the same trials, each once
    assert set(made.values()) == {1}
    assert schedule.points_done == len(plan.cases)
    looks = {point.look for point in schedule.points}
    assert len(looks) > 1  # the noisy points took more


def test_the_widest_goes_first(plan: Plan) -> None:
    schedule = schedule_of(plan)
    while any(point.half_width_db is None for point in schedule.points):
        unit = schedule.next("w", 100)
        assert unit is not None
        schedule.finish(unit, trials_of(unit), ())
    widest = max((p for p in schedule.points if not p.done), key=lambda point: point.width)
    unit = schedule.next("w", 1)
    assert unit is not None
    assert unit.jobs[0].case == widest.case.hash


def test_each_worker_keeps_its_images(plan: Plan) -> None:
    schedule = schedule_of(plan)
    seen: dict[str, set[tuple[object, str]]] = {"a": set(), "b": set()}
    for _ in range(30):  # nobody waits long: both always have images of their own
        for worker, groups in seen.items():
            if unit := schedule.next(worker, 4):
                groups.add((unit.options, unit.image.hash))
                schedule.finish(unit, trials_of(unit), ())
    assert len(seen["a"] & seen["b"]) <= 1


def test_idle_workers_help(plan: Plan) -> None:
    schedule = schedule_of(plan)
    units = [schedule.next(f"w{n}", 2) for n in range(12)]  # six groups of scheme and image
    assert all(unit is not None for unit in units)
    groups = Counter((unit.options, unit.image.hash) for unit in units if unit)
    assert len(groups) == 6
    assert max(groups.values()) <= 3


def test_what_kills_workers_is_given_up_and_nothing_else(plan: Plan) -> None:
    schedule = schedule_of(plan)
    first = schedule.next("w", 1)
    assert first is not None
    culprit = keys_of(first)[0]
    schedule.finish(first, (), ())  # not begun: waits again
    errors: list[TrialError] = []
    made: Counter[tuple[str, str, int]] = Counter()
    while not schedule.finished:
        unit = schedule.next("w", 8)
        assert unit is not None
        if culprit in keys_of(unit):
            errors += schedule.lose("w", unit, "died of it")
            continue
        made.update(keys_of(unit))
        schedule.finish(unit, trials_of(unit), ())
    assert [(e.case, e.image, e.trial) for e in errors] == [culprit]
    assert errors[0].kind == "WorkerDied"
    assert set(made.values()) == {1}
    assert schedule.points_done == len(plan.cases)  # judged without it


def test_a_point_without_any_trial_of_an_image_is_not_pursued(plan: Plan) -> None:
    schedule = schedule_of(plan)
    bad_case, bad_image = plan.cases[0].hash, plan.images[1].hash
    while not schedule.finished:
        unit = schedule.next("w", 8)
        assert unit is not None
        bad = [j for j in unit.jobs if (j.case, unit.image.hash) == (bad_case, bad_image)]
        errors = [TrialError(j.case, bad_image, j.trial, "ValueError", "no", "") for j in bad]
        trials = [t for t in trials_of(unit) if (t.case, t.image) != (bad_case, bad_image)]
        schedule.finish(unit, trials, errors)
    states = [(point.done, point.stuck, point.look) for point in schedule.points]
    assert states[0] == (False, True, 3)
    assert all(done for done, _, _ in states[1:])


def test_what_is_there_is_not_made_again(plan: Plan) -> None:
    whole, made = drive(plan, 1, 2, 8)
    half = set(sorted(made)[::2])
    columns = {case.hash: CaseColumns([i.hash for i in plan.images], [None] * 3) for case in plan.cases}
    for case, image, number in half:
        columns[case].add(
            Trial(
                case, image, number, psnr_of(case, image, number), *(0.9, "ok", 0.1, 0, None, 0, 1, 1, 1, 0)
            )
        )
    schedule = Schedule(plan, [columns[case.hash] for case in plan.cases])
    again: Counter[tuple[str, str, int]] = Counter()
    while unit := schedule.next("w", 8):
        again.update(keys_of(unit))
        schedule.finish(unit, trials_of(unit), ())
    assert set(again) == set(made) - half
    assert [point.look for point in schedule.points] == [point.look for point in whole.points]
    assert (schedule.done(), schedule.expected()) == (len(made), len(made))
