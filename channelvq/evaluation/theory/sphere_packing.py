"""Shannon's cone-packing bound: block error rates that no code of a finite length can beat on AWGN."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import optimize, special

from channelvq.errors import UsageError
from channelvq.evaluation.theory.checks import check_count, check_probability
from channelvq.evaluation.theory.normal import Floats
from channelvq.snr import Snr

__all__ = ["awgn_error_bound", "awgn_rate_bound"]

_POINTS = 801  # of the integral over the radius
_NEGLIGIBLE = 45.0  # e^-45 of the largest integrand


def awgn_error_bound(n: int, k: float, snr: Snr, *, axes: int = 2, equal_energy: bool = True) -> float:
    r"""Give a block error rate that no code of 2^k words of n symbols can beat on AWGN.

    Words of equal energy lie on a sphere of N = axes · n dimensions. No code is better than one whose regions
    are cones of equal solid angle, 2^-k of the whole: with their half angle θ the error rate is at least

    .. math:: P\!\left( Z + \delta < \chi_{N-1} \cot\theta \right) , \quad \delta = \sqrt{2 n E_s / N_0} ,
              \quad 2^{-k} = \tfrac12 I_{\sin^2\theta}\!\left(\tfrac{N-1}{2}, \tfrac12\right) ,

    the tail of a noncentral t distribution [1]_, computed in the log domain by an integral over the radius χ.
    A bound for any alphabet, hence looser than need be for QAM at high rates [2]_.

    Parameters
    ----------
    n : int
        Symbols of a word, which are channel uses.
    k : float
        Message bits, at least 1; log2 of the number of words.
    snr : Snr
        Es/N0, over the symbols of each word.
    axes : {1, 2}
        Real dimensions of a symbol: 1 for BPSK.
    equal_energy : bool
        Whether all words have energy n (BPSK and QPSK do). If false, it holds for words of energy up to n:
        one more dimension takes up what is missing.

    Raises
    ------
    UsageError
        If n, k or axes is out of range, or there are more than two words in one dimension.

    References
    ----------
    .. [1] C. E. Shannon, "Probability of error for optimal codes in a Gaussian channel", Bell Syst. Tech. J.
       38(3), 611-656, 1959.
    .. [2] A. Valembois, M. P. C. Fossorier, "Sphere-packing bounds revisited for moderate block lengths",
       IEEE Trans. Inf. Theory 50(12), 2998-3014, 2004.

    Examples
    --------
    >>> f"{awgn_error_bound(1, 2, Snr(7.0)):.6f}"  # four cones fill the plane: QPSK
    '0.025016'
    >>> f"{awgn_error_bound(64, 64, Snr(3.0)):.1e}"
    '9.6e-06'
    """
    dimensions, delta = _sphere(n, snr, axes, equal_energy)
    if not 1 <= k < math.inf:
        raise UsageError(f"k is {k}, must be a finite number from 1 on")
    if dimensions == 1 and k > 1:
        raise UsageError(f"k is {k}, must be 1: in one dimension there are two words of equal energy")
    return min(math.exp(_log_error(dimensions, delta, _log_cotangent(dimensions, float(k)))), 1.0)


def awgn_rate_bound(
    n: int, error_rate: float, snr: Snr, *, axes: int = 2, equal_energy: bool = True
) -> float:
    """Give a rate, in bits per channel use, that no code of n symbols beats: `awgn_error_bound` inverted.

    0 if not even two words reach the error rate.

    Raises
    ------
    UsageError
        If an argument is out of range, or the sphere has less than two dimensions.

    Examples
    --------
    >>> round(awgn_rate_bound(500, 1e-3, Snr(0.0)), 3)
    0.845
    """
    dimensions, delta = _sphere(n, snr, axes, equal_energy)
    if dimensions < 2:
        raise UsageError(f"n is {n}, must be at least 2 with one axis")
    if not 0 < check_probability(error_rate, "error_rate") < 1:
        raise UsageError(f"error_rate is {error_rate}, must be above 0 and below 1")
    target = math.log(error_rate)
    if _log_error(dimensions, delta, -math.inf) >= target:
        return 0.0
    log_cotangent = _root(lambda x: _log_error(dimensions, delta, x) - target, 0.0)
    return -_log_solid_angle(dimensions, log_cotangent) / math.log(2) / n


def _sphere(n: int, snr: Snr, axes: int, equal_energy: bool) -> tuple[int, float]:
    """Dimensions N of the sphere, and its radius δ over the noise's deviation in one of them."""
    dimensions = check_count(n, "n", 1) * check_count(axes, "axes", 1, 2)
    return dimensions + (not equal_energy), math.sqrt(2 * n / snr.n0)


