"""`channelvq compare`: which scheme is better, on trials that are put into a store by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from channelvq.sweep.plan import Plan, make_plan
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.store import Store, Trial

Run = Callable[..., Result]
Wrong = Callable[..., str]
TRIALS = 12


def row(plan: Plan, case: int, number: int, psnr: float, status: str = "ok") -> Trial:
    keys = plan.cases[case].hash, plan.images[0].hash
    return Trial(*keys, number, psnr, 0.9, status, 0.1, 0.0, None, 0.25, 4608, 5000, 9216, 0.01)


def fill(plan: Plan, folder: Path, trials: Sequence[Trial]) -> Path:
    folder.mkdir()
    with Store(folder, writable=True) as store:
        run = store.begin_run(
            "2026-01-01T00:00:00Z",
            plan=plan.to_dict(),
            provenance={"commit": "c0ffee"},
            cases={case.hash: case.content for case in plan.cases},
        )
        store.add(run, trials)
    return folder


@pytest.fixture
def plan(photo: Path) -> Plan:
    schemes = [
        {"name": name, "codec": "jpeg", "code": f"rs:255,{k}"} for name, k in (("one", 127), ("two", 191))
    ]
    return make_plan(
        SweepSpec.model_validate(
            {
                "name": "pair",
                "images": str(photo.parent),
                "cbr": "1/4",
                "channel": "awgn",
                "snr_db": [2, 4, 6, 8],
                "trials": TRIALS,
                "scheme": schemes,
            }
        )
    )


@pytest.fixture
def folder(plan: Plan, tmp_path: Path) -> Path:
    """At 2 dB "one" is better, at 4 dB "two", at 6 dB they differ by noise only, at 8 dB one is missing."""
    noise = np.random.default_rng(3).standard_normal((3, TRIALS))
    trials = []
    for n in range(TRIALS):
        trials += [row(plan, 0, n, 26 + noise[0, n]), row(plan, 4, n, 25 + noise[0, n] + 0.1 * noise[1, n])]
        trials += [row(plan, 1, n, 27 + noise[0, n]), row(plan, 5, n, 29 + noise[0, n] + 0.1 * noise[1, n])]
        trials += [row(plan, 2, n, 30 + 0.5 * noise[1, n]), row(plan, 6, n, 30 + 0.5 * noise[2, n])]
        trials += [row(plan, 3, n, 31.0)]
    return fill(plan, tmp_path / "sweep", [trial for trial in trials if trial != trials[0]])


def test_it_says_where_which_is_better(cli: Run, folder: Path) -> None:
    result = cli("compare", folder, "one", "two")
    assert result.exit_code == 0, result.output
    assert "A is better at awgn 2 dB*" in result.stdout
    assert "B is better at awgn 4 dB*" in result.stdout
    assert "undecided at awgn 6 dB" in result.stdout
    assert "not simulated by both: awgn 8 dB" in result.stdout
    assert "as far as failures were seen" in result.stdout
    assert "11 (+1 alone)" in result.stdout


def test_json_holds_the_numbers(cli: Run, folder: Path) -> None:
    found = json.loads(cli("compare", folder, "one", "two", "--json").stdout)
    assert (found["first"], found["second"], found["correction"]) == ("one", "two", "Holm")
    assert {r["confidence"] for r in found["rows"]} == {0.95}
    rows = found["rows"]
    assert [r["snr_db"] for r in rows] == [2, 4, 6, 8]
    assert [r["better"] for r in rows] == ["first", "second", "undecided", "not simulated"]
    first = rows[0]
    assert (first["pairs"], first["left_out"]) == (TRIALS - 1, 1)
    assert first["difference_db"] == pytest.approx(first["first_psnr_db"] - first["second_psnr_db"])
    assert first["low"] < 1.0 < first["high"]
    assert first["p"] < 0.01
    assert first["cautious_low"] < 0 < first["cautious_high"]  # of 11 trials, failures may be far from rare
    assert first["cautious_better"] == "undecided"
    assert first["unpaired_factor"] > 50
    assert first["unpaired_trials"] == math.ceil(first["unpaired_factor"] * first["pairs"])
    assert rows[3]["difference_db"] is None
    turned = json.loads(cli("compare", folder, "two", "one", "--json").stdout)["rows"]
    assert turned[0]["difference_db"] == pytest.approx(-first["difference_db"])
    assert turned[0]["p"] == pytest.approx(first["p"])


def test_by_image_has_a_row_for_each(cli: Run, folder: Path) -> None:
    found = json.loads(cli("compare", folder, "one", "two", "--by", "image", "--json").stdout)
    assert [(r["snr_db"], r["image"]) for r in found["rows"]] == [(snr, "photo") for snr in (2, 4, 6, 8)]
    assert "awgn 2 dB (photo)" in cli("compare", folder, "one", "two", "--by", "image").stdout


def test_many_trials_without_a_failure_take_the_star_away(cli: Run, plan: Plan, tmp_path: Path) -> None:
    longer = make_plan(plan.spec.model_copy(update={"trials": 400, "snr_db": (2.0,)}))
    trials = [row(longer, case, n, 26.0 - case) for case in (0, 1) for n in range(400)]
    result = cli("compare", fill(longer, tmp_path / "long", trials), "one", "two")
    assert "A is better at awgn 2 dB\n" in result.stdout


def test_failures_weigh(cli: Run, plan: Plan, tmp_path: Path) -> None:
    trials = [row(plan, 0, n, 12.0 if n < 9 else 28.0, "failed" if n < 9 else "ok") for n in range(TRIALS)]
    trials += [row(plan, 4, n, 26.0) for n in range(TRIALS)]
    found = json.loads(cli("compare", fill(plan, tmp_path / "f", trials), "one", "two", "--json").stdout)
    assert found["rows"][0]["better"] == "second"


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("one", "three"), "unknown scheme 'three'; allowed: one, two"),
        (("none", "two"), "unknown scheme 'none'; allowed: one, two"),
        (("one", "one"), "scheme 'one' is given twice; name two of: one, two"),
    ],
)
def test_wrong_names_are_one_line(wrong: Wrong, folder: Path, names: tuple[str, str], complaint: str) -> None:
    assert wrong("compare", folder, *names) == complaint


def test_wrong_folders_are_one_line(wrong: Wrong, tmp_path: Path) -> None:
    assert "holds no sweep" in wrong("compare", tmp_path, "a", "b")


def test_other_columns_play_no_part(cli: Run, plan: Plan, tmp_path: Path) -> None:
    trials = [row(plan, case, n, 26.0 - case) for case in (0, 4) for n in range(4)]
    bare = [dataclasses.replace(t, raw_ber=None, message_ber=None, block_error_rate=None) for t in trials]
    result = cli("compare", fill(plan, tmp_path / "b", bare), "one", "two")
    assert result.exit_code == 0, result.output


def test_a_stopping_rule_that_goes_on_is_told(cli: Run, plan: Plan, tmp_path: Path) -> None:
    content = plan.spec.model_dump(mode="json", by_alias=True) | {"stop": {"tolerance_db": 0.01}}
    ruled = make_plan(SweepSpec.model_validate({k: v for k, v in content.items() if v is not None}))
    noise = np.random.default_rng(1).standard_normal(6)
    trials = [row(ruled, case, n, 26.0 - case + noise[n]) for case in (0, 4) for n in range(6)]
    folder = fill(ruled, tmp_path / "on", trials)
    found = json.loads(cli("compare", folder, "one", "two", "--json").stdout)
    assert found["rows"][0]["confidence"] == 0.999
    assert found["rows"][0]["pairs"] == 5  # the looks are at 3, 5, 8 and 12 trials
    assert "has not ended every point" in cli("compare", folder, "one", "two").stdout
