"""`channelvq train`: weights of the learned codec."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import FrameType

import click

from channelvq.cli.command import INTERRUPTED, console
from channelvq.errors import UsageError

__all__ = ["train"]

_FILE = click.Path(path_type=Path)
_QUIET_SECONDS = 30.0
_TRAINERS = {
    "vqvae": "channelvq.training.vqvae:train",
    "prior": "channelvq.training.prior_run:train_prior",
    "decoder": "channelvq.training.decoder_run:tune_decoder",
    "mnist-lineage": "channelvq.training.lineage:train",
    "deepjscc": "channelvq.training.deepjscc:train",
}
"""What trains each kind of recipe."""


@click.command()
@click.argument("recipe", type=_FILE)
@click.option("--images", type=_FILE, required=True, help="Folder (or zip) of what to train on.")
@click.option("--out", type=_FILE, help="Folder; without it runs/<name of RECIPE>.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop after so long; resume later.")
@click.option("--threads", type=click.IntRange(1), help="Of the CPU; without it all cores.")
def train(
    recipe: Path, images: Path, out: Path | None, device: str, minutes: float | None, threads: int | None
) -> int:
    """Train by RECIPE (TOML), and write weights and model card.

    \b
    channelvq train sims/train_vqvae.toml --images ~/photographs --out runs/photo
    channelvq train sims/ablation_codebooks.toml --images ~/photographs --out results/ablation
    channelvq train sims/train_prior.toml --images ~/photographs --out runs/prior
    channelvq train sims/train_mnist_lineage.toml --images mnist --out runs/mnist
    channelvq train sims/train_deepjscc.toml --images ~/photographs --out runs/deepjscc

    A run that was stopped, by Ctrl-C too, goes on exactly from its last checkpoint with the same command. A
    RECIPE of kind "ablation" compares codebooks instead: a table and a figure, no weights, in one go.
    """
    folder, kind = out or Path("runs") / recipe.stem, _kind(recipe)
    if kind == "ablation":
        _compare_codebooks(recipe, images, folder, threads)
        return 0
    run = _trainer(recipe, kind)
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


def _kind(recipe: Path) -> object:
    """Read what a file is; the recipe of a VQ codec need not say."""
    from channelvq.sweep.toml import read_toml

    return read_toml(recipe)[0].get("kind")


def _trainer(recipe: Path, kind: object) -> Callable[..., Path | None]:
    """Find what trains this kind of recipe."""
    if kind is None:
        kind = "vqvae"
    if kind not in _TRAINERS:
        allowed = ", ".join([*_TRAINERS, "ablation"])
        raise UsageError(f"{recipe}: unknown kind {kind!r}; allowed: {allowed}")
    module, _, name = _TRAINERS[str(kind)].partition(":")
    trainer: Callable[..., Path | None] = getattr(import_module(module), name)
    return trainer


def _compare_codebooks(spec: Path, images: Path, folder: Path, threads: int | None) -> None:
    """Run an ablation; leave table, figure and where they come from."""
    import torch

    from channelvq.provenance import collect
    from channelvq.report.files import make_folder, write_text
    from channelvq.training.ablation import load_ablation, make_latents, run_ablation, to_csv
    from channelvq.training.ablation_figure import save_ablation
    from channelvq.training.photos import load_photos

    asked = load_ablation(spec)
    make_folder(folder)
    torch.set_num_threads(threads or torch.get_num_threads())
    with _report() as report:
        photos, held_out = load_photos(
            images,
            256,
            torch.device("cpu"),
            report=lambda n: report("photos", n, 0, ""),
            say=lambda text: report("left out", 0, 0, text),
        )
        latents = make_latents(asked, photos, held_out)
        runs = len(asked.variants) * len(asked.seeds)
        rows = run_ablation(asked, latents, lambda name, done: report(name, done, runs, ""))
    write_text(folder / "table.csv", to_csv(rows))
    counts = {"train": len(photos), "val": len(held_out)}
    provenance = {
        "made_by": collect(),
        "photos": counts,
        "spec": asked.model_dump(mode="json", by_alias=True),
    }
    write_text(folder / "provenance.json", json.dumps(provenance, indent=2) + "\n")
    save_ablation(rows, asked.name, folder)
    for row in rows:
        click.echo(
            f"{row.variant:30s} stage {row.stages}: {row.psnr_db:.2f} dB"
            f" [{row.psnr_db_low:.2f}, {row.psnr_db_high:.2f}] at {row.bpp:.3f} bpp,"
            f" {row.used:.1%} of the codes used, perplexity {row.perplexity:.0f}"
        )
    click.echo(f"{folder}: figure.png, figure.svg, table.csv, provenance.json")


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
            if "validation" in how or doing == "left out":  # worth keeping on the screen
                bar.console.print(f"{doing}{f' {done}' if done else ''}: {how}")
            short = how.partition(";")[0]
            bar.update(task, description=doing, completed=done, total=total or None, how=short)

        yield show
