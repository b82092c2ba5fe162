"""Reed-Solomon decoding word by word, against the library reedsolo and against all code words of small codes.

reedsolo 1.7 has a fault: where there are erasures it counts errors wrongly, and at times gives a word beyond
2e + f ≤ n - k, which it has guessed. Within that there is one code word at most; ours says that it failed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
import reedsolo
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.bits import bits_to_llrs, hard_bits, pack_bits, unpack_bits
from channelvq.channel_codes import ReedSolomon

Word = tuple[np.ndarray, np.ndarray]  # bytes as received, and which of them are erased


def by_reedsolo(word: np.ndarray, lost: np.ndarray, k: int, punctured: int = 0) -> bytes | None:
    """Message of a received word, or None if it cannot be decoded within 2e + f ≤ n - k."""
    n = len(word) + punctured
    word, lost = np.append(word, np.zeros(punctured, np.uint8)), np.append(lost, np.ones(punctured, bool))
    with contextlib.suppress(reedsolo.ReedSolomonError):
        reference = reedsolo.RSCodec(n - k, nsize=n)
        message, whole, _ = reference.decode(
            bytearray(word.tobytes()), erase_pos=np.flatnonzero(lost).tolist()
        )
        changed = np.frombuffer(bytes(whole), np.uint8) != word
        if 2 * (changed & ~lost).sum() + lost.sum() <= n - k:
            return bytes(message)
    return None


def to_llrs(words: list[Word], rng: np.random.Generator) -> np.ndarray:
    """LLRs of words; of an erased byte one LLR to all of them are 0."""
    llrs = bits_to_llrs(unpack_bits(np.stack([word for word, _ in words])), 3.0)
    for row, (_, lost) in zip(llrs.reshape(len(words), -1, 8), words, strict=True):
        for place in np.flatnonzero(lost):
            row[place, rng.permutation(8)[: rng.integers(1, 9)]] = 0
    return llrs


def assert_equal_to_reedsolo(code: ReedSolomon, words: list[Word], rng: np.random.Generator) -> int:
    """Compare verdicts and messages; how many were decoded."""
    llrs = to_llrs(words, rng)
    out = code.decode(llrs)
    assert out.ok is not None
    received = hard_bits(llrs)
    decoded = 0
    for i, (_, lost) in enumerate(words):
        expected = by_reedsolo(pack_bits(received[i]), lost, code.k, code.punctured)
        if expected is None:
            assert not out.ok[i]
            np.testing.assert_array_equal(out.llr[i], llrs[i, : code.k_bits])
            np.testing.assert_array_equal(out.bits[i], received[i, : code.k_bits])
        else:
            decoded += 1
            assert out.ok[i]
            assert pack_bits(out.bits[i]).tobytes() == expected
            np.testing.assert_array_equal(out.llr[i], bits_to_llrs(out.bits[i]))
    return decoded


def struck(word: np.ndarray, wrong: np.ndarray, lost: np.ndarray, rng: np.random.Generator) -> Word:
    """A word with wrong bytes and erased bytes at given places (an erased byte may be right)."""
    hit = word.copy()
    hit[wrong] ^= rng.integers(1, 256, len(wrong)).astype(np.uint8)
    hit[lost] = np.where(rng.random(len(lost)) < 0.5, hit[lost], rng.integers(0, 256, len(lost)))
    flags = np.zeros(len(word), bool)
    flags[lost] = True
    return hit, flags


def adversarial(code: ReedSolomon, rng: np.random.Generator) -> Iterator[Word]:
    """Words that a decoder may stumble over."""
    n, k, parity = code.n, code.k, code.n - code.k
    none = np.zeros(0, np.int64)
    messages = np.zeros((3, k), np.uint8)
    messages[1:] = rng.integers(0, 256, (2, k))
    messages[2] = messages[1]
    messages[2, rng.integers(k)] ^= 77  # the two code words differ in n - k + 1 bytes, as few as can be
    zero, one, other = pack_bits(code.encode(unpack_bits(messages)))
    apart = rng.permutation(np.flatnonzero(one != other))
    assert len(apart) == parity + 1
    for i in range(len(apart) + 1):  # from one to the other
        between = one.copy()
        between[apart[:i]] = other[apart[:i]]
        yield between, np.zeros(n, bool)
        yield struck(between, none, apart[i : i + 2], rng)
    for word in (zero, one, np.full(n, 255, np.uint8), np.eye(1, n, n - 1, dtype=np.uint8)[0]):
        yield word, np.zeros(n, bool)
        yield word, np.ones(n, bool)
    places = np.arange(n)
    for errors in {1, parity // 2, parity // 2 + 1, parity}:  # in the parity only
        yield struck(one, k + rng.permutation(parity)[:errors], none, rng)
    for erased in {1, parity - 1, parity, min(parity + 1, n)}:
        for errors in {0, max(0, parity - erased) // 2, max(0, parity - erased) // 2 + 1}:
            order = rng.permutation(places)
            yield struck(one, order[erased : erased + errors], order[:erased], rng)
        right = np.isin(places, rng.permutation(n)[:erased])
        yield one, right  # erased, and yet right
    for errors in {parity // 2, parity // 2 + 1, min(parity + 1, n), n}:
        yield struck(zero, rng.permutation(n)[:errors], none, rng)


@pytest.mark.parametrize(
    ("n", "k"),
    [(255, 223), (204, 188), (40, 24), (20, 15), (30, 1), (6, 2), (3, 2), (3, 1), (2, 1), (255, 254)],
)
def test_hard_words_equal_reedsolo(n: int, k: int) -> None:
    rng = np.random.default_rng(n * k)
    words = list(adversarial(ReedSolomon(n, k, crc=0), rng))
    decoded = assert_equal_to_reedsolo(ReedSolomon(n, k, crc=0), words, rng)
    assert 0 < decoded < len(words)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(40, 24, 0), (40, 27, 0), (40, 24, 5), (70, 30, 0), (12, 10, 2), (9, 1, 4)]),
    st.floats(0, 1.3),
    st.floats(0, 1.2),
)
def test_random_words_equal_reedsolo(
    seed: int, shape: tuple[int, int, int], strain: float, share: float
) -> None:
    """From no damage to more than any decoder bears, in all mixtures of errors and erasures."""
    n, k, punctured = shape
    code, rng = ReedSolomon(n, k, crc=0, punctured=punctured), np.random.default_rng(seed)
    erased = min(n, round(strain * share * (n - k)))
    wrong = min(n - erased, round(strain * (1 - min(share, 1)) * (n - k) / 2))
    coded = pack_bits(code.encode(rng.integers(0, 2, (1, code.k_bits)).astype(np.uint8)))[0]
    order = rng.permutation(n)
    words = [struck(coded, order[:wrong], order[wrong : wrong + erased], rng)]
    decoded = assert_equal_to_reedsolo(code, words, rng)
    assert decoded or 2 * wrong + erased > n - k


@pytest.mark.slow
def test_many_random_words_equal_reedsolo() -> None:
    rng = np.random.default_rng(4)
    for n, k in ((255, 223), (255, 191), (100, 67), (20, 12), (8, 5)):
        code = ReedSolomon(n, k, crc=0)
        coded = pack_bits(code.encode(rng.integers(0, 2, (600, code.k_bits)).astype(np.uint8)))
        words = []
        for row in coded:
            erased = int(rng.integers(0, n - k + 2))
            wrong = int(rng.integers(0, (n - k - erased) // 2 + 3)) if erased <= n - k else 0
            order = rng.permutation(n)
            words.append(struck(row, order[:wrong], order[wrong : wrong + erased], rng))
        assert_equal_to_reedsolo(code, words, rng)


@pytest.mark.parametrize(("n", "k", "punctured"), [(5, 2, 0), (6, 2, 0), (5, 2, 2), (4, 2, 251), (3, 1, 1)])
def test_small_codes_find_the_code_word_within_the_radius_if_there_is_one(
    n: int, k: int, punctured: int
) -> None:
    """Against all code words: 2e + f ≤ n - k holds for one at most."""
    code, rng = ReedSolomon(n, k, crc=0, punctured=punctured), np.random.default_rng(n)
    messages = np.indices((256,) * k).reshape(k, -1).T.astype(np.uint8)
    book = pack_bits(code.encode(unpack_bits(messages)))
    words = []
    for row in rng.integers(0, len(book), 300):
        order, wrong, erased = rng.permutation(n), rng.integers(0, n + 1), rng.integers(0, n + 1)
        words.append(struck(book[row], order[:wrong], order[wrong : wrong + erased], rng))
    llrs = to_llrs(words, rng)
    out = code.decode(llrs)
    assert out.ok is not None
    for i, (_, lost) in enumerate(words):
        errors = (book != pack_bits(hard_bits(llrs[i])))[:, ~lost].sum(axis=1)
        near = np.flatnonzero(2 * errors + lost.sum() <= n - k)
        assert len(near) == out.ok[i]
        if len(near):
            np.testing.assert_array_equal(pack_bits(out.bits[i]), messages[near[0]])
    assert 50 < out.ok.sum() < 250


@pytest.mark.parametrize(("n", "k", "punctured"), [(247, 223, 8), (40, 24, 7), (20, 15, 1), (9, 4, 246)])
def test_a_punctured_code_is_the_start_of_a_longer_one(n: int, k: int, punctured: int) -> None:
    code, whole = ReedSolomon(n, k, crc=0, punctured=punctured), ReedSolomon(n + punctured, k, crc=0)
    rng = np.random.default_rng(n)
    bits = rng.integers(0, 2, (20, 8 * k)).astype(np.uint8)
    coded = code.encode(bits)
    np.testing.assert_array_equal(coded, whole.encode(bits)[:, : 8 * n])
    words = []
    for i, row in enumerate(pack_bits(coded)):
        erased = i % (n - k + 1)
        wrong = (n - k - erased) // 2 + (i % 4 == 3)
        order = rng.permutation(n)
        words.append(struck(row, order[:wrong], order[wrong : wrong + erased], rng))
    llrs = to_llrs(words, rng)
    padded = np.append(llrs, np.zeros((20, 8 * punctured), np.float32), axis=1)
    ours, theirs = code.decode(llrs), whole.decode(padded)
    assert ours.ok is not None and theirs.ok is not None
    np.testing.assert_array_equal(ours.ok, theirs.ok)
    np.testing.assert_array_equal(ours.llr, theirs.llr)
    within = np.arange(20) % 4 != 3
    assert ours.ok[within].all() and not ours.ok.all()
    np.testing.assert_array_equal(ours.bits[within], bits[within])
