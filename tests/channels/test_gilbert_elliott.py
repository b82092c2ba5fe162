"""The Gilbert-Elliott channel: stationary from the first bit, bursts as long as said, honest LLRs."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from channelvq.channels import CHANNELS
from channelvq.channels.base import BitChannel
from channelvq.channels.gilbert_elliott import GilbertElliott
from channelvq.errors import UsageError
from channelvq.randomness import generator

FALSE_ALARM = 1e-9  # of each statistical test; seeds are fixed
KINDS = [
    GilbertElliott(0.01, burst=8),
    GilbertElliott(0.1, burst=3.5, bad=0.4, good=0.02),
    GilbertElliott(0.2, burst=20, bad=1.0),
    GilbertElliott(0.3, burst=1.5, bad=0.5),  # the state changes more often than not
]


@functools.cache
def errors_of(channel: GilbertElliott, rows: int, count: int) -> np.ndarray:
    zeros = torch.zeros(rows, count, dtype=torch.uint8)
    return (channel.transmit(zeros, lambda stream: generator(0, stream)) < 0).numpy()


def states_of(channel: GilbertElliott, count: int) -> np.ndarray:
    """Bad states as a receiver sees that is told them: by the magnitude of its LLRs."""
    told = GilbertElliott(channel.p, burst=channel.burst, bad=channel.bad, good=channel.good, csi="state")
    llrs = told.transmit(torch.zeros(1, count, dtype=torch.uint8), lambda stream: generator(0, stream))
    magnitudes = llrs.abs().numpy()[0]
    return magnitudes < magnitudes.max()  # true of all kinds here but for bad = 1, where both are certain


@pytest.mark.parametrize("channel", KINDS, ids=repr)
def test_the_error_rate_is_stationary_from_the_first_bit(channel: GilbertElliott) -> None:
    errors = errors_of(channel, 20_000, 64)  # independent rows: exact binomial tests of single positions
    for position in (0, 1, 5, 63):
        count = int(errors[:, position].sum())
        assert stats.binomtest(count, len(errors), channel.p).pvalue > FALSE_ALARM


@pytest.mark.parametrize("channel", KINDS, ids=repr)
def test_errors_come_in_company_as_the_chain_says(channel: GilbertElliott) -> None:
    # P(error at t and at t + d) = p² + π_B π_G (e_B - e_G)² (1 - a - b)^d, on independent rows.
    errors = errors_of(channel, 20_000, 64)
    memory = 1 - channel.leave_bad - channel.leave_good
    variance = channel.bad_share * (1 - channel.bad_share) * (channel.bad - channel.good) ** 2
    for distance in (1, 2, 10):
        both = int((errors[:, 4] & errors[:, 4 + distance]).sum())
        expected = channel.p**2 + variance * memory**distance
        assert stats.binomtest(both, len(errors), expected).pvalue > FALSE_ALARM


@pytest.mark.parametrize("channel", KINDS, ids=repr)
def test_the_long_run_error_rate_is_the_one_said(channel: GilbertElliott) -> None:
    # Central limit theorem of the chain; 6.1 standard deviations are 1e-9.
    n = 500_000
    errors = errors_of(channel, 1, n)[0]
    memory = 1 - channel.leave_bad - channel.leave_good
    spread = channel.bad_share * (1 - channel.bad_share) * (channel.bad - channel.good) ** 2
    variance = (channel.p * (1 - channel.p) + 2 * spread * memory / (1 - memory)) / n
    assert abs(errors.mean() - channel.p) < 6.1 * math.sqrt(variance)


@pytest.mark.parametrize("channel", [KINDS[0], KINDS[1], KINDS[3]], ids=repr)
def test_stays_are_geometric_with_the_means_said(channel: GilbertElliott) -> None:
    bad = states_of(channel, 500_000)
    edges = np.flatnonzero(np.diff(bad.astype(np.int8))) + 1
    lengths, in_bad = np.diff(edges), bad[edges[:-1]]  # whole stays only
    for stays, leave in ((lengths[in_bad], channel.leave_bad), (lengths[~in_bad], channel.leave_good)):
        stays = stays[: len(stays) * 9 // 10]  # a number of stays, not a span of time: no bias to short ones
        # m geometric stays, less one each, sum to a negative binomial count, exactly.
        total = int(stays.sum()) - stays.size
        law = stats.nbinom(stays.size, leave)
        assert min(law.cdf(total), law.sf(total - 1)) > FALSE_ALARM / 2
        once = int((stays == 1).sum())
        assert stats.binomtest(once, stays.size, leave).pvalue > FALSE_ALARM


def test_with_bad_of_one_a_burst_is_a_run_of_errors() -> None:
    errors = errors_of(GilbertElliott(0.05, burst=6, bad=1.0), 1, 500_000)[0]
    edges = np.flatnonzero(np.diff(errors.astype(np.int8))) + 1
    runs = np.diff(edges)[errors[edges[:-1]]]
    assert runs.mean() == pytest.approx(6, abs=6.1 * math.sqrt(30 / runs.size))  # variance L (L - 1)


def test_without_state_the_llr_is_the_marginal_one() -> None:
    channel = GilbertElliott(0.03, burst=12)
    llrs = channel.transmit(torch.zeros(2, 5000, dtype=torch.uint8), lambda stream: generator(0, stream))
    assert llrs.dtype == torch.float32
    assert llrs.abs().unique().tolist() == [pytest.approx(math.log(0.97 / 0.03), rel=1e-6)]


def test_with_the_state_each_llr_is_that_of_its_bit() -> None:
    channel = GilbertElliott(0.05, burst=12, bad=0.3, good=0.01, csi="state")
    llrs = channel.transmit(torch.zeros(1, 300_000, dtype=torch.uint8), lambda stream: generator(0, stream))
    values = llrs.abs().unique().tolist()
    assert values == [pytest.approx(math.log(7 / 3), rel=1e-5), pytest.approx(math.log(99), rel=1e-5)]
    for value, rate in zip(values, (0.3, 0.01), strict=True):  # given the states, flips are independent
        wrong = llrs[llrs.abs() == value] < 0
        assert stats.binomtest(int(wrong.sum()), wrong.numel(), rate).pvalue > FALSE_ALARM
    blind = GilbertElliott(0.05, burst=12, bad=0.3, good=0.01)
    same = blind.transmit(torch.zeros(1, 300_000, dtype=torch.uint8), lambda stream: generator(0, stream))
    assert torch.equal(same < 0, llrs < 0)  # what the receiver is told changes nothing on the channel


def test_errors_do_not_depend_on_frame_length_neighbours_or_bits() -> None:
    channel = GilbertElliott(0.2, burst=2)
    many = errors_of(channel, 3, 7000)
    np.testing.assert_array_equal(errors_of(channel, 1, 2500), many[:1, :2500])
    assert not np.array_equal(many[0], many[1])
    ones = channel.transmit(torch.ones(3, 7000, dtype=torch.uint8), lambda stream: generator(0, stream))
    np.testing.assert_array_equal((ones > 0).numpy(), many)


def test_no_errors_at_p_zero() -> None:
    llrs = GilbertElliott(0.0).transmit(torch.ones(2, 999, dtype=torch.uint8), lambda s: generator(0, s))
    assert (llrs == -50).all()


@pytest.mark.parametrize("shape", [(0, 4), (3, 0)])
def test_empty_batches_pass(shape: tuple[int, int]) -> None:
    bits = torch.zeros(shape, dtype=torch.uint8)
    assert GilbertElliott(0.1).transmit(bits, lambda stream: generator(0, stream)).shape == shape


@settings(deadline=None)
@given(
    st.floats(0, 0.4),
    st.floats(1, 1e6),
    st.floats(0.41, 1),
    st.floats(0, 1),
    st.sampled_from(["none", "state"]),
)
def test_the_parameters_give_back_error_rate_and_spec(
    p: float, burst: float, bad: float, share: float, csi: str
) -> None:
    good = share * p
    share_bad = (p - good) / (bad - good)
    if burst < share_bad / (1 - share_bad):  # bursts too short for so many errors
        with pytest.raises(UsageError, match="burst is"):
            GilbertElliott(p, burst=burst, bad=bad, good=good, csi=csi)
        return
    channel = GilbertElliott(p, burst=burst, bad=bad, good=good, csi=csi)
    assert 0 <= channel.leave_good <= 1
    share_bad = channel.leave_good / (channel.leave_good + channel.leave_bad)
    assert share_bad * bad + (1 - share_bad) * good == pytest.approx(p, rel=1e-9, abs=1e-12)
    again = CHANNELS.build(channel.spec)
    assert isinstance(again, BitChannel)
    assert repr(again) == repr(channel)


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("gilbert-elliott:0.01", "gilbert-elliott:0.01,burst=10"),
        ("gilbert-elliott:0.01,csi=state,burst=8.0", "gilbert-elliott:0.01,burst=8,csi=state"),
        ("gilbert-elliott:0.1,bad=0.4,good=0.01", "gilbert-elliott:0.1,burst=10,bad=0.4,good=0.01"),
    ],
)
def test_specs_are_canonical(text: str, spec: str) -> None:
    assert CHANNELS.build(text).spec == spec == CHANNELS.build(spec).spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gilbert-elliott", r"wrong arguments \(usage: gilbert-elliott:P\[,burst=BITS\]"),
        ("gilbert-elliott:0.6", "p is 0.6, must be from 0 to 0.5"),
        ("gilbert-elliott:0.5", "p is 0.5, must be from 0 up to 0.5"),
        ("gilbert-elliott:0.3,bad=0.2", "p is 0.3, must be from 0 up to 0.2"),
        ("gilbert-elliott:0.01,good=0.1", "p is 0.01, must be from 0.1 up to 0.5"),
        ("gilbert-elliott:0.1,good=0.6", "good is 0.6 and bad is 0.5"),
        ("gilbert-elliott:0.1,burst=0.5", "burst is 0.5, must be from 1"),
        ("gilbert-elliott:0.4,burst=2", "burst is 2, must be a finite number from 4 on"),
        ("gilbert-elliott:0.1,csi=all", "csi is 'all', must be none or state"),
    ],
)
def test_wrong_arguments_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        CHANNELS.build(text)
