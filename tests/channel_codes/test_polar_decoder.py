"""The list decoder against bit-by-bit decoding, maximum likelihood, linear algebra and Sionna's decoder."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from channelvq.channel_codes import Polar
from channelvq.crc import nr_checks


def transform(u: np.ndarray) -> np.ndarray:
    """Code word of input bits [N]: Arikan's recursion, as in the papers, slowly."""
    if u.size == 1:
        return u
    left, right = transform(u[: u.size // 2]), transform(u[u.size // 2 :])
    return np.concatenate([left ^ right, right])


def input_llr(llrs: np.ndarray, before: list[int], i: int) -> float:
    """LLR of input bit i given the input bits before it."""
    if llrs.size == 1:
        return float(llrs[0])
    half = llrs.size // 2
    a, b = llrs[:half], llrs[half:]
    if i < half:
        return input_llr(np.sign(a) * np.sign(b) * np.minimum(abs(a), abs(b)), before, i)
    left = transform(np.array(before[:half], np.uint8))
    return input_llr(b + (1 - 2.0 * left) * a, before[half:], i - half)


def list_decode(llrs: np.ndarray, frozen: np.ndarray, size: int) -> list[tuple[float, list[int]]]:
    """Tal's and Vardy's decoder: metric and input bits of each path, the best first."""
    paths: list[tuple[float, list[int]]] = [(0.0, [])]
    for i in range(llrs.size):
        longer = []
        for metric, before in paths:
            llr = input_llr(llrs, before, i)
            longer.append((metric + max(0.0, -llr), [*before, 0]))
            if not frozen[i]:
                longer.append((metric + max(0.0, llr), [*before, 1]))
        paths = sorted(longer, key=lambda path: path[0])[:size]
    return paths


def noisy(coded: np.ndarray, variance: float, rng: np.random.Generator) -> np.ndarray:
    """LLRs of BPSK over AWGN."""
    received = 1 - 2.0 * coded + rng.normal(0, np.sqrt(variance), coded.shape)
    return (2 / variance * received).astype(np.float32)


def random_bits(code: Polar, blocks: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 2, (blocks, code.k)).astype(np.uint8)


def mother_llrs(code: Polar, llrs: np.ndarray) -> np.ndarray:
    """What the standard's rate recovery gives, of one block."""
    mother = np.zeros(code._code.mother)
    np.add.at(mother, code._code.sent, llrs.astype(float))
    mother[code._code.shortened] = 1e6
    return mother


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32])
def test_equals_plain_list_decoding(size: int) -> None:
    """Subtrees decided at once change nothing: the same word is chosen, with the same verdict."""
    rng = np.random.default_rng(size)
    failed = 0
    for k, n in [(5, 20), (12, 32), (20, 32), (30, 50), (30, 64), (40, 60), (20, 90), (45, 128)]:
        code = Polar(k, n, size, crc=6)
        frozen = np.ones(code._code.mother, np.bool_)
        frozen[code._code.information] = False
        for variance in (0.3, 0.7, 1.2):
            llrs = noisy(code.encode(random_bits(code, 1, rng)), variance, rng)
            paths = list_decode(mother_llrs(code, llrs[0]), frozen, size)
            words = [np.array(u, np.uint8)[code._code.information] for _, u in paths]
            valid = [w for w in words if (nr_checks("6", w[None, :k])[0] == w[k:]).all()]
            out = code.decode(llrs)
            assert out.ok is not None and out.ok[0] == bool(valid)
            np.testing.assert_array_equal(out.bits[0], (valid or words)[0][:k])
            failed += not valid
    assert 0 < failed < 24  # both kinds were met


def bit_by_bit(frozen: np.ndarray) -> np.ndarray:
    """The program that decides no subtree at once."""
    from channelvq.channel_codes.polar_program import COMBINE, FROZEN, REPETITION, F, G

    steps: list[tuple[int, int, int]] = []

    def visit(log: int, start: int) -> None:
        if log == 0:
            steps.append((FROZEN if frozen[start] else REPETITION, 0, start))
            return
        steps.append((F, log, start))
        visit(log - 1, start)
        steps.append((G, log, start))
        visit(log - 1, start + (1 << (log - 1)))
        steps.append((COMBINE, log, start))

    visit(int(frozen.size).bit_length() - 1, 0)
    return np.array(steps, np.int32)


