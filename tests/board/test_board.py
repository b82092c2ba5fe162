"""The theory board: simulated block error rates against closed forms and bounds (see points.py).

`make board` runs all of it; `make test` every 13th point.
"""

from __future__ import annotations

import numpy as np
import pytest
from board.points import FALSE_ALARM, POWER, SHIFT_DB, SMALL_STEP, Point, board
from scipy import stats

POINTS = board()
EACH = FALSE_ALARM / len(POINTS)
SMALL = set(range(0, len(POINTS), SMALL_STEP))
CLOSED = [point for point in POINTS if point.side == 0]


def marked() -> list[object]:
    return [
        pytest.param(i, point, id=point.name.replace(" ", "_"), marks=() if i in SMALL else pytest.mark.slow)
        for i, point in enumerate(POINTS)
    ]


@pytest.mark.parametrize(("number", "point"), marked())
def test_simulation_agrees_with_theory(number: int, point: Point) -> None:
    blocks = point.size(EACH)
    errors = point.count(blocks, seed=number)
    assert point.p_value(errors, blocks) > EACH, (errors, blocks, point.rate(0.0))


def test_the_board_is_as_large_as_it_says() -> None:
    assert len(POINTS) >= 200
    assert len({point.name for point in POINTS}) == len(POINTS)


def test_every_closed_form_would_notice_a_twentieth_of_a_db() -> None:
    """Exact power of each point's test, for an SNR too high and too low."""
    for point in CLOSED:
        blocks, p = point.size(EACH), point.rate(0.0)
        low = stats.binom.ppf(EACH / 2, blocks, p)  # counts below are refused
        high = stats.binom.isf(EACH / 2, blocks, p)
        for shift in (-SHIFT_DB, SHIFT_DB):
            q = point.rate(shift)
            power = stats.binom.cdf(low - 2, blocks, q) + stats.binom.sf(high + 1, blocks, q)
            assert power >= POWER, (point.name, shift, power)


def test_a_shift_of_a_twentieth_of_a_db_is_refused() -> None:
    """The same by simulation, at some points: counts drawn at the shifted rate fail their test."""
    rng = np.random.default_rng(0)
    for point in CLOSED[::10]:
        blocks = point.size(EACH)
        for shift in (-SHIFT_DB, SHIFT_DB):
            counts = np.sort(rng.binomial(blocks, point.rate(shift), 100))
            # 99 of 100 expected; fewer than 90 on either side has a probability of 1e-7
            assert all(point.p_value(int(count), blocks) < EACH for count in counts[[9, 90]])
