"""Intervals cover: small sweeps with known truth, the stopping rule included.

The quick part has 4000 sweeps a case and a false-alarm rate below 1e-6 a bound; the slow one the 10⁴ that
are promised. `benchmarks/interval_coverage.py` prints the whole table.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from channelvq.sweep.stopping import PointTrials, StoppingRule

FALSE_ALARM = 1e-6
QUICK = 4000
SHARES = (0.5, 0.2, 0.05, 0.01, 0.001)


def _load() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "interval_coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_of_intervals", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


coverage = _load()


def fixed(trials: int) -> StoppingRule:
    return StoppingRule(None, None, trials, trials)


def until(tolerance: float, images: int, *, unseen: bool = True) -> StoppingRule:
    return StoppingRule(tolerance, None, 3, 2400 // images, unseen)


def assert_covers(percent: float, sweeps: int, *, most: float | None = 0.97, least: float = 0.94) -> None:
    hits = round(percent / 100 * sweeps)
    assert stats.binom.cdf(hits, sweeps, least) > FALSE_ALARM, f"{percent} % is too little"
    if most is not None:
        assert stats.binom.sf(hits - 1, sweeps, most) > FALSE_ALARM, f"{percent} % is too much"


PLAIN = [
    (coverage.normal(4, 1.0), 4, fixed(8)),
    (coverage.normal(4, 1.0, unlike=True), 4, fixed(8)),
    (coverage.skewed(1.0), 4, fixed(8)),
    (coverage.skewed(1.0), 24, fixed(3)),
    (coverage.dips(0.3, 2.0), 24, fixed(8)),
    (coverage.normal(1, 0.3), 1, until(0.1, 1)),
    (coverage.normal(4, 0.3, unlike=True), 4, until(0.1, 4)),
    (coverage.skewed(0.3), 4, until(0.1, 4)),
    (coverage.dips(0.3, 0.6), 24, until(0.1, 24)),
]


@pytest.mark.parametrize(("world", "images", "rule"), PLAIN)
def test_means_cover(world: object, images: int, rule: StoppingRule) -> None:
    tally = coverage.simulate(world, images, rule, sweeps=QUICK)
    assert_covers(tally.held, QUICK)


@pytest.mark.parametrize(
    ("share", "rule", "most"),
    [
        (0.5, fixed(20), 0.97),
        (0.2, fixed(20), 0.97),
        (0.01, fixed(20), None),  # too rare to be seen: the interval must be wider than 95 %
        (0.001, until(0.3, 4), None),
        (0.05, until(0.3, 4), 0.98),
        (0.05, StoppingRule(None, 20, 3, 600), 0.97),
    ],
)
def test_means_and_outage_cover_at_a_cliff(share: float, rule: StoppingRule, most: float | None) -> None:
    tally = coverage.simulate(coverage.cliff(share), 4, rule, sweeps=QUICK)
    assert_covers(tally.held, QUICK, most=most)
    assert_covers(tally.outage_held, QUICK, most=most)


def test_leaving_failures_out_of_the_tolerance_does_not_leave_them_out_of_the_interval() -> None:
    tally = coverage.simulate(coverage.cliff(0.02), 4, until(0.1, 4, unseen=False), sweeps=QUICK)
    assert_covers(tally.held, QUICK, most=None)
    assert_covers(tally.outage_held, QUICK, most=None)
    assert tally.half_width > 0.1


def test_the_variance_of_all_trials_would_not_cover() -> None:
    """What the allowance for failures is for: without it nearly every interval at a cliff is wrong."""
    rng = np.random.default_rng(0)
    values, failed = coverage.cliff(0.01, spread=0.0).draw(rng, (1000, 4, 8))
    strata = coverage.sum_up(values, np.zeros_like(failed), can_fail=False)
    naive = coverage.limits(strata)
    truth = coverage.cliff(0.01).truth
    assert ((naive.low <= truth) & (truth <= naive.high)).mean() < 0.5


@pytest.mark.parametrize("between", [0.0, 5.0])
def test_the_mean_over_all_images_of_the_kind_is_covered(between: float) -> None:
    assert_covers(coverage.simulate_population(8, 3, between=between, sweeps=QUICK), QUICK)


def test_the_simulation_stops_where_the_rule_does() -> None:
    rng = np.random.default_rng(11)
    world, rule, images = coverage.cliff(0.1, spread=1.0), StoppingRule(0.8, 30, 3, 200), 4
    values, failed = world.draw(rng, (40, images, rule.max_trials))
    ends = coverage._ends(world, values, failed, rule)
    image, trial = np.repeat(np.arange(images), rule.max_trials), np.tile(np.arange(rule.max_trials), images)
    floor, clean = np.full(images, coverage.GREY), np.full(image.size, coverage.CLEAN)
    for sweep in range(40):
        columns = PointTrials(
            images, image, trial, values[sweep].ravel(), failed[sweep].ravel(), None, None, floor, clean
        )
        verdict = rule.settle(columns)
        assert verdict is not None
        assert verdict.look == ends[4, sweep]
        assert verdict.half_width_db == pytest.approx(ends[5, sweep])


@pytest.mark.slow
@pytest.mark.parametrize("images", [4, 24])
def test_ten_thousand_sweeps_cover(images: int) -> None:
    """Between 94 and 97 %, or above where failures are too rare to be seen."""
    sweeps = 10_000
    worlds = [coverage.normal(images, 1.0), coverage.normal(images, 1.0, unlike=True), coverage.skewed(1.0)]
    for world in (*worlds, coverage.dips(0.3, 2.0)):
        for rule in (fixed(16), until(0.3, images)):
            tally = coverage.simulate(world, images, rule, sweeps=sweeps)
            assert_covers(tally.held, sweeps)
    for share in SHARES:
        for rule in (fixed(240 // images), until(0.3, images), StoppingRule(None, 20, 3, 2400 // images)):
            tally = coverage.simulate(coverage.cliff(share), images, rule, sweeps=sweeps)
            seen = share * images * tally.trials
            most = 0.97 if seen >= 15 else None
            assert_covers(tally.held, sweeps, most=most)
            assert_covers(tally.outage_held, sweeps, most=most)
