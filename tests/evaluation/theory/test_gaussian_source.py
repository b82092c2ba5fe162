"""Rate-distortion of Gaussian sources, and the scheme that attains OPTA."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    capacity_rayleigh,
    distortion_psnr_db,
    gaussian_distortion,
    gaussian_rate,
    opta_sdr_db,
    rate_sdr_db,
    reverse_water_filling,
)
from channelvq.snr import Snr


def test_known_points() -> None:
    assert gaussian_rate(1 / 16).item() == 2
    assert gaussian_rate(3.0, 2.0).item() == 0  # more than the variance costs nothing
    assert gaussian_distortion(1.5, 8.0).item() == pytest.approx(1)
    assert rate_sdr_db(1.0).item() == pytest.approx(20 * math.log10(2))  # 6.02 dB a bit
    assert distortion_psnr_db([1.0, 65025.0]) == pytest.approx([48.1308, 0], abs=1e-4)
    assert distortion_psnr_db(0.01, peak=1.0).item() == pytest.approx(20)


def test_uncoded_samples_attain_opta() -> None:
    # Two samples a symbol, MMSE estimate: D = 1 / (1 + γ) (Goblick 1965); CBR ½.
    rng, gamma, count = np.random.default_rng(3), 10**0.7, 200_000
    source = rng.normal(size=count)
    received = source * math.sqrt(0.5) + rng.normal(size=count) * math.sqrt(0.5 / gamma)
    estimate = received * math.sqrt(0.5) / (0.5 + 0.5 / gamma)
    squares = (source - estimate) ** 2
    distortion = 10 ** (-float(opta_sdr_db(Snr(7.0), 0.5)) / 10)
    assert distortion == pytest.approx(1 / (1 + gamma), rel=1e-12)
    assert abs(squares.mean() - distortion) < 6.2 * squares.std() / math.sqrt(count)  # false alarm 6e-10


def test_opta_of_another_bandwidth() -> None:
    np.testing.assert_allclose(
        opta_sdr_db(Snr(10.0), [0.0, 1 / 12, 1.0]), np.array([0, 1 / 6, 2]) * 10 * np.log10(11)
    )
    fading = rate_sdr_db(0.5 * capacity_rayleigh(Snr(10.0)))
    assert 0 < fading < opta_sdr_db(Snr(10.0), 0.5)


def test_water_filling_of_a_textbook_case() -> None:
    filled = reverse_water_filling([4.0, 1.0, 0.25], 1.0)  # level 1: the first component alone
    assert filled.level == pytest.approx(1)
    np.testing.assert_allclose(filled.rates, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(filled.distortions, [1, 1, 0.25])


@settings(deadline=None, max_examples=100)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0, 200))
def test_water_filling_meets_its_conditions(variances: list[float], rate: float) -> None:
    sigma = np.array(variances)
    filled = reverse_water_filling(sigma, rate)
    if (sigma > 0).any():
        assert filled.rates.sum() == pytest.approx(rate, rel=1e-8, abs=1e-9)  # logarithms of 1e-281
    assert (filled.rates >= 0).all() and (filled.distortions <= sigma).all()
    wet = filled.rates > 0
    np.testing.assert_allclose(filled.distortions[wet], filled.level)
    np.testing.assert_allclose(sigma[wet] * 2 ** (-2 * filled.rates[wet]), filled.distortions[wet], rtol=1e-9)


def test_no_other_split_of_the_rate_is_better() -> None:
    sigma, rate = np.array([9.0, 3.0, 1.0, 0.1]), 2.5
    best = reverse_water_filling(sigma, rate).distortions.sum()
    found = optimize.minimize(
        lambda r: (sigma * 4.0**-r).sum(),
        np.full(4, rate / 4),
        bounds=[(0, rate)] * 4,
        constraints={"type": "eq", "fun": lambda r: r.sum() - rate},
    )
    assert best == pytest.approx(found.fun, rel=1e-5) and best <= found.fun + 1e-9


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match="distortion is"):
        gaussian_rate(0.0)
    with pytest.raises(UsageError, match="rate is"):
        gaussian_distortion(-1.0)
    with pytest.raises(UsageError, match="cbr is"):
        opta_sdr_db(Snr(0.0), -1.0)
    for variances in ([], [[1.0]], [-1.0], [math.inf]):
        with pytest.raises(UsageError, match="variances"):
            reverse_water_filling(variances, 1.0)
    with pytest.raises(UsageError, match="rate is"):
        reverse_water_filling([1.0], -1.0)
