"""Uncoded and repetition against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from channelvq.channel_codes import CHANNEL_CODES, Repetition, Uncoded
from channelvq.channel_codes.base import BlockCode, ChannelCode
from channelvq.errors import UsageError


@pytest.mark.parametrize("text", ["uncoded", "repetition:3", "rs:255,191"])
def test_codes_satisfy_the_protocols(text: str) -> None:
    code = CHANNEL_CODES.build(text)
    assert isinstance(code, ChannelCode)
    assert isinstance(code, BlockCode)
    assert code.spec == text
    for run in code.fill(10_000):
        assert isinstance(run.code, BlockCode)
    assert sum(run.blocks * run.code.n_bits for run in code.fill(10_000)) <= 10_000


def test_uncoded_changes_nothing() -> None:
    code = Uncoded()
    llrs = np.array([[-3.0], [0.0], [2.0]], np.float32)
    out = code.decode(llrs)
    np.testing.assert_array_equal(out.llr, llrs)
    assert out.ok is None
    assert [(r.code.n_bits, r.blocks) for r in code.fill(17)] == [(1, 17)]
    assert code.fill(0) == []


@pytest.mark.parametrize(("n", "p"), [(3, 0.05), (5, 0.1), (7, 0.2)])
def test_repetition_on_a_bsc_is_the_majority_vote(n: int, p: float) -> None:
    """Wrong with probability P(more than n/2 flips); exact binomial test at 1e-8 over independent bits."""
    code, rng, count = Repetition(n), np.random.default_rng(n), 60_000
    bits = rng.integers(0, 2, (count, 1)).astype(np.uint8)
    received = code.encode(bits) ^ (rng.random((count, n)) < p)
    llrs = ((1 - 2.0 * received) * np.log((1 - p) / p)).astype(np.float32)
    wrong = int((code.decode(llrs).bits != bits).sum())
    expected = binom.sf(n // 2, n, p)
    assert binom.cdf(wrong, count, expected) > 1e-8
    assert binom.sf(wrong - 1, count, expected) > 1e-8


def test_repetition_llr_is_the_exact_posterior() -> None:
    llrs = np.array([[1.0, -2.5, 0.25], [40.0, 40.0, 40.0], [0.0, 0.0, 0.0]], np.float32)
    assert Repetition(3).decode(llrs).llr.ravel().tolist() == [-1.25, 50.0, 0.0]


def test_repetition_fills_whole_blocks_only() -> None:
    assert [(r.code.n_bits, r.blocks) for r in Repetition(3).fill(11)] == [(3, 3)]
    assert Repetition(3).fill(2) == []


@pytest.mark.parametrize(
    "text", ["repetition", "repetition:0", "repetition:x", "uncoded:1", "repetition:3,4"]
)
def test_wrong_specs_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="usage"):
        CHANNEL_CODES.build(text)
