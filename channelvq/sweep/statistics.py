"""Means and shares with 95 % intervals, over independent units and never over bits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["CONFIDENCE", "Mean", "Share", "share", "stratified_mean"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Mean:
    """A mean over images, and how sure it is.

    Attributes
    ----------
    value : float or None
        Mean over images of each image's mean over trials; None where an image was not simulated.
    low, high : float or None
        95 % interval of `value` for **these images**: what the channel's randomness leaves open. None where
        it cannot be told (a single trial of each image).
    image_sd : float or None
        Standard deviation between the images' means: what another choice of images would change.
    trials : int
        Values that went in.
    """

    value: float | None
    low: float | None
    high: float | None
    image_sd: float | None
    trials: int


def stratified_mean(values: Mapping[str, Sequence[float]], images: Sequence[str]) -> Mean:
    r"""Estimate the mean over a given set of images, each sent several times.

    The images are strata, the trials of an image its independent units: with :math:`n_i` trials of mean
    :math:`\bar x_i` and variance :math:`s_i^2` of image i of I,

    .. math:: \bar x = \frac1I \sum_i \bar x_i, \qquad
              \widehat{\mathrm{var}}(\bar x) = \frac1{I^2} \sum_i \frac{s_i^2}{n_i},

    and the interval is Student's t with Satterthwaite's degrees of freedom [1]_ [2]_. Differences between
    images therefore do not widen it: they are the same for every scheme, and `image_sd` tells them. Where
    all trials agree the interval has no width; an event too rare to have been seen is bounded by the
    interval of its share (`share`), not by this one.

    Parameters
    ----------
    values : mapping of str to sequence of float
        The trials of each image.
    images : sequence of str
        The images that the mean is over; one without trials makes it None, never 0.

    References
    ----------
    .. [1] W. G. Cochran, Sampling Techniques, 3rd ed., Wiley 1977, sec. 5.4.
    .. [2] F. E. Satterthwaite, "An approximate distribution of estimates of variance components",
       Biometrics Bulletin 2(6), 1946.

    Examples
    --------
    >>> mean = stratified_mean({"a": [30.0, 32.0], "b": [20.0, 22.0]}, ["a", "b"])
    >>> mean.value, round(mean.high - mean.value, 3), round(mean.image_sd, 3)
    (26.0, 3.042, 7.071)
    >>> stratified_mean({"a": [30.0]}, ["a", "b"]).value is None
    True
    """
    count = sum(len(values.get(image, ())) for image in images)
    if not images or any(not values.get(image) for image in images):
        return Mean(None, None, None, None, count)
    strata = [np.asarray(values[image], dtype=np.float64) for image in images]
    means = np.array([stratum.mean() for stratum in strata])
    value = float(means.mean())
    finite = bool(np.isfinite(means).all())
    sd = float(means.std(ddof=1)) if finite and len(means) > 1 else None
    if not finite or any(len(stratum) < 2 for stratum in strata):
        return Mean(value, None, None, sd, count)
    sizes = np.array([len(stratum) for stratum in strata])
    parts = np.array([stratum.var(ddof=1) for stratum in strata]) / sizes
    half = _t_half_width(parts, sizes) / len(strata)
    return Mean(value, value - half, value + half, sd, count)


def _t_half_width(parts: npt.NDArray[np.float64], sizes: npt.NDArray[np.int64]) -> float:
    """Half-width of the interval of a sum of means whose variances are `parts`."""
    total = float(parts.sum())
    if total <= 0.0:
        return 0.0
    from scipy.stats import t

    shares = parts / total  # first, so that tiny variances do not underflow when squared
    freedom = 1.0 / float((shares**2 / (sizes - 1)).sum())
    return float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(total)


@dataclass(frozen=True)
class Share:
    """How often something happens.

    Attributes
    ----------
    value : float or None
        Events per unit; None where nothing was simulated.
    low, high : float or None
        95 % interval. Where no event was seen `low` is 0 and `high` the bound that this puts on it.
    events, units : int
        What was counted.
    """

    value: float | None
    low: float | None
    high: float | None
    events: int
    units: int


def share(events: int, units: int) -> Share:
    """Estimate a probability with the exact interval of Clopper and Pearson [1]_.

    Units are images × trials. The probability may differ between images: the count is then less spread than
    a binomial one of the same mean [2]_, so the interval errs on the wide side.

    References
    ----------
    .. [1] C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case
       of the binomial", Biometrika 26(4), 1934.
    .. [2] W. Hoeffding, "On the distribution of the number of successes in independent trials", Annals of
       Mathematical Statistics 27(3), 1956.

    Examples
    --------
    >>> share(0, 100).low, round(share(0, 100).high, 4)
    (0.0, 0.0362)
    >>> share(0, 0).value is None
    True
    """
    if not 0 <= events <= units:
        raise ValueError(f"{events} events in {units} units")
    if units == 0:
        return Share(None, None, None, 0, 0)
    from scipy.special import betaincinv

    tail = (1 - CONFIDENCE) / 2
    low = float(betaincinv(events, units - events + 1, tail)) if events else 0.0
    high = float(betaincinv(events + 1, units - events, 1 - tail)) if events < units else 1.0
    return Share(events / units, low, high, events, units)
