"""How often bounded-distance decoding of an MDS code (Reed-Solomon) gives a wrong code word."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from channelvq.evaluation.theory.checks import check_count, check_probability
from channelvq.evaluation.theory.normal import Floats

__all__ = ["miscorrection_bound", "miscorrection_rate", "miscorrection_rates", "weight_distribution"]


Counts: TypeAlias = "npt.NDArray[np.integer[Any]]"


def weight_distribution(n: int, k: int, *, alphabet: int = 256) -> list[int]:
    r"""Give the number of code words of each weight 0..n of an MDS code; they add up to alphabet^k.

    .. math:: A_w = \binom{n}{w} (q-1) \sum_{j=0}^{w-d} (-1)^j \binom{w-1}{j} q^{w-d-j} , \quad d = n - k + 1

    S. B. Wicker, "Error Control Systems for Digital Communication and Storage", Prentice Hall 1995,
    chapter 8.

    Examples
    --------
    >>> weight_distribution(4, 2, alphabet=5)
    [1, 0, 0, 16, 8]
    """
    n = check_count(n, "n", 1)
    d = n - check_count(k, "k", 1, n) + 1
    q = check_count(alphabet, "alphabet", 2)
    counts = [1] + [0] * n
    for w in range(d, n + 1):
        terms = ((-1) ** j * math.comb(w - 1, j) * q ** (w - d - j) for j in range(w - d + 1))
        counts[w] = math.comb(n, w) * (q - 1) * sum(terms)
    return counts


@lru_cache(maxsize=32)
def miscorrection_rates(n: int, k: int, *, alphabet: int = 256) -> Floats:
    r"""Give the probability of decoding to a wrong code word, for each number u = 0..n of wrong symbols.

    The code's decoder corrects up to t = ⌊(n-k)/2⌋ errors, and every error pattern of u wrong symbols is
    equally probable. For u > t the share of patterns that lie within t of a code word is

    .. math:: P_E(u) = \frac{1}{\binom{n}{u} (q-1)^u} \sum_{a+b+c \le t} A_w
              \binom{w}{a} \binom{w-a}{b} (q-2)^b \binom{n-w}{c} (q-1)^c , \quad w = u + a - c

    (a, b, c symbols of a code word of weight w become 0, another value, or not 0). This counts what
    K.-M. Cheung, "More on the decoder error probability for Reed-Solomon codes", JPL TDA Progress Report
    42-91, 1987, has by inclusion and exclusion, in positive terms. With f erasures, take RS(n-f, k): what is
    left of the word is again an MDS code.

    Parameters
    ----------
    n, k : int
        Symbols of a word and message symbols in it, 1 ≤ k ≤ n.
    alphabet : int
        q, values of a symbol.

    Returns
    -------
    ndarray of float64 [n + 1]
        P_E(u); 0 up to t.

    Examples
    --------
    >>> rates = miscorrection_rates(255, 223)
    >>> print(f"{rates[16]:.1e} {rates[20]:.1e} {rates[255]:.1e}")  # roughly 1/16! = 4.8e-14
    0.0e+00 2.6e-14 2.6e-14
    """
    t, q = (n - k) // 2, alphabet
    weights = weight_distribution(n, k, alphabet=q)
    log_count = np.array([math.log(count) if count else -math.inf for count in weights])
    log_factorial = special.gammaln(np.arange(n + 2) + 1.0)

    def log_choose(top: Counts, bottom: Counts) -> Floats:
        logs = log_factorial[top] - log_factorial[bottom] - log_factorial[np.maximum(top - bottom, 0)]
        return np.where(top >= bottom, logs, -np.inf)

    u = np.arange(t + 1, n + 1)
    log_sum = np.full(u.size, -np.inf)
    changed = np.arange(t + 1)[:, None]
    for a in range(t + 1):
        for c in range(t + 1 - a):
            w = u + a - c
            inside = (w <= n) & (w >= a)
            w = np.clip(w, a, n)
            b = changed[: t + 1 - a - c]
            kept = special.logsumexp(log_choose(w - a, b) + special.xlogy(b, q - 2), axis=0)
            term = (
                log_count[w]
                + log_choose(w, np.array(a))
                + kept
                + log_choose(n - w, np.array(c))
                + c * math.log(q - 1)
            )
            log_sum = np.logaddexp(log_sum, np.where(inside, term, -np.inf))
    rates = np.zeros(n + 1)
    rates[t + 1 :] = np.exp(log_sum - log_choose(np.array(n), u) - u * math.log(q - 1))
    rates.flags.writeable = False  # it is shared by all callers
    return rates


def miscorrection_rate(n: int, k: int, error_rate: float, *, alphabet: int = 256) -> float:
    """Give the rate of words that are decoded to a wrong code word, for independent symbol errors.

    A wrong symbol has each of the other values equally often; for bytes of a BSC this is an approximation.
    The rest of `word_failure_rate` is detected.

    Parameters
    ----------
    n, k : int
        Symbols of a word and message symbols in it, 1 ≤ k ≤ n.
    error_rate : float
        How probably a symbol is wrong.
    alphabet : int
        Values of a symbol.

    Raises
    ------
    UsageError
        If n, k or the rate is out of range.

    Examples
    --------
    >>> f"{miscorrection_rate(60, 56, 0.1):.3f}"
    '0.025'
    """
    rates = miscorrection_rates(n, k, alphabet=alphabet)
    return float(stats.binom.pmf(np.arange(n + 1), n, check_probability(error_rate, "error_rate")) @ rates)


def miscorrection_bound(n: int, k: int, *, alphabet: int = 256) -> float:
    r"""Give an upper bound of P_E(u) for every u: a failing word is decoded wrongly at most that often.

    .. math:: P_E(u) \le (q-1)^{-(n-k)} \sum_{s=0}^{t} \binom{n}{s} (q-1)^s ,

    roughly 1/t!: R. J. McEliece, L. Swanson, "On the decoder error probability for Reed-Solomon codes", IEEE
    Trans. Inf. Theory 32(5), 701-703, 1986. Given f erasures, take RS(n-f, k).

    Examples
    --------
    >>> f"{miscorrection_bound(255, 223):.2e}"
    '2.96e-14'
    """
    n = check_count(n, "n", 1)
    parity = n - check_count(k, "k", 1, n)
    q = check_count(alphabet, "alphabet", 2)
    ball = sum(math.comb(n, s) * (q - 1) ** s for s in range(parity // 2 + 1))
    return float(min(ball / (q - 1) ** parity, 1.0))
