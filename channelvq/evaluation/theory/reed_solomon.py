"""Failures of bounded-distance decoding: words that are not decoded, and the bytes wrong after it."""

from __future__ import annotations

import math

import numpy as np
from scipy import special, stats

from channelvq.errors import UsageError
from channelvq.evaluation.theory.checks import check_count, check_probability
from channelvq.evaluation.theory.normal import Floats

__all__ = ["block_error_rate", "residual_byte_error_rate", "word_failure_rate"]


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
    return float(stats.binom.sf(corrected, n, check_probability(symbol_error_rate, "symbol_error_rate")))


def word_failure_rate(n: int, k: int, error_rate: float, erasure_rate: float = 0.0) -> float:
    r"""Give the rate of words with more errors and erasures than RS(n, k) surely corrects.

    .. math:: P(2e + f > n - k) = \sum_{2e + f > n-k} \binom{n}{e,\,f} q^e s^f (1-q-s)^{n-e-f} ,

    a sum of positive terms, taken in the log domain: S. B. Wicker, "Error Control Systems for Digital
    Communication and Storage", Prentice Hall 1995, chapter 10. A word that fails is either not decoded, or
    decoded wrongly (`miscorrection_rate`).

    Parameters
    ----------
    n, k : int
        Bytes of a word and message bytes in it, 1 ≤ k ≤ n.
    error_rate, erasure_rate : float
        q and s: how probably a byte is wrong, and erased, independently of the others; q + s ≤ 1.

    Raises
    ------
    UsageError
        If n, k, q or s is out of range.

    Examples
    --------
    >>> f"{word_failure_rate(255, 223, 0.02):.3e}"
    '1.933e-05'
    >>> f"{word_failure_rate(255, 223, 0.0, 0.05):.3e}"
    '6.870e-07'
    """
    return math.exp(special.logsumexp(_log_failures(n, k, error_rate, erasure_rate)))


def residual_byte_error_rate(
    n: int, k: int, error_rate: float, erasure_rate: float = 0.0, *, erased_wrong: float = 255 / 256
) -> float:
    r"""Give the rate of wrong message bytes after decoding, where a failed word hands on what it received.

    .. math:: P = \frac1n \sum_{2e + f > n-k} (e + w f) \, P(e, f)

    Every byte is as often wrong as any other, hence the message's as those of the word. Taken as exact if no
    failed word is decoded to a wrong one (or a CRC catches it): miscorrection would add at most
    (n-k)/2 wrong bytes times `miscorrection_rate`. Where the bits of a wrong byte are wrong with a share b
    before decoding, they still are: the bit error rate is b times this.

    Parameters
    ----------
    n, k : int
        Bytes of a word and message bytes in it, 1 ≤ k ≤ n.
    error_rate, erasure_rate : float
        q and s: how probably a byte is wrong, and erased, independently of the others; q + s ≤ 1.
    erased_wrong : float
        w, how probably what is put in an erased byte's place is wrong: 255/256 for a constant.

    Raises
    ------
    UsageError
        If n, k, q, s or w is out of range.

    Examples
    --------
    >>> f"{residual_byte_error_rate(255, 223, 0.05):.3e}"
    '1.027e-02'
    >>> round(residual_byte_error_rate(255, 255, 0.05), 9)  # no parity: nothing is corrected
    0.05
    """
    wrong = check_probability(erased_wrong, "erased_wrong")
    patterns = np.exp(_log_failures(n, k, error_rate, erasure_rate))
    counts = np.arange(n + 1)
    return float((patterns * (counts[:, None] + wrong * counts)).sum() / n)


def _log_failures(n: int, k: int, error_rate: float, erasure_rate: float) -> Floats:
    """Log probability of e errors and f erasures [e, f], each 0..n; -infinity where they are corrected."""
    n = check_count(n, "n", 1)
    k = check_count(k, "k", 1, n)
    q = check_probability(error_rate, "error_rate")
    s = check_probability(erasure_rate, "erasure_rate")
    right = 1 - q - s
    if right < -1e-12:
        raise UsageError(f"error_rate {q} and erasure_rate {s} must not add up to more than 1")
    counts = np.arange(n + 1)
    e, f = counts[:, None], counts[None, :]
    log_factorial = special.gammaln(counts + 1.0)
    rest = n - e - f
    logs = log_factorial[n] - log_factorial[e] - log_factorial[f] - log_factorial[np.maximum(rest, 0)]
    logs = (
        logs
        + special.xlogy(e, q)
        + special.xlogy(f, s)
        + special.xlog1py(np.maximum(rest, 0), -min(q + s, 1.0))
    )
    return np.where((rest >= 0) & (2 * e + f > n - k), logs, -np.inf)
