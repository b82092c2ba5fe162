"""The convolutional code against published distances, brute force, the union bound and its own LLRs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from channelvq.channel_codes.convolutional import Convolutional
from channelvq.errors import UsageError

PUBLISHED = [  # Proakis, Digital Communications (4th ed.), tables 8.2-1 (rate 1/2), 8.2-2 (1/3), 8.2-3 (1/4)
    ((0o5, 0o7), 3, 5),
    ((0o15, 0o17), 4, 6),
    ((0o23, 0o35), 5, 7),
    ((0o53, 0o75), 6, 8),
    ((0o133, 0o171), 7, 10),
    ((0o247, 0o371), 8, 10),
    ((0o561, 0o753), 9, 12),
    ((0o1167, 0o1545), 10, 12),
    ((0o2335, 0o3661), 11, 14),
    ((0o4335, 0o5723), 12, 15),
    ((0o5, 0o7, 0o7), 3, 8),
    ((0o133, 0o145, 0o175), 7, 15),
    ((0o557, 0o663, 0o711), 9, 18),
    ((0o2353, 0o2671, 0o3175), 11, 22),
    ((0o4767, 0o5723, 0o6265), 12, 24),
    ((0o5, 0o7, 0o7, 0o7), 3, 10),
]


def awgn_llrs(coded: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """LLRs of BPSK ±1 in real noise of standard deviation sigma: 2 y / sigma²."""
    received = 1 - 2.0 * coded + sigma * rng.standard_normal(coded.shape)
    return (2 * received / sigma**2).astype(np.float32)


@pytest.mark.parametrize(("generators", "length", "distance"), PUBLISHED)
def test_free_distance_is_the_published_one(generators: tuple[int, ...], length: int, distance: int) -> None:
    code = Convolutional(generators, length)
    assert code.free_distance == distance
    # and a word of that weight is there: the lightest of all short messages, through the encoder itself
    bits = np.array([m for m in itertools.product((0, 1), repeat=10) if any(m)], np.uint8)
    assert code.encode(bits).sum(axis=1).min() >= distance


def test_encoder_gives_the_impulse_response_in_published_order() -> None:
    code = Convolutional((0o133, 0o171), 7)
    impulse = code.encode(np.array([[1]], np.uint8)).reshape(7, 2).T
    assert [int("".join(map(str, row)), 2) for row in impulse] == [0o133, 0o171]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_code_is_linear_and_inverts_without_noise(seed: int, k: int) -> None:
    code = Convolutional((0o2353, 0o2671, 0o3175), 11)
    a, b = np.random.default_rng(seed).integers(0, 2, (2, 3, k)).astype(np.uint8)
    np.testing.assert_array_equal(code.encode(a) ^ code.encode(b), code.encode(a ^ b))
    out = code.decode(50.0 * (1 - 2 * code.encode(a).astype(np.float32)))
    np.testing.assert_array_equal(out.bits, a)
    assert (out.llr == 50.0 * (1 - 2.0 * a)).all()
    assert out.ok is None


@pytest.mark.parametrize(
    ("generators", "length"), [((0o5, 0o7), 3), ((0o3, 0o3), 2), ((0o11, 0o15, 0o17), 4), ((0o133, 0o171), 7)]
)
def test_decoder_equals_brute_force(generators: tuple[int, ...], length: int) -> None:
    """Bits are maximum likelihood and LLRs max-log APP, over all 2^k messages."""
    code = Convolutional(generators, length)
    rng = np.random.default_rng(1)
    k = 8
    messages = np.array(list(itertools.product((0, 1), repeat=k)), np.uint8)
    signs = 1 - 2.0 * code.encode(messages)
    sent = messages[rng.integers(0, len(messages), 200)]
    llrs = awgn_llrs(code.encode(sent), 1.3, rng)
    out = code.decode(llrs)
    scores = llrs.astype(np.float64) @ signs.T / 2
    np.testing.assert_array_equal(out.bits, messages[scores.argmax(axis=1)])
    for bit in range(k):
        zero = messages[:, bit] == 0
        max_log = scores[:, zero].max(axis=1) - scores[:, ~zero].max(axis=1)
        np.testing.assert_allclose(out.llr[:, bit], np.clip(max_log, -50, 50), atol=1e-3)


@pytest.mark.parametrize("k", [240, 249, 250, 251, 505, 506, 507, 1300])
def test_blocks_longer_than_a_segment_decode_as_one(k: int) -> None:
    """The decoder works in segments of 256 steps; its answer must not show where they meet."""
    code = Convolutional((0o133, 0o171), 7)
    rng = np.random.default_rng(k)
    bits = rng.integers(0, 2, (4, k)).astype(np.uint8)
    llrs = awgn_llrs(code.encode(bits), 0.8, rng)
    out = code.decode(llrs)
    whole = plain_viterbi(code, llrs)
    np.testing.assert_array_equal(out.bits, whole)


def plain_viterbi(code: Convolutional, llrs: np.ndarray) -> np.ndarray:
    """The textbook algorithm in numpy, float64, all decisions kept."""
    blocks, n = llrs.shape[0], len(code.generators)
    half = 1 << (code.constraint_length - 2)
    state = np.arange(2 * half)
    metric = np.full((blocks, 2 * half), -np.inf)
    metric[:, 0] = 0
    kept = []
    for step in llrs.reshape(blocks, -1, n).transpose(1, 0, 2).astype(np.float64):
        options = []
        for p in (0, 1):
            register = 2 * state + p
            out = np.array([[(int(r) & g).bit_count() & 1 for r in register] for g in code.generators])
            options.append(metric[:, 2 * (state % half) + p] + step @ (0.5 - out))
        kept.append(options[1] > options[0])
        metric = np.maximum(*options)
    bits = np.zeros((blocks, len(kept)), np.uint8)
    at = np.zeros(blocks, int)
    for t in range(len(kept) - 1, -1, -1):
        bits[:, t] = at >= half
        at = 2 * (at % half) + kept[t][np.arange(blocks), at]
    return bits[:, : -(code.constraint_length - 1)]


def test_ber_obeys_the_union_bound() -> None:
    """(133, 171) at Eb/N0 = 4 dB: bit errors stay below sum c_d Q(sqrt(2 d R Eb/N0)).

    c_d = 36, 0, 211, 0, 1404, 0, 11633 for d = 10..16 (Conan 1984); the first term is also a fair estimate,
    so the measured rate must be above a tenth of it. Errors come in bursts: blocks are counted. A block of
    k bits fails with probability at most k sum a_d Q(.), a_d = 11, 0, 38, 0, 193, 0, 1331.
    """
    code = Convolutional((0o133, 0o171), 7)
    rng = np.random.default_rng(2)
    k, blocks, ebn0 = 500, 4000, 10**0.25  # 2.5 dB
    sigma = math.sqrt(1 / (2 * 0.5 * ebn0))
    bits = rng.integers(0, 2, (blocks, k)).astype(np.uint8)
    out = code.decode(awgn_llrs(code.encode(bits), sigma, rng))
    failed = int((out.bits != bits).any(axis=1).sum())
    terms = [
        a * 0.5 * math.erfc(math.sqrt(d * 0.5 * ebn0))
        for d, a in zip(range(10, 17), (11, 0, 38, 0, 193, 0, 1331), strict=True)
    ]
    bound = k * sum(terms) * 1.5  # the terms beyond d = 16 add less than half at this SNR
    assert binom.sf(failed - 1, blocks, bound) > 1e-6
    assert binom.cdf(failed, blocks, k * terms[0] / 10) > 1e-6
    assert failed > 0


def test_reliabilities_are_honest_enough() -> None:
    """Bits of |llr| near a are wrong with 1 / (1 + e^a) to a factor of 2: max-log is optimistic."""
    code = Convolutional((0o133, 0o171), 7)
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2, (400, 500)).astype(np.uint8)
    out = code.decode(awgn_llrs(code.encode(bits), 0.8, rng))
    wrong = out.bits != bits
    size = np.abs(out.llr)
    for low, high in ((0.5, 1), (1, 2), (2, 3), (3, 4)):
        inside = (size >= low) & (size < high)
        expected = (1 / (1 + np.exp(size[inside]))).mean()
        assert 1 / 2 < wrong[inside].mean() / expected < 2


@pytest.mark.filterwarnings("ignore:overflow")  # of the check's sum of squares
def test_erased_input_gives_zero_llrs_and_huge_llrs_do_no_harm() -> None:
    code = Convolutional((0o133, 0o171), 7)
    assert (code.decode(np.zeros((2, 200), np.float32)).llr == 0).all()
    bits = np.random.default_rng(4).integers(0, 2, (1, 50)).astype(np.uint8)
    signs = 1 - 2 * code.encode(bits).astype(np.float32)
    signs[0, ::9] = 0
    for size in (1e-30, 1e30, 3e38):
        np.testing.assert_array_equal(code.decode(signs * np.float32(size)).bits, bits)


def test_wrong_values_are_refused() -> None:
    code = Convolutional((0o5, 0o7), 3)
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(UsageError, match=r"\[0, 7\], must be finite"):
            code.decode(np.where(np.arange(20) == 7, value, 1)[None].astype(np.float32))
    with pytest.raises(TypeError, match="must be float32"):
        code.decode(np.zeros((1, 20)))
    with pytest.raises(TypeError, match="must be uint8"):
        code.encode(np.zeros((1, 20), np.int64))
    with pytest.raises(UsageError, match="must be 0 and 1"):
        code.encode(np.full((1, 20), 2, np.uint8))


def test_lengths() -> None:
    code = Convolutional((0o2353, 0o2671, 0o3175), 11)
    for k in (0, 1, 77):
        assert code.coded_bits(k) == (k + 10) * 3
        assert code.message_bits(code.coded_bits(k)) == k
        assert code.message_bits(code.coded_bits(k) + 2) == k
        assert code.encode(np.zeros((2, k), np.uint8)).shape == (2, code.coded_bits(k))
        assert code.decode(np.zeros((2, code.coded_bits(k)), np.float32)).bits.shape == (2, k)
    assert code.message_bits(3) == 0
    assert code.decode(np.zeros((0, 60), np.float32)).bits.shape == (0, 10)
    assert code.spec == "convolutional:2353,2671,3175"


@pytest.mark.parametrize(
    ("generators", "length", "reason"),
    [
        ((0o5, 0o7), 1, "from 2 to 12"),
        ((0o5, 0o7), 13, "from 2 to 12"),
        ((0o5,), 3, "at least 2"),
        ((0o5, 0o17), 3, "0o17 must have 3 bits"),
        ((0o7, 0o6), 3, "0o6 must have 3 bits"),
    ],
)
def test_wrong_codes_are_refused(generators: tuple[int, ...], length: int, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Convolutional(generators, length)


def test_wrong_lengths_are_refused() -> None:
    code = Convolutional((0o5, 0o7), 3)
    for shape in ((1, 7), (1, 2), (8,)):
        with pytest.raises(UsageError, match="must be"):
            code.decode(np.zeros(shape, np.float32))
    with pytest.raises(UsageError, match="must be"):
        code.encode(np.zeros(5, np.uint8))
