"""What a constellation can carry: information density of coded modulation and of bit-interleaved coding."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np

from channelvq.errors import unknown_name
from channelvq.evaluation.theory.capacity import binary_entropy
from channelvq.evaluation.theory.checks import check_rice_factor
from channelvq.evaluation.theory.constellation import Constellation, constellation
from channelvq.evaluation.theory.error_rates import bit_error_rates
from channelvq.evaluation.theory.fading import gain_nodes
from channelvq.snr import Snr

__all__ = ["Decoding", "capacity_bicm", "capacity_cm", "capacity_hard", "information_density"]

Decoding: TypeAlias = Literal["cm", "bicm"]

# The trapezoid rule converges faster than Gauss-Hermite here: the integrand, Gaussian times the log of a sum
# of exponentials e^{δt}, is analytic in a strip of width π/δ.
_STEP = 0.1
_NOISE = np.arange(-85, 86) * _STEP  # in standard deviations; beyond 8.5 lie 2e-17
_DENSITY = np.exp(-(_NOISE**2) / 2) * _STEP / math.sqrt(2 * math.pi)


def information_density(
    modulation: str, snr: Snr, decoding: Decoding, *, rice_k: float = math.inf
) -> tuple[float, float]:
    r"""Give mean and variance of the information density of a symbol, in bits and bits².

    For "cm", coded modulation, :math:`i(x; y) = \log_2 p(y|x) / p(y)` with equally probable points. For
    "bicm", whose decoder sees the LLRs of the bits as if each had a channel of its own [1]_,

    .. math:: i = \sum_k \log_2 \frac{p(y | b_k)}{p(y)} , \quad
              p(y | b_k) = \frac{2}{2^m} \sum_{x: b_k(x) = b_k} p(y | x) ,

    its variance with the bits of a symbol taken together [2]_. The axes are independent, so that one
    integral over the noise of one axis suffices: trapezoid rule, error below 1e-9 bit. Under fading the
    density is averaged over the gain, too, which the receiver knows and which is new in every symbol.

    Parameters
    ----------
    modulation : str
        The component's name.
    snr : Snr
        Mean Es/N0.
    decoding : {"cm", "bicm"}
        What the decoder makes use of.
    rice_k : float
        K, linear; infinity is AWGN, 0 Rayleigh.

    Raises
    ------
    UsageError
        If there is no such modulation or decoding, or K is negative.

    References
    ----------
    .. [1] G. Caire, G. Taricco, E. Biglieri, "Bit-interleaved coded modulation", IEEE Trans. Inf. Theory
       44(3), 927-946, 1998, section III.
    .. [2] A. Martinez, A. Guillén i Fàbregas, G. Caire, F. Willems, "Bit-interleaved coded modulation
       revisited: a mismatched decoding perspective", IEEE Trans. Inf. Theory 55(6), 2756-2765, 2009.

    Examples
    --------
    >>> mean, variance = information_density("qpsk", Snr(3.0), "cm")
    >>> round(mean, 4), round(variance, 4)
    (1.4413, 1.0683)
    """
    if decoding not in ("cm", "bicm"):
        raise unknown_name("decoding", decoding, ("cm", "bicm"))
    scheme = constellation(modulation)
    gains, weights = gain_nodes(check_rice_factor(rice_k))
    moments = np.array([_axis_moments(scheme, snr.n0 / gain, decoding) for gain in gains])  # [gains, 2]
    first, second = moments.T
    mean = scheme.axes * float(weights @ first)
    square = scheme.axes * float(weights @ (second + (scheme.axes - 1) * first**2))
    return mean, max(square - mean**2, 0.0)


def _axis_moments(scheme: Constellation, n0: float, decoding: Decoding) -> tuple[float, float]:
    """Mean and mean square of one axis's information density, in bits, over levels and noise."""
    size, m = scheme.levels.size, scheme.axis_bits
    sent = np.arange(size // 2)  # labels of the positive levels: the negative ones mirror them
    distance = (scheme.levels[sent] - scheme.levels[:, None]) / math.sqrt(n0 / 2)  # [of all levels, sent]
    distance = distance[:, :, None]
    likelihood = np.exp(-distance * (distance / 2 + _NOISE))  # p(y|x) / p(y|x sent) [levels, sent, noise]
    total = np.log2(likelihood.sum(axis=0))
    if decoding == "cm":
        density = m - total
    else:
        density = m - m * total
        for place in range(m):
            bit = (np.arange(size) >> place) & 1
            same = (bit[:, None] == bit[sent]).astype(np.float64)  # [levels, sent]
            density += np.log2(np.einsum("ls,lsn->sn", same, likelihood))
    return float((density @ _DENSITY).mean()), float((density**2 @ _DENSITY).mean())


def capacity_cm(modulation: str, snr: Snr, *, rice_k: float = math.inf) -> float:
    """Give what equally probable points carry at most, in bits per symbol (see `information_density`).

    Examples
    --------
    >>> round(capacity_cm("bpsk", Snr(-2.823)), 4)
    0.5
    """
    return information_density(modulation, snr, "cm", rice_k=rice_k)[0]


def capacity_bicm(modulation: str, snr: Snr, *, rice_k: float = math.inf) -> float:
    """Give what a decoder of the single bits' LLRs can get at most, in bits per symbol.

    The sum over the bits of the mutual information of a bit and its exact LLR (see `information_density`);
    for BPSK and QPSK it equals `capacity_cm`.

    Examples
    --------
    >>> capacity_bicm("qam16", Snr(6.0)) < capacity_cm("qam16", Snr(6.0))
    True
    """
    return information_density(modulation, snr, "bicm", rice_k=rice_k)[0]


def capacity_hard(modulation: str, snr: Snr, *, rice_k: float = math.inf) -> float:
    """Give what bits decided by the nearest point carry: the sum of 1 - h(p) over the bits of a symbol.

    Each place of the label is a BSC of its own p (`bit_error_rates`), which the decoder knows; under fading
    the decoder is not told the gain.

    Examples
    --------
    >>> round(capacity_hard("bpsk", Snr(-1.24)), 2)  # a soft decoder needs 1.6 dB less
    0.5
    """
    return float((1 - binary_entropy(bit_error_rates(modulation, snr, rice_k=rice_k))).sum())
