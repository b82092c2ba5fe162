"""Interleavers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.errors import UsageError
from channelvq.interleaving import (
    INTERLEAVINGS,
    BlockInterleaver,
    ConvolutionalInterleaver,
    Interleaver,
    RandomInterleaver,
)


@st.composite
def interleavers(draw: st.DrawFn) -> Interleaver:
    symbol_bits = draw(st.integers(1, 9))
    size = symbol_bits * draw(st.integers(0, 60))
    kind = draw(st.integers(0, 2))
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


@pytest.mark.parametrize("text", ["none", "random", "block", "block:17", "convolutional:12,17"])
def test_interleavers_by_name_keep_symbols_whole_and_are_undone(text: str) -> None:
    interleaving = INTERLEAVINGS.build(text)
    assert interleaving.spec == text
    interleaver = interleaving.over(8 * 510, 8 * 60, 8, 0)
    moved = interleaver.interleave(np.arange(8 * 510))
    assert (np.diff(moved.reshape(-1, 8), axis=1) == 1).all()
    np.testing.assert_array_equal(interleaver.deinterleave(moved), np.arange(8 * 510))
    assert (text == "none") == bool((moved == np.arange(8 * 510)).all())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("shuffle", "unknown interleaver 'shuffle'; allowed: none, random, block, convolutional"),
        ("block:0", "columns is 0"),
        ("convolutional:12", "usage: convolutional:12,17"),
        ("convolutional:0,3", "branches is 0"),
        ("convolutional:3,-1", "depth is -1"),
    ],
)
def test_wrong_interleavers_say_what_is_right(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        INTERLEAVINGS.build(text)
