"""Error rates that theory gives, against which the simulation is tested."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from channelvq.errors import UsageError
from channelvq.modulation import MODULATIONS, Modulation
from channelvq.snr import Snr

__all__ = [
    "ber_awgn",
    "ber_rayleigh",
    "ber_rician",
    "bit_error_rates",
    "block_error_rate",
    "q_function",
    "repetition_ber",
]

_ANGLES = 2000  # midpoints of the fading integral, which converges geometrically

Floats = npt.NDArray[np.float64]


def q_function(x: npt.ArrayLike) -> Floats:
    r"""Give the tail of the standard normal, Q(x) = ½ erfc(x / √2); same shape.

    Examples
    --------
    >>> q_function(0.0).item()
    0.5
    """
    return np.asarray(special.ndtr(-np.asarray(x, dtype=np.float64)))


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
    if not rice_k >= 0:
        raise UsageError(f"K is {rice_k}, must be from 0 on, or infinity for AWGN")
    scheme: Modulation = MODULATIONS.build(modulation)
    levels = 2**scheme.axis_bits
    squared_distance = 3 / (scheme.axes * (levels**2 - 1))  # d² of unit power
    steps = np.arange(levels)
    tails = _mean_tail((2 * steps + 1) ** 2 * squared_distance / snr.n0, rice_k)
    rates = []
    for k in range(1, scheme.axis_bits + 1):
        i = steps[: levels - (levels >> k)]
        count = i * 2 ** (k - 1)
        weights = (-1.0) ** (count // levels) * (2 ** (k - 1) - (2 * count + levels) // (2 * levels))
        rates.append(2 / levels * np.sum(weights * tails[i]))
    return np.repeat(rates, scheme.axes)


def _mean_tail(g: Floats, rice_k: float) -> Floats:
    """Average Q(√(2g|h|²)) over a Rician gain of unit power; same shape as `g`."""
    if math.isinf(rice_k):
        return q_function(np.sqrt(2 * g))
    if rice_k == 0:
        return 0.5 / (1 + g + np.sqrt(g * (1 + g)))  # ½(1 - √(g/(1+g))) without cancellation
    theta = (np.arange(_ANGLES) + 0.5) * (math.pi / 2 / _ANGLES)
    s = g[:, None] / np.sin(theta) ** 2  # [terms, angles]
    spread = 1 + rice_k + s
    integrand = (1 + rice_k) / spread * np.exp(-rice_k * s / spread)
    return np.asarray(integrand.mean(axis=1) / 2)


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


def repetition_ber(n: int, p: float) -> float:
    r"""Give the bit error rate of n-fold repetition on a BSC, where an even split is an error half the time.

    .. math:: P = \sum_{i > n/2} \binom{n}{i} p^i (1-p)^{n-i}
              + \tfrac12 [n \text{ even}] \binom{n}{n/2} p^{n/2} (1-p)^{n/2}

    D. J. C. MacKay, "Information Theory, Inference, and Learning Algorithms", Cambridge 2003, section 1.2.

    Examples
    --------
    >>> round(repetition_ber(3, 0.1), 6)  # 3 p² (1-p) + p³
    0.028
    """
    ties = 0.5 * stats.binom.pmf(n // 2, n, p) if n % 2 == 0 else 0.0
    return float(stats.binom.sf(n // 2, n, p) + ties)


def block_error_rate(n: int, corrected: int, symbol_error_rate: float) -> float:
    r"""Give the rate of blocks with more independent symbol errors than a decoder corrects.

    .. math:: P = \sum_{i=t+1}^{n} \binom{n}{i} q^i (1-q)^{n-i}

    For Reed-Solomon over GF(2^8) t = (n-k)/2 and, at the bit error rate p, q = 1 - (1-p)^8: S. B. Wicker,
    V. K. Bhargava, "Reed-Solomon Codes and Their Applications", IEEE Press 1994.

    Parameters
    ----------
    n : int
        Symbols of a block.
    corrected : int
        t, errors that the decoder corrects.
    symbol_error_rate : float
        q, how probably a symbol is wrong.

    Examples
    --------
    >>> round(block_error_rate(7, 1, 0.1), 6)  # 1 - 0.9^7 - 7 · 0.1 · 0.9^6
    0.149694
    """
    return float(stats.binom.sf(corrected, n, symbol_error_rate))
