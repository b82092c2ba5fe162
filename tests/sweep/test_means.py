"""The mean over images: what widens its interval, what does not, and what is missing."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from channelvq.sweep.means import Strata, estimate, limits, population_limits
from channelvq.sweep.statistics import share

GREY, CLEAN = 12.0, 30.0


def strata(*images: list[float], failed: list[list[bool]] | None = None) -> Strata:
    """Sums of some images' trials; `failed` tells which of them failed, and that they can."""
    values = np.concatenate([np.array(trials, dtype=float) for trials in images])
    number = np.repeat(np.arange(len(images)), [len(trials) for trials in images])
    if failed is None:
        return Strata.of(values, number, len(images))
    ends = np.full(len(images), GREY), np.full(len(images), CLEAN)
    lost = np.concatenate([np.array(flags, dtype=bool) for flags in failed])
    return Strata.of(values, number, len(images), failed=lost, floor=ends[0], ceiling=ends[1])


def test_two_images_are_welch() -> None:
    first, second = [30.0, 31.0, 32.5, 30.2], [20.0, 20.1, 19.8]
    mean = estimate(strata(first, second))
    welch = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert mean.high is not None and mean.low is not None
    assert mean.high - mean.low == pytest.approx((welch.high - welch.low) / 2)


def test_differences_between_images_do_not_widen_the_interval() -> None:
    near, far = estimate(strata([30.0, 30.2], [30.1, 30.3])), estimate(strata([20.0, 20.2], [40.1, 40.3]))
    assert near.high is not None and near.value is not None and far.high is not None and far.value is not None
    assert far.high - far.value == pytest.approx(near.high - near.value)
    assert far.image_sd == pytest.approx(20.1 / math.sqrt(2))


def test_differences_between_images_do_widen_that_of_the_population() -> None:
    mean = estimate(strata([20.0, 20.2], [40.1, 40.3], [31.0, 31.2]))
    expected = stats.ttest_1samp([20.1, 40.2, 31.1], 0.0).confidence_interval(0.95)
    assert (mean.population_low, mean.population_high) == pytest.approx((expected.low, expected.high))
    assert estimate(strata([20.0, 20.2])).population_low is None


def test_unbalanced_trials_do_not_weigh_the_images() -> None:
    assert estimate(strata([10.0] * 9, [20.0])).value == 15.0


def test_missing_image_is_missing_not_zero() -> None:
    mean = estimate(Strata.of(np.array([30.0]), np.array([0]), 2))
    assert (mean.value, mean.low, mean.high, mean.population_low) == (None, None, None, None)
    assert mean.trials == 1
    assert estimate(Strata.of(np.zeros(0), np.zeros(0, dtype=np.int64), 0)).value is None


def test_single_trials_have_a_mean_but_no_interval() -> None:
    mean = estimate(strata([30.0], [32.0]))
    assert (mean.value, mean.low, mean.high) == (31.0, None, None)


def test_trials_that_agree_have_no_width_where_nothing_can_fail() -> None:
    mean = estimate(strata([30.0, 30.0], [32.0, 32.0]))
    assert (mean.low, mean.value, mean.high) == (31.0, 31.0, 31.0)


def test_a_failure_never_seen_is_allowed_for() -> None:
    trials, no = [30.0] * 20, [False] * 20
    mean = estimate(strata(trials, trials, failed=[no, no]))
    bound = share(0, 40).high
    assert bound is not None and mean.low is not None
    assert mean.low == pytest.approx(30 - bound * (30 - GREY))
    assert mean.high == 30.0
    assert mean.unseen_low == pytest.approx(30.0 - mean.low)


def test_a_success_never_seen_is_allowed_for() -> None:
    trials, yes = [GREY] * 20, [True] * 20
    mean = estimate(strata(trials, trials, failed=[yes, yes]))
    bound = share(40, 40).low
    assert bound is not None and mean.high is not None
    assert mean.high == pytest.approx(GREY + (1 - bound) * (CLEAN - GREY))
    assert (mean.low, mean.unseen_low) == (GREY, 0.0)
    assert mean.unseen_high == pytest.approx(mean.high - GREY)


def test_failures_seen_have_clopper_and_pearsons_limits_times_their_cost() -> None:
    trials = [[GREY] * 3 + [30.0] * 17, [GREY] + [30.0] * 19]
    flags = [[value == GREY for value in image] for image in trials]
    mean = estimate(strata(*trials, failed=flags))
    found = share(4, 40)
    assert found.low is not None and found.high is not None
    cost = 30.0 - GREY
    assert mean.value == pytest.approx(30 - 0.1 * cost)
    assert (mean.low, mean.high) == pytest.approx((30 - found.high * cost, 30 - found.low * cost))
    assert (mean.unseen_low, mean.unseen_high) == (0.0, 0.0)


def test_spread_and_failures_add_up_as_squares() -> None:
    rng = np.random.default_rng(3)
    shown = (30 + rng.standard_normal((2, 18))).tolist()
    trials = [[*image, GREY, GREY] for image in shown]
    flags = [[False] * 18 + [True] * 2] * 2
    both = limits(strata(*trials, failed=flags))
    spread = limits(Strata.of(*columns(trials), 2, failed=np.array(flags).ravel()))  # failures for certain
    steady = [[float(np.mean(image))] * 18 + [GREY, GREY] for image in shown]
    share_only = limits(strata(*steady, failed=flags))
    lower = math.hypot(both.value - spread.low, both.value - share_only.low)
    assert both.value - both.low == pytest.approx(lower)


def columns(trials: list[list[float]]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    return np.concatenate(trials), np.repeat(np.arange(len(trials)), [len(image) for image in trials])


def test_a_picture_shown_once_borrows_its_variance() -> None:
    trials = [[30.0, 31.0, 32.0], [25.0, GREY, GREY]]
    flags = [[False] * 3, [False, True, True]]
    mean = estimate(strata(*trials, failed=flags))
    assert mean.low is not None and mean.high is not None and mean.value is not None
    assert mean.low < mean.value < mean.high


def test_many_sweeps_at_once_are_each_by_itself() -> None:
    rng = np.random.default_rng(1)
    parts = [strata(*(30 + rng.standard_normal((3, 5))).tolist(), failed=[[False] * 5] * 3) for _ in range(4)]
    names = ("shown", "failed", "mean", "variance", "third", "failed_mean")
    stack = Strata(
        **{name: np.stack([getattr(part, name) for part in parts]) for name in names},
        floor=parts[0].floor,
        ceiling=parts[0].ceiling,
    )
    for function in (limits, population_limits):
        together = function(stack)
        for row, part in enumerate(parts):
            alone = function(part)
            assert np.allclose((together.low[row], together.high[row]), (alone.low, alone.high))
