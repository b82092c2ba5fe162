"""Reliability is what theory says it is, and a bound is kept only if enough blocks say so."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from channelvq.evaluation.theory import ber_awgn, capacity_bicm, word_failure_rate
from channelvq.snr import Snr
from channelvq.sweep.axis import Point
from channelvq.sweep.options import LinkOptions
from channelvq.tuning import reliability
from channelvq.tuning.candidates import Candidate, beyond_capacity, candidates_of
from channelvq.tuning.reliability import Reliability, count_blocks, reliable_ones
from channelvq.tuning.spec import TuneSpec


def spec_of(codes: list[str], modulations: list[str], **values: object) -> TuneSpec:
    tune = {"codec": "jpeg", "codes": codes, "modulations": modulations}
    content = {"name": "n", "channel": "awgn", "snr_db": [6.0], "cbr": "1/4", "tune": tune}
    return TuneSpec.model_validate({**content, **values})


def candidate_of(code: str, modulation: str = "qpsk", uses: int = 3060) -> Candidate:
    options = LinkOptions("jpeg", code, modulation, None, None, None, Fraction(1, 4))
    made = Candidate(options, 0, 0.0, graded=False)
    frame = made.frame(uses)
    return Candidate(options, frame.message_bits, frame.message_bits / uses, graded=False)


def test_candidates_are_ordered_by_what_they_carry() -> None:
    spec = spec_of(["ldpc:1/2", "uncoded", "ldpc:1/4@0.5;ldpc:3/4"], ["qpsk", "qam16"])
    found = candidates_of(spec, (3, 64, 96))
    assert [candidate.label for candidate in found] == [
        "uncoded qam16",
        "uncoded qpsk",
        "ldpc:1/2 qam16",
        "ldpc:1/4@0.5;ldpc:3/4 qam16",
        "ldpc:1/2 qpsk",
        "ldpc:1/4@0.5;ldpc:3/4 qpsk",
    ]
    assert [candidate.graded for candidate in found] == [True, True, False, True, False, True]
    uses = 64 * 96 * 3 // 4
    assert found[1].payload_bits == 2 * uses
    assert found[2].efficiency == pytest.approx(2, rel=0.03)  # but for CRCs
    assert found[3].efficiency == pytest.approx(1, rel=0.03)  # of the stronger half


def test_a_code_that_does_not_fit_is_left_out() -> None:
    found = candidates_of(spec_of(["rs:255,127", "rs:12,6"], ["qpsk"], cbr="1/6"), (1, 16, 24))
    assert [candidate.options.code for candidate in found] == ["rs:12,6"]


@pytest.mark.parametrize("modulation", ["qpsk", "qam16", "qam64"])
def test_what_is_beyond_capacity_never_arrives(modulation: str) -> None:
    snr_db = 6.0
    most = capacity_bicm(modulation, Snr.from_esn0_db(snr_db))
    point = Point(channel="awgn", snr_db=snr_db)
    for rate in ("1/4", "1/3", "2/5", "1/2", "3/5", "2/3", "3/4", "9/10"):
        candidate = candidate_of(f"ldpc:{rate}", modulation, uses=4000)
        if beyond_capacity(candidate, point):
            assert candidate.efficiency > most
            counted = count_blocks(candidate, point, 4000, 0.1, seed=0)
            assert counted.block_errors == counted.blocks
        else:
            assert candidate.efficiency <= 1.002 * most
    assert not beyond_capacity(candidate, Point(channel="rayleigh:block", snr_db=snr_db))
    assert not beyond_capacity(candidate, Point(channel="bsc:0.5"))


def test_the_rate_of_lost_blocks_is_that_of_theory() -> None:
    point, code = Point(channel="awgn", snr_db=8.0), candidate_of("rs:255,223")
    q = 1 - (1 - ber_awgn("qpsk", Snr.from_esn0_db(8.0))) ** 8
    truth = word_failure_rate(255, 223, q)
    assert 0.02 < truth < 0.2
    counted = count_blocks(code, point, 3060, truth, seed=0)
    spread = np.sqrt(truth * (1 - truth) / counted.blocks)
    assert abs(counted.rate - truth) < 4 * spread  # false alarm 6e-5
    assert count_blocks(code, point, 3060, 3 * truth, seed=0).keeps
    assert not count_blocks(code, point, 3060, truth / 3, seed=0).keeps


def test_limits_are_those_of_clopper_and_pearson() -> None:
    counted = Reliability(2000, 3, 100, 2)
    high, low = counted.limit("high", 0.95), counted.limit("low", 0.999)
    assert stats.binom.cdf(3, 2000, high) == pytest.approx(0.05)
    assert stats.binom.sf(2, 2000, low) == pytest.approx(0.001)
    assert Reliability(5, 5, 1, 1).limit("high", 0.95) == 1.0
    assert Reliability(5, 0, 1, 0).limit("low", 0.95) == 0.0


@pytest.mark.parametrize(("lost", "frames", "keeps"), [(0, 750, True), (1, 1500, True), (40, 50, False)])
def test_looks_are_where_they_are_said_to_be(
    monkeypatch: pytest.MonkeyPatch, lost: int, frames: int, keeps: bool
) -> None:
    fates = iter([np.arange(4) < 1] * lost + [np.zeros(4, bool)] * 5000)
    monkeypatch.setattr(reliability, "_send_payload", lambda *_: next(fates))
    counted = count_blocks(candidate_of("uncoded"), Point(channel="awgn", snr_db=6.0), 3060, 1e-3, seed=0)
    assert (counted.frames, counted.blocks, counted.keeps) == (frames, 4 * frames, keeps)
    assert (counted.block_errors, counted.frame_errors) == (lost, lost)


def test_what_loses_some_blocks_is_asked_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    fates = iter([np.arange(4) < (i % 250 == 0) for i in range(5000)])  # a rate of 1e-3, just the bound
    monkeypatch.setattr(reliability, "_send_payload", lambda *_: next(fates))
    counted = count_blocks(candidate_of("uncoded"), Point(channel="awgn", snr_db=6.0), 3060, 1e-3, seed=0)
    assert (counted.frames, counted.keeps) == (3000, False)


def test_one_goes_down_to_the_first_that_loses_nothing() -> None:
    codes = [f"ldpc:{rate}" for rate in ("9/10", "3/4", "1/2", "1/3", "1/5")]
    found = candidates_of(spec_of(codes, ["qpsk"]), (3, 64, 96))
    point = Point(channel="awgn", snr_db=3.6)
    seen = reliable_ones(found, point, 4608, 0.05, seed=0)
    # 1.8 bits a use are beyond capacity; 1.5 are within it, but lost; 2/3 and less need not be looked at.
    assert list(seen) == [1, 2]
    assert (seen[1].keeps, seen[2].keeps, seen[2].frame_errors) == (False, True, 0)
    assert seen == reliable_ones(found, point, 4608, 0.05, seed=0)
