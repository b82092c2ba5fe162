"""Symbols and bytes against brute force over the constellation, and against the whole uncoded chain."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from channelvq.channels import CHANNELS
from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    bit_error_rates,
    byte_error_rate,
    group_error_rates,
    independent_error_rate,
    q_function,
    symbol_error_rate,
)
from channelvq.modulation import MODULATIONS
from channelvq.randomness import generator
from channelvq.snr import Snr

FALSE_ALARM = 1e-9  # of each binomial test; seeds are fixed
NAMES = ["bpsk", "qpsk", "qam16", "qam64", "qam256"]
FADING = [("awgn", math.inf), ("rayleigh:fast", 0.0), ("rician:5,fast", 5.0)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("esn0_db", [-10.0, 5.0, 20.0])
def test_symbol_error_rate_is_the_closed_form_of_square_qam(name: str, esn0_db: float) -> None:
    scheme = MODULATIONS.build(name)
    size = 2**scheme.axis_bits
    energy = 3 / (scheme.axes * (size**2 - 1))
    p = 2 * (1 - 1 / size) * float(q_function(math.sqrt(2 * energy * 10 ** (esn0_db / 10))))
    expected = p if scheme.axes == 1 else 2 * p - p * p
    assert symbol_error_rate(name, Snr(esn0_db)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [0.0, 3.0, math.inf])
def test_groups_of_one_bit_are_bits(name: str, k: float) -> None:
    for esn0_db in (-5.0, 12.0):
        snr = Snr(esn0_db)
        np.testing.assert_allclose(
            group_error_rates(name, snr, 1, rice_k=k), bit_error_rates(name, snr, rice_k=k), rtol=1e-9
        )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channel", "k"), FADING)
@pytest.mark.parametrize("bits", [3, 8])
def test_group_error_rates_equal_those_of_the_chain(name: str, channel: str, k: float, bits: int) -> None:
    scheme, snr = MODULATIONS.build(name), Snr({"bpsk": 2.0, "qpsk": 5.0}.get(name, 13.0))
    span = math.lcm(bits, scheme.bits_per_symbol)
    rows = 8000
    sent = np.random.default_rng(3).integers(0, 2, (1, rows * span), dtype=np.uint8)
    received = CHANNELS.build(channel).transmit(
        scheme.map(torch.from_numpy(sent)), snr, lambda stream: generator(0, stream, "groups")
    )
    decided = (scheme.demap(received, "maxlog") < 0).numpy()
    wrong = (decided != sent).reshape(rows, span // bits, bits).any(axis=2).sum(axis=0)
    expected = group_error_rates(name, snr, bits, rice_k=k)
    assert expected.size == wrong.size
    for count, rate in zip(wrong, expected, strict=True):
        assert 0.01 < rate < 0.99
        assert stats.binomtest(int(count), rows, rate).pvalue > FALSE_ALARM


def test_fading_symbol_error_rates_have_known_forms() -> None:
    # Simon & Alouini 2005, equation 8.109: 4-QAM, g = γ/2, is 2 P - P2 of one-dimensional averages.
    g = 10.0 / 2
    c = math.sqrt(g / (1 + g))
    one, two = 0.5 * (1 - c), 0.25 * (1 - c * 4 / math.pi * math.atan(1 / c))
    assert symbol_error_rate("qpsk", Snr(10.0), rice_k=0.0) == pytest.approx(2 * one - two, rel=1e-9)


def test_bits_of_a_symbol_are_dependent() -> None:
    # One of qam256's bytes is a symbol. Errors to neighbouring levels exclude each other: more bytes are
    # wrong than of independent bits. Under fading bits share a gain: fewer are.
    snr = Snr(24.0)
    independent = 1 - np.prod(1 - bit_error_rates("qam256", snr))
    assert byte_error_rate("qam256", snr) == symbol_error_rate("qam256", snr) > independent
    independent = 1 - np.prod(1 - bit_error_rates("qam256", snr, rice_k=0.0))
    assert byte_error_rate("qam256", snr, rice_k=0.0) < independent
    assert byte_error_rate("qpsk", Snr(8.0)) == pytest.approx(
        float(independent_error_rate(bit_error_rates("qpsk", Snr(8.0))[0])), rel=1e-12
    )


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(NAMES), st.floats(-20, 30), st.integers(1, 24), st.sampled_from([0.0, 1.0, math.inf]))
def test_a_group_is_wrong_at_least_as_often_as_its_worst_bit(
    name: str, esn0_db: float, bits: int, k: float
) -> None:
    rates = group_error_rates(name, Snr(esn0_db), bits, rice_k=k)
    bit = bit_error_rates(name, Snr(esn0_db), rice_k=k)
    assert (rates <= bits * bit.max() + 1e-12).all()
    if bits >= bit.size:  # each group holds every bit of a symbol at least once
        assert (rates >= bit.max() - 1e-12).all()


def test_independent_bits() -> None:
    assert independent_error_rate(0.1, 3) == pytest.approx(1 - 0.9**3)
    assert independent_error_rate(1e-20) == pytest.approx(8e-20)
    assert independent_error_rate([0.0, 1.0]).tolist() == [0.0, 1.0]


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match="bits is 0"):
        group_error_rates("qpsk", Snr(0.0), 0)
    with pytest.raises(TypeError, match=r"bits is 2\.5"):
        group_error_rates("qpsk", Snr(0.0), 2.5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="K is"):
        symbol_error_rate("qpsk", Snr(0.0), rice_k=-1.0)
