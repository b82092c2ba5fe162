"""The mean over images of what each image's trials give, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelvq.sweep.statistics import ERROR, mean_margins, proportion_limits

__all__ = [
    "Interval",
    "Mean",
    "Strata",
    "estimate",
    "limits",
    "margins_of_failures",
    "margins_of_shown",
    "population_limits",
]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_TRIALS_FOR_SKEWNESS = 8  # of fewer the third moment says nothing


@dataclass(frozen=True)
class Mean:
    """A mean over images, and how sure it is.

    Attributes
    ----------
    value : float or None
        Mean over images of each image's mean over trials; None where an image was not simulated.
    low, high : float or None
        95 % interval of `value` for **these images**: what the channel's randomness leaves open. None where
        it cannot be told (a single trial of an image).
    image_sd : float or None
        Standard deviation between the images' means.
    trials : int
        Values that went in.
    population_low, population_high : float or None
        95 % interval of the mean over **all images of the kind**, of which these are a random sample.
    unseen_low, unseen_high : float
        The parts of `value − low` and of `high − value` that are owed to an outcome that was never seen: to
        failures where nothing failed, to successes where all did.
    """

    value: float | None
    low: float | None
    high: float | None
    image_sd: float | None
    trials: int
    population_low: float | None = None
    population_high: float | None = None
    unseen_low: float = 0.0
    unseen_high: float = 0.0


@dataclass(frozen=True)
class Strata:
    """Sums over the trials of each image; arrays [..., images], so that many sweeps go at once.

    A trial shows something, or it fails: then its value is the same whenever it fails (grey).

    Attributes
    ----------
    shown, failed : ndarray of int64
        Trials of either kind.
    mean, variance, third : ndarray of float64
        Of the trials that show something: mean, variance, third central moment (unbiased); 0 where there are
        too few.
    failed_mean : ndarray of float64
        Of those that failed; 0 where there are none.
    floor, ceiling : ndarray of float64 [images] or None
        What a failure gives, and what an error-free channel would; None if nothing can fail.
    """

    shown: Counts
    failed: Counts
    mean: Floats
    variance: Floats
    third: Floats
    failed_mean: Floats
    floor: Floats | None = None
    ceiling: Floats | None = None

    @classmethod
    def of(
        cls,
        values: Floats,
        image: Counts,
        images: int,
        *,
        failed: npt.NDArray[np.bool_] | None = None,
        floor: Floats | None = None,
        ceiling: Floats | None = None,
    ) -> Strata:
        """Sum up columns [n]: the value of each trial, the number of its image, whether it failed.

        Examples
        --------
        >>> strata = Strata.of(np.array([30.0, 32.0, 20.0]), np.array([0, 0, 1]), 2)
        >>> strata.shown, strata.mean, strata.variance
        (array([2, 1]), array([31., 20.]), array([2., 0.]))
        """
        lost = np.zeros(values.shape, dtype=bool) if failed is None else failed
        shown, mean, variance, third = _moments(values[~lost], image[~lost], images)
        losses, failed_mean, _, _ = _moments(values[lost], image[lost], images)
        return cls(shown, losses, mean, variance, third, failed_mean, floor, ceiling)

    @property
    def counts(self) -> Counts:
        """Trials of each image."""
        return self.shown + self.failed

    @property
    def means(self) -> Floats:
        """Mean of each image's trials; NaN where there are none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return (self.shown * self.mean + self.failed * self.failed_mean) / self.counts


@dataclass(frozen=True)
class Interval:
    """A mean and its limits, arrays [...], NaN where they cannot be told; see `Mean`."""

    value: Floats
    low: Floats
    high: Floats
    unseen_low: Floats
    unseen_high: Floats

    @property
    def half_width(self) -> Floats:
        """Half of the distance between the limits."""
        half: Floats = (self.high - self.low) / 2
        return half

    @property
    def half_width_seen(self) -> Floats:
        """The same without what is owed to outcomes that were never seen."""
        half: Floats = self.half_width - (self.unseen_low + self.unseen_high) / 2
        return half


