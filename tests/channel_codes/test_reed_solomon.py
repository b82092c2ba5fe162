"""Reed-Solomon: its encoder and correction radius, the theory of block failures, and what goes in and out."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import reedsolo
from scipy.stats import binom

from channelvq.bits import CERTAIN_LLR, bits_to_llrs, pack_bits, unpack_bits
from channelvq.channel_codes import CHANNEL_CODES, ReedSolomon
from channelvq.channel_codes.gf256 import multiply, power
from channelvq.errors import UsageError
from channelvq.framing import Frame

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


def test_every_number_of_parity_bytes_corrects_to_its_radius() -> None:
    """And its code words vanish at 1, α, ..., α^(n-k-1), which defines the code."""
    for parity in range(1, 255):
        rng = np.random.default_rng(parity)
        n = int(rng.integers(parity + 1, 256))
        code = ReedSolomon(n, n - parity, crc=0)
        bits = random_bits(code, 2, parity)
        coded = code.encode(bits)
        values = np.zeros((2, parity), np.uint8)
        for byte in pack_bits(coded).T:  # Horner
            values = multiply(values, power(np.arange(parity))) ^ byte[:, None]
        assert not values.any()
        erased = int(rng.integers(0, parity + 1))
        errors = (parity - erased) // 2
        llrs = np.stack([hit(coded[0], errors, erased, rng), hit(coded[1], parity // 2, 0, rng)])
        out = code.decode(llrs)
        assert out.ok is not None
        assert out.ok.all(), parity
        np.testing.assert_array_equal(out.bits, bits)


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


def test_fill_keeps_what_the_code_is() -> None:
    code = ReedSolomon(60, 40, crc=24, punctured=10, gmd=True)
    (shorter,) = (run.code for run in code.fill(8 * 50))
    assert isinstance(shorter, ReedSolomon)
    assert shorter.spec == "rs:50,30,crc=24,punctured=10,gmd=1"


@pytest.mark.parametrize("crc", [0, 16, 24, 32])
def test_a_frame_carries_a_message(crc: int) -> None:
    frame = Frame(ReedSolomon(60, 40, crc=crc, punctured=4, gmd=True), 3 * 480 + 300)
    message = np.random.default_rng(1).integers(0, 2, frame.message_bits).astype(np.uint8)
    out = frame.decode(bits_to_llrs(frame.encode(message), 3.0))
    assert out.trusted is not None and out.trusted.all()
    np.testing.assert_array_equal(out.llrs < 0, message)


def test_specs_round_trip() -> None:
    for text in (
        "rs:255,191",
        "rs:20,15,crc=32",
        "rs:20,15,crc=24",
        "rs:255,254,crc=0",
        "rs:247,223,punctured=8",
        "rs:255,191,gmd=1",
        "rs:60,40,crc=0,punctured=3,gmd=1",
    ):
        assert CHANNEL_CODES.build(text).spec == text
    assert CHANNEL_CODES.build("rs:255,223,crc=16").spec == "rs:255,223"
    assert CHANNEL_CODES.build("rs:255,223,punctured=0,gmd=0").spec == "rs:255,223"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("rs:10,20", "k is 20, must be from 1 to 9"),
        ("rs:256,20", "n is 256"),
        ("rs:255", "usage: rs:255,191"),
        ("rs:255,191,3,4", "usage: rs:255,191"),
        ("rs:a,b", "n is 'a'"),
        ("rs:255,191,crc=8", "crc is 8, must be 0, 16, 24 or 32"),
        ("rs:5,2", "room beside the CRC"),
        ("rs:255,191,depth=4", "usage"),
        ("rs:250,191,punctured=6", "punctured is 6, must be from 0 to 255 - n = 5"),
        ("rs:250,191,punctured=-1", "punctured is -1"),
        ("rs:255,191,gmd=2", "gmd is 2, must be from 0 to 1"),
        ("turbo:1/3", "allowed: uncoded, repetition, rs"),
    ],
)
def test_wrong_specs_say_what_is_right(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        CHANNEL_CODES.build(text)


def test_wrong_input_is_refused_by_name() -> None:
    code = ReedSolomon(20, 15)
    with pytest.raises(UsageError, match=r"bits has shape \(1, 119\), must be uint8 \[blocks, 120\]"):
        code.encode(np.zeros((1, 119), np.uint8))
    with pytest.raises(TypeError, match="bits has dtype int64"):
        code.encode(np.zeros((1, 120), np.int64))
    with pytest.raises(UsageError, match="bits hold 2"):
        code.encode(np.full((1, 120), 2, np.uint8))
    with pytest.raises(UsageError, match=r"llrs has shape \(160,\), must be float32 \[blocks, 160\]"):
        code.decode(np.zeros(160, np.float32))
    with pytest.raises(TypeError, match="llrs has dtype float64"):
        code.decode(np.zeros((1, 160)))  # type: ignore[arg-type]
    for wrong in (np.nan, np.inf, -np.inf):
        llrs = np.ones((3, 160), np.float32)
        llrs[2, 159] = wrong
        with pytest.raises(UsageError, match=rf"llrs hold {wrong} at \[2, 159\]"):
            code.decode(llrs)


def test_no_blocks_are_no_trouble() -> None:
    code = ReedSolomon(20, 15)
    assert code.encode(np.zeros((0, 120), np.uint8)).shape == (0, 160)
    assert code.decode(np.zeros((0, 160), np.float32)).llr.shape == (0, 120)


@pytest.mark.parametrize("gmd", [False, True])
def test_nothing_received_is_nothing_known(gmd: bool) -> None:
    code = ReedSolomon(20, 15, gmd=gmd)
    out = code.decode(np.zeros((2, 160), np.float32))
    assert out.ok is not None and not out.ok.any()
    assert not out.llr.any() and not out.bits.any()


def test_minus_zero_is_an_erasure_that_decides_for_0() -> None:
    code = ReedSolomon(20, 15, crc=0)
    llrs = bits_to_llrs(code.encode(random_bits(code, 1)), 2.0)
    llrs[0, : 8 * 5] = -0.0
    out = code.decode(llrs)
    assert out.ok is not None and out.ok.all()  # five erasures, five parity bytes
    llrs[0, : 8 * 6] = -0.0
    out = code.decode(llrs)
    assert out.ok is not None and not out.ok.any()
    assert not out.bits[0, :48].any()


def test_llrs_of_any_size_are_read_by_their_signs_and_come_out_within_bounds() -> None:
    code = ReedSolomon(20, 15, crc=0)
    bits = random_bits(code, 4)
    llrs = bits_to_llrs(code.encode(bits), 1.0)
    llrs[1::2, :24] *= -1  # three wrong bytes: one too many
    sizes = (10.0 ** np.random.default_rng(2).integers(-44, 39, llrs.shape)).astype(np.float32)
    out = code.decode(llrs * sizes)
    assert out.ok is not None
    assert out.ok.tolist() == [True, False, True, False]
    np.testing.assert_array_equal(out.bits, llrs[:, :120] < 0)
    np.testing.assert_array_equal(out.llr[::2], bits_to_llrs(bits[::2]))
    np.testing.assert_array_equal(out.llr[1::2], np.clip(llrs * sizes, -CERTAIN_LLR, CERTAIN_LLR)[1::2, :120])


def test_a_block_decodes_the_same_in_any_batch_and_layout() -> None:
    code, rng = ReedSolomon(64, 48, crc=0, punctured=5, gmd=True), np.random.default_rng(3)
    bits = random_bits(code, 40)
    llrs = (2 - 4.0 * code.encode(bits) + rng.normal(0, 1.05, (40, 512))).astype(np.float32) * 2
    llrs[::3, :80] = 0
    given = llrs.copy()
    out = code.decode(llrs)
    np.testing.assert_array_equal(llrs, given)
    assert out.ok is not None and 0 < out.ok.sum() < 40
    wide = np.zeros((40, 1024), np.float32)
    wide[:, ::2] = llrs
    for order, part in ((np.arange(40)[::-1], llrs[::-1]), (np.arange(40), wide[:, ::2]), ([7], llrs[7:8])):
        again = code.decode(part)
        assert again.ok is not None
        np.testing.assert_array_equal(again.ok, out.ok[order])
        np.testing.assert_array_equal(again.llr, out.llr[order])
        np.testing.assert_array_equal(again.bits, out.bits[order])
    np.testing.assert_array_equal(code.encode(bits[::-1]), code.encode(bits)[::-1])


def test_decoding_needs_little_memory() -> None:
    code = ReedSolomon(255, 223)
    llrs = bits_to_llrs(np.zeros((500, 2040), np.uint8))
    llrs[::2, :100] *= -1
    code.decode(llrs[:1])
    tracemalloc.start()
    code.decode(llrs)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1.5 * llrs.nbytes
