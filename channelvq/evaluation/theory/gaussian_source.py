"""Rate and distortion of Gaussian sources, and the best that any scheme can do over a channel (OPTA)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError
from channelvq.evaluation.theory.capacity import capacity_awgn
from channelvq.evaluation.theory.normal import Floats
from channelvq.snr import Snr

__all__ = [
    "WaterFilling",
    "distortion_psnr_db",
    "gaussian_distortion",
    "gaussian_rate",
    "opta_sdr_db",
    "rate_sdr_db",
    "reverse_water_filling",
]


def gaussian_rate(distortion: npt.ArrayLike, variance: npt.ArrayLike = 1.0) -> Floats:
    r"""Give R(D) = max(0, ½ log2(σ²/D)), in bits per sample of a memoryless real Gaussian source.

    T. M. Cover, J. A. Thomas, "Elements of Information Theory", 2nd ed., Wiley 2006, theorem 10.3.2.

    Raises
    ------
    UsageError
        If a distortion (mean squared error) or a variance is not above 0.

    Examples
    --------
    >>> gaussian_rate(0.25).item()
    1.0
    """
    distortion, variance = _positive(distortion, "distortion"), _positive(variance, "variance")
    return np.asarray(np.maximum(0.5 * np.log2(variance / distortion), 0.0))


def gaussian_distortion(rate: npt.ArrayLike, variance: npt.ArrayLike = 1.0) -> Floats:
    """Give D(R) = σ² 2^(-2R), the least mean squared error at a rate in bits per sample.

    T. M. Cover, J. A. Thomas, 2006, section 10.3.2. Of all sources of this variance the Gaussian needs most.

    Raises
    ------
    UsageError
        If a rate is negative, or a variance not above 0.

    Examples
    --------
    >>> gaussian_distortion([0.0, 1.0]).tolist()
    [1.0, 0.25]
    """
    rate = np.asarray(rate, np.float64)
    if not (rate >= 0).all():
        raise UsageError(f"rate is {rate}, must be from 0 on")
    return np.asarray(_positive(variance, "variance") * np.exp2(-2 * rate))


def distortion_psnr_db(distortion: npt.ArrayLike, peak: float = 255.0) -> Floats:
    """Give the PSNR in dB of a mean squared error, 10 log10(peak² / D).

    Examples
    --------
    >>> distortion_psnr_db(1.0).round(2).item()
    48.13
    """
    return np.asarray(10 * np.log10(peak**2 / _positive(distortion, "distortion")))


def rate_sdr_db(rate: npt.ArrayLike) -> Floats:
    """Give the signal-to-distortion ratio of a Gaussian source at a rate in bits per sample: 6.02 dB a bit.

    Examples
    --------
    >>> rate_sdr_db(2.0).round(2).item()
    12.04
    """
    return np.asarray(-10 * np.log10(gaussian_distortion(rate)))


def opta_sdr_db(snr: Snr, cbr: npt.ArrayLike) -> Floats:
    r"""Give the best signal-to-distortion ratio, in dB, of a memoryless Gaussian source over complex AWGN.

    OPTA, the optimum performance theoretically attainable: R(D) of a sample is at most the capacity of its
    share of the channel, ρ log2(1 + γ), hence

    .. math:: \mathrm{SDR} = \sigma^2 / D \le (1 + \gamma)^{2\rho} .

    At ρ = ½, a real dimension a sample, sending the samples as they are attains it [1]_ [2]_. For another
    channel take ``rate_sdr_db(cbr * capacity)``. A bound for every scheme, of any delay.

    Parameters
    ----------
    snr : Snr
        Es/N0.
    cbr : array of float
        ρ: channel uses (complex symbols) a real source sample.

    Raises
    ------
    UsageError
        If ρ is negative.

    References
    ----------
    .. [1] T. J. Goblick, "Theoretical limitations on the transmission of data from analog sources", IEEE
       Trans. Inf. Theory 11(4), 558-567, 1965.
    .. [2] M. Gastpar, B. Rimoldi, M. Vetterli, "To code, or not to code: lossy source-channel communication
       revisited", IEEE Trans. Inf. Theory 49(5), 1147-1158, 2003.

    Examples
    --------
    >>> opta_sdr_db(Snr(10.0), [0.5, 1 / 6]).round(2)
    array([10.41,  3.47])
    """
    cbr = np.asarray(cbr, np.float64)
    if not (cbr >= 0).all():
        raise UsageError(f"cbr is {cbr}, must be from 0 on")
    return rate_sdr_db(cbr * capacity_awgn(snr))


@dataclass(frozen=True, eq=False)
class WaterFilling:
    """How a rate is best spent on independent Gaussian components.

    Attributes
    ----------
    rates : ndarray of float64 [components]
        Bits a sample of each component.
    distortions : ndarray of float64 [components]
        Mean squared error of each: the water level, or the variance if that is lower.
    level : float
        The water level.
    """

    rates: Floats
    distortions: Floats
    level: float


def reverse_water_filling(variances: npt.ArrayLike, rate: float) -> WaterFilling:
    r"""Spend a rate on independent Gaussian components so that the sum of squared errors is least.

    .. math:: D_i = \min(\lambda, \sigma_i^2) , \quad R_i = \tfrac12 \log_2(\sigma_i^2 / D_i) ,
              \quad \sum_i R_i = R

    T. M. Cover, J. A. Thomas, 2006, theorem 10.3.3. With R = uses · capacity it is the OPTA of a Gaussian
    vector, such as transform coefficients.

    Parameters
    ----------
    variances : array of float [components]
        σ²; components of variance 0 get no rate.
    rate : float
        R, bits for one sample of every component together.

    Raises
    ------
    UsageError
        If there is no component, a variance is negative or not finite, or the rate is.

    Examples
    --------
    >>> filled = reverse_water_filling([16.0, 1.0, 0.25], 2.5)
    >>> filled.distortions.round(3), filled.rates.round(3)
    (array([0.707, 0.707, 0.25 ]), array([2.25, 0.25, 0.  ]))
    """
    variances = np.asarray(variances, np.float64)
    if variances.ndim != 1 or not variances.size:
        raise UsageError(f"variances have shape {variances.shape}, must be [components]")
    if not (np.isfinite(variances).all() and (variances >= 0).all()):
        raise UsageError(f"variances are {variances}, must be finite numbers from 0 on")
    if not 0 <= rate < math.inf:
        raise UsageError(f"rate is {rate}, must be a finite number from 0 on")
    ordered = np.sort(variances[variances > 0])[::-1]
    if not ordered.size:
        return WaterFilling(np.zeros_like(variances), variances.copy(), 0.0)
    # With the m largest under water: ½ Σ log2(σ²/λ) = R. The right m is the last whose level is below σ_m².
    log_levels = (np.cumsum(np.log2(ordered)) - 2 * rate) / np.arange(1, ordered.size + 1)
    wet = np.flatnonzero(log_levels <= np.log2(ordered))
    level = float(np.exp2(log_levels[wet[-1]])) if wet.size else float(ordered[0])
    distortions = np.minimum(variances, level)
    rates = np.zeros_like(variances)
    inside = variances > level
    rates[inside] = 0.5 * np.log2(variances[inside] / level)
    return WaterFilling(rates, distortions, level)


def _positive(value: npt.ArrayLike, name: str) -> Floats:
    array = np.asarray(value, np.float64)
    if not (array > 0).all():
        raise UsageError(f"{name} is {array}, must be above 0")
    return array
