"""How far a sweep is, shown while it runs: a bar and the widest intervals on a terminal, lines in a log."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from channelvq.cli.command import console

if TYPE_CHECKING:
    from channelvq.sweep.progress import Snapshot

__all__ = ["Display", "showing"]

_QUIET_SECONDS = 60.0


@dataclass(frozen=True)
class Display:
    """Where progress and lines go."""

    show: Callable[[Snapshot], None]
    log: Callable[[str], None]


@contextlib.contextmanager
def showing(name: str) -> Iterator[Display]:
    """Show progress on standard error."""
    screen = console(err=True)
    if not screen.is_terminal:
        yield Display(_Log(name), lambda line: click.echo(line, err=True))
        return
    from rich import progress as parts

    columns = (
        parts.TextColumn("{task.description}"),
        parts.BarColumn(),
        parts.TextColumn("{task.fields[how]}"),
    )
    with parts.Progress(*columns, console=screen) as bar:
        task = bar.add_task(name, total=None, how="")

        def show(now: Snapshot) -> None:
            bar.update(task, completed=now.done, total=max(now.expected, 1), how=_words(now))

        yield Display(show, lambda line: bar.console.print(line, markup=False))


class _Log:
    """A line for every tenth of the way, and every minute; equal ones once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tenths = 0
        self.last = time.monotonic()
        self.line = ""

    def __call__(self, now: Snapshot) -> None:
        tenths = 10 * now.done // max(now.expected, 1)
        late = time.monotonic() - self.last >= _QUIET_SECONDS
        line = f"{self.name}: {_words(now)}"
        if (tenths <= self.tenths and not late) or line == self.line:
            return
        click.echo(line, err=True)
        self.tenths, self.last, self.line = max(tenths, self.tenths), time.monotonic(), line


def _words(now: Snapshot) -> str:
    """Say in one line how far it is."""
    about = "about " if now.done < now.expected else ""
    parts = [
        f"{now.done} of {about}{now.expected} trials",
        f"{now.points_done} of {now.points} points done",
    ]
    for scheme, label, half in now.widest[:1]:
        width = "not known yet" if half is None else f"± {half:.2f} dB"
        parts.append(f"widest {width} ({scheme}, {label})")
    if now.seconds_left is not None and now.done < now.expected:
        parts.append(f"{duration(now.seconds_left)} left")
    parts += [
        f"{count} {what}" for count, what in ((now.errors, "errors"), (now.retries, "retries")) if count
    ]
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Say how long something takes, in the unit that fits.

    Examples
    --------
    >>> duration(4.2), duration(150), duration(9000)
    ('4 s', '2.5 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
