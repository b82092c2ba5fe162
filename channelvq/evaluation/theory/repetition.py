"""Bit error rates of n-fold repetition."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

from channelvq.errors import UsageError
from channelvq.evaluation.theory.checks import check_count, check_probability
from channelvq.evaluation.theory.constellation import constellation
from channelvq.evaluation.theory.fading import mean_tail
from channelvq.evaluation.theory.normal import Floats
from channelvq.snr import Snr

__all__ = [
    "binary_snr",
    "majority_error_rates",
    "repetition_bec_ber",
    "repetition_ber",
    "repetition_soft_ber",
]


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
    return float(majority_error_rates(check_count(n, "n", 1), p))


def majority_error_rates(n: npt.ArrayLike, p: float) -> Floats:
    """Give `repetition_ber` for each n of an array; same shape.

    Examples
    --------
    >>> majority_error_rates([1, 3], 0.1).round(6)
    array([0.1  , 0.028])
    """
    n, p = np.asarray(n), check_probability(p, "p")
    ties = np.where(n % 2 == 0, 0.5 * stats.binom.pmf(n // 2, n, p), 0.0)
    return np.asarray(stats.binom.sf(n // 2, n, p) + ties)


def repetition_bec_ber(n: int, erasure_rate: float) -> float:
    """Give the bit error rate on a BEC, e^n / 2: a bit whose copies are all erased is guessed.

    Examples
    --------
    >>> round(repetition_bec_ber(3, 0.1), 6)
    0.0005
    """
    return check_probability(erasure_rate, "erasure_rate") ** check_count(n, "n", 1) / 2


def repetition_soft_ber(modulation: str, snr: Snr, n: int, *, rice_k: float = math.inf) -> float:
    r"""Give the bit error rate when the LLRs of the copies are added, for BPSK and QPSK.

    Q(√(2n Es/N0)) for BPSK on AWGN, half of that energy for QPSK. Under fading, with each copy in a symbol
    of its own gain, the sum of LLRs is maximal-ratio combining of n branches: see `mean_tail` in
    channelvq.evaluation.theory.fading; for Rayleigh, J. G. Proakis, "Digital Communications", 4th ed.,
    McGraw-Hill 2001, equation 14.4-15.

    Parameters
    ----------
    modulation : {"bpsk", "qpsk"}
        The sum of the LLRs of a larger QAM has no closed form.
    snr : Snr
        Mean Es/N0 of a symbol that carries a copy.
    n : int
        Copies.
    rice_k : float
        K, linear; infinity is AWGN, 0 Rayleigh.

    Raises
    ------
    UsageError
        If the modulation is another, n below 1, or K negative.

    Examples
    --------
    >>> f"{repetition_soft_ber('bpsk', Snr(4.0), 2):.2e}"  # one copy at 7.01 dB
    '7.63e-04'
    """
    return float(mean_tail(binary_snr(modulation, snr), rice_k, check_count(n, "n", 1)))


def binary_snr(modulation: str, snr: Snr) -> float:
    """Give the energy of a bit over N0 of a modulation with one bit an axis: Es/N0 of BPSK, half of QPSK's.

    Raises
    ------
    UsageError
        If the modulation has more bits an axis.

    Examples
    --------
    >>> round(binary_snr("qpsk", Snr(10.0)), 9)
    5.0
    """
    scheme = constellation(modulation)
    if scheme.axis_bits != 1:
        raise UsageError(f"modulation is {modulation!r}, must be bpsk or qpsk: one bit an axis")
    return scheme.half_distance**2 / snr.n0
