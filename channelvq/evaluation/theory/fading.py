"""Averages over the power gain |h|² of flat fading that the receiver knows, E|h|² = 1."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from channelvq.evaluation.theory.checks import check_probability, check_rice_factor
from channelvq.evaluation.theory.normal import Floats, q_function

__all__ = ["gain_cdf", "gain_nodes", "gain_quantile", "mean_tail", "mean_tail_product"]

_ANGLES = 2000  # midpoints of the fading integral, which converges geometrically
_PRODUCT_ANGLES = 128  # Gauss-Legendre points of an integral whose integrand does not end flat
_LOG_STEP = 0.25  # of log |h|²: the trapezoid rule's error is about exp(-π²/step) = 1e-17
_LOG_FLOOR = -25.0  # gains below e^-25 have a probability of 1e-11 together (K = 0)


def mean_tail(g: npt.ArrayLike, rice_k: float, branches: npt.ArrayLike = 1) -> Floats:
    r"""Average Q(√(2 g (|h_1|² + ... + |h_n|²))) over n independent Rician gains of unit power.

    By the moment generating function [1]_,

    .. math:: \frac1\pi \int_0^{\pi/2} \left( \frac{1+K}{1+K+s} \exp\frac{-K s}{1+K+s} \right)^n d\theta ,
              \quad s = \frac{g}{\sin^2\theta} ;

    for K = 0 it is the diversity formula of maximal-ratio combining [2]_,
    :math:`p^n \sum_{i<n} \binom{n-1+i}{i} (1-p)^i = I_p(n, n)` with p = ½ (1 - √(g / (1+g))), and for
    K = ∞ Q(√(2gn)).

    Parameters
    ----------
    g : array of float
        Mean squared half distance over N0 of one branch.
    rice_k : float
        K, linear; infinity is AWGN, 0 Rayleigh.
    branches : array of int
        n; broadcasts with `g`.

    References
    ----------
    .. [1] M. K. Simon, M.-S. Alouini, "Digital Communication over Fading Channels", 2nd ed., Wiley 2005,
       sections 5.1, 8.2 and 9.2.
    .. [2] J. G. Proakis, "Digital Communications", 4th ed., McGraw-Hill 2001, equation 14.4-15.

    Examples
    --------
    >>> mean_tail(10.0, 0.0).round(6).item()  # ½ (1 - √(10/11))
    0.023269
    """
    k = check_rice_factor(rice_k)
    g, n = np.broadcast_arrays(np.asarray(g, np.float64), np.asarray(branches, np.float64))
    if math.isinf(k):
        return q_function(np.sqrt(2 * g * n))
    if k == 0:
        p = 0.5 / (1 + g + np.sqrt(g * (1 + g)))  # ½(1 - √(g/(1+g))) without cancellation
        return np.asarray(special.betainc(n, n, p))
    theta = (np.arange(_ANGLES) + 0.5) * (math.pi / 2 / _ANGLES)
    generated = _generating(g[..., None] / np.sin(theta) ** 2, k) ** n[..., None]
    return np.asarray(generated.mean(axis=-1) / 2)


def mean_tail_product(g1: npt.ArrayLike, g2: npt.ArrayLike, rice_k: float) -> Floats:
    r"""Average Q(√(2 g1 |h|²)) Q(√(2 g2 |h|²)) over one Rician gain of unit power.

    .. math:: Q(x) Q(y) = \frac1{2\pi} \int_0^{\pi/2 - \varphi} e^{-x^2 / (2\sin^2\theta)} d\theta
              + \frac1{2\pi} \int_0^{\varphi} e^{-y^2 / (2\sin^2\theta)} d\theta , \quad \tan\varphi = y / x ,

    averaged under the integral: M. K. Simon, "A simpler form of the Craig representation for the
    two-dimensional joint Gaussian Q-function", IEEE Commun. Lett. 6(2), 49-51, 2002.

    Parameters
    ----------
    g1, g2 : array of float
        Above 0; they broadcast.
    rice_k : float
        K, linear; infinity is AWGN, 0 Rayleigh.

    Examples
    --------
    >>> apart = mean_tail(1.0, 0.0) * mean_tail(2.0, 0.0)  # less likely than to fade together
    >>> bool(mean_tail_product(1.0, 2.0, 0.0) > apart)
    True
    """
    k = check_rice_factor(rice_k)
    g1, g2 = np.broadcast_arrays(np.asarray(g1, np.float64), np.asarray(g2, np.float64))
    if math.isinf(k):
        return np.asarray(q_function(np.sqrt(2 * g1)) * q_function(np.sqrt(2 * g2)))
    angle = np.arctan2(np.sqrt(g2), np.sqrt(g1))
    return _arc(g1, math.pi / 2 - angle, k) + _arc(g2, angle, k)


def _arc(g: Floats, end: Floats, k: float) -> Floats:
    """Integrate the generating function of -g/sin²θ from 0 to `end`, over 2π."""
    nodes, weights = special.roots_legendre(_PRODUCT_ANGLES)
    theta = (nodes + 1) / 2 * end[..., None]
    return np.asarray(_generating(g[..., None] / np.sin(theta) ** 2, k) @ weights * end / 2 / (2 * math.pi))


def _generating(s: Floats, k: float) -> Floats:
    """E exp(-s |h|²) for a finite K."""
    spread = 1 + k + s
    return np.asarray((1 + k) / spread * np.exp(-k * s / spread))


@lru_cache(maxsize=16)
def gain_nodes(rice_k: float) -> tuple[Floats, Floats]:
    r"""Give gains and weights, so that E f(|h|²) ≈ sum_i w_i f(u_i) for f smooth on the scale of log u.

    The trapezoid rule over log u of the Rician density
    :math:`(1+K) e^{-K-(1+K)u} I_0(2\sqrt{K(1+K)u})`; the error is some 1e-10 of the largest f.

    Examples
    --------
    >>> gains, weights = gain_nodes(0.0)
    >>> [round(float(weights @ gains**power), 9) for power in (0, 1, 2)]
    [1.0, 1.0, 2.0]
    """
    k = check_rice_factor(rice_k)
    if math.isinf(k):
        return np.ones(1), np.ones(1)
    middle, reach = math.sqrt(k / (1 + k)), 6.5 / math.sqrt(1 + k)  # of |h|: exp(-6.5²) = 4e-19
    low = 2 * math.log(middle - reach) if middle > reach else -math.inf
    low, high = max(low, _LOG_FLOOR), 2 * math.log(middle + reach)
    step = min(_LOG_STEP, 0.5 * math.sqrt(2 / k)) if k else _LOG_STEP  # the density is √(2/K) wide
    log_gain = np.linspace(low, high, math.ceil((high - low) / step) + 1)
    gains = np.exp(log_gain)
    amplitude = np.sqrt((1 + k) * gains)
    argument = 2 * math.sqrt(k) * amplitude
    # e^-x I_0(x), for large x by its asymptotic series: SciPy has none beyond 2^30.
    bessel = special.ive(0, np.minimum(argument, 1e8))
    bessel = np.where(argument < 1e8, bessel, 1 / np.sqrt(2 * math.pi * np.maximum(argument, 1e8)))
    density = (1 + k) * np.exp(-((amplitude - math.sqrt(k)) ** 2)) * bessel
    weights = density * gains * (log_gain[1] - log_gain[0])
    gains.flags.writeable = weights.flags.writeable = False  # they are shared by all callers
    return gains, weights


def gain_cdf(gain: npt.ArrayLike, rice_k: float) -> Floats:
    """Give P(|h|² ≤ gain); same shape.

    |h|² is exponential (Rayleigh), or 1/(2(1+K)) times a noncentral chi-square of two degrees of freedom and
    noncentrality 2K: M. K. Simon, M.-S. Alouini, 2005, section 2.2.

    Examples
    --------
    >>> gain_cdf(0.1, 0.0).round(6).item()  # 1 - e^-0.1
    0.095163
    """
    k, gain = check_rice_factor(rice_k), np.asarray(gain, np.float64)
    if math.isinf(k):
        return np.asarray((gain >= 1).astype(np.float64))
    if k == 0:
        return np.asarray(-np.expm1(-np.maximum(gain, 0)))
    return np.asarray(stats.ncx2.cdf(2 * (1 + k) * gain, 2, 2 * k))


def gain_quantile(probability: float, rice_k: float) -> float:
    """Give the gain below which |h|² falls with this probability.

    Examples
    --------
    >>> round(gain_quantile(0.095163, 0.0), 4)
    0.1
    """
    k, p = check_rice_factor(rice_k), check_probability(probability, "probability")
    if math.isinf(k):
        return 1.0
    if k == 0:
        return math.inf if p == 1 else -math.log1p(-p)
    return float(stats.ncx2.ppf(p, 2, 2 * k) / (2 * (1 + k)))
