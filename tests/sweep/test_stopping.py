"""A rule looks at prefixes, so that neither order nor what else is there sways it."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelvq.sweep.schema import COLUMNS
from channelvq.sweep.stopping import (
    GREY_FLOOR_DB,
    INTERIM_ERROR,
    MIN_TRIALS,
    PSNR_CAP_DB,
    PointTrials,
    StoppingRule,
    complete_prefix,
)

GREY, CLEAN = 12.0, 30.0


def point(images: int = 3, trials: int = 64, seed: int = 0, spread: float = 0.3) -> PointTrials:
    rng = np.random.default_rng(seed)
    image, trial = np.repeat(np.arange(images), trials), np.tile(np.arange(trials), images)
    failed = rng.random(image.size) < 0.05
    psnr = np.where(failed, GREY, 28 + spread * rng.standard_normal(image.size))
    ends = np.full(images, GREY), np.full(image.size, CLEAN)
    return PointTrials(images, image, trial, psnr, failed, None, None, *ends)


def shuffled(columns: PointTrials, seed: int) -> PointTrials:
    order = np.random.default_rng(seed).permutation(columns.image.size)
    names = ("image", "trial", "psnr_db", "failed", "clean_db")
    return dataclasses.replace(columns, **{name: getattr(columns, name)[order] for name in names})


@given(st.integers(2, 50), st.integers(2, 100_000))
def test_looks_grow_from_the_first_to_the_last(first: int, most: int) -> None:
    looks = StoppingRule(0.1, None, first, most).looks()
    assert looks[0] == min(first, most)
    assert looks[-1] == most
    assert all(a < b for a, b in itertools.pairwise(looks))
    assert len(looks) <= 11
    assert StoppingRule(0.1, None, first, most).error_at(looks[-1]) >= 0.04 - 1e-12


def test_a_fixed_number_is_one_look_that_pays_nothing() -> None:
    rule = StoppingRule(None, None, 2, 64)
    verdict = rule.judge(point(), 64)
    assert (rule.looks(), rule.fixed) == ((64,), True)
    assert (verdict.done, verdict.reason, verdict.error) == (True, "budget", 0.05)


def test_each_look_that_goes_on_costs() -> None:
    rule = StoppingRule(1e-9, None, 4, 64)
    errors = [rule.judge(point(), look).error for look in rule.looks()]
    np.testing.assert_allclose(np.diff(errors), -INTERIM_ERROR)
    assert errors[0] == 0.05
    lucky = StoppingRule(1e-9, None, 4, 64, unseen_failures=False)
    assert lucky.error_at(4) == pytest.approx(0.04)


@pytest.mark.parametrize("rule", [StoppingRule(0.6, None, 8, 64), StoppingRule(None, 3, 2, 64)])
def test_only_the_prefix_counts_in_any_order(rule: StoppingRule) -> None:
    whole = point()
    for look in rule.looks():
        verdict = rule.judge(whole.prefix(look), look)
        assert rule.judge(whole, look) == verdict
        assert rule.judge(shuffled(whole, look), look) == verdict
        later = whole.trial >= look
        wild = dataclasses.replace(
            whole, psnr_db=np.where(later, 0.0, whole.psnr_db), clean_db=np.where(later, 59.0, CLEAN)
        )
        assert rule.judge(wild, look) == verdict


def test_it_stops_at_the_first_look_that_is_narrow_enough() -> None:
    rule = StoppingRule(0.9, None, 4, 64)
    verdicts = [rule.judge(point(), look) for look in rule.looks()]
    settled = rule.settle(point())
    first = next(verdict for verdict in verdicts if verdict.done)
    assert settled == first
    assert first.reason == "tolerance"
    assert first.half_width_db is not None and first.half_width_db <= 0.9
    assert rule.looks()[0] < first.look < 64


def test_a_gap_stops_the_looking() -> None:
    rule, whole = StoppingRule(1e-9, None, 4, 64), point()
    there = (whole.trial != 7) | (whole.image != 1)
    names = ("image", "trial", "psnr_db", "failed", "clean_db")
    gap = dataclasses.replace(whole, **{name: getattr(whole, name)[there] for name in names})
    verdict = rule.settle(gap)
    assert verdict is not None and (verdict.look, verdict.done) == (6, False)
    assert complete_prefix(3, gap.image, gap.trial) == 7
    tried = rule.settle(gap, complete=64)  # it raised: it will never come
    assert tried is not None and (tried.look, tried.reason) == (64, "budget")
    assert rule.settle(whole.prefix(3)) is None
    assert rule.settle(whole.prefix(0)) is None


def test_no_tolerance_is_met_by_a_handful_of_trials() -> None:
    rule = StoppingRule(100.0, None, 2, 64)
    verdict = rule.settle(point())
    assert verdict is not None
    assert verdict.reason == "tolerance"
    assert 3 * verdict.look >= MIN_TRIALS


def test_without_a_failure_the_tolerance_waits_until_failures_must_be_rare() -> None:
    whole = point(images=4, trials=100)
    clean = dataclasses.replace(whole, psnr_db=np.full(400, 28.0), failed=np.zeros(400, dtype=bool))
    strict, loose = (StoppingRule(0.1, None, 3, 100, unseen) for unseen in (True, False))
    waited, early = strict.settle(clean), loose.settle(clean)
    assert waited is not None and early is not None
    bound = 1 - (waited.error / 2) ** (1 / (4 * waited.look))  # of no failure, by Clopper and Pearson
    assert waited.half_width_db == pytest.approx(bound * (28 - GREY) / 2)
    assert waited.reason == early.reason == "tolerance"
    assert early.look < waited.look
    assert early.half_width_db == pytest.approx(0.0, abs=1e-12)


def test_block_errors_are_counted_or_else_failures() -> None:
    whole, rule = point(), StoppingRule(None, 5, 4, 64)
    errors = np.where((whole.trial == 9) & (whole.image == 2), 5, 0)
    counted = dataclasses.replace(whole, block_errors=errors, blocks=np.full(errors.size, 20))
    verdict = rule.settle(counted)
    assert verdict is not None and (verdict.reason, verdict.look) == ("block errors", 14)
    failures = rule.settle(whole)
    assert failures is not None
    fewest = next(look for look in rule.looks() if whole.prefix(look).failed.sum() >= 5)
    assert (failures.reason, failures.look) == ("block errors", fewest)


def test_single_trials_tell_no_width() -> None:
    verdict = StoppingRule(0.1, None, 1, 4).judge(point(trials=4), 1)
    assert (verdict.done, verdict.half_width_db, verdict.reason) == (False, None, "go on")


def test_identical_pictures_count_as_the_cap() -> None:
    whole = dataclasses.replace(point(images=1, trials=2), psnr_db=np.array([math.inf, 70.0]), clean_db=None)
    assert whole.capped_db.tolist() == [PSNR_CAP_DB, PSNR_CAP_DB]
    assert float(dataclasses.replace(whole, failed=np.zeros(2, bool)).strata().means[0]) == PSNR_CAP_DB


def test_rows_of_a_store_become_columns() -> None:
    table = np.zeros(3, dtype=[(column.name, column.kind) for column in COLUMNS])
    table["psnr_db"], table["status"], table["trial"] = [30.0, 12.0, 28.0], [0, 2, 1], [0, 1, 0]
    table["clean_psnr_db"] = [31.0, np.nan, np.inf]
    table["blocks"], table["block_errors"] = [9, 9, 9], [0, 9, 1]
    columns = PointTrials.of_table(table, np.array([0, 0, 1]), [11.0, None])
    assert columns.failed.tolist() == [False, True, False]
    assert columns.events == 10
    assert columns.floor_db is not None and columns.floor_db.tolist() == [11.0, GREY_FLOOR_DB]
    ceiling = columns.strata().ceiling
    assert ceiling is not None and ceiling.tolist() == [31.0, PSNR_CAP_DB]
    table["blocks"] = [9, -1, 9]
    assert PointTrials.of_table(table, np.array([0, 0, 1]), [11.0, None]).events == 1


@pytest.mark.parametrize("level", [0, 255])
def test_the_worst_picture_for_grey_has_the_floor(level: int) -> None:
    from channelvq.codecs.base import grey_picture
    from channelvq.evaluation.metrics import psnr

    flat = np.full((3, 16, 16), level / 255, dtype=np.float32)
    assert psnr(flat, grey_picture((3, 16, 16))) >= GREY_FLOOR_DB - 1e-12
    if level == 0:
        assert psnr(flat, grey_picture((3, 16, 16))) == pytest.approx(GREY_FLOOR_DB)
