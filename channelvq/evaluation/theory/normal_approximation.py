"""The normal approximation of the best code of a finite length: close, but no bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError
from channelvq.evaluation.theory.capacity import capacity_awgn, capacity_bec, capacity_bsc
from channelvq.evaluation.theory.checks import check_probability, check_rice_factor
from channelvq.evaluation.theory.constellation import constellation
from channelvq.evaluation.theory.fading import gain_nodes
from channelvq.evaluation.theory.mutual_information import Decoding, information_density
from channelvq.evaluation.theory.normal import Floats, q_function, q_inverse
from channelvq.snr import Snr

__all__ = [
    "Dispersion",
    "dispersion_awgn",
    "dispersion_bec",
    "dispersion_bsc",
    "dispersion_modulation",
    "normal_error_rate",
    "normal_rate",
]

_LOG2_E = 1 / math.log(2)


@dataclass(frozen=True)
class Dispersion:
    """Mean and variance of the information density of a channel use.

    Attributes
    ----------
    capacity : float
        Bits per channel use.
    variance : float
        V, bits² per channel use.
    parts : int
        Equal independent channels in one use: 2 for both axes of a complex symbol.
    log_weight : float
        c in the third term of the approximation, c log2(parts · n): ½, 0 for a BEC.
    """

    capacity: float
    variance: float
    parts: int = 1
    log_weight: float = 0.5


def dispersion_bsc(p: float) -> Dispersion:
    r"""Give C and V = p (1-p) log2²((1-p)/p) of a BSC: PPV 2010 (see `normal_error_rate`), theorem 52.

    Examples
    --------
    >>> channel = dispersion_bsc(0.11)
    >>> round(channel.capacity, 4), round(channel.variance, 4)
    (0.5001, 0.8907)
    """
    capacity = capacity_bsc(p)
    slope = math.log2((1 - p) / p) if 0 < p < 1 else 0.0
    return Dispersion(capacity, p * (1 - p) * slope**2)


def dispersion_bec(erasure_rate: float) -> Dispersion:
    """Give C and V = e (1-e) of a BEC, whose third term is 0: PPV 2010 (see `normal_error_rate`), theorem 53.

    Examples
    --------
    >>> dispersion_bec(0.5)
    Dispersion(capacity=0.5, variance=0.25, parts=1, log_weight=0.0)
    """
    capacity = capacity_bec(erasure_rate)
    return Dispersion(capacity, capacity * erasure_rate, log_weight=0.0)


def dispersion_awgn(snr: Snr, *, rice_k: float = math.inf) -> Dispersion:
    r"""Give C and V of complex AWGN with the best inputs, and under fading that the receiver knows.

    .. math:: V = \frac{\gamma (\gamma + 2)}{(\gamma + 1)^2} \log_2^2 e , \quad \text{with a gain a symbol }
              V = \operatorname{Var} \log_2(1 + \gamma|h|^2)
              + \left(1 - E^2 \frac{1}{1 + \gamma|h|^2}\right) \log_2^2 e

    PPV 2010 (see `normal_error_rate`), theorem 54, for two real dimensions; Y. Polyanskiy, S. Verdú, "Scalar
    coherent fading channel: dispersion analysis", ISIT 2011. That the third term of ½ log2 holds
    under fading, too, is taken for granted.

    Examples
    --------
    >>> round(dispersion_awgn(Snr(0.0)).variance, 4)  # ¾ log2² e
    1.561
    """
    if math.isinf(check_rice_factor(rice_k)):
        gamma = 1 / snr.n0
        variance = gamma * (gamma + 2) / (gamma + 1) ** 2 * _LOG2_E**2
        return Dispersion(capacity_awgn(snr), variance, parts=2)
    gains, weights = gain_nodes(rice_k)
    rates = np.log1p(gains / snr.n0)
    mean = float(weights @ rates)
    variance = float(weights @ (rates - mean) ** 2) + 1 - float(weights @ (1 / (1 + gains / snr.n0))) ** 2
    return Dispersion(mean * _LOG2_E, variance * _LOG2_E**2, parts=2)


def dispersion_modulation(
    modulation: str, snr: Snr, decoding: Decoding = "bicm", *, rice_k: float = math.inf
) -> Dispersion:
    """Give C and V of equally probable points, by quadrature (see `information_density`).

    V is the variance over the points, too: that of random codes. Codes in which each point is equally often
    in every word have, for QAM, a slightly smaller one.

    Examples
    --------
    >>> round(dispersion_modulation("bpsk", Snr(-2.823)).capacity, 4)
    0.5
    """
    mean, variance = information_density(modulation, snr, decoding, rice_k=rice_k)
    return Dispersion(mean, variance, parts=constellation(modulation).axes)


def normal_error_rate(channel: Dispersion, n: npt.ArrayLike, k: npt.ArrayLike) -> Floats:
    r"""Approximate the block error rate of the best code of k bits in n channel uses.

    .. math:: \varepsilon \approx Q\!\left( \frac{n C - k + c \log_2 n}{\sqrt{n V}} \right)

    An approximation, no bound: codes may be better where n is small. It is close from n = 100 on at rates not
    far below capacity [1]_ [2]_, and too low at error rates far out.

    Parameters
    ----------
    channel : Dispersion
        C, V and c; n counts the axes of complex symbols in the logarithm.
    n, k : array of float
        Channel uses (above 0) and message bits (from 0 on); they broadcast.

    Raises
    ------
    UsageError
        If n or k is out of range.

    References
    ----------
    .. [1] "PPV 2010": Y. Polyanskiy, H. V. Poor, S. Verdú, "Channel coding rate in the finite blocklength
       regime", IEEE Trans. Inf. Theory 56(5), 2307-2359, 2010, section IV.
    .. [2] T. Erseghe, "Coding in the finite-blocklength regime: bounds based on Laplace integrals and their
       asymptotic approximations", IEEE Trans. Inf. Theory 62(12), 6854-6883, 2016.

    Examples
    --------
    >>> normal_error_rate(dispersion_bsc(0.11), 500, [170, 190, 250]).round(4)
    array([0.    , 0.0011, 0.4151])
    """
    n, k = np.asarray(n, np.float64), np.asarray(k, np.float64)
    if not (n > 0).all():
        raise UsageError(f"n is {n}, must be above 0")
    if not (k >= 0).all():
        raise UsageError(f"k is {k}, must be from 0 on")
    spare = n * channel.capacity - k + channel.log_weight * np.log2(channel.parts * n)
    with np.errstate(divide="ignore", invalid="ignore"):  # V = 0: a step
        distance = np.where(spare == 0, 0.0, spare / np.sqrt(n * channel.variance))
    return q_function(distance)


def normal_rate(channel: Dispersion, n: npt.ArrayLike, error_rate: float) -> Floats:
    r"""Approximate the rate of the best code of n channel uses, in bits per channel use.

    .. math:: R \approx C - \sqrt{V/n} \, Q^{-1}(\varepsilon) + c \, \log_2(n) / n

    At least 0, for error rates above 0 and below 1. No bound: see `normal_error_rate`.

    Examples
    --------
    >>> normal_rate(dispersion_bsc(0.11), [500, 2000], 1e-3).round(4)
    array([0.3786, 0.4376])
    """
    n = np.asarray(n, np.float64)
    if not (n > 0).all():
        raise UsageError(f"n is {n}, must be above 0")
    if not 0 < check_probability(error_rate, "error_rate") < 1:
        raise UsageError(f"error_rate is {error_rate}, must be above 0 and below 1")
    third = channel.log_weight * np.log2(channel.parts * n) / n
    rate = channel.capacity - np.sqrt(channel.variance / n) * q_inverse(error_rate) + third
    return np.asarray(np.maximum(rate, 0.0))
