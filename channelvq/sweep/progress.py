"""How far a running sweep is: trials, points, the widest intervals, and the time that is left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice

from channelvq.sweep.schedule import Schedule

__all__ = ["Clock", "Snapshot"]

_WIDEST = 3
_MEMORY_SECONDS = 60.0


class Clock:
    """How fast trials come, over the last minute or so.

    Examples
    --------
    >>> clock = Clock()
    >>> clock.rate is None, clock.due(), clock.due()
    (True, True, False)
    """

    def __init__(self, every: float = 0.25) -> None:
        self.made = 0
        """Trials made so far."""
        self._every = every
        self._shown = float("-inf")
        self._marks: list[tuple[float, int]] = []

    def add(self, trials: int) -> None:
        """Count what was made."""
        now = time.monotonic()
        self.made += trials
        self._marks.append((now, self.made))
        while len(self._marks) > 2 and now - self._marks[0][0] > _MEMORY_SECONDS:
            del self._marks[0]

    @property
    def rate(self) -> float | None:
        """Trials a second; None before it can be told."""
        if len(self._marks) < 2:
            return None
        (first, had), (last, has) = self._marks[0], self._marks[-1]
        return (has - had) / (last - first) if last > first and has > had else None

    def due(self) -> bool:
        """Say whether it is time to show something again."""
        now = time.monotonic()
        if now - self._shown < self._every:
            return False
        self._shown = now
        return True


@dataclass(frozen=True)
class Snapshot:
    """What is shown while a sweep runs.

    Attributes
    ----------
    done, expected : int
        Trials that are there, and a guess of how many there will be.
    points_done, points : int
        Points that have enough, and all.
    widest : tuple of (str, str, float or None)
        Of the points with the widest intervals: scheme, label, half-width in dB (None: not known yet).
    seconds_left : float or None
        At the rate of the last minute.
    errors, retries : int
        Trials that raised, workers that died, in this run.
    """

    done: int
    expected: int
    points_done: int
    points: int
    widest: tuple[tuple[str, str, float | None], ...]
    seconds_left: float | None
    errors: int
    retries: int

    @classmethod
    def of(cls, schedule: Schedule, clock: Clock, errors: int, retries: int) -> Snapshot:
        """Look at a schedule."""
        done, expected = schedule.done(), schedule.expected()
        widest = tuple(
            (point.case.scheme.name, point.case.point.label, point.half_width_db)
            for point in islice(schedule.widest(), _WIDEST)
        )
        rate = clock.rate
        left = None if rate is None else max(expected - done, 0) / rate
        return cls(done, expected, schedule.points_done, len(schedule.points), widest, left, errors, retries)
