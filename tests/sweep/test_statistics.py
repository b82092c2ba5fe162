"""Intervals hold what they promise: closed forms, scipy as a second opinion, and coverage by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from channelvq.sweep.statistics import share, stratified_mean

FALSE_ALARM = 1e-6


def test_one_image_is_the_textbook_t_interval() -> None:
    values = [30.1, 29.7, 30.4, 30.0, 29.9]
    mean = stratified_mean({"a": values}, ["a"])
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert mean.value == pytest.approx(np.mean(values))
    assert (mean.low, mean.high) == pytest.approx((expected.low, expected.high))
    assert mean.image_sd is None


def test_two_images_use_welch_satterthwaite() -> None:
    # The sum of two means has the variance and the degrees of freedom of Welch's difference of means.
    first, second = [30.0, 31.0, 32.5, 30.2], [20.0, 20.1, 19.8]
    mean = stratified_mean({"a": first, "b": second}, ["a", "b"])
    welch = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert mean.high is not None and mean.low is not None
    assert mean.high - mean.low == pytest.approx((welch.high - welch.low) / 2)


def test_differences_between_images_do_not_widen_the_interval() -> None:
    near = stratified_mean({"a": [30.0, 30.2], "b": [30.1, 30.3]}, ["a", "b"])
    far = stratified_mean({"a": [20.0, 20.2], "b": [40.1, 40.3]}, ["a", "b"])
    assert near.high is not None and near.value is not None and far.high is not None and far.value is not None
    assert far.high - far.value == pytest.approx(near.high - near.value)
    assert far.image_sd == pytest.approx(20.1 / math.sqrt(2))


def test_unbalanced_trials_do_not_weigh_the_images() -> None:
    assert stratified_mean({"a": [10.0] * 9, "b": [20.0]}, ["a", "b"]).value == 15.0


@pytest.mark.parametrize("values", [{}, {"a": [30.0]}, {"a": [30.0], "b": []}])
def test_missing_image_is_missing_not_zero(values: dict[str, list[float]]) -> None:
    mean = stratified_mean(values, ["a", "b"])
    assert (mean.value, mean.low, mean.high) == (None, None, None)
    assert mean.trials == len(values.get("a", ()))


def test_single_trials_have_a_mean_but_no_interval() -> None:
    mean = stratified_mean({"a": [30.0], "b": [32.0]}, ["a", "b"])
    assert (mean.value, mean.low, mean.high) == (31.0, None, None)


def test_trials_that_agree_have_no_width() -> None:
    mean = stratified_mean({"a": [30.0, 30.0], "b": [32.0, 32.0]}, ["a", "b"])
    assert (mean.low, mean.value, mean.high) == (31.0, 31.0, 31.0)


def test_infinite_psnr_has_no_interval() -> None:
    mean = stratified_mean({"a": [math.inf, math.inf], "b": [30.0, 30.0]}, ["a", "b"])
    assert mean.value == math.inf
    assert mean.low is None
    assert mean.image_sd is None


def test_interval_covers_the_mean_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(20261123)
    images, runs = ["a", "b", "c"], 4000
    truth = np.array([20.0, 30.0, 40.0])
    spread = np.array([0.5, 1.0, 2.0])
    hits = 0
    for _ in range(runs):
        draws = truth[:, None] + spread[:, None] * rng.standard_normal((3, 4))
        mean = stratified_mean(dict(zip(images, draws.tolist(), strict=True)), images)
        assert mean.low is not None and mean.high is not None
        hits += mean.low <= truth.mean() <= mean.high
    # Satterthwaite's is an approximation: with 3 degrees of freedom an image it covers 95 % within a point.
    assert stats.binom.cdf(hits, runs, 0.94) > FALSE_ALARM  # not less
    assert stats.binom.sf(hits - 1, runs, 0.965) > FALSE_ALARM  # not much more


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_share_equals_scipys_exact_interval(counts: tuple[int, int]) -> None:
    events, units = counts
    ours = share(events, units)
    theirs = stats.binomtest(events, units).proportion_ci(0.95, method="exact")
    assert ours.value == events / units
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_no_event_is_an_upper_bound() -> None:
    none = share(0, 64)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 64))


def test_nothing_simulated_is_missing() -> None:
    assert share(0, 0).value is None
    with pytest.raises(ValueError, match="3 events in 2 units"):
        share(3, 2)


@pytest.mark.parametrize("p", [0.02, 0.3])
def test_share_covers_even_where_images_differ(p: float) -> None:
    rng = np.random.default_rng(7)
    chance = np.tile([0.0, 2 * p], 24)  # half of the images never fail
    hits, runs = 0, 2000
    for events in (rng.random((runs, chance.size)) < chance).sum(axis=1):
        interval = share(int(events), chance.size)
        assert interval.low is not None and interval.high is not None
        hits += interval.low <= p <= interval.high
    assert stats.binom.cdf(hits, runs, 0.95) > FALSE_ALARM
