"""Counting of block errors, and the interval of their rate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from channelvq.bler.blocks import Counts, curtailed_interval, judge, run_until, send_blocks
from channelvq.channel_codes import CHANNEL_CODES
from channelvq.channels import CHANNELS
from channelvq.errors import UsageError
from channelvq.modulation import MODULATIONS
from channelvq.snr import Snr

QPSK, QAM64 = MODULATIONS.build("qpsk"), MODULATIONS.build("qam64")
AWGN = CHANNELS.build("awgn")
RS = CHANNEL_CODES.build("rs:20,15")


def test_clean_blocks_come_through_and_start_with_a_symbol_of_their_own() -> None:
    sent = send_blocks(RS, QAM64, AWGN, Snr(60.0), blocks=7)  # 160 bits: 26.7 symbols of 64-QAM
    assert sent.llrs.shape == (7, 160)
    assert judge(RS, sent).counts() == Counts(7, 0, 0, 0)


def test_batches_differ_and_repeat() -> None:
    first = send_blocks(RS, QPSK, AWGN, Snr(0.0), blocks=3)
    again = send_blocks(RS, QPSK, AWGN, Snr(0.0), blocks=3)
    other = send_blocks(RS, QPSK, AWGN, Snr(0.0), blocks=3, batch=1)
    np.testing.assert_array_equal(first.llrs, again.llrs)
    assert not np.array_equal(first.llrs, other.llrs)
    assert not np.array_equal(first.bits, other.bits)


def test_counts_of_undetected_and_bit_errors() -> None:
    sent = send_blocks(RS, QPSK, AWGN, Snr(60.0), blocks=4)
    sent.llrs[1, :8] *= -1  # corrected
    sent.llrs[2, :48] *= -1  # six bytes: too many for two
    judged = judge(RS, sent)
    assert judged.wrong.tolist() == [False, False, True, False]
    assert judged.counts() == Counts(4, 1, int(judged.undetected[2]), int(judged.bit_errors[2]))
    assert judged.counts(2) == Counts(2, 0, 0, 0)
    uncoded = CHANNEL_CODES.build("repetition:1")
    sent = send_blocks(uncoded, QPSK, AWGN, Snr(60.0), blocks=4)
    sent.llrs[3] *= -1
    assert judge(uncoded, sent).counts() == Counts(4, 1, 0, 1)


def test_a_block_is_a_transmission_where_the_gain_lasts() -> None:
    """Under block Rayleigh fading the bits of a block share their gain: errors come together."""
    code = CHANNEL_CODES.build("rs:20,15")
    slow = judge(code, send_blocks(code, QPSK, CHANNELS.build("rayleigh:block"), Snr(10.0), blocks=400))
    fast = judge(code, send_blocks(code, QPSK, CHANNELS.build("rayleigh:fast"), Snr(10.0), blocks=400))
    assert slow.bit_errors.var() > 3 * fast.bit_errors.var()


def test_runs_end_at_the_block_that_completes_the_errors() -> None:
    counts = run_until(RS, QPSK, AWGN, Snr(4.0), block_errors=10, most_blocks=10_000)
    assert counts.block_errors == 10
    size = max(1, min((1 << 22) // RS.n_bits, 10_000))
    wrong = judge(RS, send_blocks(RS, QPSK, AWGN, Snr(4.0), blocks=size)).wrong
    assert counts.blocks == np.flatnonzero(wrong)[9] + 1
    assert run_until(RS, QPSK, AWGN, Snr(30.0), block_errors=10, most_blocks=50) == Counts(50, 0, 0, 0)
    with pytest.raises(UsageError, match="block_errors is 0"):
        run_until(RS, QPSK, AWGN, Snr(4.0), block_errors=0, most_blocks=5)


@pytest.mark.parametrize(("rate", "most"), [(0.3, 200), (0.05, 400), (0.01, 600), (0.002, 1000)])
def test_intervals_cover_what_they_promise(rate: float, most: int) -> None:
    """20 000 curtailed samples with 20 errors asked for; at least 95 %, less 5 standard errors."""
    rng, target, runs = np.random.default_rng(1), 20, 20_000
    needed = rng.negative_binomial(target, rate, runs) + target  # blocks until the 20th error
    errors = np.where(needed <= most, target, 0)
    late = needed > most
    # the errors among the first `most` blocks, given that there are fewer than 20
    draws = rng.binomial(most, rate, 40 * runs)
    draws = draws[draws < target]
    errors[late] = draws[: late.sum()]
    blocks = np.where(late, most, needed)
    limits = {
        pair: curtailed_interval(*pair, target)
        for pair in set(zip(blocks.tolist(), errors.tolist(), strict=True))
    }
    covered = sum(
        limits[pair][0] <= rate <= limits[pair][1]
        for pair in zip(blocks.tolist(), errors.tolist(), strict=True)
    )
    assert covered / runs >= 0.95 - 5 * (0.95 * 0.05 / runs) ** 0.5


def test_intervals_at_the_ends() -> None:
    assert curtailed_interval(50, 0, 10)[0] == 0.0
    assert curtailed_interval(10, 10, 10) == (stats.beta.ppf(0.025, 10, 1), 1.0)