def limits(strata: Strata, error: float = ERROR) -> Interval:
    r"""Interval of the mean over **these** images: they are strata, the trials of an image its units.

    With :math:`n_i` trials of mean :math:`\bar x_i` for image i of I, and :math:`m_i` of them that show
    something, with variance :math:`s_i^2`,

    .. math:: \bar x = \frac1I \sum_i \bar x_i, \qquad
              \widehat{\mathrm{var}}(\bar x) = \frac1{I^2} \sum_i \frac{m_i s_i^2}{n_i^2}

    is what is uncertain about what is shown [1]_; its margins are `mean_margins`. Differences between images
    do not widen it: they are the same for every scheme.

    What is uncertain about the share of failures comes on top: Clopper and Pearson's limits of the share,
    times the mean loss that a failure means, combined with the former as the square root of the sum of
    squares [2]_. So a cliff that was not met in 50 trials may still be there, and the interval says so: were
    the margins taken from the variance of all trials, a failure too rare to have been seen would leave an
    interval of no width, which is nearly always wrong.

    Parameters
    ----------
    strata : Strata
        Sums over the trials of each image.
    error : float
        What the interval may miss, on both sides together.

    References
    ----------
    .. [1] W. G. Cochran, Sampling Techniques, 3rd ed., Wiley 1977, sec. 5.4.
    .. [2] G. Y. Zou, J. Taleban, C. Y. Huo, "Confidence interval estimation for lognormal data with
       application to health economics", Computational Statistics & Data Analysis 53(11), 2009 (MOVER).

    Examples
    --------
    >>> strata = Strata.of(np.array([30.0, 32.0, 20.0, 22.0]), np.array([0, 0, 1, 1]), 2)
    >>> found = limits(strata)
    >>> float(found.value), round(float(found.half_width), 3)
    (26.0, 3.042)
    """
    value = strata.means.mean(axis=-1)
    below, above = margins_of_shown(strata, error)
    down, up = margins_of_failures(strata, error)
    lower, upper = np.hypot(below, down), np.hypot(above, up)
    unseen_low = np.where((strata.failed == 0).all(axis=-1), lower - below, 0.0)
    unseen_high = np.where((strata.shown == 0).all(axis=-1), upper - above, 0.0)
    return Interval(value, value - lower, value + upper, unseen_low, unseen_high)


def margins_of_shown(strata: Strata, error: float) -> tuple[Floats, Floats]:
    """How far the mean may lie below and above for what is uncertain of the trials that show something.

    Arrays [...]; NaN where an image was sent less than twice.
    """
    counts = strata.counts
    variance = _filled_variance(strata)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = 1 / (counts * counts.shape[-1])
        parts = strata.shown * variance * scale**2
        third = strata.shown * strata.third * scale**3
    enough = counts.sum(axis=-1, keepdims=True) >= _TRIALS_FOR_SKEWNESS
    below, above = mean_margins(parts, np.maximum(strata.shown - 1, 1), np.where(enough, third, 0.0), error)
    told = (counts > 1).all(axis=-1)
    return np.where(told, below, np.nan), np.where(told, above, np.nan)


