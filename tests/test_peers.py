"""Peers decode what ours encodes."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from channelvq.channel_codes import LDPC, Polar, PuncturedConvolutional, ReedSolomon
from channelvq.channel_codes.base import BlockCode
from channelvq.errors import UsageError
from channelvq.peers import peer_of


@pytest.mark.parametrize(
    "code",
    [LDPC(200, 400), LDPC(200, 400, modulation_order=4), Polar(100, 200), PuncturedConvolutional("1/2", 64)],
)
def test_sionna_reads_our_code_words(code: BlockCode) -> None:
    pytest.importorskip("sionna.phy")
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2, (5, code.k_bits)).astype(np.uint8)
    peer = peer_of(code)
    received = 1 - 2.0 * peer.encode(bits) + rng.normal(0, 0.4, (5, code.n_bits))
    out = peer.decode((2 / 0.16 * received).astype(np.float32))
    np.testing.assert_array_equal(out.bits, bits)
    assert out.ok is None


@pytest.mark.parametrize(
    ("code", "name", "reason"),
    [
        (ReedSolomon(20, 15), "sionna", "no decoder for ReedSolomon"),
        (LDPC(200, 400), "matlab", "peer is 'matlab', must be sionna"),
        (PuncturedConvolutional("3/4"), "sionna", "for rate 1/2 with a zero tail"),
        (Polar(100, 200, crc=24), "sionna", "CRC-11"),
    ],
)
def test_what_there_is_no_peer_for(code: BlockCode, name: str, reason: str) -> None:
    pytest.importorskip("sionna.phy")
    with pytest.raises(UsageError, match=reason):
        peer_of(code, name)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sionna.phy.fec.ldpc", None)
    with pytest.raises(UsageError, match=r"pip install channelvq\[reference\]"):
        peer_of(LDPC(200, 400))
