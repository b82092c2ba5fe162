"""Generalised minimum distance decoding: its trials, what it gains, and how sure it is of a word."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from channelvq.bits import bits_to_llrs, hard_bits, pack_bits, unpack_bits
from channelvq.channel_codes import ReedSolomon
from channelvq.channel_codes.base import Outcome


def over_awgn(code: ReedSolomon, blocks: int, ebn0_db: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random messages and the LLRs of their blocks after BPSK and noise."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (blocks, code.k_bits)).astype(np.uint8)
    variance = 1 / (2 * code.k / code.n * 10 ** (ebn0_db / 10))
    received = 1 - 2.0 * code.encode(bits) + math.sqrt(variance) * rng.normal(size=(blocks, code.n_bits))
    return bits, (2 / variance * received).astype(np.float32)


def right(out: Outcome, bits: np.ndarray) -> np.ndarray:
    assert out.ok is not None
    return out.ok & (out.bits == bits).all(axis=1)


def step_by_step(plain: ReedSolomon, llrs: np.ndarray) -> tuple[bool, np.ndarray]:
    """The rule in its own words, with the errors-and-erasures decoder for the trials: [1, n] -> ok, bits."""
    out = plain.decode(llrs)
    assert out.ok is not None
    sizes = np.abs(llrs).reshape(plain.n, 8).min(axis=1)
    erased = int((sizes == 0).sum())
    parity = plain.n - plain.k
    if out.ok[0] or erased > parity:
        return bool(out.ok[0]), out.bits
    order = np.argsort(sizes, kind="stable")
    wide = llrs.astype(np.float64)
    others = np.log1p(np.exp(-np.abs(wide))).sum() - 8 * parity * math.log(2)
    for count in range(erased + 1, parity + 1):
        if (parity - count) % 2:  # one erasure more costs nothing
            continue
        trial = llrs.copy()
        trial.reshape(plain.n, 8)[order[:count]] = 0
        out = plain.decode(trial)
        assert out.ok is not None
        if out.ok[0]:
            changed = plain.encode(out.bits) != hard_bits(llrs)
            if np.abs(wide[changed]).sum() + others < -math.log(100):
                return True, out.bits
    return False, hard_bits(llrs[:, : plain.k_bits])


@pytest.mark.parametrize(
    ("n", "k", "punctured", "ebn0_db"),
    [
        (255, 223, 0, 5.6),
        (64, 48, 3, 5.0),
        (20, 12, 0, 4.5),
        (20, 12, 60, 4.5),
        (20, 15, 0, 5.0),
        (6, 3, 1, 4.0),
        (5, 4, 0, 6.0),
    ],
)
def test_trials_go_by_the_rule(n: int, k: int, punctured: int, ebn0_db: float) -> None:
    plain = ReedSolomon(n, k, crc=0, punctured=punctured)
    code = ReedSolomon(n, k, crc=0, punctured=punctured, gmd=True)
    _, llrs = over_awgn(plain, 150, ebn0_db, seed=n)
    llrs[::5, : 8 * ((n - k) // 3)] = 0  # erasures of the channel's own
    llrs[1::5] = np.round(llrs[1::5])  # ties, and more erasures
    out, first = code.decode(llrs), plain.decode(llrs)
    assert out.ok is not None and first.ok is not None
    for i, row in enumerate(llrs):
        ok, bits = step_by_step(plain, row[None])
        assert out.ok[i] == ok
        np.testing.assert_array_equal(out.bits[i], bits[0])
        soft = bits_to_llrs(bits[0]) if ok else np.clip(row[: 8 * k], -50, 50)
        np.testing.assert_array_equal(out.llr[i], soft)
    assert first.ok.sum() < out.ok.sum() < 150


@pytest.mark.parametrize(
    ("n", "k", "ebn0_db", "blocks"),
    [(255, 191, 5.2, 1000), (255, 223, 5.6, 1500), (64, 48, 5.5, 3000), (20, 12, 5, 3000)],
)
def test_loses_no_block_and_gains_on_awgn(n: int, k: int, ebn0_db: float, blocks: int) -> None:
    """Sign test on the blocks in which the two differ, at 1e-9; and no block is taken for another."""
    plain, code = ReedSolomon(n, k, crc=0), ReedSolomon(n, k, crc=0, gmd=True)
    bits, llrs = over_awgn(code, blocks, ebn0_db, seed=1)
    before, after = plain.decode(llrs), code.decode(llrs)
    assert before.ok is not None and after.ok is not None
    got, gained = right(before, bits), right(after, bits) & ~right(before, bits)
    assert right(after, bits)[got].all()
    assert binom.sf(gained.sum() - 1, gained.sum(), 0.5) < 1e-9
    assert gained.sum() > 0.3 * (~got).sum()  # 0.1 to 0.2 dB: of the failures more than half at these SNRs
    assert right(after, bits)[after.ok].all()


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_bears_llrs_that_are_off(scale: float) -> None:
    code = ReedSolomon(255, 191, crc=0, gmd=True)
    _, llrs = over_awgn(code, 300, 5.2, seed=2)
    expected, out = code.decode(llrs), code.decode(llrs * np.float32(scale))
    np.testing.assert_array_equal(out.ok, expected.ok)
    np.testing.assert_array_equal(out.bits, expected.bits)


def test_leaves_blocks_that_are_past_saving() -> None:
    """Something fits every word with n - k bytes erased; none of it is taken."""
    rng = np.random.default_rng(3)
    for n, k in ((255, 191), (40, 24), (20, 12)):
        llrs = rng.normal(0, 4, (200, 8 * n)).astype(np.float32)
        out = ReedSolomon(n, k, crc=0, gmd=True).decode(llrs)
        assert out.ok is not None and not out.ok.any()
        np.testing.assert_array_equal(out.llr, llrs[:, : 8 * k])


def test_is_as_sure_of_small_words_as_it_says() -> None:
    """Of words taken in a trial, the exact probability (over all code words) that they were sent: above 99 %.

    Where few bytes tell little, odds of 100 to 1 by random coding stand for those among the true code words.
    """
    n, k = 5, 2
    plain, code = ReedSolomon(n, k, crc=0), ReedSolomon(n, k, crc=0, gmd=True)
    messages = np.indices((256, 256)).reshape(2, -1).T.astype(np.uint8)
    book = pack_bits(code.encode(unpack_bits(messages)))
    _, llrs = over_awgn(code, 1500, 4.0, seed=4)
    before, out = plain.decode(llrs), code.decode(llrs)
    assert before.ok is not None and out.ok is not None
    taken = np.flatnonzero(out.ok & ~before.ok)
    assert len(taken) > 150
    signs = bits_to_llrs(unpack_bits(np.arange(256, dtype=np.uint8)[:, None]), 0.5)  # [256, 8]
    doubts = []
    for i in taken:
        by_byte = (
            llrs[i].reshape(n, 8) @ signs.T
        )  # log-likelihood of each value of each byte, up to a constant
        scores = by_byte[np.arange(n), book].sum(axis=1, dtype=np.float64)
        sent = scores[256 * pack_bits(out.bits[i])[0].astype(int) + pack_bits(out.bits[i])[1]]
        doubts.append(1 - 1 / np.exp(scores - sent).sum())
    assert np.mean(doubts) < 0.01
