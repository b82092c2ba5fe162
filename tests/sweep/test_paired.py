"""Differences on common noise: the textbook's paired t, failures of one alone, and what pairing saves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from channelvq.sweep.paired import Difference, difference, holm, pair
from channelvq.sweep.statistics import share
from channelvq.sweep.stopping import PointTrials

GREY, CLEAN = 12.0, 30.0
FALSE_ALARM = 1e-6


def trials(psnr: np.ndarray, failed: np.ndarray | None = None) -> PointTrials:
    """Make columns of `psnr` [images, trials]."""
    images, count = psnr.shape
    image, trial = np.repeat(np.arange(images), count), np.tile(np.arange(count), images)
    lost = np.zeros(psnr.size, dtype=bool) if failed is None else failed.ravel()
    ends = np.full(images, GREY), np.full(image.size, CLEAN)
    return PointTrials(images, image, trial, psnr.ravel(), lost, None, None, *ends)


def test_one_image_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((1, 7))  # fewer than 8, so that no skewness is estimated
    first, second = 30 + noise, 29.5 + noise + 0.2 * rng.standard_normal((1, 7))
    found = difference(pair(trials(first), trials(second)))
    expected = stats.ttest_rel(first[0], second[0])
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.p == pytest.approx(max(expected.pvalue, 2**-6), rel=1e-3)


def test_p_value_and_interval_agree() -> None:
    rng = np.random.default_rng(8)
    for shift in (0.0, 0.1, 0.2, 0.3):
        noise = rng.standard_normal((3, 20))
        found = difference(
            pair(trials(30 + shift + noise), trials(30 + noise + rng.exponential(size=(3, 20))))
        )
        assert found.p is not None and found.low is not None and found.high is not None
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_common_noise_drops_out() -> None:
    rng = np.random.default_rng(4)
    common, own = rng.standard_normal((4, 400)), rng.standard_normal((2, 4, 400))
    found = difference(pair(trials(30 + common + 0.2 * own[0]), trials(29 + common + 0.2 * own[1])))
    # var(A) + var(B) = 2 (1 + 0.04), var(A − B) = 2 · 0.04
    assert found.unpaired_factor == pytest.approx(26, rel=0.15)
    same = difference(pair(trials(30 + common), trials(29 + common)))
    assert same.unpaired_factor == math.inf
    flat = np.full((4, 10), 30.1) + np.arange(4)[:, None] / 7  # means of equal values may round
    assert difference(pair(trials(flat), trials(flat - 1))).unpaired_factor is None


def test_only_common_trials_count() -> None:
    rng = np.random.default_rng(1)
    psnr = 30 + rng.standard_normal((2, 10))
    whole, part = trials(psnr), trials(psnr[:, :6] - 1).prefix(5)
    pairs = pair(whole, part)
    found = difference(pairs)
    assert (pairs.count, pairs.left_out, found.pairs, found.left_out) == (10, 10, 10, 10)
    assert found.value == pytest.approx(1.0)


def test_an_image_without_pairs_leaves_no_difference() -> None:
    psnr = np.full((2, 4), 30.0)
    one = trials(psnr)
    other = one.prefix(4)
    only = PointTrials(2, other.image[:4], other.trial[:4], other.psnr_db[:4], other.failed[:4])
    found = difference(pair(one, only))
    assert (found.value, found.low, found.p, found.pairs) == (None, None, None, 4)
    assert difference(pair(one.prefix(0), one)).value is None


def test_failures_of_one_alone_have_limits_of_their_own() -> None:
    psnr, lost = np.full((2, 20), 30.0), np.zeros((2, 20), dtype=bool)
    lost[0, :3] = True
    first = trials(np.where(lost, GREY, psnr), lost)
    found = difference(pair(first, trials(psnr - 1.0)))
    counted, cost = share(3, 40), 30.0 - GREY
    assert found.value == pytest.approx(1 - 3 / 40 * cost)
    assert counted.low is not None and counted.high is not None and counted.value is not None
    assert found.low == pytest.approx(found.value - (counted.high - counted.value) * cost)
    assert found.high == pytest.approx(found.value + (counted.value - counted.low) * cost)
    mirrored = difference(pair(trials(psnr - 1.0), first))
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


def test_failures_of_both_together_are_no_difference() -> None:
    lost = np.zeros((2, 20), dtype=bool)
    lost[:, :5] = True
    first, second = (trials(np.where(lost, GREY, level), lost) for level in (30.0, 29.0))
    found = difference(pair(first, second))
    assert found.value == pytest.approx(0.75)
    assert found.p is not None and found.p < 0.05


def test_caution_allows_for_failures_never_seen() -> None:
    psnr = np.full((2, 20), 29.0)
    found = difference(pair(trials(psnr + 0.5), trials(psnr)))
    bound = share(0, 40).high
    assert bound is not None
    assert found.low == found.high == pytest.approx(0.5)
    assert found.cautious_low == pytest.approx(0.5 - bound * (29.5 - GREY))
    assert found.cautious_high == pytest.approx(0.5 + bound * (29.0 - GREY))
    assert found.p == pytest.approx(2.0**-39) or found.p == pytest.approx(1e-12)
    assert found.cautious_p is not None and found.cautious_p > 0.05
    many = np.full((2, 2000), 29.0)
    sure = difference(pair(trials(many + 0.5), trials(many)))
    assert sure.cautious_p is not None and sure.cautious_p < 1e-9


def test_a_few_pairs_that_agree_are_no_proof() -> None:
    psnr = np.full((1, 3), 29.0)
    assert difference(pair(trials(psnr + 1), trials(psnr))).p == 0.25  # a sign test's


def test_one_image_alone() -> None:
    rng = np.random.default_rng(6)
    first, second = 30 + rng.standard_normal((2, 3, 9))
    pairs = pair(trials(first), trials(second))
    alone = difference(pairs.of_image(1))
    expected = difference(pair(trials(first[1:2]), trials(second[1:2])))
    assert alone == expected


def test_holm_is_the_textbooks() -> None:
    values = [0.01, 0.04, 0.03, 0.005, None]
    made = [Difference(1.0, 0.0, 0.0, p, 0.0, 0.0, p, 9, 0, None) for p in values]
    corrected = [found.p for found in holm(made)]
    assert corrected[-1] is None
    assert corrected[:-1] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [found.cautious_p for found in holm(made)] == corrected


def test_equal_schemes_are_told_apart_one_time_in_twenty() -> None:
    rng = np.random.default_rng(20261125)
    runs, wrong = 600, 0
    for _ in range(runs):
        common, own = rng.standard_normal((4, 12)), rng.exponential(size=(2, 4, 12))
        found = difference(pair(trials(25 + common - own[0]), trials(25 + common - own[1])))
        assert found.low is not None and found.high is not None
        wrong += found.low > 0 or found.high < 0
    assert stats.binom.sf(wrong - 1, runs, 0.06) > FALSE_ALARM
    assert stats.binom.cdf(wrong, runs, 0.02) > FALSE_ALARM
