"""Miscorrection against whole codes over small prime fields, word by word."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    miscorrection_bound,
    miscorrection_rate,
    miscorrection_rates,
    weight_distribution,
    word_failure_rate,
)


def all_words(n: int, q: int) -> np.ndarray:
    return np.stack(np.meshgrid(*[np.arange(q)] * n, indexing="ij"), axis=-1).reshape(-1, n)


def code_words(n: int, k: int, q: int) -> np.ndarray:
    """Reed-Solomon over the integers modulo a prime: polynomials of degree < k at the points 0..n-1."""
    powers = np.array([[pow(x, degree, q) for x in range(n)] for degree in range(k)])
    return np.array([np.array(c) @ powers % q for c in itertools.product(range(q), repeat=k)])


@pytest.mark.parametrize(("n", "k", "q"), [(4, 2, 5), (5, 3, 5), (5, 1, 5), (6, 2, 7)])
def test_rates_equal_those_of_every_word(n: int, k: int, q: int) -> None:
    code, words = code_words(n, k, q), all_words(n, q)
    weights = (code != 0).sum(axis=1)
    assert weight_distribution(n, k, alphabet=q) == np.bincount(weights, minlength=n + 1).tolist()
    t = (n - k) // 2
    decoded = np.zeros(len(words), bool)  # to a word that is not the zero word, which was sent
    for word in code[weights > 0]:
        decoded |= (words != word).sum(axis=1) <= t
    errors = (words != 0).sum(axis=1)
    share = [decoded[errors == u].mean() for u in range(n + 1)]
    np.testing.assert_allclose(miscorrection_rates(n, k, alphabet=q), share, rtol=1e-12, atol=1e-15)
    rate, p = 0.0, 0.3
    for u, part in enumerate(share):
        rate += math.comb(n, u) * p**u * (1 - p) ** (n - u) * part
    assert miscorrection_rate(n, k, p, alphabet=q) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(("n", "k"), [(255, 223), (255, 239), (63, 40), (20, 17), (12, 8)])
def test_rates_respect_the_bound_of_mceliece_and_swanson(n: int, k: int) -> None:
    rates, bound = miscorrection_rates(n, k), miscorrection_bound(n, k)
    t = (n - k) // 2
    assert (rates[: t + 1] == 0).all()
    assert rates.max() <= bound
    # A word of many errors is as good as random: P_E(n) is near the share of the space within t of a word.
    ball = sum(math.comb(n, s) * 255**s for s in range(t + 1)) / 256 ** (n - k)
    assert rates[-1] == pytest.approx(ball, rel=0.02)
    if n > 200:
        assert 1 / math.factorial(t) / 2 < bound < 1 / math.factorial(t)


def test_weights_add_up_to_the_code() -> None:
    for n, k in ((255, 223), (40, 8)):
        assert sum(weight_distribution(n, k)) == 256**k


def test_a_perfect_code_always_decodes() -> None:
    # The tetracode [4, 2, 3] over GF(3) is perfect: whatever fails is miscorrected.
    np.testing.assert_allclose(miscorrection_rates(4, 2, alphabet=3), [0, 0, 1, 1, 1], atol=1e-12)
    assert miscorrection_rate(4, 2, 0.2, alphabet=3) == pytest.approx(word_failure_rate(4, 2, 0.2), rel=1e-12)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match="k is 0"):
        miscorrection_bound(4, 0)
    with pytest.raises(UsageError, match="error_rate is -1"):
        miscorrection_rate(4, 2, -1)
