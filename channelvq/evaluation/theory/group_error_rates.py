"""Error rates of symbols, bytes and other groups of bits that are decided hard, bit by bit."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from channelvq.evaluation.theory.checks import check_count, check_rice_factor
from channelvq.evaluation.theory.constellation import Constellation, constellation
from channelvq.evaluation.theory.fading import mean_tail, mean_tail_product
from channelvq.evaluation.theory.normal import Floats
from channelvq.snr import Snr

__all__ = ["byte_error_rate", "group_error_rates", "independent_error_rate", "symbol_error_rate"]


def group_error_rates(modulation: str, snr: Snr, bits: int, *, rice_k: float = math.inf) -> Floats:
    r"""Give the rate of wrong groups of consecutive bits, for each place that a group has among the symbols.

    Bits of one axis depend on each other, so that 1 - (1-p)^bits is only near: errors to a neighbouring level
    are in one bit each and exclude each other, which makes more groups wrong; a gain that bits share makes
    fewer. Exactly: a level a of an axis is decided for the level b with the probability of b's decision
    interval, a sum of ± Q((2i+1) δ); of these the ones count whose label differs in a bit of the group,

    .. math:: P(\text{wrong} \mid h) = \sum_i w_i \, Q\!\left((2i+1)\, d\, |h| \sqrt{2/N_0}\right) ,

    with half the distance of neighbours d. All bits of an axis of l levels give w_0 = 2 (1 - 1/l) alone [1]_.
    The axes are independent given h, 1 - (1 - P_re) (1 - P_im), which is averaged over h with its products
    of two Q [2]_; symbols are independent, each with a gain of its own.

    Parameters
    ----------
    modulation : str
        The component's name.
    snr : Snr
        Mean Es/N0.
    bits : int
        Bits of a group; groups follow each other from the first bit of a symbol on.
    rice_k : float
        K, linear; infinity is AWGN, 0 Rayleigh; fading is known to the receiver, and new in every symbol.

    Returns
    -------
    ndarray of float64 [places]
        Rates by the place of the group within lcm(bits, bits_per_symbol) bits: one of qam256's bytes, three
        of qam64's. For nearest-point decisions, the signs of "maxlog" LLRs. Groups that share an axis (or,
        under fading, a symbol) are dependent.

    Raises
    ------
    UsageError
        If there is no such modulation, bits is below 1, or K is negative.

    References
    ----------
    .. [1] J. G. Proakis, M. Salehi, "Digital Communications", 5th ed., McGraw-Hill 2008, section 4.3.
    .. [2] M. K. Simon, M.-S. Alouini, "Digital Communication over Fading Channels", 2nd ed., Wiley 2005,
       sections 4.1 and 8.2.1.

    Examples
    --------
    >>> group_error_rates("qam64", Snr(20.0), 8).round(4)
    array([0.0572, 0.0639, 0.0777])
    """
    scheme = constellation(modulation)
    bits, rice_k = check_count(bits, "bits", 1), check_rice_factor(rice_k)
    size = scheme.bits_per_symbol
    rates = []
    for start in range(0, math.lcm(bits, size), bits):
        log_right = 0.0
        for first in range(start - start % size, start + bits, size):
            places = tuple(range(max(start - first, 0), min(start + bits - first, size)))
            log_right += math.log1p(-_symbol_part(modulation, places, snr, rice_k))
        rates.append(-math.expm1(log_right))
    return np.array(rates)


def _symbol_part(modulation: str, places: tuple[int, ...], snr: Snr, rice_k: float) -> float:
    """Give the probability that any bit of a symbol at these places is wrong."""
    scheme = constellation(modulation)
    g = (2 * np.arange(scheme.levels.size - 1) + 1) ** 2 * scheme.half_distance**2 / snr.n0
    axes = [
        _weights(scheme, tuple(p // scheme.axes for p in places if p % scheme.axes == axis))
        for axis in range(scheme.axes)
    ]
    rate = sum(float(weights @ mean_tail(g, rice_k)) for weights in axes)
    if scheme.axes == 2:
        first, second = (np.flatnonzero(weights) for weights in axes)
        both = mean_tail_product(g[first, None], g[None, second], rice_k)
        rate -= float(axes[0][first] @ both @ axes[1][second])
    return min(max(rate, 0.0), 1.0)


@lru_cache(maxsize=256)
def _weights(scheme: Constellation, places: tuple[int, ...]) -> Floats:
    """Weights [levels - 1] of Q((2i+1) δ) in the probability that a bit of an axis at `places` is wrong."""
    size = scheme.levels.size
    mask = sum(1 << (scheme.axis_bits - 1 - place) for place in places)
    labels = np.argsort(scheme.levels) & mask  # by position
    weights = np.zeros(size)
    for sent in range(size):
        for decided in np.flatnonzero(labels != labels[sent]):
            steps = abs(int(decided) - sent)
            weights[steps - 1] += 1 / size
            if 0 < decided < size - 1:  # its interval ends on the far side
                weights[steps] -= 1 / size
    return weights[: size - 1]


def symbol_error_rate(modulation: str, snr: Snr, *, rice_k: float = math.inf) -> float:
    r"""Give the rate of symbols for which another point is nearest (see `group_error_rates`).

    .. math:: P = 1 - (1 - p)^2 , \quad p = 2 \left(1 - \frac1l\right) Q\!\left(d \sqrt{2/N_0}\right)

    on AWGN with l levels an axis, P = p for BPSK.

    Examples
    --------
    >>> round(symbol_error_rate("qam16", Snr(20.0)), 8)
    1.162e-05
    """
    scheme = constellation(modulation)
    return float(group_error_rates(modulation, snr, scheme.bits_per_symbol, rice_k=rice_k)[0])


def byte_error_rate(modulation: str, snr: Snr, *, rice_k: float = math.inf) -> float:
    """Give the mean rate of wrong bytes, sent in order without an interleaver of bits (`group_error_rates`).

    Examples
    --------
    >>> byte_error_rate("qam256", Snr(28.0)) == symbol_error_rate("qam256", Snr(28.0))
    True
    """
    return float(group_error_rates(modulation, snr, 8, rice_k=rice_k).mean())


def independent_error_rate(bit_error_rate: npt.ArrayLike, bits: int = 8) -> Floats:
    """Give 1 - (1-p)^bits, the rate of wrong groups of independent bits: a BSC, or interleaved bits.

    Examples
    --------
    >>> independent_error_rate(1e-3).round(6).item()
    0.007972
    """
    p = np.asarray(bit_error_rate, np.float64)
    with np.errstate(divide="ignore"):  # p = 1
        return np.asarray(-np.expm1(check_count(bits, "bits", 1) * np.log1p(-p)))
