"""Repetition against enumeration, and against the sum of the demapper's LLRs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from channelvq.channels import CHANNELS
from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    ber_awgn,
    ber_rayleigh,
    repetition_bec_ber,
    repetition_ber,
    repetition_soft_ber,
)
from channelvq.modulation import MODULATIONS
from channelvq.randomness import generator
from channelvq.snr import Snr

FALSE_ALARM = 1e-9


def test_repetition_equals_the_sum_over_all_patterns() -> None:
    p = 0.13
    for n in range(1, 8):
        total = 0.0
        for pattern in range(2**n):
            flips = pattern.bit_count()
            weight = p**flips * (1 - p) ** (n - flips)
            total += weight * (1.0 if 2 * flips > n else 0.5 if 2 * flips == n else 0.0)
        assert repetition_ber(n, p) == pytest.approx(total, rel=1e-12)


def test_soft_repetition_of_one_is_no_repetition() -> None:
    for name in ("bpsk", "qpsk"):
        assert repetition_soft_ber(name, Snr(3.0), 1) == pytest.approx(ber_awgn(name, Snr(3.0)), rel=1e-12)
        assert repetition_soft_ber(name, Snr(3.0), 1, rice_k=0.0) == pytest.approx(
            ber_rayleigh(name, Snr(3.0))
        )
    # On AWGN n copies are one copy of n times the energy.
    assert repetition_soft_ber("qpsk", Snr(0.0), 4) == pytest.approx(
        ber_awgn("qpsk", Snr(10 * math.log10(4)))
    )


@pytest.mark.parametrize("name", ["bpsk", "qpsk"])
@pytest.mark.parametrize(
    ("channel", "k"), [("awgn", math.inf), ("rayleigh:fast", 0.0), ("rician:2,fast", 2.0)]
)
def test_soft_repetition_equals_the_sum_of_llrs(name: str, channel: str, k: float) -> None:
    copies, uses, snr = 3, 100_000, Snr(0.0)
    scheme = MODULATIONS.build(name)
    bits = np.random.default_rng(4).integers(0, 2, (1, uses, scheme.bits_per_symbol), dtype=np.uint8)
    sent = torch.from_numpy(np.repeat(bits, copies, axis=1).reshape(1, -1))  # whole symbols are repeated
    received = CHANNELS.build(channel).transmit(
        scheme.map(sent), snr, lambda stream: generator(0, stream, "repetition")
    )
    llrs = scheme.demap(received).numpy().reshape(uses, copies, -1).sum(axis=1, dtype=np.float64)
    wrong = ((llrs < 0) != (bits[0] == 1)).sum(axis=0)  # of each place: independent between symbols
    rate = repetition_soft_ber(name, snr, copies, rice_k=k)
    for count in wrong:
        assert stats.binomtest(int(count), uses, rate).pvalue > FALSE_ALARM


def test_erased_copies() -> None:
    assert repetition_bec_ber(2, 0.3) == pytest.approx(0.045)
    assert repetition_bec_ber(1000, 1.0) == 0.5


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match="modulation is 'qam16', must be bpsk or qpsk"):
        repetition_soft_ber("qam16", Snr(0.0), 2)
    with pytest.raises(UsageError, match="n is 0"):
        repetition_ber(0, 0.1)
    with pytest.raises(UsageError, match=r"p is 1\.1"):
        repetition_ber(3, 1.1)
