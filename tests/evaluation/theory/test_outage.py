"""Outage against its closed forms and drawn gains."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    capacity_awgn,
    capacity_bicm,
    outage_capacity,
    outage_probability,
    snr_for_rate,
)
from channelvq.snr import Snr


def test_closed_forms_of_rayleigh() -> None:
    assert outage_probability(1.0, Snr(10.0)) == pytest.approx(1 - math.exp(-0.1), rel=1e-12)
    assert outage_probability(2.0, Snr(60.0)) == pytest.approx(3e-6, rel=1e-5)
    assert outage_capacity(0.01, Snr(20.0)) == pytest.approx(math.log2(1 - 100 * math.log(0.99)), rel=1e-12)
    assert outage_probability(0.0, Snr(0.0)) == 0


@pytest.mark.parametrize("k", [0.0, 3.0])
def test_outage_of_a_constellation_is_that_of_drawn_gains(k: float) -> None:
    gains = np.abs(
        math.sqrt(k / (1 + k))
        + np.random.default_rng(5).normal(size=(50_000, 2)) @ [1, 1j] / math.sqrt(2 * (1 + k))
    )
    needed = snr_for_rate(2.0, lambda s: capacity_bicm("qam16", s))
    short = int((gains**2 * 10.0 < 1 / needed.n0).sum())
    rate = outage_probability(2.0, Snr(10.0), rice_k=k, capacity=lambda s: capacity_bicm("qam16", s))
    assert stats.binomtest(short, gains.size, rate).pvalue > 1e-9
    assert rate > outage_probability(2.0, Snr(10.0), rice_k=k)


def test_without_fading_outage_is_a_step() -> None:
    assert outage_probability(0.99, Snr(0.0), rice_k=math.inf) == 0
    assert outage_probability(1.01, Snr(0.0), rice_k=math.inf) == 1
    assert outage_capacity(0.3, Snr(0.0), rice_k=math.inf) == capacity_awgn(Snr(0.0))


@settings(deadline=None, max_examples=50)
@given(st.floats(1e-6, 0.99), st.floats(-10, 40), st.sampled_from([0.0, 1.0, 20.0]))
def test_capacity_inverts_probability(probability: float, esn0_db: float, k: float) -> None:
    rate = outage_capacity(probability, Snr(esn0_db), rice_k=k)
    assert outage_probability(rate, Snr(esn0_db), rice_k=k) == pytest.approx(probability, rel=1e-6)


def test_wrong_input_is_refused() -> None:
    for probability in (0.0, 1.0, math.nan):
        with pytest.raises(UsageError, match="probability is"):
            outage_capacity(probability, Snr(0.0))
    with pytest.raises(UsageError, match="rate is -1"):
        outage_probability(-1, Snr(0.0))
