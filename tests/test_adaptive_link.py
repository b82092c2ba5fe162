"""A sender that knows the gain: it takes the rung of the SNR that the receiver then meets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from channelvq.adaptive_link import AdaptiveLink
from channelvq.errors import UsageError
from channelvq.images import content_hash
from channelvq.link import Link

CODES = ("ldpc:1/3", "ldpc:1/2", "ldpc:3/4")
STARTS = (-2.0, 2.0, 6.0)
PICTURE = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))


def rungs(channel: str = "rayleigh:block") -> list[tuple[float, Link]]:
    return [
        (start, Link("jpeg", code, "qpsk", channel, cbr="1/2"))
        for start, code in zip(STARTS, CODES, strict=True)
    ]


def test_the_rung_suits_the_snr_that_is_met() -> None:
    """What is met is read off the uncoded bits: over QPSK the raw BER is Q(√(SNR of the transmission))."""
    link, probe = AdaptiveLink(rungs()), Link("jpeg", "uncoded", "qpsk", "rayleigh:block", cbr="1/2")
    taken = set()
    for trial in range(40):
        rung = link.pick(content_hash(PICTURE), 5.0, 0, trial)
        taken.add(rung)
        ber = probe.transmit(PICTURE, 5.0, trial=trial).raw_ber  # over 9216 bits
        assert ber is not None
        low = 0.0 if rung == 0 else 10 ** (STARTS[rung] / 10)
        high = math.inf if rung == 2 else 10 ** (STARTS[rung + 1] / 10)
        slack = 5 * math.sqrt(max(ber, 1e-3) / 9216)  # 5 deviations: 40 trials fail together in 5e-5
        assert wrong_bits(high) - slack <= ber <= wrong_bits(low) + slack
    assert taken == {0, 1, 2}


def wrong_bits(snr: float) -> float:
    return 0.5 * math.erfc(math.sqrt(snr / 2))


def test_a_transmission_is_that_of_its_rung() -> None:
    link = AdaptiveLink(rungs()[::-1])
    for trial in range(6):
        rung = link.pick(content_hash(PICTURE), 5.0, 1, trial)
        got, own = (one.transmit(PICTURE, 5.0, 1, trial) for one in (link, rungs()[rung][1]))
        np.testing.assert_array_equal(got.image, own.image)
        assert got.components == own.components


def test_it_names_what_differs() -> None:
    link = AdaptiveLink(rungs())
    assert link.components == {
        "codec": "jpeg",
        "modulation": "qpsk",
        "channel": "rayleigh:block",
        "csi": "-2 dB: ldpc:1/3; 2 dB: ldpc:1/2; 6 dB: ldpc:3/4",
    }
    assert link.channel_uses((3, 48, 64)) == 4608


def test_what_cannot_be_adapted_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a link"):
        AdaptiveLink([])
    with pytest.raises(UsageError, match="from one SNR on"):
        AdaptiveLink([*rungs(), rungs()[0]])
    for channel in ("awgn", "rayleigh:fast", "rayleigh:block,coherence=64"):
        with pytest.raises(UsageError, match="has no gain for the sender to know"):
            AdaptiveLink(rungs(channel))
    with pytest.raises(UsageError, match="different channels"):
        AdaptiveLink([*rungs(), (9.0, Link("jpeg", "uncoded", "qpsk", "awgn"))])
    with pytest.raises(UsageError, match="needs an SNR"):
        AdaptiveLink(rungs()).transmit(PICTURE)
