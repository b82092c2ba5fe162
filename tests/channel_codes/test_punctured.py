"""The punctured code against exhaustive search, another decoder of ours, sionna, and union bounds."""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from channelvq.channel_codes import CHANNEL_CODES
from channelvq.channel_codes.convolutional import Convolutional
from channelvq.channel_codes.punctured import PATTERNS, PuncturedConvolutional
from channelvq.channel_codes.weight_spectrum import WeightSpectrum, weight_spectrum
from channelvq.errors import UsageError

RATES = ["1/2", "2/3", "3/4", "5/6", "7/8"]
MOTHER = Convolutional((0o133, 0o171), 7)


def code(rate: str, k: int, tail: str = "zero") -> PuncturedConvolutional:
    return PuncturedConvolutional(rate, k, tail, crc=0)


def awgn_llrs(coded: np.ndarray, esn0_db: float, rng: np.random.Generator) -> np.ndarray:
    """LLRs of ±1 in real noise: Es/N0 = 1 / (2 sigma²)."""
    variance = 0.5 / 10 ** (esn0_db / 10)
    received = 1 - 2.0 * coded + math.sqrt(variance) * rng.standard_normal(coded.shape)
    return (2 * received / variance).astype(np.float32)


def sent_places(rate: str, steps: int) -> np.ndarray:
    first, second = PATTERNS[Fraction(rate)]
    sent = [(first[t % len(first)], second[t % len(second)]) for t in range(steps)]
    return np.flatnonzero(np.array(sent).reshape(-1) == "1")


def all_messages(k: int) -> np.ndarray:
    return np.array(list(itertools.product((0, 1), repeat=k)), np.uint8)


@pytest.mark.parametrize("rate", RATES)
def test_encoder_punctures_the_mother_code(rate: str) -> None:
    rng = np.random.default_rng(0)
    for k in (1, 6, 7, 100):
        bits = rng.integers(0, 2, (3, k)).astype(np.uint8)
        punctured = code(rate, k)
        whole = MOTHER.encode(bits)[:, sent_places(rate, k + 6)]
        np.testing.assert_array_equal(punctured.encode(bits), whole)
        assert punctured.n_bits == whole.shape[1]


def test_patterns_are_those_of_the_standards() -> None:
    """Bits stolen in 802.11 (A is 133, B is 171); 7/8 of EN 300 421, which writes X for 171 and Y for 133."""
    order = {}
    for rate, (first, second) in PATTERNS.items():
        sent = enumerate(zip(first, second, strict=True), start=1)
        names = [
            name + str(t) for t, pair in sent for name, kept in zip("AB", pair, strict=True) if kept == "1"
        ]
        order[str(rate)] = " ".join(names)
    assert order["2/3"] == "A1 B1 A2"
    assert order["3/4"] == "A1 B1 A2 B3"
    assert order["5/6"] == "A1 B1 A2 B3 A4 B5"
    assert order["7/8"] == "A1 B1 A2 A3 A4 B5 A6 B7"


@pytest.mark.parametrize("rate", RATES)
def test_tail_biting_code_is_the_mother_code_round_the_circle(rate: str) -> None:
    """What follows the first six steps of the message written twice, of the code without an end."""
    rng = np.random.default_rng(1)
    for k in (6, 7, 50):
        bits = rng.integers(0, 2, (3, k)).astype(np.uint8)
        twice = MOTHER.encode(np.concatenate([bits, bits], axis=1))[:, 2 * k : 4 * k]
        np.testing.assert_array_equal(code(rate, k, "biting").encode(bits), twice[:, sent_places(rate, k)])


