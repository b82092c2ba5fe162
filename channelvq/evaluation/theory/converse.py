"""Converse bounds of the BSC and the BEC: block error rates that no code of a finite length can beat."""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, special

from channelvq.errors import UsageError
from channelvq.evaluation.theory.checks import check_count, check_probability
from channelvq.evaluation.theory.normal import Floats

__all__ = ["bec_error_bound", "bec_rate_bound", "bsc_error_bound", "bsc_rate_bound"]


def bsc_error_bound(n: int, k: float, p: float) -> float:
    r"""Give a block error rate that no code of 2^k words of n bits can beat on a BSC.

    The optimal code would fill the space with balls: with the L and 0 ≤ λ < 1 of

    .. math:: 2^{-n} \left[ \sum_{i=0}^{L} \binom{n}{i} + \lambda \binom{n}{L+1} \right] = 2^{-k}

    the error rate is at least :math:`1 - \sum_{i=0}^{L} \binom{n}{i} p^i (1-p)^{n-i} - \lambda \binom{n}{L+1}
    p^{L+1} (1-p)^{n-L-1}`. A bound, met by perfect codes: PPV 2010 (see `normal_error_rate`), theorem 35;
    the sphere-packing bound of R. G. Gallager, "Information Theory and Reliable Communication", Wiley 1968,
    section 5.8.

    Parameters
    ----------
    n : int
        Code bits, which are channel uses.
    k : float
        Message bits, from 0 on; log2 of the number of words.
    p : float
        How probably a bit is flipped, from 0 to ½.

    Raises
    ------
    UsageError
        If n, k or p is out of range.

    Examples
    --------
    >>> round(bsc_error_bound(7, 4, 0.1), 6)  # the Hamming code corrects one error, and is perfect
    0.149694
    """
    log_flips, log_count = _balls(n, p)
    k = _check_bits(k)
    target = -k * math.log(2)
    log_volume = np.logaddexp.accumulate(log_count)
    outer = min(int(np.searchsorted(log_volume, target, side="right")), log_count.size - 1)  # L + 1
    inside = math.exp(log_volume[outer - 1] - target) if outer else 0.0
    share = min((1 - inside) * math.exp(target - log_count[outer]), 1.0)
    tail = np.exp(special.logsumexp(log_flips[outer + 1 :])) if outer + 1 < log_flips.size else 0.0
    return min(float(tail + (1 - share) * math.exp(log_flips[outer])), 1.0)


def bsc_rate_bound(n: int, error_rate: float, p: float) -> float:
    """Give a rate, in bits per channel use, that no code of n bits beats on a BSC (see `bsc_error_bound`).

    Examples
    --------
    >>> round(bsc_rate_bound(500, 1e-3, 0.11), 4)
    0.3866
    """
    log_flips, log_count = _balls(n, p)
    if not 0 < check_probability(error_rate, "error_rate") < 1:
        raise UsageError(f"error_rate is {error_rate}, must be above 0 and below 1")
    tails = np.logaddexp.accumulate(log_flips[::-1])[::-1]  # P(at least i flips)
    outer = int(np.flatnonzero(tails > math.log(error_rate)).max(initial=0))
    beyond = math.exp(tails[outer + 1]) if outer + 1 < tails.size else 0.0
    share = 1 - min((error_rate - beyond) / math.exp(log_flips[outer]), 1.0)
    parts = np.append(log_count[:outer], log_count[outer] + (math.log(share) if share else -math.inf))
    return max(-float(special.logsumexp(parts)) / math.log(2) / n, 0.0)


def _balls(n: int, p: float) -> tuple[Floats, Floats]:
    """Log probability of i flips, and log share of the words at distance i, [n + 1] each."""
    n, p = check_count(n, "n", 1), check_probability(p, "p", 0.5)
    i = np.arange(n + 1)
    log_choose = special.gammaln(n + 1.0) - special.gammaln(i + 1.0) - special.gammaln(n - i + 1.0)
    return log_choose + special.xlogy(i, p) + special.xlog1py(n - i, -p), log_choose - n * math.log(2)


def _check_bits(k: float) -> float:
    if not 0 <= k < math.inf:
        raise UsageError(f"k is {k}, must be a finite number from 0 on")
    return float(k)


def bec_error_bound(n: int, k: float, erasure_rate: float) -> float:
    r"""Give a block error rate that no code of 2^k words of n bits can beat on a BEC.

    .. math:: \varepsilon \ge \sum_{\ell > n - k} \binom{n}{\ell} e^\ell (1-e)^{n-\ell} (1 - 2^{n-\ell-k})

    A bound, which a code meets if every k of its bits determine the message (repetition, one parity bit):
    PPV 2010 (see `normal_error_rate`), theorem 38.

    Parameters
    ----------
    n : int
        Code bits, which are channel uses.
    k : float
        Message bits, from 0 on; log2 of the number of words.
    erasure_rate : float
        e.

    Raises
    ------
    UsageError
        If n, k or e is out of range.

    Examples
    --------
    >>> round(bec_error_bound(3, 1, 0.1), 6)  # repetition: e³ / 2
    0.0005
    """
    n, e, k = check_count(n, "n", 1), check_probability(erasure_rate, "erasure_rate"), _check_bits(k)
    erased = np.arange(n + 1)
    log_choose = special.gammaln(n + 1.0) - special.gammaln(erased + 1.0) - special.gammaln(n - erased + 1.0)
    log_flips = log_choose + special.xlogy(erased, e) + special.xlog1py(n - erased, -e)
    missing = np.maximum(k - (n - erased), 0.0)  # bits that must be guessed
    return min(float(np.exp(log_flips) @ -np.expm1(-missing * math.log(2))), 1.0)


def bec_rate_bound(n: int, error_rate: float, erasure_rate: float) -> float:
    """Give a rate, in bits per channel use, that no code of n bits beats on a BEC (see `bec_error_bound`).

    Examples
    --------
    >>> round(bec_rate_bound(500, 1e-3, 0.5), 4)
    0.4334
    """
    if not 0 < check_probability(error_rate, "error_rate") < 1:
        raise UsageError(f"error_rate is {error_rate}, must be above 0 and below 1")
    most = check_count(n, "n", 1) - math.log2(1 - error_rate)  # with nothing erased
    root = optimize.brentq(
        lambda k: bec_error_bound(n, k, erasure_rate) / error_rate - 1,
        0.0,
        most + 1e-6,
        xtol=1e-10,
        rtol=1e-14,
    )
    return float(root) / n
