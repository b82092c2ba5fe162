"""The whole uncoded chain, bits to LLRs, against the closed forms of the bit error rate.

Each bit of the label is tested on its own: errors at one place are independent between symbols (with a gain a
symbol), so the binomial test is exact. Half a million uses find an SNR that is wrong by some 0.1 dB.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from channelvq.channels import CHANNELS
from channelvq.evaluation.theory import bit_error_rates
from channelvq.modulation import MODULATIONS
from channelvq.randomness import generator
from channelvq.snr import Snr

FALSE_ALARM = 1e-9  # of each test, some 200 of them; seeds are fixed
USES = 500_000
CASES = [
    ("bpsk", (-3.0, 5.0)),
    ("qpsk", (0.0, 9.0)),
    ("qam16", (2.0, 15.0)),
    ("qam64", (5.0, 21.0)),
    ("qam256", (8.0, 26.0)),
]


def count_errors(name: str, channel: str, snr: Snr, shape: tuple[int, int]) -> np.ndarray:
    """Errors of each place of the label: [batch, bits_per_symbol]."""
    modulation = MODULATIONS.build(name)
    m = modulation.bits_per_symbol
    bits = torch.from_numpy(np.random.default_rng(5).integers(0, 2, (shape[0], shape[1] * m), dtype=np.uint8))
    received = CHANNELS.build(channel).transmit(
        modulation.map(bits), snr, lambda stream: generator(0, stream, "uncoded")
    )
    wrong = (modulation.demap(received, "maxlog") < 0) != bits.bool()
    return wrong.reshape(shape[0], shape[1], m).sum(dim=1).numpy()


@pytest.mark.parametrize(
    ("channel", "k"), [("awgn", math.inf), ("rayleigh:fast", 0.0), ("rician:5,fast", 5.0)]
)
@pytest.mark.parametrize(("name", "esn0_dbs"), CASES)
def test_bit_error_rates_equal_the_closed_form(
    name: str, esn0_dbs: tuple[float, ...], channel: str, k: float
) -> None:
    for esn0_db in esn0_dbs:
        expected = bit_error_rates(name, Snr(esn0_db), rice_k=k)
        errors = count_errors(name, channel, Snr(esn0_db), (1, USES))[0]
        for place, (count, rate) in enumerate(zip(errors, expected, strict=True)):
            assert stats.binomtest(int(count), USES, rate).pvalue > FALSE_ALARM, (esn0_db, place)


def test_block_fading_has_the_same_mean_over_transmissions() -> None:
    # One gain and one bit a transmission: 20 000 independent trials of the Rayleigh formula.
    expected = bit_error_rates("bpsk", Snr(5.0), rice_k=0.0)[0]
    errors = int(count_errors("bpsk", "rayleigh:block", Snr(5.0), (20_000, 1)).sum())
    assert stats.binomtest(errors, 20_000, expected).pvalue > FALSE_ALARM


@pytest.mark.parametrize("wrong_db", [-3.0, -0.2, 0.2, 3.0])
def test_the_test_would_notice_noise_that_is_wrong(wrong_db: float) -> None:
    # Power of the tests above: the errors of a channel that is wrong by so much are refused.
    errors = count_errors("qpsk", "awgn", Snr(0.0 + wrong_db), (1, USES))[0]
    expected = bit_error_rates("qpsk", Snr(0.0))[0]
    assert stats.binomtest(int(errors[0]), USES, expected).pvalue < FALSE_ALARM


@pytest.mark.parametrize("name", ["qam16", "qam256"])
def test_exact_llrs_err_no_more_than_the_nearest_point(name: str) -> None:
    modulation = MODULATIONS.build(name)
    bits = torch.from_numpy(
        np.random.default_rng(5).integers(0, 2, (1, USES // 5 * modulation.bits_per_symbol), dtype=np.uint8)
    )
    received = CHANNELS.build("awgn").transmit(modulation.map(bits), Snr(3.0), lambda s: generator(0, s))
    exact, nearest = (
        ((modulation.demap(received, method) < 0) != bits.bool()).sum().item()
        for method in ("exact", "maxlog")
    )
    assert exact < nearest
