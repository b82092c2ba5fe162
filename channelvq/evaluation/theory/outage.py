"""Outage under block fading: one gain a code word, known to the receiver alone."""

from __future__ import annotations

import math

from channelvq.errors import UsageError
from channelvq.evaluation.theory.capacity import Capacity, capacity_awgn, snr_for_rate
from channelvq.evaluation.theory.fading import gain_cdf, gain_quantile
from channelvq.snr import Snr

__all__ = ["outage_capacity", "outage_probability"]


def outage_probability(
    rate: float, snr: Snr, *, rice_k: float = 0.0, capacity: Capacity = capacity_awgn
) -> float:
    r"""Give the probability that a block's gain does not carry a rate.

    .. math:: P(C(|h|^2 \gamma) < R) , \quad \text{for Gaussian inputs under Rayleigh fading }
              1 - e^{-(2^R - 1)/\gamma}

    For long code words the limit of the block error rate; L. H. Ozarow, S. Shamai, A. D. Wyner,
    "Information theoretic considerations for cellular mobile radio", IEEE Trans. Veh. Technol. 43(2), 1994.

    Parameters
    ----------
    rate : float
        Bits per channel use.
    snr : Snr
        Mean Es/N0.
    rice_k : float
        K, linear; 0 is Rayleigh.
    capacity : callable
        Without fading, e.g. ``lambda snr: capacity_bicm("qam16", snr)``.

    Raises
    ------
    UsageError
        If the capacity never reaches the rate, or K is negative.

    Examples
    --------
    >>> round(outage_probability(1.0, Snr(10.0)), 4)
    0.0952
    """
    if capacity is capacity_awgn:
        if not rate >= 0:
            raise UsageError(f"rate is {rate}, must be from 0 on")
        needed = math.expm1(rate * math.log(2))
    else:
        needed = 1 / snr_for_rate(rate, capacity).n0
    return float(gain_cdf(needed * snr.n0, rice_k))


def outage_capacity(
    probability: float, snr: Snr, *, rice_k: float = 0.0, capacity: Capacity = capacity_awgn
) -> float:
    r"""Give the largest rate whose outage has at most this probability, in bits per channel use.

    .. math:: C_\varepsilon = \log_2(1 - \gamma \ln(1 - \varepsilon))

    for Gaussian inputs under Rayleigh fading: D. Tse, P. Viswanath, "Fundamentals of Wireless
    Communication", Cambridge 2005, section 5.4.1.

    Parameters
    ----------
    probability : float
        Above 0, below 1.
    snr, rice_k, capacity
        See `outage_probability`.

    Raises
    ------
    UsageError
        If the probability is out of range, or K is negative.

    Examples
    --------
    >>> round(outage_capacity(0.01, Snr(20.0)), 4)
    1.0036
    """
    if not 0 < probability < 1:
        raise UsageError(f"probability is {probability}, must be above 0 and below 1")
    gain = gain_quantile(probability, rice_k)
    return capacity(Snr(snr.esn0_db + 10 * math.log10(gain)))
