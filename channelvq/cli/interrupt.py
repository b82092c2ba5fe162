"""Ctrl-C and SIGTERM end a run cleanly: the first lets it finish what it has in hand, a second drops that."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from channelvq.cli.command import INTERRUPTED

__all__ = ["Interrupts", "listening"]

TERMINATED = 143
"""Exit status after SIGTERM, as shells have it."""


class Interrupts:
    """How often the user, or the system, has asked the run to end."""

    def __init__(self) -> None:
        self.count = 0
        self.status = INTERRUPTED
        """Exit status to end with."""

    def asked(self) -> int:
        """Give the count."""
        return self.count

    def _note(self, number: int, frame: FrameType | None) -> None:
        """Count a signal."""
        self.count += 1
        self.status = TERMINATED if number == signal.SIGTERM else INTERRUPTED


@contextlib.contextmanager
def listening() -> Iterator[Interrupts]:
    """Count Ctrl-C and SIGTERM instead of dying of them; as before afterwards."""
    interrupts = Interrupts()
    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = {number: signal.signal(number, interrupts._note) for number in numbers}
    except ValueError:  # not in the main thread, which has the signals
        yield interrupts
        return
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
