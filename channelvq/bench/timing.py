"""How fast something is: best of alternating runs, so that what else the machine does hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Contender", "Measured", "side_by_side"]


@dataclass(frozen=True)
class Contender:
    """One implementation.

    Attributes
    ----------
    name : str
        Whose.
    run : callable
        Does the work once.
    units : float
        What one run works through: bits of information, symbols.
    """

    name: str
    run: Callable[[], object]
    units: float


@dataclass(frozen=True)
class Measured:
    """How fast it was.

    Attributes
    ----------
    name : str
        Whose implementation.
    first_seconds : float
        Wall time of the first run, which compiles or loads what is not compiled or loaded yet.
    best_seconds : float
        Shortest time of the later runs.
    rate : float
        Units a second, in the best run.
    """

    name: str
    first_seconds: float
    best_seconds: float
    rate: float


def side_by_side(
    contenders: list[Contender],
    *,
    seconds: float = 2.0,
    clock: Callable[[], float] = time.process_time,
) -> list[Measured]:
    """Run contenders in turn, each for about so many seconds, and at least three times.

    Parameters
    ----------
    contenders : list of Contender
        What to compare.
    seconds : float
        Time for each.
    clock : callable
        `time.process_time` for work on one thread: processor time, which other processes lengthen least;
        `time.perf_counter` for work on several.

    Examples
    --------
    >>> short = Contender("short", lambda: sum(range(1000)), 1.0)
    >>> long = Contender("long", lambda: sum(range(99000)), 1.0)
    >>> first, second = side_by_side([short, long], seconds=0.01)
    >>> first.rate > second.rate
    True
    """
    first = []
    for contender in contenders:
        begin = time.perf_counter()
        contender.run()
        first.append(time.perf_counter() - begin)
    best = [float("inf")] * len(contenders)
    spent = [0.0] * len(contenders)
    runs = 0
    while runs < 3 or any(used < seconds for used in spent):
        for i, contender in enumerate(contenders):
            if runs >= 3 and spent[i] >= seconds:
                continue
            begin = clock()
            contender.run()
            taken = clock() - begin
            best[i], spent[i] = min(best[i], taken), spent[i] + taken
        runs += 1
    return [
        Measured(contender.name, once, shortest, contender.units / shortest)
        for contender, once, shortest in zip(contenders, first, best, strict=True)
    ]
