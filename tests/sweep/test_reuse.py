"""What another sweep has is taken over with its provenance, and only what is equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelvq.errors import UsageError
from channelvq.sweep.executors import Serial
from channelvq.sweep.plan import make_plan
from channelvq.sweep.reuse import take_over
from channelvq.sweep.runner import run_plan
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.store import Store


def test_equal_trials_are_computed_once(spec: SweepSpec, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with Store(tmp_path / "first", writable=True) as store:
        run_plan(make_plan(spec), store, executor=Serial())
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    weak = {"name": "another name", "codec": "jpeg", "code": "rs:255,191"}
    new = {"name": "new", "codec": "jpeg", "code": "rs:255,223"}
    content |= {"scheme": [weak, new], "snr_db": [7, 10, 13], "trials": 2}
    plan = make_plan(SweepSpec.model_validate(content))
    with Store(tmp_path / "second", writable=True) as store:
        assert take_over(plan, store, [tmp_path / "first"]) == 2 * 2 * 2  # SNRs, images, trials
        assert take_over(plan, store, [tmp_path / "first"]) == 0
        with pytest.raises(UsageError, match="holds no run"):
            store.last_run()  # what was taken over is no plan
        outcome = run_plan(plan, store, executor=Serial())
        assert (outcome.before, outcome.made) == (8, plan.total - 8)
        assert take_over(plan, store, [tmp_path / "second"]) == 0
        with Store(tmp_path / "first") as first:
            for case in plan.cases[:2]:
                theirs = [t for t in first.trials(case.hash) if t.trial < 2]
                assert sorted(theirs, key=str) == sorted(store.trials(case.hash), key=str)
        taken, own = store.provenances([plan.cases[0].hash, plan.cases[2].hash])
    assert taken["taken_from"] == str(tmp_path / "first")
    assert "taken_from" not in own


def test_a_folder_without_a_sweep_is_named(spec: SweepSpec, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with Store(tmp_path / "out", writable=True) as store, pytest.raises(UsageError, match="holds no sweep"):
        take_over(make_plan(spec), store, [tmp_path])
