"""Interleavers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.channels.base import Received
from channelvq.errors import UsageError
from channelvq.interleavers import (
    BlockInterleaver,
    ConvolutionalInterleaver,
    Interleaver,
    RandomInterleaver,
    StrongFirstInterleaver,
)
from channelvq.interleaving import INTERLEAVINGS, Slots
from channelvq.modulation import MODULATIONS, bit_weakness


@st.composite
def interleavers(draw: st.DrawFn) -> Interleaver:
    symbol_bits = draw(st.integers(1, 9))
    size = symbol_bits * draw(st.integers(0, 60))
    kind = draw(st.integers(0, 3))
    if kind == 3:
        words = tuple(draw(st.lists(st.integers(1, 40), min_size=1, max_size=5)))
        weakness = draw(st.lists(st.integers(0, 3), min_size=sum(words), max_size=sum(words)))
        return StrongFirstInterleaver(words, weakness, draw(st.integers(0, 2**40)), draw(st.floats(0, 20)))
    if kind == 0:
        return BlockInterleaver(size, draw(st.integers(1, 70)), symbol_bits)
    if kind == 1:
        return ConvolutionalInterleaver(size, draw(st.integers(1, 20)), draw(st.integers(0, 30)), symbol_bits)
    return RandomInterleaver(size, draw(st.integers(0, 2**40)), symbol_bits)


@settings(deadline=None)
@given(interleavers(), st.sampled_from([np.uint8, np.float32]))
def test_deinterleaving_undoes_interleaving(interleaver: Interleaver, dtype: type) -> None:
    array: np.ndarray = np.arange(3 * interleaver.size).reshape(3, interleaver.size).astype(dtype)
    there = interleaver.interleave(array)
    assert there.dtype == array.dtype
    np.testing.assert_array_equal(np.sort(there, axis=-1), np.sort(array, axis=-1))
    np.testing.assert_array_equal(interleaver.deinterleave(there), array)
    np.testing.assert_array_equal(interleaver.interleave(interleaver.deinterleave(array)), array)


def test_block_interleaver_writes_rows_and_reads_columns() -> None:
    array = np.arange(12)
    expected = array.reshape(3, 4).T.reshape(-1)
    np.testing.assert_array_equal(BlockInterleaver(12, 4).interleave(array), expected)


def test_a_burst_as_long_as_there_are_rows_hits_each_code_word_once() -> None:
    rows, columns = 7, 15
    interleaver = BlockInterleaver(rows * columns * 8, columns, symbol_bits=8)
    for start in range(rows * columns - rows + 1):
        hit = np.zeros(interleaver.size, dtype=np.uint8)
        hit[8 * start : 8 * (start + rows)] = 1
        words = interleaver.deinterleave(hit).reshape(rows, columns, 8)
        assert (words.any(axis=2).sum(axis=1) == 1).all()


@pytest.mark.parametrize("kind", ["block", "random"])
def test_symbols_stay_whole(kind: str) -> None:
    interleaver = BlockInterleaver(80, 3, 8) if kind == "block" else RandomInterleaver(80, 5, 8)
    moved = interleaver.interleave(np.arange(80)).reshape(-1, 8)
    np.testing.assert_array_equal(moved - moved[:, :1], np.tile(np.arange(8), (10, 1)))
    assert not (moved[:, 0] % 8).any()


def test_a_seed_means_the_same_permutation_for_ever() -> None:
    # Pinned: changing it would make old results and their seeds worthless.
    order = RandomInterleaver(10, seed=0).interleave(np.arange(10))
    np.testing.assert_array_equal(order, RandomInterleaver(10, seed=0).interleave(np.arange(10)))
    assert order.tolist() == [7, 1, 0, 2, 9, 4, 5, 6, 3, 8]
    assert RandomInterleaver(10, seed=1).interleave(np.arange(10)).tolist() != order.tolist()


def test_random_interleaver_puts_each_element_anywhere_equally_often() -> None:
    # Each place of element 0 over 4000 seeds: chi-square with 7 degrees of freedom, 1e-9 false alarms.
    from scipy import stats

    zero_at = [int(RandomInterleaver(8, seed).deinterleave(np.arange(8))[0]) for seed in range(4000)]
    assert stats.chisquare(np.bincount(zero_at, minlength=8)).pvalue > 1e-9


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BlockInterleaver(10, 0), "columns is 0, must be at least 1"),
        (lambda: BlockInterleaver(10, 2, 3), "size is 10, must be a multiple of 3"),
        (lambda: RandomInterleaver(-1), "size is -1"),
        (lambda: RandomInterleaver(8, 0, 0), "symbol_bits is 0, must be at least 1"),
        (lambda: Interleaver([0, 0]), "no permutation"),
        (lambda: Interleaver([[0, 1]]), "no permutation"),
        (lambda: BlockInterleaver(8, 2).interleave(np.zeros(9)), "its last axis must be 8 long"),
    ],
)
def test_impossible_interleavers_are_refused(build: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build()  # type: ignore[operator]


def test_convolutional_interleaver_is_forneys_commutator() -> None:
    """Against shift registers fed with the stream: equal from where they are full."""
    branches, depth, size = 5, 3, 600
    registers = [[-1] * (branch * depth) for branch in range(branches)]
    expected = []
    for i in range(size):
        register = registers[i % branches]
        register.append(i)
        expected.append(register.pop(0))
    order = ConvolutionalInterleaver(size, branches, depth).interleave(np.arange(size))
    full = branches * depth * (branches - 1)
    np.testing.assert_array_equal(order[full:], expected[full:])
    assert -1 in expected[:full]
    assert -1 not in expected[full:]


def test_a_burst_hits_each_code_word_of_a_convolutional_interleaver_once() -> None:
    branches, depth, words = 12, 17, 40  # DVB: words of 204
    size = branches * depth * words
    word = ConvolutionalInterleaver(size, branches, depth).interleave(np.arange(size)) // (branches * depth)
    for start in range(size - branches + 1):
        assert len(set(word[start : start + branches].tolist())) == branches


@pytest.mark.parametrize(
    "text", ["none", "random", "strong-first", "block", "block:17", "convolutional:12,17"]
)
def test_interleavers_by_name_keep_symbols_whole_and_are_undone(text: str) -> None:
    interleaving = INTERLEAVINGS.build(text)
    assert interleaving.spec == text
    interleaver = interleaving.over(Slots((8 * 60,) * 8 + (8 * 30,), 8), 0)
    moved = interleaver.interleave(np.arange(8 * 510))
    assert (np.diff(moved.reshape(-1, 8), axis=1) == 1).all()
    np.testing.assert_array_equal(interleaver.deinterleave(moved), np.arange(8 * 510))
    assert (text == "none") == bool((moved == np.arange(8 * 510)).all())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("shuffle", "unknown interleaver 'shuffle'; allowed: none, random, strong-first, block"),
        ("strong-first:-1", "slope"),
        ("block:0", "columns is 0"),
        ("convolutional:12", "usage: convolutional:12,17"),
        ("convolutional:0,3", "branches is 0"),
        ("convolutional:3,-1", "depth is -1"),
    ],
)
def test_wrong_interleavers_say_what_is_right(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        INTERLEAVINGS.build(text)


def test_strong_first_prefers_the_beginning_of_words_and_scatters_it_in_time() -> None:
    """Shares of the strong places against the closed form, and times against uniform."""
    words, slope = (6000, 12000, 6000), 1.5
    weakness = np.tile([0, 0, 1, 1, 2, 2], 4000)
    shuffled = StrongFirstInterleaver(words, weakness, seed=3, slope=slope)
    part = np.concatenate([(np.arange(word) + 0.5) / word for word in words])
    got = shuffled.interleave(part)
    # u + slope · p with both uniform: a trapezoid; its thirds part the classes.
    sample = (np.arange(1000) + 0.5) / 1000
    key = sample[:, None] + slope * sample
    ends = np.quantile(key, [0, 1 / 3, 2 / 3, 1])
    for kind in range(3):
        inside = (key >= ends[kind]) & (key < ends[kind + 1])
        expected = float((inside * sample).sum() / inside.sum())
        assert abs(got[weakness == kind].mean() - expected) < 5 * 0.3 / np.sqrt(8000)
    word = np.concatenate([np.full(word, i) for i, word in enumerate(words)])
    times = np.flatnonzero(shuffled.interleave(word) == 0)
    assert abs(times.mean() / 24000 - 0.5) < 5 * 0.29 / np.sqrt(6000)
    early = np.flatnonzero(shuffled.interleave(part) < 0.1)
    assert abs(early.mean() / 24000 - 0.5) < 5 * 0.29 / np.sqrt(2400)


def test_strong_first_is_random_where_all_places_are_equal() -> None:
    way = INTERLEAVINGS.build("strong-first")
    for slots in (Slots((60, 60)), Slots((60, 60), 1, np.zeros(120, np.uint8)), Slots((80, 40), 8)):
        expected = RandomInterleaver(120, 7, slots.symbol_bits).interleave(np.arange(120))
        np.testing.assert_array_equal(way.over(slots, 7).interleave(np.arange(120)), expected)
    with pytest.raises(UsageError, match="keeps 8 together"):
        way.over(Slots((80, 40), 8, np.ones(120, np.uint8)), 7)
    with pytest.raises(UsageError, match="do not fill"):
        StrongFirstInterleaver((60, 60), np.zeros(100))


@pytest.mark.parametrize("name", ["qam16", "qam64", "qam256"])
def test_weak_bits_are_those_of_low_capacity(name: str) -> None:
    """Against hard decisions over AWGN: the weaker a bit is ranked, the more of them are wrong."""
    modulation = MODULATIONS.build(name)
    bits = modulation.bits_per_symbol
    rng = np.random.default_rng(0)
    sent = rng.integers(0, 2, (1, bits * 40_000)).astype(np.uint8)
    noise = torch.from_numpy(rng.normal(0, 0.1, (2, 40_000)).astype(np.float32))
    symbols = modulation.map(torch.from_numpy(sent)) + torch.complex(noise[0], noise[1])
    llrs = modulation.demap(Received(symbols, torch.ones_like(symbols), torch.tensor(0.02))).numpy()
    rates = ((llrs < 0) != sent).reshape(-1, bits).mean(axis=0)
    weakness = bit_weakness(modulation)
    levels = [rates[weakness == level].mean() for level in range(bits // 2)]
    assert weakness.max() == bits // 2 - 1
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]
