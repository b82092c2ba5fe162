"""Polar construction against the standard's own steps, the order of all polar codes, and Sionna."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from channelvq.channel_codes.polar_construction import (
    channel_interleaver,
    construct,
    mother_length,
    reliability_sequence,
    subblock_interleaver,
)
from channelvq.errors import UsageError


def test_sequence_is_a_permutation_in_the_order_that_all_channels_share() -> None:
    """A bit set makes an input more reliable on any channel (E. Arikan 2009: W- is degraded, W+ upgraded).

    So does, mostly, a bit moved up by a place (C. Schürch, "A partial order for the synthesized channels of a
    polar code", ISIT 2016); the standard's table goes against that in 20 of 2304 pairs of neighbours.
    """
    sequence = reliability_sequence()
    assert sorted(sequence.tolist()) == list(range(1024))
    rank = np.argsort(sequence)
    against = moves = 0
    for i in range(1024):
        for place in range(10):
            if not i >> place & 1:
                assert rank[i | 1 << place] > rank[i]
                if place and i >> (place - 1) & 1:
                    against += int(rank[i ^ (3 << (place - 1))] < rank[i])
                    moves += 1
    assert (against, moves) == (20, 2304)


def standard_information_set(K: int, E: int) -> tuple[int, list[int]]:
    """Clauses 5.3.1 and 5.4.1.1, line by line."""
    if 9 / 8 * 2 ** (math.ceil(math.log2(E)) - 1) >= E and K / E < 9 / 16:
        n1 = math.ceil(math.log2(E)) - 1
    else:
        n1 = math.ceil(math.log2(E))
    n2 = math.ceil(math.log2(K / (1 / 8)))
    N = 2 ** max(min(n1, n2, 10), 5)
    P = [int(p) for p in subblock_interleaver(32)]
    J = [P[32 * n // N] * (N // 32) + n % (N // 32) for n in range(N)]
    frozen: set[int] = set()
    if E < N:
        if K / E <= 7 / 16:
            frozen |= {J[n] for n in range(N - E)}
            if E >= 3 * N / 4:
                frozen |= set(range(math.ceil(3 * N / 4 - E / 2)))
            else:
                frozen |= set(range(math.ceil(9 * N / 16 - E / 4)))
        else:
            frozen |= {J[n] for n in range(E, N)}
    usable = [int(q) for q in reliability_sequence() if q < N and q not in frozen]
    return N, sorted(usable[-K:])


@given(st.integers(7, 1024), st.integers(18, 2200))
def test_information_set_is_the_standards(K: int, E: int) -> None:
    assume(K <= E)
    N, information = standard_information_set(K, E)
    assume(len(information) == K)
    code = construct(K, E, True)
    assert code.mother == mother_length(K, E) == N
    assert code.information.tolist() == information
    assert code.sent.size == E and code.sent.max() < N


SIONNA = [(12, 18), (19, 60), (20, 31), (30, 300), (64, 128), (100, 150), (100, 1088), (130, 400),
          (256, 512), (256, 500), (256, 570), (300, 700), (400, 1000), (512, 1024), (700, 1088),
          (1013, 1024), (20, 1000)]  # fmt: skip


@pytest.mark.parametrize(("k", "n"), SIONNA)
@pytest.mark.filterwarnings("ignore")
def test_rate_matching_and_information_set_equal_sionna(k: int, n: int) -> None:
    polar = pytest.importorskip("sionna.phy.fec.polar")
    reference = polar.Polar5GEncoder(k, n)
    code = construct(k + (6 if k < 20 else 11), n, True)
    assert code.mother == reference.n_polar
    np.testing.assert_array_equal(code.sent, reference._ind_rate_matching)
    np.testing.assert_array_equal(
        code.information, np.setdiff1d(np.arange(code.mother), reference.frozen_pos)
    )


def test_sionna_freezes_one_input_too_few_where_it_punctures() -> None:
    """The standard freezes 0 to ceil(3N/4 - E/2) - 1, the last of them too; sionna 2.2 stops before it."""
    polar = pytest.importorskip("sionna.phy.fec.polar")
    reference = polar.Polar5GEncoder(242, 773)
    code = construct(242 + 11, 773, True)
    theirs = np.setdiff1d(np.arange(1024), reference.frozen_pos)
    assert np.setdiff1d(theirs, code.information).tolist() == [math.ceil(3 * 1024 / 4 - 773 / 2) - 1]


@given(st.integers(1, 3000))
def test_channel_interleaver_writes_rows_and_reads_columns(n: int) -> None:
    side = next(t for t in range(100) if t * (t + 1) // 2 >= n)
    rows, used = [], 0
    for i in range(side):
        rows.append(list(range(used, min(n, used + side - i))))
        used += len(rows[-1])
    expected = [row[column] for column in range(side) for row in rows if column < len(row)]
    assert channel_interleaver(n).tolist() == expected


def test_what_cannot_be_built_is_named() -> None:
    with pytest.raises(UsageError, match="n is 17, must be from 18 to 8192"):
        construct(12, 17, True)
    with pytest.raises(UsageError, match="are 101 bits, must be from 1 to 100"):
        construct(101, 100, True)
    with pytest.raises(UsageError, match="are 1025 bits, must be from 1 to 1024"):
        construct(1025, 4000, True)
