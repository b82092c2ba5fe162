"""Means and shares with 95 % intervals, over independent units and never over bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ERROR", "Share", "clustered_share", "mean_margins", "proportion_limits", "share"]

ERROR = 0.05
"""What all intervals may miss: they are 95 % ones."""

Floats = npt.NDArray[np.float64]

_MOST_SKEWED = 0.4  # beyond, g turns flat and its inverse explodes


def mean_margins(
    parts: Floats, freedom: npt.ArrayLike, third: Floats, error: float = ERROR
) -> tuple[Floats, Floats]:
    r"""How far below and above a sum of independent means its truth may lie, [...] each.

    Student's t with Satterthwaite's degrees of freedom, after Hall's transformation [1]_ of the studentised
    sum :math:`T`, which takes the skewness :math:`\gamma` of the sum out of it,

    .. math:: g(T) = T + \tfrac13 \gamma T^2 + \tfrac1{27} \gamma^2 T^3 + \tfrac16 \gamma .

    A long tail is by chance seldom seen, so the interval reaches further to its side. Without skewness it is
    Student's. Skewness is an estimate, so it is held within ± 0.4; beyond, g turns flat and its inverse
    explodes.

    Parameters
    ----------
    parts : ndarray [..., terms]
        Estimated variance of each term.
    freedom : array_like [..., terms]
        Its degrees of freedom, at least 1.
    third : ndarray [..., terms]
        Estimated third central moment of each term; 0 where it cannot be told.
    error : float
        What the interval may miss, on both sides together.

    References
    ----------
    .. [1] P. Hall, "On the removal of skewness by transformation", Journal of the Royal Statistical Society
       B 54(1), 1992.

    Examples
    --------
    >>> below, above = mean_margins(np.array([1.0]), [9], np.array([0.0]))
    >>> round(float(below), 3), round(float(above), 3)
    (2.262, 2.262)
    >>> below, above = mean_margins(np.array([1.0]), [9], np.array([-0.3]))  # a tail of low values
    >>> bool(below > above)
    True
    """
    from scipy.special import stdtrit

    total = parts.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = parts / total[..., None]  # first, so that tiny variances do not underflow when squared
        quantile = -stdtrit(1.0 / (shares**2 / freedom).sum(axis=-1), error / 2)
        scale = np.sqrt(total)
        skewness = (third / scale[..., None] ** 3).sum(axis=-1)
    skewness = np.clip(np.nan_to_num(skewness), -_MOST_SKEWED, _MOST_SKEWED)
    below = np.where(total > 0, scale * _untransformed(quantile, skewness), 0.0)
    above = np.where(total > 0, -scale * _untransformed(-quantile, skewness), 0.0)
    return below, above


def _untransformed(x: Floats, skewness: Floats) -> Floats:
    """Solve g(T) = x."""
    small = np.abs(skewness) < 1e-6  # where T = x, to many digits
    safe = np.where(small, 1.0, skewness)
    return np.where(small, x, 3 / safe * (np.cbrt(1 + safe * (x - safe / 6)) - 1))


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


def share(events: int, units: int, error: float = ERROR) -> Share:
    """Estimate a probability with the exact interval of Clopper and Pearson [1]_.

    Of outage the units are transmissions, images × trials: each has draws of its own. The probability may
    differ between images; the interval then holds for its mean over them, and errs on the wide side. It
    misses from above only for counts k with P(Bin(n, p) ≤ k) ≤ 2.5 %, which are below the binomial median
    and so at most np − 1, and there a sum of unlike events is *less* likely to fall than a binomial one [2]_;
    likewise from below. (For n trials of every image; otherwise the mean is one weighted by trials.)

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
    low, high = proportion_limits(np.int64(events), np.int64(units), error)
    return Share(events / units, float(low), float(high), events, units)


def clustered_share(
    events: npt.NDArray[np.int64], units: npt.NDArray[np.int64], error: float = ERROR
) -> Share:
    """Estimate a probability from units that come in clusters, whose units may be alike.

    Blocks of one transmission share the fading: they count for fewer than they are. Clopper and Pearson's
    limits are taken for the number of independent units that would leave as much uncertainty [1]_: units over
    design effect, as measured between clusters, and no fewer than clusters. Where all units agree nothing
    is known of the design effect, and clusters are what counts.

    Parameters
    ----------
    events, units : ndarray of int64 [clusters]
        What was counted in each cluster.
    error : float
        What the interval may miss.

    References
    ----------
    .. [1] E. L. Korn, B. I. Graubard, "Confidence intervals for proportions with small expected number of
       positive counts estimated from survey data", Survey Methodology 24(2), 1998.

    Examples
    --------
    >>> apart = clustered_share(np.array([1, 1, 1, 1, 0, 1, 1, 1]), np.full(8, 10))
    >>> alike = clustered_share(np.array([7, 0, 0, 0, 0, 0, 0, 0]), np.full(8, 10))
    >>> apart.value == alike.value, bool(alike.high > apart.high)
    (True, True)
    """
    from scipy.special import stdtrit

    clusters = int((units > 0).sum())
    all_events, all_units = int(events.sum()), int(units.sum())
    if clusters == 0:
        return Share(None, None, None, 0, 0)
    share_of = all_events / all_units
    effective = float(clusters)
    if 0 < all_events < all_units and clusters > 1:
        spread = ((events - share_of * units) ** 2).sum() / all_units**2 * clusters / (clusters - 1)
        effective = share_of * (1 - share_of) / max(spread, 1e-300)
        effective *= (stdtrit(all_units - 1, error / 2) / stdtrit(clusters - 1, error / 2)) ** 2
        effective = min(max(effective, clusters), all_units)
    low, high = proportion_limits(share_of * effective, effective, error)
    return Share(share_of, float(low), float(high), all_events, all_units)


def proportion_limits(
    events: npt.ArrayLike, units: npt.ArrayLike, error: float = ERROR
) -> tuple[Floats, Floats]:
    """Clopper and Pearson's limits [...] of a probability, (0, 1) where there are no units; see `share`."""
    from scipy.special import betainccinv, betaincinv

    k, n = np.asarray(events, dtype=np.float64), np.asarray(units, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        low = np.where(k > 0, betaincinv(k, n - k + 1, error / 2), 0.0)
        high = np.where(k < n, betainccinv(k + 1, n - k, error / 2), 1.0)
    return low, high
