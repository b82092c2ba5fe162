"""Fading averages against numerical integrals over the gain's law, as SciPy has it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from channelvq.errors import UsageError
from channelvq.evaluation.theory import q_function
from channelvq.evaluation.theory.fading import (
    gain_cdf,
    gain_nodes,
    gain_quantile,
    mean_tail,
    mean_tail_product,
)
from channelvq.evaluation.theory.normal import q_inverse

FACTORS = [0.0, 0.3, 4.0, 60.0]


def gain_law(k: float, branches: int = 1) -> stats.rv_frozen:
    """The sum of squared magnitudes of n Rician gains: noncentral chi-square of 2n degrees of freedom."""
    return stats.ncx2(2 * branches, 2 * k * branches, scale=1 / (2 * (1 + k)))


def average(function: object, k: float, branches: int = 1) -> float:
    law = gain_law(k, branches)
    pieces = [0, 1e-3, 1e-2, 0.1, 0.5, 1, 2, 5, 20, 60]
    return sum(
        integrate.quad(lambda u: law.pdf(u) * function(u), a, b, limit=200, epsabs=1e-14)[0]  # type: ignore[operator]
        for a, b in itertools.pairwise(pieces)
    )


def test_q_function_is_the_normal_tail() -> None:
    x = np.array([-3.0, 0.0, 1.0, 6.0, 30.0])
    np.testing.assert_allclose(q_function(x), stats.norm.sf(x), rtol=1e-12)
    np.testing.assert_allclose(q_inverse(q_function(x[:4])), x[:4], atol=1e-12)


@pytest.mark.parametrize("k", FACTORS)
@pytest.mark.parametrize("branches", [1, 2, 5])
@pytest.mark.parametrize("g", [0.01, 1.0, 30.0])
def test_mean_tail_is_the_average_over_the_gains(k: float, branches: int, g: float) -> None:
    expected = average(lambda u: float(q_function(math.sqrt(2 * g * u))), k, branches)
    assert mean_tail(g, k, branches) == pytest.approx(expected, rel=1e-7)


def test_rayleigh_diversity_is_the_sum_of_proakis() -> None:
    for g in (0.1, 3.0, 100.0):
        mu = math.sqrt(g / (1 + g))
        for n in (1, 2, 4, 9):
            terms = (math.comb(n - 1 + i, i) * ((1 + mu) / 2) ** i for i in range(n))
            assert mean_tail(g, 0.0, n) == pytest.approx(((1 - mu) / 2) ** n * sum(terms), rel=1e-9)
    # Far out C(2n-1, n) / (4g)^n, Proakis 14.4-18.
    assert mean_tail(1e6, 0.0, 3) == pytest.approx(math.comb(5, 3) / 4e6**3, rel=1e-5)


@pytest.mark.parametrize("k", FACTORS)
@pytest.mark.parametrize(("g1", "g2"), [(1.0, 1.0), (0.05, 0.45), (30.0, 2.0)])
def test_mean_tail_product_is_the_average_over_the_gain(k: float, g1: float, g2: float) -> None:
    expected = average(
        lambda u: float(q_function(math.sqrt(2 * g1 * u)) * q_function(math.sqrt(2 * g2 * u))), k
    )
    assert mean_tail_product(g1, g2, k) == pytest.approx(expected, rel=1e-7)
    assert mean_tail_product(g1, g2, 1e9) == pytest.approx(mean_tail_product(g1, g2, math.inf), rel=1e-5)


def test_square_of_a_tail_under_rayleigh_fading_in_closed_form() -> None:
    # Simon & Alouini 2005, equation 5.29: ¼ [1 - √(g/(1+g)) · (4/π) arctan √((1+g)/g)].
    for g in (0.02, 1.0, 50.0):
        c = math.sqrt(g / (1 + g))
        assert mean_tail_product(g, g, 0.0) == pytest.approx(
            0.25 * (1 - c * 4 / math.pi * math.atan(1 / c)), rel=1e-9
        )


@pytest.mark.parametrize("k", [0.0, 0.3, 5.0, 30.0, 100.0, 1e4, 1e9])
def test_gain_nodes_have_the_moments_of_the_gain(k: float) -> None:
    gains, weights = gain_nodes(k)
    assert gains.size < 400
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert weights @ gains == pytest.approx(1, abs=1e-9)
    assert weights @ gains**2 - 1 == pytest.approx((1 + 2 * k) / (1 + k) ** 2, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("k", FACTORS)
def test_gain_cdf_and_quantile_are_those_of_the_law(k: float) -> None:
    gains = np.array([0.01, 0.3, 1.0, 3.0])
    np.testing.assert_allclose(gain_cdf(gains, k), gain_law(k).cdf(gains), rtol=1e-9)
    for p in (1e-6, 0.1, 0.9):
        assert gain_cdf(gain_quantile(p, k), k) == pytest.approx(p, rel=1e-8)


def test_wrong_input_is_refused() -> None:
    for call in (mean_tail, gain_cdf):
        with pytest.raises(UsageError, match=r"K is -1"):
            call(1.0, -1.0)
    with pytest.raises(UsageError, match=r"probability is 1\.5"):
        gain_quantile(1.5, 0.0)