@pytest.mark.parametrize("size", [1, 8, 32])
@pytest.mark.parametrize(
    ("k", "n", "ebn0"), [(256, 512, 1.5), (900, 1024, 4.0), (200, 1024, 0.0), (700, 800, 4.0)]
)
def test_large_subtrees_equal_bit_by_bit_decoding(k: int, n: int, ebn0: float, size: int) -> None:
    """The same words, metrics and verdicts but for rounding: at most one block in 100 may differ by it."""
    code, rng = Polar(k, n, size), np.random.default_rng(k + size)
    llrs = noisy(code.encode(random_bits(code, 100, rng)), n / (2 * k * 10 ** (ebn0 / 10)), rng)
    fast = code.decode(llrs)
    frozen = np.ones(code._code.mother, np.bool_)
    frozen[code._code.information] = False
    code.__dict__["_steps"] = bit_by_bit(frozen)
    plain = code.decode(llrs)
    assert fast.ok is not None and plain.ok is not None and 0 < fast.ok.sum() < 100
    assert (np.abs(fast.llr - plain.llr) > 0.01).any(axis=1).sum() + (fast.ok != plain.ok).sum() <= 1


def test_a_full_list_is_maximum_likelihood_and_its_llrs_are_max_log() -> None:
    """As many paths as messages and CRCs together: nothing is lost, so brute force must agree."""
    from channelvq.channel_codes.polar_kernel import decode_list

    code, rng = Polar(3, 32, crc=6), np.random.default_rng(0)
    messages = (np.arange(8)[:, None] >> np.arange(3) & 1).astype(np.uint8)
    words = code.encode(messages)
    llrs = noisy(code.encode(random_bits(code, 300, rng)), 8.0, rng)
    out, ok = np.empty((300, 3), np.float32), np.empty(300, np.bool_)
    made = code._code
    decode_list(
        llrs, 512, code._steps, made.sent, made.shortened, made.information, code._checks, out, ok
    )  # fmt: skip
    scores = llrs.astype(float) @ (1 - 2.0 * words.T) / 2  # log-likelihoods, but for a constant
    np.testing.assert_array_equal((out < 0).astype(np.uint8), messages[scores.argmax(axis=1)])
    zero = np.where(messages.T[None] == 0, scores[:, None, :], -np.inf).max(axis=2)
    one = np.where(messages.T[None] == 1, scores[:, None, :], -np.inf).max(axis=2)
    bound = np.abs(out).max(axis=1, keepdims=True)
    assert ok.all()
    np.testing.assert_allclose(
        np.minimum(np.abs(out), bound), np.minimum(np.abs(zero - one), bound), atol=1e-3
    )
    assert (np.abs(zero - one) < bound).sum() > 50  # the list's margins, not only the bound


def test_erasures() -> None:
    """Of erasures and right bits: a word that fits what was received is the message, if it is the only one.

    A list that has lost it passes a wrong word, which then does not fit, 8 times in 2^11 at most: more than 6
    of these 400 blocks would do so once in a thousand runs.
    """
    code, rng = Polar(60, 128), np.random.default_rng(3)
    bits = random_bits(code, 400, rng)
    llrs = np.where(code.encode(bits) == 1, np.float32(-9), np.float32(9))
    llrs[rng.random(llrs.shape) < 0.4] = 0
    out = code.decode(llrs)
    assert out.ok is not None
    generator = code.encode(np.eye(60, dtype=np.uint8))
    unique = np.array([rank(generator[:, row != 0]) == 60 for row in llrs])
    fits = ((llrs == 0) | ((llrs < 0) == code.encode(out.bits))).all(axis=1)
    decided = out.ok & unique & fits
    np.testing.assert_array_equal(out.bits[decided], bits[decided])
    assert decided.sum() > 200 and not decided.all()
    assert (out.ok & ~fits).sum() <= 6


def rank(matrix: np.ndarray) -> int:
    """Rank over GF(2)."""
    rows, found = matrix.copy(), 0
    for column in range(rows.shape[1]):
        pivots = np.flatnonzero(rows[found:, column]) + found
        if pivots.size:
            rows[[found, pivots[0]]] = rows[[pivots[0], found]]
            others = np.flatnonzero(rows[:, column])
            rows[others[others != found]] ^= rows[found]
            found += 1
            if found == rows.shape[0]:
                break
    return found


