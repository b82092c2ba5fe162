"""Margins and shares hold what they promise: closed forms, scipy as a second opinion, and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from channelvq.sweep.statistics import clustered_share, mean_margins, proportion_limits, share

FALSE_ALARM = 1e-6


def test_without_skewness_margins_are_students() -> None:
    values = np.array([30.1, 29.7, 30.4, 30.0, 29.9])
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    below, above = mean_margins(np.array([values.var(ddof=1) / 5]), [4], np.zeros(1))
    assert (values.mean() - below, values.mean() + above) == pytest.approx((expected.low, expected.high))


def test_two_terms_use_welch_satterthwaite() -> None:
    # The sum of two means has the variance and the degrees of freedom of Welch's difference of means.
    first, second = np.array([30.0, 31.0, 32.5, 30.2]), np.array([20.0, 20.1, 19.8])
    parts = np.array([first.var(ddof=1) / 4, second.var(ddof=1) / 3])
    below, above = mean_margins(parts, [3, 2], np.zeros(2))
    welch = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert below + above == pytest.approx(welch.high - welch.low)


@pytest.mark.parametrize("skewness", [-0.4, -0.01, 0.2, 0.35])
def test_margins_solve_halls_equation(skewness: float) -> None:
    below, above = mean_margins(np.array([4.0]), [17], np.array([8.0 * skewness]))
    quantile = stats.t.ppf(0.975, 17)
    for statistic, expected in ((below / 2, quantile), (-above / 2, -quantile)):
        cubic = statistic + skewness / 3 * statistic**2 + skewness**2 / 27 * statistic**3 + skewness / 6
        assert cubic == pytest.approx(expected, abs=1e-9)


def test_a_tail_draws_the_interval_to_its_side() -> None:
    part = np.array([1.0])
    below, above = mean_margins(part, [30], np.array([-0.3]))
    assert below > above
    mirrored = mean_margins(part, [30], np.array([0.3]))
    assert np.allclose(mirrored[::-1], (below, above))


def test_no_variance_no_margin_and_tiny_ones_do_not_vanish() -> None:
    assert mean_margins(np.zeros(3), [1, 1, 1], np.zeros(3)) == (0.0, 0.0)
    below, _ = mean_margins(np.full(2, 1e-300), [5, 5], np.zeros(2))
    assert below == pytest.approx(stats.t.ppf(0.975, 10) * np.sqrt(2e-300))


def test_many_sums_at_once_are_each_by_itself() -> None:
    parts = np.array([[1.0, 2.0], [0.0, 0.0], [3.0, 0.1]])
    third = np.array([[0.1, -0.2], [0.0, 0.0], [1.0, 0.0]])
    below, above = mean_margins(parts, [4, 9], third, 0.01)
    for row in range(3):
        alone = mean_margins(parts[row], [4, 9], third[row], 0.01)
        assert np.allclose((below[row], above[row]), alone)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_share_equals_scipys_exact_interval(counts: tuple[int, int]) -> None:
    events, units = counts
    ours = share(events, units)
    theirs = stats.binomtest(events, units).proportion_ci(0.95, method="exact")
    assert ours.value == events / units
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_limits_at_tiny_errors_do_not_round_away() -> None:
    low, high = proportion_limits(0, 100, 1e-40)
    assert low == 0.0
    assert high == pytest.approx(1 - (0.5e-40) ** (1 / 100))


def test_no_event_is_an_upper_bound() -> None:
    none = share(0, 64)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 64))


def test_nothing_simulated_is_missing() -> None:
    assert share(0, 0).value is None
    assert clustered_share(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)).high is None
    with pytest.raises(ValueError, match="3 events in 2 units"):
        share(3, 2)


@pytest.mark.parametrize("p", [0.02, 0.3])
@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_share_never_misses_more_where_images_differ(p: float, spread: float) -> None:
    """Exact: the law of the sum of unlike events, and the counts whose interval holds its mean."""
    chance = np.repeat([p * (1 - spread), p * (1 + spread)], 12)
    law = np.ones(1)
    for q in chance:
        law = np.convolve(law, [1 - q, q])
    counts = np.arange(chance.size + 1)
    low, high = proportion_limits(counts, chance.size)
    assert law[p < low].sum() <= 0.025
    assert law[p > high].sum() <= 0.025


def test_clusters_of_one_are_plain_units() -> None:
    events = np.array([1, 0, 0, 1, 0, 0, 0, 1])
    ours, plain = clustered_share(events, np.ones(8, dtype=np.int64)), share(3, 8)
    assert (ours.value, ours.low, ours.high) == pytest.approx((plain.value, plain.low, plain.high))


def test_clusters_that_stand_or_fall_together_count_once() -> None:
    alike = clustered_share(np.array([20, 0, 0, 0, 20, 0, 0, 0]), np.full(8, 20))
    few = share(2, 8)
    assert (alike.low, alike.high) == pytest.approx((few.low, few.high), rel=0.1)
    assert clustered_share(np.zeros(30, dtype=np.int64), np.full(30, 20)).high == pytest.approx(
        share(0, 30).high
    )


@pytest.mark.parametrize("concentration", [0.5, 1e6])  # beta-binomial: alike in a cluster, or independent
def test_clustered_share_covers(concentration: float) -> None:
    rng = np.random.default_rng(5)
    p, runs, hits = 0.1, 2000, 0
    for _ in range(runs):
        chance = rng.beta(p * concentration, (1 - p) * concentration, size=60)
        found = clustered_share(rng.binomial(12, chance), np.full(60, 12))
        assert found.low is not None and found.high is not None
        hits += found.low <= p <= found.high
    assert stats.binom.cdf(hits, runs, 0.94) > FALSE_ALARM
    assert stats.binom.sf(hits - 1, runs, 0.98) > FALSE_ALARM
