"""`channelvq sweep`: a Monte-Carlo experiment from a TOML file."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

import click

from channelvq.cli.command import INTERRUPTED, Failure, console

if TYPE_CHECKING:
    from channelvq.sweep.plan import Plan
    from channelvq.sweep.runner import Outcome
    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import Results

__all__ = ["sweep"]


@click.command(short_help="Run a Monte-Carlo experiment (TOML); leave table, figure, pictures.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder; without it results/<name of SPEC>.")
@click.option("--images", help="builtin, kodak or a folder, instead of what SPEC says.")
@click.option(
    "--workers",
    type=click.IntRange(1, 512),
    default=lambda: min(os.cpu_count() or 1, 8),
    show_default="cores, at most 8",
    help="Worker processes; their number changes nothing but the time.",
)
def sweep(spec: Path, out: Path | None, images: str | None, workers: int) -> None:
    """Run the experiment in SPEC (TOML), and leave table, figure and pictures in a folder.

    \b
    channelvq sweep sims/demo.toml --out results/demo
    channelvq sweep sims/kodak_awgn.toml --images ~/kodak --workers 2

    Ctrl-C stops it cleanly; the same command goes on where it stopped. More trials, SNRs or schemes in SPEC
    are added to what is there.
    """
    from channelvq.report.files import make_folder
    from channelvq.sweep.plan import make_plan
    from channelvq.sweep.spec import load_spec
    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import load_results

    asked = load_spec(spec)
    folder = out or Path("results") / spec.stem
    plan = make_plan(asked, images=images)
    make_folder(folder)
    with Store(folder, writable=True) as store:
        outcome = _run(plan, store, workers)
        results = load_results(store)
    if outcome.interrupted:
        kept = f"interrupted: {outcome.done} of {outcome.planned} trials are kept in {folder}"
        click.echo(f"channelvq: {kept}; the same command goes on", err=True)
        sys.exit(INTERRUPTED)
    _leave(results, plan, folder, outcome)


def _run(plan: Plan, store: Store, workers: int) -> Outcome:
    """Run the plan, and show on standard error how far it is."""
    from channelvq.sweep.runner import run_plan

    with _progress(plan) as progress:
        try:
            return run_plan(plan, store, workers=workers, progress=progress)
        except BrokenProcessPool:
            raise Failure(
                "a worker process died (out of memory?); what was done is kept, try fewer --workers"
            ) from None


@contextlib.contextmanager
def _progress(plan: Plan) -> Iterator[Callable[[int, int], None]]:
    """Give a bar on a terminal, and in a log a line for every tenth of the way."""
    screen = console(err=True)
    if not screen.is_terminal:
        shown = 0

        def log(done: int, total: int) -> None:
            nonlocal shown
            tenths = 10 * done // total
            if tenths > shown:
                click.echo(f"{plan.spec.name}: {done} of {total} trials", err=True)
            shown = max(shown, tenths)

        yield log
        return
    from rich import progress as parts

    columns = (
        parts.TextColumn("{task.description}"),
        parts.BarColumn(),
        parts.MofNCompleteColumn(),
        parts.TextColumn("trials, for"),
        parts.TimeElapsedColumn(),
        parts.TextColumn("still"),
        parts.TimeRemainingColumn(),
    )
    with parts.Progress(*columns, console=screen) as bar:
        task = bar.add_task(plan.spec.name, total=plan.total)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _leave(results: Results, plan: Plan, folder: Path, outcome: Outcome) -> None:
    """Print the table, and write figure, table, pictures and provenance."""
    from channelvq.report.figure import save_figure
    from channelvq.report.files import write_text
    from channelvq.report.pictures import save_pictures
    from channelvq.report.shown import receive_pictures
    from channelvq.report.table import point_rows, rich_table, to_csv

    console().print(rich_table(results))
    save_figure(results, folder)
    write_text(folder / "table.csv", to_csv(point_rows(results)))
    provenance = {
        "runs": results.runs,  # those that trials come from: command, commit, weights, machine, versions
        "spec": json.loads(plan.spec.to_json()),
        "spec_hash": plan.spec.content_hash,
        "images": {image.name: image.hash for image in plan.images},
        "trials": {"planned": outcome.planned, "from_earlier_runs": outcome.before},
        "seconds_of_last_run": round(outcome.seconds, 1),
    }
    write_text(folder / "provenance.json", json.dumps(provenance, indent=2) + "\n")
    if plan.spec.pictures is not None:
        save_pictures(receive_pictures(plan), folder / "pictures.png")
    if len(results.commits) > 1:
        earlier = ", ".join(commit[:10] for commit in results.commits)
        click.echo(
            f"note: the trials were made by several commits ({earlier}); a new --out makes them anew",
            err=True,
        )
    click.echo(
        f"{folder}: figure.png, figure.svg, table.csv, provenance.json"
        + (", pictures.png" if plan.spec.pictures else "")
    )