def population_limits(strata: Strata, error: float = ERROR) -> Interval:
    """Interval of the mean over all images of the kind: images are the units, drawn at random.

    Images and trials are both random (two-way, trials nested in images): the variance between the images'
    means holds both parts, so it is all that is needed [1]_. Failures of which none was seen are allowed for
    as in `limits`.

    References
    ----------
    .. [1] W. G. Cochran, Sampling Techniques, 3rd ed., Wiley 1977, sec. 10.3.
    """
    means = strata.means
    images = means.shape[-1]
    value = means.mean(axis=-1)
    deviations = means - value[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (deviations**2).sum(axis=-1, keepdims=True) / (images * (images - 1.0))
        third = (deviations**3).sum(axis=-1, keepdims=True) / ((images - 1.0) * (images - 2.0) * images)
    third = third if images >= _TRIALS_FOR_SKEWNESS else np.zeros_like(part)
    below, above = mean_margins(part, [max(images - 1, 1)], third, error)
    down, up = margins_of_failures(strata, error)
    mixed = (strata.failed.sum(axis=-1) > 0) & (strata.shown.sum(axis=-1) > 0)  # the means hold their share
    down, up = np.where(mixed, 0.0, down), np.where(mixed, 0.0, up)
    told = np.isfinite(value) & (images > 1)
    low = np.where(told, value - np.hypot(below, down), np.nan)
    high = np.where(told, value + np.hypot(above, up), np.nan)
    return Interval(value, low, high, np.zeros_like(value), np.zeros_like(value))


def estimate(strata: Strata, error: float = ERROR) -> Mean:
    """Put the numbers of one sweep's point together.

    Examples
    --------
    >>> estimate(Strata.of(np.array([30.0]), np.array([0]), 2)).value is None
    True
    """
    trials = int(strata.counts.sum())
    if not strata.counts.shape[-1] or not strata.counts.all():
        return Mean(None, None, None, None, trials)
    means = strata.means
    these, population = limits(strata, error), population_limits(strata, error)
    return Mean(
        value=float(these.value),
        low=_number(these.low),
        high=_number(these.high),
        image_sd=float(means.std(ddof=1)) if means.size > 1 else None,
        trials=trials,
        population_low=_number(population.low),
        population_high=_number(population.high),
        unseen_low=float(np.nan_to_num(these.unseen_low)),
        unseen_high=float(np.nan_to_num(these.unseen_high)),
    )


def _filled_variance(strata: Strata) -> Floats:
    """Variance of each image's shown trials; where there is only one, the average of the other images'."""
    known = strata.shown > 1
    average = (strata.variance * known).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    filled: Floats = np.where(known, strata.variance, average[..., None] * (strata.shown == 1))
    return filled


def margins_of_failures(strata: Strata, error: float, failed: Counts | None = None) -> tuple[Floats, Floats]:
    """How far the mean may lie below and above for what is unknown of the share of failures; arrays [...].

    Parameters
    ----------
    strata : Strata
        Says what a failure costs. If nothing can fail, nothing is unknown.
    error : float
        What the limits of the share may miss.
    failed : ndarray of int64 [..., images], optional
        Failures to count, if not all of them.
    """
    if strata.floor is None or strata.ceiling is None:
        nothing = np.zeros(strata.shown.shape[:-1])
        return nothing, nothing
    counted = strata.failed if failed is None else failed
    failures, trials = counted.sum(axis=-1), strata.counts.sum(axis=-1)
    share = failures / np.maximum(trials, 1)
    low, high = proportion_limits(failures, trials, error)
    shows = np.where(strata.shown > 0, strata.mean, strata.ceiling)
    fails = np.where(strata.failed > 0, strata.failed_mean, strata.floor)
    drops = np.maximum(shows - fails, 0.0)
    seen = (counted * drops).sum(axis=-1) / np.maximum(failures, 1)
    drop = np.maximum(drops.mean(axis=-1), seen)
    hardly = strata.shown.sum(axis=-1) < 2  # what a success shows is hardly known
    rise = np.where(hardly, np.maximum(strata.ceiling - fails, 0.0).mean(axis=-1), drop)
    return (high - share) * drop, (share - low) * rise


def _moments(values: Floats, image: Counts, images: int) -> tuple[Counts, Floats, Floats, Floats]:
    """Count, mean, variance and third central moment of the values of each image."""
    count = np.bincount(image, minlength=images)
    mean = np.bincount(image, weights=values, minlength=images) / np.maximum(count, 1)
    deviations = values - mean[image]
    squares = np.bincount(image, weights=deviations**2, minlength=images)
    cubes = np.bincount(image, weights=deviations**3, minlength=images)
    spread = squares / np.maximum(count - 1, 1)
    third = np.where(count > 2, cubes * count / np.maximum((count - 1.0) * (count - 2.0), 1.0), 0.0)
    return count, mean, spread, third


def _number(value: Floats) -> float | None:
    """Give a plain number, or None for NaN."""
    return float(value) if np.isfinite(value) else None
