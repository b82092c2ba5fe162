"""The search for the quality that fills a budget: never over it, few encodings, what it finds is the best."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelvq.codecs.filling import Drafts, Ladder


@given(
    st.integers(1, 400), st.integers(1, 20), st.floats(0.002, 0.3), st.integers(0, 10**6), st.floats(0.3, 3.0)
)
def test_finds_the_last_step_that_fits_or_one_that_fills(
    steps: int, stride: int, growth: float, budget: int, wrong: float
) -> None:
    sizes = [math.ceil(50 * math.exp(min(growth * step, 16))) for step in range(steps)]
    ladder = Ladder(steps, stride, growth * wrong, steps / 2)
    tried: list[int] = []

    def size(step: int) -> int:
        tried.append(step)
        return sizes[step]

    found = ladder.best(size, budget, 4096)
    if found is None:
        assert sizes[0] > budget
        return
    assert sizes[found] <= budget
    assert found == steps - 1 or sizes[found + 1] > budget or sizes[found] >= 0.995 * budget
    assert len(tried) <= 3 * math.log2(steps + 1) + 6


def test_sizes_that_jump_never_lead_over_the_budget() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        sizes = np.ceil(60 * np.exp(0.03 * np.arange(200) + rng.normal(0, 0.05, 200))).astype(int)
        budget = int(rng.integers(50, 20_000))
        found = Ladder(200, 8, 0.03, 100).best(lambda step, sizes=sizes: int(sizes[step]), budget, 4096)
        assert found is None or sizes[found] <= budget
        assert found is not None or sizes[0] > budget or sizes[8:16].min() > budget


def test_other_budgets_do_not_change_what_is_found_but_cost_less() -> None:
    calls: list[int] = []

    def write(step: int) -> bytes:
        calls.append(step)
        return bytes(math.ceil(40 * 1.03**step))

    ladder, drafts, budgets = Ladder(300, 10, 0.03, 150), Drafts(), range(100, 50_000, 700)
    warm = [ladder.best(lambda step: drafts.size("a", step, write), budget, 9000) for budget in budgets]
    assert len(calls) == len(set(calls))
    cold = [ladder.best(lambda step: len(write(step)), budget, 9000) for budget in budgets]
    assert warm == cold


@pytest.mark.parametrize("most", [0, 100, 1000])
def test_drafts_forget_files_but_not_sizes(most: int) -> None:
    drafts, calls = Drafts(pictures=2, most_bytes=most), []

    def write(step: int) -> bytes:
        calls.append(step)
        return bytes([step]) * step

    for step in range(1, 60):
        assert drafts.size("a", step, write) == step
    assert drafts._held <= most
    assert [drafts.size("a", step, write) for step in range(1, 60)] == list(range(1, 60))
    assert calls == list(range(1, 60))
    assert drafts.data("a", 3, write) == b"\3\3\3"
    for name in "bcd":
        drafts.size(name, 1, write)
    assert set(drafts._sizes) == {"c", "d"}