def normal_approximation(n: int, k: int, variance: float) -> float:
    """Block error rate of the best code of (n, k) over BPSK, Y. Polyanskiy, H. V. Poor, S. Verdú, 2010."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    llrs = 2 / variance * (1 + np.sqrt(variance) * nodes)
    information = 1 - np.logaddexp(0, -llrs) / np.log(2)
    weights = weights / weights.sum()
    capacity = weights @ information
    dispersion = weights @ (information - capacity) ** 2
    return float(norm.sf((n * capacity - k + 0.5 * np.log2(n)) / np.sqrt(n * dispersion)))


@pytest.mark.parametrize(("k", "n", "ebn0"), [(256, 512, 1.0), (64, 256, 1.5), (341, 1024, 0.5)])
def test_no_better_than_finite_length_theory_allows(k: int, n: int, ebn0: float) -> None:
    """And not by more than 1 dB worse: a right decoder fails this once in a million times at most."""
    code, rng, blocks = Polar(k, n), np.random.default_rng(n), 1500
    variance = n / (2 * k * 10 ** (ebn0 / 10))
    bits = random_bits(code, blocks, rng)
    wrong = int((code.decode(noisy(code.encode(bits), variance, rng)).bits != bits).any(axis=1).sum())
    assert wrong >= binom.ppf(5e-7, blocks, normal_approximation(n, k, variance))
    assert wrong <= binom.isf(5e-7, blocks, normal_approximation(n, k, variance * 10**0.1))


def test_a_longer_list_is_better() -> None:
    """Paired on the same blocks: each step from 1 to 32 mends more than it spoils."""
    rng = np.random.default_rng(8)
    bits = rng.integers(0, 2, (600, 128)).astype(np.uint8)
    llrs = noisy(Polar(128, 256).encode(bits), 10**-0.15, rng)
    decoded = [Polar(128, 256, size).decode(llrs) for size in (1, 2, 4, 8, 32)]
    wrong = [int((out.bits != bits).any(axis=1).sum()) for out in decoded]
    assert wrong == sorted(wrong, reverse=True) and wrong[0] > 2 * wrong[-1]


def test_llrs_of_blocks_that_decode_say_how_often_they_are_wrong() -> None:
    """Where the CRC passes wrong words, the LLRs foretell the wrong bits: within a factor of 2 of 600."""
    code, rng = Polar(64, 128, crc=6), np.random.default_rng(6)
    bits = random_bits(code, 6000, rng)
    out = code.decode(noisy(code.encode(bits), 1.0, rng))
    assert out.ok is not None
    wrong = (out.bits != bits)[out.ok].sum()
    foretold = (1 / (1 + np.exp(np.abs(out.llr[out.ok].astype(float))))).sum()
    assert wrong > 600
    assert 0.5 < foretold / wrong < 2


@pytest.mark.filterwarnings("ignore")
def test_block_errors_equal_sionnas() -> None:
    """Paired on the same LLRs; Sionna sums the checks exactly and is coarser in free subtrees.

    McNemar's test, two-sided: decoders equally good fail it once in 100 000 times.
    """
    polar = pytest.importorskip("sionna.phy.fec.polar")
    torch = pytest.importorskip("torch")
    code, rng = Polar(64, 128), np.random.default_rng(11)
    bits = random_bits(code, 1500, rng)
    llrs = noisy(code.encode(bits), 10**-0.15, rng)
    encoder = polar.Polar5GEncoder(64, 128)
    theirs = polar.Polar5GDecoder(encoder, "SCL", 8)(torch.from_numpy(-llrs)).numpy() != bits
    ours = code.decode(llrs).bits != bits
    only_theirs = int((theirs.any(axis=1) & ~ours.any(axis=1)).sum())
    only_ours = int((ours.any(axis=1) & ~theirs.any(axis=1)).sum())
    assert ours.any(axis=1).sum() > 50
    assert 2 * binom.cdf(min(only_ours, only_theirs), only_ours + only_theirs, 0.5) > 1e-5
