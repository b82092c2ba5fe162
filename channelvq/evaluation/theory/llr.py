"""What true LLRs look like: moments, the information they carry, and whether their scale is right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from channelvq.errors import UsageError
from channelvq.evaluation.theory.normal import Floats
from channelvq.evaluation.theory.repetition import binary_snr
from channelvq.snr import Snr

__all__ = ["llr_information", "llr_moments", "llr_scale"]


def llr_moments(modulation: str, snr: Snr) -> tuple[float, float]:
    r"""Give mean and variance of the LLR of a 0 bit of BPSK or QPSK on AWGN.

    It is Gaussian, L ~ N(μ, 2μ), with μ = 4 Es/N0 for BPSK and 2 Es/N0 for QPSK; of a 1 bit the mean is -μ.
    The variance of twice the mean is what makes it a true LLR, p(L) = e^L p(-L): S. ten Brink, "Convergence
    behavior of iteratively decoded parallel concatenated codes", IEEE Trans. Commun. 49(10), 2001.

    Raises
    ------
    UsageError
        If the modulation is another.

    Examples
    --------
    >>> mean, variance = llr_moments("qpsk", Snr(3.0103))
    >>> round(mean, 4), round(variance, 4)
    (4.0, 8.0)
    """
    mean = 4 * binary_snr(modulation, snr)
    return mean, 2 * mean


def llr_information(llrs: npt.NDArray[Any], bits: npt.NDArray[Any]) -> tuple[float, float]:
    r"""Estimate the information that LLRs give on their bits: 1 - E log2(1 + e^{-(1-2b) L}), in bits per bit.

    For true LLRs the mutual information, summed over the bits of a symbol `capacity_bicm`; less for others.
    J. Hagenauer, "The EXIT chart", EUSIPCO 2004.

    Parameters
    ----------
    llrs : array of float [...]
        log p(0) - log p(1).
    bits : array of 0 and 1 [...]
        What was sent.

    Returns
    -------
    tuple of float
        The estimate, and its standard error for independent LLRs.

    Raises
    ------
    UsageError
        If the shapes differ, there are fewer than two LLRs, or one is not finite.

    Examples
    --------
    >>> llr_information(np.array([0.0, 0.0]), np.array([0, 1]))  # erased
    (0.0, 0.0)
    """
    loss = np.logaddexp(0, -_agreement(llrs, bits)) / math.log(2)
    return 1 - float(loss.mean()), float(loss.std(ddof=1) / math.sqrt(loss.size))


def llr_scale(llrs: npt.NDArray[Any], bits: npt.NDArray[Any]) -> tuple[float, float]:
    r"""Estimate the factor by which LLRs must be multiplied to be true ones: 1 for a right scale.

    The maximum-likelihood s of p(b | L) = 1 / (1 + e^{-(1-2b) s L}), with the standard error of its Fisher
    information, :math:`(\sum L^2 p (1-p))^{-1/2}` at independent LLRs. A receiver that takes N0 for half of
    what it is has s = ½.

    Parameters
    ----------
    llrs : array of float [...]
        log p(0) - log p(1).
    bits : array of 0 and 1 [...]
        What was sent.

    Returns
    -------
    tuple of float
        The estimate and its standard error; infinity, and not a number, if no LLR has the wrong sign.

    Raises
    ------
    UsageError
        If the shapes differ, there are fewer than two LLRs, one is not finite, or all are 0.

    Examples
    --------
    >>> llrs = np.full(100, 2 * np.log(9.0))  # a tenth of them wrong, but given out for 1 of 82
    >>> scale, error = llr_scale(llrs, np.arange(100) % 10 == 0)
    >>> round(scale, 6), round(error, 3)
    (0.5, 0.076)
    """
    agreement = _agreement(llrs, bits)
    magnitude = np.abs(agreement).max()
    if magnitude == 0:
        raise UsageError("LLRs are all 0: they have no scale")
    if agreement.min() >= 0:
        return math.inf, math.nan
    if agreement.max() <= 0:
        return -math.inf, math.nan
    unit = agreement / magnitude

    def slope(scale: float) -> float:  # of the log-likelihood, falling
        return float(unit @ special.expit(-scale * unit))

    low, high = -1.0, 1.0
    while slope(low) < 0:
        low *= 2
    while slope(high) > 0:
        high *= 2
    scale = float(optimize.brentq(slope, low, high, xtol=1e-12, rtol=1e-12) / magnitude)
    wrong = special.expit(-scale * agreement)
    return scale, float(1 / math.sqrt((agreement**2 * wrong * (1 - wrong)).sum()))


def _agreement(llrs: npt.NDArray[Any], bits: npt.NDArray[Any]) -> Floats:
    """LLRs, positive where they are right: (1-2b) L, flat."""
    llrs, bits = np.asarray(llrs, np.float64), np.asarray(bits)
    if llrs.shape != bits.shape or llrs.size < 2:
        raise UsageError(f"LLRs have shape {llrs.shape}, bits {bits.shape}: must be the same, two or more")
    if not np.isfinite(llrs).all():
        raise UsageError("LLRs hold something that is not finite")
    return np.asarray(np.where(bits, -llrs, llrs).ravel())
