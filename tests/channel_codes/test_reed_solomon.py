"""Reed-Solomon against the library reedsolo, its correction radius, and the theory of block failures."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
import reedsolo
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from channelvq.bits import CERTAIN_LLR, bits_to_llrs, pack_bits, unpack_bits
from channelvq.channel_codes import CHANNEL_CODES, ReedSolomon
from channelvq.errors import UsageError

CODES = [(255, 223), (255, 191), (204, 188), (64, 32), (20, 15), (5, 4), (255, 5), (255, 254)]


def random_bits(code: ReedSolomon, blocks: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (blocks, code.k_bits)).astype(np.uint8)


def hit(coded: np.ndarray, wrong: int, erased: int, rng: np.random.Generator) -> np.ndarray:
    """LLRs ±3 of coded bits [n], with that many bytes changed and erased."""
    word = pack_bits(coded).copy()
    places = rng.permutation(len(word))[: wrong + erased]
    word[places[:wrong]] ^= rng.integers(1, 256, wrong).astype(np.uint8)
    llrs = bits_to_llrs(unpack_bits(word), 3.0).reshape(-1, 8)
    for place in places[wrong:]:  # from one lost bit of the byte to all of them
        llrs[place, rng.permutation(8)[: rng.integers(1, 9)]] = 0
    return llrs.reshape(-1)


@pytest.mark.parametrize(("n", "k"), CODES)
def test_encoder_equals_reedsolo(n: int, k: int) -> None:
    code = ReedSolomon(n, k, crc=0)
    bits = random_bits(code, 9)
    reference = reedsolo.RSCodec(n - k, nsize=n)
    expected = [list(reference.encode(row.tobytes())) for row in pack_bits(bits)]
    assert pack_bits(code.encode(bits)).tolist() == expected


@pytest.mark.parametrize(("n", "k"), CODES)
def test_corrects_up_to_the_radius_and_says_when_it_cannot(n: int, k: int) -> None:
    code = ReedSolomon(n, k, crc=0)
    rng = np.random.default_rng(n + k)
    bits = random_bits(code, 12)
    coded = code.encode(bits)
    erased = rng.integers(0, n - k + 1, 12)
    erased[0], erased[1] = 0, n - k
    wrong = (n - k - erased) // 2  # 2e + f ≤ n - k, as full as it goes
    out = code.decode(np.stack([hit(c, e, f, rng) for c, e, f in zip(coded, wrong, erased, strict=True)]))
    assert out.ok is not None
    assert out.ok.all()
    np.testing.assert_array_equal(out.bits, bits)
    np.testing.assert_array_equal(out.llr, bits_to_llrs(bits))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 20))
def test_verdict_and_bytes_equal_reedsolo(seed: int, wrong: int, erased: int) -> None:
    """Whatever happened to the word, but for one thing: within 2e + f ≤ n - k there is one code word at most.

    reedsolo 1.7 counts e wrongly where there are erasures and at times gives a word beyond that, which it
    has guessed; ours then says that it failed.
    """
    code, rng = ReedSolomon(40, 24), np.random.default_rng(seed)
    bits = random_bits(code, 1, seed)
    llrs = hit(code.encode(bits)[0], wrong, erased, rng)[None]
    out = code.decode(llrs)
    word = pack_bits((llrs[0] < 0).astype(np.uint8))
    lost = (llrs.reshape(40, 8) == 0).any(axis=1)
    assert out.ok is not None
    expected = None
    with contextlib.suppress(reedsolo.ReedSolomonError):
        reference = reedsolo.RSCodec(16, nsize=40)
        decoded = reference.decode(bytearray(word.tobytes()), erase_pos=np.flatnonzero(lost).tolist())
        changed = np.frombuffer(bytes(decoded[1]), np.uint8) != word
        if 2 * (changed & ~lost).sum() + lost.sum() <= 16:
            expected = bytes(decoded[0])
    if expected is None:
        assert not out.ok[0]
        np.testing.assert_array_equal(out.llr, llrs[:, : code.k_bits])
        np.testing.assert_array_equal(out.bits, (out.llr < 0).astype(np.uint8))
    else:
        assert out.ok[0]
        assert pack_bits(out.bits[0]).tobytes() == expected


def test_block_failures_are_the_binomial_tail() -> None:
    """Bytes wrong with probability p each: a block fails iff more than t are; exact binomial test at 1e-8."""
    code, rng, blocks, p = ReedSolomon(63, 47), np.random.default_rng(5), 1500, 0.11
    bits = random_bits(code, blocks)
    words = pack_bits(code.encode(bits))
    words ^= (rng.random(words.shape) < p) * rng.integers(1, 256, words.shape).astype(np.uint8)
    out = code.decode(bits_to_llrs(unpack_bits(words)))
    assert out.ok is not None
    failed = int((~out.ok | (out.bits != bits).any(axis=1)).sum())
    expected = binom.sf(8, 63, p)
    assert 0.2 < expected < 0.4
    assert binom.cdf(failed, blocks, expected) > 1e-8
    assert binom.sf(failed - 1, blocks, expected) > 1e-8


def test_miscorrection_happens_as_often_as_theory_says() -> None:
    """Random words land in a decoding ball of RS(60, 56) with probability V/2^32 ≈ C(60, 2) 255² / 256⁴."""
    code, rng, blocks = ReedSolomon(60, 56), np.random.default_rng(6), 3000
    words = rng.integers(0, 256, (blocks, 60)).astype(np.uint8)
    out = code.decode(bits_to_llrs(unpack_bits(words)))
    assert out.ok is not None
    ball = sum(math.comb(60, i) * 255**i for i in range(3))
    taken = int(out.ok.sum())
    assert binom.cdf(taken, blocks, ball / 256**4) > 1e-8
    assert binom.sf(taken - 1, blocks, ball / 256**4) > 1e-8


def test_fill_uses_all_bytes_that_can_carry_a_message() -> None:
    code = ReedSolomon(255, 191)
    assert [(r.code.n_bits, r.blocks) for r in code.fill(2040 * 3 + 7)] == [(2040, 3)]
    runs = code.fill(2040 * 3 + 800 + 5)
    assert [(r.code.n_bits, r.code.k_bits, r.blocks) for r in runs] == [(2040, 1528, 3), (800, 288, 1)]
    assert code.fill(8 * (64 + 2)) == []  # parity and CRC only
    assert [r.code.k_bits for r in code.fill(8 * (64 + 3))] == [24]
    assert code.fill(-5) == []


def test_specs_round_trip() -> None:
    for text in ("rs:255,191", "rs:20,15,crc=32", "rs:255,254,crc=0"):
        assert CHANNEL_CODES.build(text).spec == text
    assert CHANNEL_CODES.build("rs:255,223,crc=16").spec == "rs:255,223"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rs:10,20", "k is 20, must be from 1 to 9"),
        ("rs:256,20", "n is 256"),
        ("rs:255", "usage: rs:255,191"),
        ("rs:255,191,3,4", "usage: rs:255,191"),
        ("rs:a,b", "n is 'a'"),
        ("rs:255,191,crc=8", "crc is 8, must be 0, 16 or 32"),
        ("rs:5,2", "room beside the CRC"),
        ("rs:255,191,depth=4", "usage"),
        ("turbo:1/3", "allowed: uncoded, repetition, rs"),
    ],
)
def test_wrong_specs_say_what_is_right(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        CHANNEL_CODES.build(text)


def test_wrong_shapes_are_refused() -> None:
    code = ReedSolomon(20, 15)
    with pytest.raises(UsageError, match=r"must be \[blocks, 120\]"):
        code.encode(np.zeros((1, 119), np.uint8))
    with pytest.raises(UsageError, match=r"must be \[blocks, 160\]"):
        code.decode(np.zeros(160, np.float32))


def test_no_blocks_are_no_trouble() -> None:
    code = ReedSolomon(20, 15)
    assert code.encode(np.zeros((0, 120), np.uint8)).shape == (0, 160)
    assert code.decode(np.zeros((0, 160), np.float32)).llr.shape == (0, 120)
    assert CERTAIN_LLR == 50