def _log_cotangent(dimensions: int, k: float) -> float:
    """Log cot θ of the cone whose solid angle is 2^-k of the whole; -infinity for k = 1, half the sphere."""
    if k == 1:
        return -math.inf
    return _root(lambda x: _log_solid_angle(dimensions, x) + k * math.log(2), 0.0)


def _root(function: Callable[[float], float], start: float) -> float:
    """Find the zero of a monotone function, on whatever side of `start` it is."""
    left, right = start - 1, start + 1
    while function(left) * function(right) > 0:
        left, right = start + 2 * (left - start), start + 2 * (right - start)
        if right - start > 1e4:  # cot θ = e^±10000
            raise UsageError("the solid angle is too close to none or half of the sphere for this bound")
    return float(optimize.brentq(function, left, right, xtol=1e-13, rtol=1e-14))


def _log_solid_angle(dimensions: int, log_cotangent: float) -> float:
    """Log of ½ I_{sin²θ}((N-1)/2, ½), the share of the sphere in a cone of half angle θ ≤ π/2."""
    a, b = (dimensions - 1) / 2, 0.5
    log_x, log_rest = -np.logaddexp(0, 2 * log_cotangent), -np.logaddexp(0, -2 * log_cotangent)  # sin², cos²
    x = math.exp(log_x)
    share = float(special.betainc(a, b, x)) if x < 0.9 else float(special.betaincc(b, a, math.exp(log_rest)))
    if share > 1e-250:
        return math.log(share / 2)
    # x^a (1-x)^b / (a B(a,b)) · 2F1(a+b, 1; a+1; x), whose terms fall at least as fast as x^j.
    terms = np.arange(min(math.ceil(-45 / log_x), 10**7))
    series = 1 + np.cumprod(x * (a + b + terms) / (a + 1 + terms)).sum()
    return float(a * log_x + b * log_rest - math.log(2 * a) - special.betaln(a, b) + math.log(series))


def _log_error(dimensions: int, delta: float, log_cotangent: float) -> float:
    """Log P(Z + δ < χ cot θ) with χ of N - 1 degrees of freedom."""
    freedom = dimensions - 1
    if freedom == 0 or log_cotangent == -math.inf:
        return float(special.log_ndtr(-delta))
    constant = (1 - freedom / 2) * math.log(2) - special.gammaln(freedom / 2)

    def log_integrand(log_radius: Floats | float) -> Floats:
        tail = special.log_ndtr(np.exp(log_radius + log_cotangent) - delta)
        return np.asarray(constant + freedom * log_radius - np.exp(2 * log_radius) / 2 + tail)

    # The integrand over log χ has one maximum: χ's density is largest at √ν, and the tail rises with χ.
    low = math.log(freedom) / 2
    high = (
        math.log(math.sqrt(freedom) + delta * math.exp(-log_cotangent) + 10)
        if log_cotangent > -300
        else low + 1
    )
    peak = optimize.minimize_scalar(
        lambda v: -float(log_integrand(v)), bounds=(low, high), method="bounded", options={"xatol": 1e-6}
    ).x
    top = float(log_integrand(peak)) - _NEGLIGIBLE
    ends = []
    for direction in (-1.0, 1.0):
        step = 1 / math.sqrt(freedom + math.exp(2 * peak))
        while float(log_integrand(peak + direction * step)) > top:
            step *= 1.3
        ends.append(peak + direction * step)
    grid = np.linspace(ends[0], ends[1], _POINTS)
    return float(special.logsumexp(log_integrand(grid)) + math.log(grid[1] - grid[0]))
