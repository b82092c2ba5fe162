"""Error rates of single bits, decided by the nearest point."""

from __future__ import annotations

import math

import numpy as np

from channelvq.evaluation.theory.checks import check_rice_factor
from channelvq.evaluation.theory.constellation import constellation
from channelvq.evaluation.theory.fading import mean_tail
from channelvq.evaluation.theory.normal import Floats
from channelvq.snr import Snr

__all__ = ["ber_awgn", "ber_rayleigh", "ber_rician", "bit_error_rates"]


def bit_error_rates(modulation: str, snr: Snr, *, rice_k: float = math.inf) -> Floats:
    r"""Give the bit error rate of each bit of a symbol, decided by the nearest point.

    On AWGN the k-th bit (k = 1..m) of an axis of l = 2^m Gray-labelled levels is wrong with probability [1]_

    .. math:: P_k = \frac{2}{l} \sum_{i=0}^{(1-2^{-k}) l - 1} (-1)^{\lfloor i 2^{k-1} / l \rfloor}
              \left( 2^{k-1} - \left\lfloor \frac{i 2^{k-1}}{l} + \frac12 \right\rfloor \right)
              Q\!\left( (2i+1) \, d \sqrt{2 E_s/N_0} \right)

    with half the distance of neighbours d = 1 for BPSK and :math:`\sqrt{3 / (2 (l^2 - 1))}` for square QAM.
    Under fading that the receiver knows, each Q(√(2g|h|²)) is averaged over h; Rician by its moment
    generating function [2]_,

    .. math:: \frac1\pi \int_0^{\pi/2} \frac{1+K}{1+K+s} \exp\frac{-K s}{1+K+s} \, d\theta ,
              \quad s = \frac{g}{\sin^2\theta} ,

    which for K = 0 (Rayleigh) is ½ (1 - √(g / (1+g))).

    Parameters
    ----------
    modulation : str
        The component's name.
    snr : Snr
        Mean Es/N0.
    rice_k : float
        K, linear; infinity is AWGN, 0 Rayleigh. The rates hold for the mean over h, at any coherence.

    Returns
    -------
    ndarray of float64 [bits_per_symbol]
        In the order of the bits. The signs of "maxlog" LLRs have exactly these rates; those of "exact" LLRs,
        which decide each bit for the likelier value, at most these.

    Raises
    ------
    UsageError
        If there is no such modulation, or K is negative.

    References
    ----------
    .. [1] K. Cho, D. Yoon, "On the general BER expression of one- and two-dimensional amplitude modulations",
       IEEE Trans. Commun. 50(7), 1074-1080, 2002.
    .. [2] M. K. Simon, M.-S. Alouini, "Digital Communication over Fading Channels", 2nd ed., Wiley 2005,
       sections 5.1 and 8.2.

    Examples
    --------
    >>> bit_error_rates("qam16", Snr(10.0)).round(4)  # ½ [Q(√2) + Q(3√2)], Q(√2) + ½ [Q(3√2) - Q(5√2)]
    array([0.0393, 0.0393, 0.0787, 0.0787])
    """
    rice_k = check_rice_factor(rice_k)
    scheme = constellation(modulation)
    levels = scheme.levels.size
    steps = np.arange(levels)
    tails = mean_tail((2 * steps + 1) ** 2 * scheme.half_distance**2 / snr.n0, rice_k)
    rates = []
    for k in range(1, scheme.axis_bits + 1):
        i = steps[: levels - (levels >> k)]
        count = i * 2 ** (k - 1)
        weights = (-1.0) ** (count // levels) * (2 ** (k - 1) - (2 * count + levels) // (2 * levels))
        rates.append(2 / levels * np.sum(weights * tails[i]))
    return np.repeat(rates, scheme.axes)


def ber_awgn(modulation: str, snr: Snr) -> float:
    """Give the bit error rate on AWGN, decided by the nearest point (see `bit_error_rates`).

    Examples
    --------
    >>> f"{ber_awgn('bpsk', Snr(7.0)):.2e}"
    '7.73e-04'
    """
    return float(bit_error_rates(modulation, snr).mean())


def ber_rayleigh(modulation: str, snr: Snr) -> float:
    """Give the mean bit error rate under Rayleigh fading that the receiver knows (see `bit_error_rates`).

    Examples
    --------
    >>> f"{ber_rayleigh('bpsk', Snr(10.0)):.4f}"
    '0.0233'
    """
    return float(bit_error_rates(modulation, snr, rice_k=0.0).mean())


def ber_rician(modulation: str, snr: Snr, k: float) -> float:
    """Give the mean bit error rate under Rician fading that the receiver knows (see `bit_error_rates`).

    Examples
    --------
    >>> ber_awgn("qpsk", Snr(8.0)) < ber_rician("qpsk", Snr(8.0), 4.0) < ber_rayleigh("qpsk", Snr(8.0))
    True
    """
    return float(bit_error_rates(modulation, snr, rice_k=k).mean())
