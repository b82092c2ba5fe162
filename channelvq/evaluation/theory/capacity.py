"""Capacities in closed form, and the SNR at which a capacity reaches a rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from channelvq.errors import UsageError
from channelvq.evaluation.theory.checks import check_probability, check_rice_factor
from channelvq.evaluation.theory.fading import gain_nodes
from channelvq.evaluation.theory.normal import Floats
from channelvq.snr import Snr

__all__ = [
    "Capacity",
    "binary_entropy",
    "capacity_awgn",
    "capacity_bec",
    "capacity_bsc",
    "capacity_rayleigh",
    "capacity_rician",
    "snr_for_rate",
]

Capacity: TypeAlias = Callable[[Snr], float]
"""Bits per channel use at an SNR; it does not fall as the SNR rises."""

_DB_RANGE = (-80.0, 120.0)


def binary_entropy(p: npt.ArrayLike) -> Floats:
    """Give h(p) = -p log2 p - (1-p) log2(1-p), in bits; same shape.

    Examples
    --------
    >>> binary_entropy([0.0, 0.11, 0.5]).round(4)
    array([0.    , 0.4999, 1.    ])
    """
    p = np.asarray(p, np.float64)
    return np.asarray((special.entr(p) - special.xlog1py(1 - p, -p)) / math.log(2))


def capacity_bsc(p: float) -> float:
    """Give 1 - h(p), in bits per bit sent.

    T. M. Cover, J. A. Thomas, "Elements of Information Theory", 2nd ed., Wiley 2006, section 7.1.4.

    Examples
    --------
    >>> round(capacity_bsc(0.11), 4)
    0.5001
    """
    return 1 - float(binary_entropy(check_probability(p, "p")))


def capacity_bec(erasure_rate: float) -> float:
    """Give 1 - e, in bits per bit sent: T. M. Cover, J. A. Thomas, 2006, section 7.1.5.

    Examples
    --------
    >>> capacity_bec(0.25)
    0.75
    """
    return 1 - check_probability(erasure_rate, "erasure_rate")


def capacity_awgn(snr: Snr) -> float:
    """Give log2(1 + Es/N0), in bits per complex symbol.

    C. E. Shannon, "A mathematical theory of communication", Bell Syst. Tech. J. 27, 1948, theorem 17.

    Examples
    --------
    >>> capacity_awgn(Snr(0.0))
    1.0
    """
    return math.log1p(1 / snr.n0) / math.log(2)


def capacity_rayleigh(snr: Snr) -> float:
    r"""Give the ergodic capacity under Rayleigh fading that the receiver alone knows, in bits per symbol.

    .. math:: C = \log_2(e) \, e^{1/\gamma} E_1(1/\gamma) , \quad \gamma = E_s/N_0 ,

    M.-S. Alouini, A. J. Goldsmith, "Capacity of Rayleigh fading channels under different adaptive
    transmission and diversity-combining techniques", IEEE Trans. Veh. Technol. 48(4), 1165-1181, 1999.

    Examples
    --------
    >>> round(capacity_rayleigh(Snr(10.0)), 4)
    2.9065
    """
    # U(1, 1, x) = e^x E1(x) does not overflow at a low SNR.
    return float(special.hyperu(1, 1, snr.n0)) / math.log(2)


def capacity_rician(snr: Snr, k: float) -> float:
    """Give the ergodic capacity E log2(1 + |h|² Es/N0) under Rician fading, in bits per symbol.

    By quadrature, to some 1e-9: M. K. Simon, M.-S. Alouini, "Digital Communication over Fading Channels",
    2nd ed., Wiley 2005, chapter 15.

    Examples
    --------
    >>> capacity_rayleigh(Snr(10.0)) < capacity_rician(Snr(10.0), 4.0) < capacity_awgn(Snr(10.0))
    True
    """
    gains, weights = gain_nodes(check_rice_factor(k))
    return float(weights @ np.log1p(gains / snr.n0)) / math.log(2)


def snr_for_rate(rate: float, capacity: Capacity = capacity_awgn) -> Snr:
    """Find the SNR at which a capacity reaches a rate: below it no code is reliable.

    Parameters
    ----------
    rate : float
        Bits per channel use.
    capacity : callable
        Of an Snr, in bits per channel use; e.g. ``lambda snr: capacity_bicm("qam16", snr)``.

    Returns
    -------
    Snr
        To 1e-9 dB, from -80 to 120 dB.

    Raises
    ------
    UsageError
        If the capacity does not cross the rate between these.

    Examples
    --------
    >>> round(snr_for_rate(2.0).esn0_db, 3)  # 10 log10(2² - 1)
    4.771
    >>> tiny = snr_for_rate(1e-6)
    >>> round(tiny.ebn0_db(bits_per_symbol=1, code_rate=1e-6), 2)  # the Shannon limit, 10 log10(ln 2)
    -1.59
    """
    low, high = (capacity(Snr(esn0_db)) for esn0_db in _DB_RANGE)
    if not low < rate < high:
        raise UsageError(f"rate is {rate}, must be between {low:.3g} and {high:.9g} bits per channel use")
    root = optimize.brentq(lambda esn0_db: capacity(Snr(esn0_db)) - rate, *_DB_RANGE, xtol=1e-10, rtol=1e-14)
    return Snr(float(root))
