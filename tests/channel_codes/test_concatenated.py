"""The concatenation against its parts, put together by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.bits import CERTAIN_LLR, pack_bits
from channelvq.channel_codes import CHANNEL_CODES
from channelvq.channel_codes.concatenated import Concatenated
from channelvq.channel_codes.punctured import PuncturedConvolutional
from channelvq.channel_codes.reed_solomon import ReedSolomon
from channelvq.errors import UsageError


def awgn_llrs(coded: np.ndarray, esn0_db: float, rng: np.random.Generator) -> np.ndarray:
    variance = 0.5 / 10 ** (esn0_db / 10)
    received = 1 - 2.0 * coded + math.sqrt(variance) * rng.standard_normal(coded.shape)
    return (2 * received / variance).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(5, 40),
    st.sampled_from(["1/2", "3/4", "7/8"]),
    st.integers(1, 6),
    st.integers(0, 3),
)
def test_inverts_without_noise(seed: int, n: int, rate: str, depth: int, shorter: int) -> None:
    code = Concatenated(n, n - 4, rate, depth, crc=0, last=max(5, n - shorter))
    bits = np.random.default_rng(seed).integers(0, 2, (3, code.k_bits)).astype(np.uint8)
    coded = code.encode(bits)
    assert coded.shape == (3, code.n_bits)
    out = code.decode(np.where(coded == 1, -3, 3).astype(np.float32))
    np.testing.assert_array_equal(out.llr, CERTAIN_LLR * (1 - 2.0 * bits))
    np.testing.assert_array_equal(out.bits, bits)
    assert out.ok is not None and out.ok.all()


def test_encoder_is_the_parts_in_a_row() -> None:
    """Byte i of word w is byte depth · i + w between the codes, as in CCSDS 131.0-B."""
    code = Concatenated(20, 12, "3/4", depth=3)
    bits = np.random.default_rng(0).integers(0, 2, (2, code.k_bits)).astype(np.uint8)
    words = ReedSolomon(20, 12, crc=0).encode(bits.reshape(6, 96))
    between = np.zeros((2, 60, 8), np.uint8)
    for block in range(2):
        for w in range(3):
            for i in range(20):
                between[block, 3 * i + w] = words[3 * block + w, 8 * i : 8 * i + 8]
    whole = PuncturedConvolutional("3/4", 480, crc=0).encode(between.reshape(2, 480))
    np.testing.assert_array_equal(code.encode(bits), whole)


@pytest.mark.parametrize("last", [None, 45])
def test_words_decode_if_the_inner_code_leaves_few_enough_bytes_wrong(last: int | None) -> None:
    """RS(60, 40) corrects 10 bytes: bits and LLRs of every word are what its byte errors say."""
    rng = np.random.default_rng(1)
    code = Concatenated(60, 40, "1/2", depth=4, last=last)
    blocks = 60
    bits = rng.integers(0, 2, (blocks, code.k_bits)).astype(np.uint8)
    coded = code.encode(bits)
    llrs = awgn_llrs(coded, -2.5, rng)
    out = code.decode(llrs)
    size = 8 * (180 + (last or 60))
    inner = PuncturedConvolutional("1/2", size, crc=0)
    sure = inner.decode(np.where(coded == 1, -9, 9).astype(np.float32)).bits
    received = inner.decode(llrs)
    # Places of each word's bytes between the codes: column by column, the last word may be missing.
    places = [[] for _ in range(4)]
    for column in range(60):
        for w in range(4 if column < (last or 60) else 3):
            places[w].append(sum(len(p) for p in places))
    start, decodable = 0, np.ones(blocks, bool)
    for place in places:
        picked = (8 * np.array(place)[:, None] + np.arange(8)).reshape(-1)
        wrong = (pack_bits(received.bits[:, picked]) != pack_bits(sure[:, picked])).sum(axis=1)
        part = slice(start, start + 8 * (len(place) - 20))
        good = wrong <= 10
        np.testing.assert_array_equal(out.llr[good, part], CERTAIN_LLR * (1 - 2.0 * bits[good, part]))
        kept = received.llr[:, picked[: 8 * (len(place) - 20)]]
        np.testing.assert_array_equal(out.llr[~good, part], kept[~good])
        decodable &= good
        start = part.stop
        assert 2 < good.sum() < 60  # both cases are there
    np.testing.assert_array_equal(out.ok, decodable)
    np.testing.assert_array_equal(out.bits, out.llr < 0)


def test_interleaver_spreads_a_burst_over_the_words() -> None:
    """600 coded bits wrong are some 40 bytes: too many for one word of RS(60, 44), not for 5."""
    rng = np.random.default_rng(2)
    for depth, decodable in ((1, False), (5, True)):
        code = Concatenated(60, 44, "1/2", depth)
        bits = rng.integers(0, 2, (1, code.k_bits)).astype(np.uint8)
        llrs = np.where(code.encode(bits) == 1, -4, 4).astype(np.float32)
        llrs[0, 200:680] *= -1
        out = code.decode(llrs)
        assert out.ok is not None and bool(out.ok[0]) == decodable


def test_erased_bytes_are_erasures_to_the_outer_code() -> None:
    """Coded bits that never came leave inner bits open; RS(60, 40) bears 20 open bytes, or 10 wrong."""
    rng = np.random.default_rng(3)
    code = Concatenated(60, 40, "1/2", depth=1)
    bits = rng.integers(0, 2, (1, code.k_bits)).astype(np.uint8)
    llrs = np.where(code.encode(bits) == 1, -4, 4).astype(np.float32)
    lost = llrs.copy()
    lost[0, 320 : 320 + 16 * 18] = 0
    out = code.decode(lost)
    assert out.ok is not None and out.ok.all()
    np.testing.assert_array_equal(out.bits, bits)
    nothing = code.decode(np.zeros_like(llrs))
    assert nothing.ok is not None and not nothing.ok.any()
    assert (nothing.llr == 0).all()


def test_outcome_does_not_depend_on_the_batch() -> None:
    rng = np.random.default_rng(4)
    code = Concatenated(20, 12, "3/4", depth=2)
    llrs = awgn_llrs(code.encode(rng.integers(0, 2, (37, code.k_bits)).astype(np.uint8)), 0.5, rng)
    out = code.decode(llrs)
    assert out.ok is not None and 0 < out.ok.sum() < 37
    for b in range(37):
        alone = code.decode(llrs[b : b + 1])
        np.testing.assert_array_equal(alone.llr[0], out.llr[b])
        assert alone.ok is not None and alone.ok[0] == out.ok[b]
    assert code.decode(llrs[:0]).llr.shape == (0, code.k_bits)


def test_fill_uses_every_byte() -> None:
    code = Concatenated(30, 20, "3/4", depth=3, crc=16)
    for coded_bits in range(0, 3000, 7):
        runs = code.fill(coded_bits)
        left = coded_bits - sum(run.blocks * run.code.n_bits for run in runs)
        assert left >= 0
        assert all(run.code.crc_bits == 16 and run.code.k_bits > 16 for run in runs)
        if runs and runs[-1].code.n_bits < code.n_bits:
            assert left < 12  # a byte is 8 / rate coded bits, rounded up
            assert runs[-1].blocks == 1 and len(runs) <= 2
            shorter = runs[-1].code
            bits = np.random.default_rng(coded_bits).integers(0, 2, (1, shorter.k_bits)).astype(np.uint8)
            sent = np.where(shorter.encode(bits) == 1, -4, 4).astype(np.float32)
            np.testing.assert_array_equal(shorter.decode(sent).bits, bits)
        else:
            assert left < PuncturedConvolutional("3/4", 8 * 13, crc=0).n_bits
    assert code.fill(-1) == []


@pytest.mark.parametrize("spec", ["rs+conv:255,223,1/2", "rs+conv:204,188,3/4,depth=8,crc=32"])
def test_spec_round_trip(spec: str) -> None:
    assert CHANNEL_CODES.build(spec).spec == spec


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((256, 223, "1/2"), "n is 256"),
        ((255, 255, "1/2"), "k is 255"),
        ((255, 223, "4/5"), "rate is 4/5"),
        ((255, 223, "1/2", 0), "depth is 0, must be from 1 to 64"),
        ((255, 223, "1/2", 5, 8), "crc is 8"),
        ((10, 2, "1/2", 1, 16), "room for a message"),
        ((255, 223, "1/2", 5, 16, 32), "last is 32, must be from n - k \\+ 1 = 33 to n = 255"),
    ],
)
def test_wrong_codes_are_refused(arguments: tuple[object, ...], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Concatenated(*arguments)  # type: ignore[arg-type]


def test_wrong_input_is_refused() -> None:
    code = Concatenated(20, 12, "1/2")
    llrs = np.zeros((1, code.n_bits), np.float32)
    llrs[0, 0] = np.nan
    with pytest.raises(UsageError, match="must be finite"):
        code.decode(llrs)
    with pytest.raises(UsageError, match="must be float32"):
        code.decode(llrs[:, 1:])
    with pytest.raises(TypeError, match="must be uint8"):
        code.encode(np.zeros((1, code.k_bits), np.int64))  # type: ignore[arg-type]
