"""Union bounds: error rates of a code from its weight spectrum."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError
from channelvq.evaluation.theory.fading import mean_tail
from channelvq.evaluation.theory.normal import Floats
from channelvq.evaluation.theory.repetition import binary_snr, majority_error_rates
from channelvq.snr import Snr

__all__ = ["union_bound_bsc", "union_bound_soft"]


def union_bound_soft(
    distances: npt.ArrayLike, counts: npt.ArrayLike, modulation: str, snr: Snr, *, rice_k: float = math.inf
) -> float:
    r"""Bound the error rate of maximum-likelihood decoding from LLRs, for BPSK and QPSK.

    .. math:: P \le \sum_d c_d \, P_2(d) , \quad P_2(d) = Q\!\left(\sqrt{2 d E/N_0}\right)

    with the energy E of a code bit: Es of BPSK, Es/2 of QPSK. Of what P is the rate, `counts` say: code words
    a_d of a block code: block errors. Paths a_d that leave the zero path of a convolutional code at a given
    step: first-event errors, a step. Their information bits c_d over the information bits of a step: bit
    errors [1]_ [2]_. Under fading P_2 is averaged over d independent gains.

    An upper bound if the spectrum is whole; of one cut off it is the sum of its first terms, close to the
    bound once the first term dominates. It may exceed 1 at a low SNR.

    Parameters
    ----------
    distances : array of int [terms]
        Weights d, from 1 on.
    counts : array of float [terms]
        c_d, from 0 on.
    modulation : {"bpsk", "qpsk"}
        One bit an axis.
    snr : Snr
        Es/N0 of a symbol (no code rate comes in).
    rice_k : float
        K, linear; infinity is AWGN, 0 Rayleigh: a gain of its own for every code bit.

    Raises
    ------
    UsageError
        If the arrays do not fit, a distance or count is out of range, or the modulation is another.

    References
    ----------
    .. [1] A. J. Viterbi, "Convolutional codes and their performance in communication systems", IEEE Trans.
       Commun. Technol. 19(5), 751-772, 1971.
    .. [2] J. G. Proakis, M. Salehi, "Digital Communications", 5th ed., McGraw-Hill 2008, section 8.2.

    Examples
    --------
    >>> spectrum = [10, 12, 14], [36, 211, 1404]  # (133, 171), information bits
    >>> f"{union_bound_soft(*spectrum, 'bpsk', Snr.from_ebn0_db(5.0, bits_per_symbol=1, code_rate=0.5)):.1e}"
    '4.3e-07'
    """
    d, counts = _spectrum(distances, counts)
    return float(counts @ mean_tail(binary_snr(modulation, snr), rice_k, d))


def union_bound_bsc(distances: npt.ArrayLike, counts: npt.ArrayLike, p: float) -> float:
    r"""Bound the error rate of maximum-likelihood decoding on a BSC, of decided bits.

    As `union_bound_soft`, where P_2(d) is the probability that more than half of d bits are flipped, plus
    half that of exactly half: J. G. Proakis, M. Salehi, 2008, section 8.2.

    Raises
    ------
    UsageError
        If the arrays do not fit, or a distance, a count or p is out of range.

    Examples
    --------
    >>> round(union_bound_bsc([3], [1], 0.1), 6)
    0.028
    """
    d, counts = _spectrum(distances, counts)
    return float(counts @ majority_error_rates(d, p))


def _spectrum(distances: npt.ArrayLike, counts: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], Floats]:
    d, c = np.asarray(distances), np.asarray(counts, np.float64)
    if d.ndim != 1 or d.shape != c.shape:
        raise UsageError(f"distances have shape {d.shape}, counts {c.shape}: must both be [terms]")
    if d.dtype.kind not in "iu" or (d < 1).any():
        raise UsageError(f"distances are {d}, must be whole numbers from 1 on")
    if not ((c >= 0) & np.isfinite(c)).all():
        raise UsageError(f"counts are {c}, must be finite numbers from 0 on")
    return d.astype(np.int64), c
