"""`channelvq train`: weights of the learned codec."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import click

from channelvq.cli.command import INTERRUPTED, console

__all__ = ["train"]

_FILE = click.Path(path_type=Path)
_QUIET_SECONDS = 30.0


@click.command()
@click.argument("recipe", type=_FILE)
@click.option("--images", type=_FILE, required=True, help="Folder (or zip) of photographs to train on.")
@click.option("--out", type=_FILE, help="Folder; without it runs/<name of RECIPE>.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop after so long; resume later.")
@click.option("--threads", type=click.IntRange(1), help="Of the CPU; without it all cores.")
def train(
    recipe: Path, images: Path, out: Path | None, device: str, minutes: float | None, threads: int | None
) -> int:
    """Train the VQ codec by RECIPE (TOML), and write weights and model card.

    \b
    channelvq train sims/train_vqvae.toml --images ~/photographs --out runs/photo

    A run that was stopped, by Ctrl-C too, goes on exactly from its last checkpoint with the same command.
    """
    from channelvq.training.vqvae import train as run

    folder = out or Path("runs") / recipe.stem
    with _report() as report, _interrupt() as interrupted:
        weights = run(
            recipe,
            images,
            folder,
            device=device,
            minutes=minutes,
            threads=threads,
            stop=interrupted.is_set,
            report=report,
        )
    if weights is not None:
        click.echo(f"weights: {weights}")
        return 0
    click.echo(f"stopped with a checkpoint; the same command goes on: {folder}")
    return INTERRUPTED if interrupted.is_set() else 0


@contextlib.contextmanager
def _interrupt() -> Iterator[threading.Event]:
    """Let Ctrl-C end the run after the step in hand; a second one ends it at once."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _report() -> Iterator[Callable[[str, int, int, str], None]]:
    """Show progress: a bar on a terminal; in a log a line for each new part, and every half minute."""
    screen = console(err=True)
    if not screen.is_terminal:
        last = ("", float("-inf"))

        def log(doing: str, done: int, total: int, how: str) -> None:
            nonlocal last
            now = time.monotonic()
            if doing != last[0] or now - last[1] >= _QUIET_SECONDS or "validation" in how:
                count = f" {done}/{total}" if total else f" {done}" if done else ""
                click.echo(f"{doing}{count} {how}".rstrip(), err=True)
                last = doing, now

        yield log
        return
    from rich import progress as parts

    columns = (
        parts.TextColumn("{task.description}"),
        parts.BarColumn(),
        parts.MofNCompleteColumn(),
        parts.TimeRemainingColumn(),
        parts.TextColumn("{task.fields[how]}"),
    )
    with parts.Progress(*columns, console=screen) as bar:
        task = bar.add_task("start", total=None, how="")

        def show(doing: str, done: int, total: int, how: str) -> None:
            if "validation" in how:  # worth keeping on the screen
                bar.console.print(f"{doing} {done}: {how}")
            short = how.partition(";")[0]
            bar.update(task, description=doing, completed=done, total=total or None, how=short)

        yield show
