"""The linear path: DCT against SciPy, water-filling against its optimum, LMMSE against Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from scipy.optimize import minimize

from channelvq.models.spectrum import (
    Spectrum,
    dct,
    fit_spectrum,
    inverse_dct,
    shrinkage,
    water_filling,
)


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 12)])
def test_dct_is_scipys_and_comes_back(size: tuple[int, int]) -> None:
    field = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, *size)).astype(np.float32))
    expected = dctn(field.numpy(), axes=(2, 3), norm="ortho")
    np.testing.assert_allclose(dct(field).numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(inverse_dct(dct(field)).numpy(), field.numpy(), atol=1e-5)


def test_water_filling_meets_the_conditions_of_the_optimum() -> None:
    rng = np.random.default_rng(1)
    variance = torch.from_numpy(np.exp(rng.normal(0, 3, 200)).astype(np.float32))
    sent = torch.from_numpy(rng.random((4, 200)) < 0.7)
    noise = torch.tensor([10.0, 1.0, 0.1, 0.001])
    gain = water_filling(variance.log(), noise, sent)
    power = gain.square() * variance
    assert (gain[~sent] == 0).all()
    np.testing.assert_allclose(power.sum(1), sent.sum(1), rtol=1e-3)
    # error of each that falls as its power rises: equal where there is power, no larger where there is none
    slope = variance * noise[:, None] / (power + noise[:, None]).square()
    for row, on in enumerate(power > 0):
        level = slope[row][on]
        assert level.max() / level.min() == pytest.approx(1, abs=1e-2)
        assert (slope[row][~on & sent[row]] <= 1.01 * level.max()).all()
    assert 0 < int((power[0] > 0).sum()) < int((power[2] > 0).sum())  # at low SNR the weak are not worth it


def test_water_filling_equals_a_numerical_minimum() -> None:
    variance, noise = np.array([9.0, 1.0, 0.04]), 0.3

    def error(root: np.ndarray) -> float:
        power = 3 * root**2 / (root**2).sum()
        return float((variance / (1 + power / noise)).sum())

    best = min(
        (minimize(error, start, method="Nelder-Mead") for start in np.eye(3) + 0.5), key=lambda r: r.fun
    )
    gain = water_filling(torch.tensor(variance).log(), torch.tensor([noise]), torch.ones(1, 3).bool())
    power = (gain[0].double().square() * torch.tensor(variance)).numpy()
    assert float((variance / (1 + power / noise)).sum()) == pytest.approx(best.fun, rel=1e-5)


def test_shrinkage_is_the_least_squares_estimate() -> None:
    rng = np.random.default_rng(2)
    value = 2 * rng.normal(size=200_000)
    received = 0.7 * value + np.sqrt(0.5) * rng.normal(size=value.size)
    factor, doubt = shrinkage(torch.tensor(4.0).log(), torch.tensor(0.7), torch.tensor(0.5))
    regression = received @ value / (received @ received)
    assert float(factor) == pytest.approx(regression, rel=0.01)
    assert float(doubt) == pytest.approx(np.mean((regression * received - value) ** 2) / 4, rel=0.02)


def test_nothing_known_is_nothing_believed() -> None:
    factor, doubt = shrinkage(torch.zeros(2), torch.tensor([0.0, 1.0]), torch.tensor([0.1, torch.inf]))
    assert factor.tolist() == [0, 0]
    assert doubt.tolist() == [1, 1]


def test_a_spectrum_is_found_again_at_another_size() -> None:
    rng = np.random.default_rng(3)
    truth = Spectrum(2)
    truth.values[:] = torch.tensor([[2.0, -2.5, -2.0, 0.3], [0.5, -1.5, -1.5, -0.2]])
    draws = rng.normal(size=(400, 2, 16, 16)).astype(np.float32)
    fields = inverse_dct(torch.from_numpy(draws) * truth.log_variance(16, 16).mul(0.5).exp())
    found = Spectrum(2)
    fit_spectrum(found, fields)
    # 400 samples: each variance is known to 7 %, the fit to much less
    assert (found.log_variance(24, 10) - truth.log_variance(24, 10)).abs().max() < 0.15