def max_log(llrs: np.ndarray, words: np.ndarray, messages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score of each word, and max-log LLRs of the message bits, over all words."""
    scores = np.clip(llrs, -50, 50).astype(np.float64) @ (0.5 - words.astype(np.float64)).T
    columns = [
        scores[:, messages[:, i] == 0].max(axis=1) - scores[:, messages[:, i] == 1].max(axis=1)
        for i in range(messages.shape[1])
    ]
    return scores, np.clip(np.stack(columns, axis=1), -50, 50)


def noise_of(kind: str, coded: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """LLRs from a channel with noise, decided bits (many ties), or both with erasures."""
    if kind == "soft":
        return awgn_llrs(coded, -1.0, rng)
    if kind == "hard":
        return np.where(coded ^ (rng.random(coded.shape) < 0.1), -2.2, 2.2).astype(np.float32)
    return (awgn_llrs(coded, -1.0, rng) * (rng.random(coded.shape) < 0.6)).astype(np.float32)


@pytest.mark.parametrize("kind", ["soft", "hard", "erased"])
@pytest.mark.parametrize("tail", ["zero", "biting"])
@pytest.mark.parametrize("rate", RATES)
def test_decoder_equals_exhaustive_search(rate: str, tail: str, kind: str) -> None:
    """Words are most likely and LLRs max-log APP over all 2^10 messages, ties and erasures included."""
    rng = np.random.default_rng(2)
    c, messages = code(rate, 10, tail), all_messages(10)
    words = c.encode(messages)
    index = rng.integers(0, len(messages), 300)
    llrs = noise_of(kind, words[index], rng)
    out = c.decode(llrs)
    scores, wanted = max_log(llrs, words, messages)
    np.testing.assert_allclose(out.llr, wanted, atol=0.02)  # the dither is 2^-13 of the largest a coded bit
    chosen = scores[np.arange(300), out.bits @ (1 << np.arange(9, -1, -1))]
    decided = (out.llr != 0).all(axis=1)
    assert decided.sum() >= (5 if kind == "erased" else 295)
    assert (chosen[decided] > scores.max(axis=1)[decided] - 0.02).all()
    assert (out.bits == (out.llr < 0)).all()
    assert out.ok is None
    if kind == "hard":  # a test of ties only if there are some
        assert (np.ptp(np.sort(scores)[:, -2:], axis=1) < 1e-6).mean() > 0.03


@pytest.mark.parametrize("tail", ["zero", "biting"])
def test_erasures_leave_exactly_the_bits_open_that_two_words_explain(tail: str) -> None:
    rng = np.random.default_rng(3)
    c, messages = code("3/4", 10, tail), all_messages(10)
    words = c.encode(messages)
    index = rng.integers(0, len(messages), 300)
    llrs = np.where(words[index] == 1, -7.0, 7.0).astype(np.float32)
    llrs[rng.random(llrs.shape) < 0.4] = 0
    out = c.decode(llrs)
    _, wanted = max_log(llrs, words, messages)
    np.testing.assert_array_equal(out.llr == 0, wanted == 0)
    assert 0.05 < (wanted == 0).mean() < 0.95
    np.testing.assert_array_equal(out.bits[out.llr != 0], messages[index][out.llr != 0])


@pytest.mark.parametrize("rate", RATES)
def test_long_blocks_equal_the_other_decoder(rate: str) -> None:
    """Our kernel of rate-1/n codes, in floats and a block at a time, given zeros for what was not sent."""
    rng = np.random.default_rng(4)
    for k in (1, 2, 57, 58, 59, 121, 122, 123, 1000):
        c = code(rate, k)
        llrs = awgn_llrs(c.encode(rng.integers(0, 2, (18, k)).astype(np.uint8)), 1.0, rng)
        whole = np.zeros((18, 2 * (k + 6)), np.float32)
        whole[:, sent_places(rate, k + 6)] = llrs
        np.testing.assert_allclose(c.decode(llrs).llr, MOTHER.decode(whole).llr, atol=0.02)


def best_round_the_circle(llrs: np.ndarray) -> np.ndarray:
    """Score of the most likely tail-biting word at rate 1/2: Viterbi in float64 from each state, [blocks]."""
    blocks, steps = llrs.shape[0], llrs.shape[1] // 2
    state = np.arange(64)
    metric = np.full((blocks, 64, 64), -np.inf)  # [block, start, state]
    metric[:, state, state] = 0
    registers = np.stack([2 * (state % 32) | (state >= 32) << 6, 2 * (state % 32) + 1 | (state >= 32) << 6])
    out = np.array(
        [[[(int(r) & g).bit_count() & 1 for r in row] for g in (0o133, 0o171)] for row in registers]
    )
    for t in range(steps):
        branch = np.einsum("bi,pis->bps", llrs[:, 2 * t : 2 * t + 2].astype(np.float64), 0.5 - out)
        options = [metric[:, :, 2 * (state % 32) + p] + branch[:, None, p] for p in (0, 1)]
        metric = np.maximum(*options)
    return metric[:, state, state].max(axis=1)


def test_long_tail_biting_blocks_are_all_but_most_likely() -> None:
    """Blocks of 200 bits are decoded round the circle. At Eb/N0 = 2 dB, BLER 0.13, less than 1 in 500 is not
    the most likely word; of 96 blocks, 3 or more would be seen once in 1000 tests."""
    rng = np.random.default_rng(5)
    c = code("1/2", 200, "biting")
    bits = rng.integers(0, 2, (96, 200)).astype(np.uint8)
    llrs = awgn_llrs(c.encode(bits), 2 - 10 * math.log10(2), rng)
    out = c.decode(llrs)
    found = (np.clip(llrs, -50, 50) * (0.5 - c.encode(out.bits))).sum(axis=1)
    best = best_round_the_circle(np.clip(llrs, -50, 50))
    assert (found < best + 0.01).all()
    assert (found < best - 0.05).sum() <= 2
    assert 2 <= (out.bits != bits).any(axis=1).sum() <= 30


@pytest.mark.parametrize("tail", ["zero", "biting"])
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(RATES), st.sampled_from([6, 40, 193, 300]))
def test_decoder_treats_all_code_words_alike(tail: str, seed: int, rate: str, k: int) -> None:
    """Turning the LLRs by a code word turns the outcome by its message, exactly, ties and all."""
    rng = np.random.default_rng(seed)
    c = code(rate, k, tail)
    llrs = np.round(4 * rng.standard_normal((2, c.n_bits))).astype(np.float32)
    bits = rng.integers(0, 2, (2, k)).astype(np.uint8)
    turned = c.decode(np.where(c.encode(bits) == 1, -llrs, llrs))
    np.testing.assert_array_equal(turned.llr, np.where(bits == 1, -1, 1) * c.decode(llrs).llr)


@pytest.mark.parametrize("tail", ["zero", "biting"])
@pytest.mark.parametrize("k", [30, 300])
def test_a_factor_of_two_scales_the_outcome(tail: str, k: int) -> None:
    rng = np.random.default_rng(6)
    c = code("2/3", k, tail)
    llrs = rng.standard_normal((20, c.n_bits)).astype(np.float32)
    once = c.decode(llrs).llr
    for factor in (2.0**-60, 2.0**-3, 2.0):
        factor = np.float32(factor)
        np.testing.assert_array_equal(c.decode(llrs * factor).llr, np.clip(once * factor, -50, 50))


@pytest.mark.parametrize(("k", "tail"), [(100, "zero"), (100, "biting"), (400, "biting")])
def test_outcome_does_not_depend_on_the_batch(k: int, tail: str) -> None:
    rng = np.random.default_rng(7)
    c = code("3/4", k, tail)
    llrs = (rng.standard_normal((37, c.n_bits)) * 10.0 ** rng.integers(-3, 3, (37, 1))).astype(np.float32)
    together = c.decode(llrs).llr
    for b in range(37):
        np.testing.assert_array_equal(c.decode(llrs[b : b + 1]).llr[0], together[b])
    np.testing.assert_array_equal(c.decode(np.asfortranarray(llrs)).llr, together)
    assert c.decode(llrs[:0]).llr.shape == (0, k)


@pytest.mark.filterwarnings("ignore:overflow")  # of the check's sum of squares
@pytest.mark.parametrize("tail", ["zero", "biting"])
@pytest.mark.parametrize("k", [50, 500])
def test_llrs_of_any_size_are_legal(tail: str, k: int) -> None:
    c = code("1/2", k, tail)
    assert (c.decode(np.zeros((2, c.n_bits), np.float32)).llr == 0).all()
    bits = np.random.default_rng(8).integers(0, 2, (1, k)).astype(np.uint8)
    signs = (1 - 2 * c.encode(bits).astype(np.float32)) * np.where(np.arange(c.n_bits) % 9, 1, 0)
    for size in (1e-42, 1e-30, 1.0, 3e38):
        np.testing.assert_array_equal(c.decode((signs * np.float32(size)).astype(np.float32)).bits, bits)
    sizes = np.where(np.arange(c.n_bits) < 20, np.float32(3e38), np.float32(0.01))
    mixed = (signs * sizes).astype(np.float32)
    np.testing.assert_array_equal(c.decode(mixed).bits, bits)  # weak bits count beside very strong ones


@functools.cache
def spectrum_of(rate: str) -> WeightSpectrum:
    return weight_spectrum((0o133, 0o171), 7, PATTERNS[Fraction(rate)], terms=9)


@functools.cache
def lightest_words(rate: str, length: int = 14) -> tuple[int, int]:
    """Weight of the lightest words, and the fewest periods that one of them spans, through the encoder."""
    period = len(PATTERNS[Fraction(rate)][0])
    messages = all_messages(length)[1:]
    messages = messages[messages[:, :period].any(axis=1)]
    weights = code(rate, length).encode(messages).sum(axis=1)
    light = messages[weights == weights.min()]
    ends = length - light[:, ::-1].argmax(axis=1) + 6
    return int(weights.min()), -(-int(ends.min()) // period)


@pytest.mark.parametrize(
    ("rate", "ebn0_db"), [("1/2", 3.5), ("2/3", 4.0), ("3/4", 4.5), ("5/6", 5.0), ("7/8", 5.5)]
)
@pytest.mark.parametrize("tail", ["zero", "biting"])
def test_block_errors_lie_between_their_bounds(rate: str, ebn0_db: float, tail: str) -> None:
    """Above: the union bound, k / P sum a_d Q(√(2 d Es/N0)), to d_free + 8. Below: shifted copies of a
    lightest word that share no coded bit fail independently of one another. False alarm 1e-6."""
    rng = np.random.default_rng(9)
    k, blocks = 504, 2000
    c = code(rate, k, tail)
    esn0_db = ebn0_db + 10 * math.log10(float(Fraction(rate)))
    bits = rng.integers(0, 2, (blocks, k)).astype(np.uint8)
    failed = int((c.decode(awgn_llrs(c.encode(bits), esn0_db, rng)).bits != bits).any(axis=1).sum())
    spectrum = spectrum_of(rate)
    tails = [0.5 * math.erfc(math.sqrt(d * 10 ** (esn0_db / 10))) for d in spectrum.distances]
    above = k / spectrum.period * float(np.dot(spectrum.events, tails))
    weight, periods = lightest_words(rate)
    assert weight == spectrum.free_distance
    apart = k // spectrum.period // periods
    below = 1 - (1 - tails[0]) ** apart
    assert binom.sf(failed - 1, blocks, above) > 1e-6
    assert binom.cdf(failed, blocks, below) > 1e-6
    assert above / below < 200 and failed > 0


def test_equals_sionna() -> None:
    """The same words as sionna's Viterbi decoder, whose LLRs have the other sign, where many are wrong."""
    torch = pytest.importorskip("torch")
    conv = pytest.importorskip("sionna.phy.fec.conv")
    encoder = conv.ConvEncoder(gen_poly=("1011011", "1111001"), terminate=True)
    rng = np.random.default_rng(10)
    bits = rng.integers(0, 2, (40, 200)).astype(np.uint8)
    c = code("1/2", 200)
    coded = c.encode(bits)
    np.testing.assert_array_equal(encoder(torch.tensor(bits, dtype=torch.float32)).numpy(), coded)
    llrs = awgn_llrs(coded, -1.5, rng)
    theirs = conv.ViterbiDecoder(encoder=encoder, method="soft_llr")(torch.tensor(-llrs)).numpy()
    np.testing.assert_array_equal(c.decode(llrs).bits, theirs)
    assert 5 < (theirs != bits).any(axis=1).sum() < 40


@pytest.mark.parametrize("spec", ["conv:1/2", "conv:3/4,k=2048,tail=biting,crc=32", "conv:7/8,k=100,crc=0"])
def test_spec_round_trip(spec: str) -> None:
    c = CHANNEL_CODES.build(spec)
    assert c.spec == spec
    assert CHANNEL_CODES.build("conv:4/8").spec == "conv:1/2"


@pytest.mark.parametrize("tail", ["zero", "biting"])
@pytest.mark.parametrize("rate", RATES)
def test_fill_wastes_no_more_than_it_must(rate: str, tail: str) -> None:
    c = PuncturedConvolutional(rate, 200, tail)
    longest = PuncturedConvolutional(rate, 17, tail).n_bits  # one bit of message and the CRC
    for coded_bits in range(900):
        runs = c.fill(coded_bits)
        assert [run.code.k_bits for run in runs[:-1]] in ([], [200])
        assert all(run.code.k_bits > 16 and run.blocks > 0 for run in runs)
        left = coded_bits - sum(run.blocks * run.code.n_bits for run in runs)
        shorter = bool(runs) and runs[-1].code.k_bits < 200
        assert left >= 0
        assert left <= 1 if shorter else left < longest
        assert all(run.code.crc_bits == 16 for run in runs)
        if shorter:
            assert runs[-1].blocks == 1
    assert c.fill(-5) == []
    for k in (17, 100):
        assert c.fitting(PuncturedConvolutional(rate, k, tail).n_bits) == k
        assert c.fitting(PuncturedConvolutional(rate, k, tail).n_bits - 1) == k - 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("4/5",), "rate is 4/5, must be one of 1/2, 2/3, 3/4, 5/6, 7/8"),
        (("one half",), "rate is 'one half'"),
        (("1/2", 0, "zero", 0), "k is 0, must be from 1"),
        (("1/2", 16), "k is 16, must be from 17"),
        (("1/2", 5, "biting", 0), "k is 5, must be from 6"),
        (("1/2", 1 << 21), "k is 2097152"),
        (("1/2", 100, "open"), "tail is 'open', must be one of zero, biting"),
        (("1/2", 100, "zero", 8), "crc is 8"),
    ],
)
def test_wrong_codes_are_refused(arguments: tuple[str, ...], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        PuncturedConvolutional(*arguments)


def test_wrong_input_is_refused() -> None:
    c = code("1/2", 10)
    llrs = np.zeros((2, c.n_bits), np.float32)
    for value in (np.nan, np.inf, -np.inf):
        wrong = llrs.copy()
        wrong[1, 3] = value
        with pytest.raises(UsageError, match=r"\[1, 3\], must be finite"):
            c.decode(wrong)
    with pytest.raises(UsageError, match=r"must be float32 \[blocks, 32\]"):
        c.decode(llrs[:, 1:])
    with pytest.raises(TypeError, match="must be float32"):
        c.decode(llrs.astype(np.float64))
    with pytest.raises(UsageError, match="must be 0 and 1"):
        c.encode(np.full((1, 10), 2, np.uint8))
    with pytest.raises(UsageError, match=r"must be uint8 \[blocks, 10\]"):
        c.encode(np.zeros((1, 11), np.uint8))
