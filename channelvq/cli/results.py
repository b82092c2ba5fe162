"""`channelvq status`, `plot`, `export` and `recover`: what a sweep's folder holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from channelvq.cli.command import console
from channelvq.cli.progress import duration
from channelvq.cli.sweep import describe_errors, failures
from channelvq.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from rich.table import Table

    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import Results, Summary

__all__ = ["export", "plot", "recover", "status"]

_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.command()
@_FOLDER
def status(folder: Path) -> None:
    """Say how far the sweep in DIR is, point by point, who is at it, and what went wrong; also while it runs.

    \b
    channelvq status results/demo
    """
    from channelvq.sweep.lock import holder_of
    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import load_results

    with failures(), Store(folder) as store:
        results = load_results(store)
        plan, _ = store.last_run()
        hashes = {case["hash"] for case in plan["cases"]}
        errors = tuple(error for error in store.errors() if error.case in hashes)
        others = _other_cases(store, hashes)
    done = sum(summary.trials for summary in results.summaries)
    planned = sum(summary.planned for summary in results.summaries)
    complete = sum(summary.complete for summary in results.summaries)
    click.echo(
        f"{results.spec.name}: {done} of {planned} trials{' at most' if results.spec.stop else ''},"
        f" {complete} of {len(results.summaries)} points complete, {len(results.images)} images"
    )
    console().print(_points(results))
    if others:
        click.echo(f"{others} more cases in the store are of other schemes, points, seeds, weights or code")
    for line in describe_errors(errors, plan, f"{results.command} --replay"):
        click.echo(line)
    if (holder := holder_of(folder)) is not None:
        click.echo(f"running for {duration(time.time() - holder.started)}: {holder}")
    elif complete < len(results.summaries) or errors:
        click.echo(f"to go on: {results.command}")


def _other_cases(store: Store, hashes: set[str]) -> int:
    """Count the cases of the store that are not of its latest plan."""
    return len(store.cases().keys() - hashes)


def _points(results: Results) -> Table:
    """Points down, schemes across: trials and half-width."""
    from rich.table import Table

    table = Table(caption="trials of each image, 95 % interval of the mean PSNR", caption_justify="left")
    table.add_column("point")
    for scheme in results.spec.schemes:
        table.add_column(scheme.name, justify="right")
    by_scheme = [results.of(scheme) for scheme in results.spec.schemes]
    for row, point in enumerate(results.spec.points):
        table.add_row(point.label, *(_state(summaries[row]) for summaries in by_scheme))
    return table


def _state(summary: Summary) -> str:
    """Say how far one point is: "8 ± 0.12, tolerance"."""
    each = summary.trials / summary.images if summary.images else 0.0
    mean = summary.means["psnr_db"]
    half = "" if mean.high is None or mean.low is None else f" ± {(mean.high - mean.low) / 2:.2f}"
    why = "done" if summary.complete else "waits" if not summary.trials else "goes on"
    if summary.stopped not in (None, "go on"):
        why = str(summary.stopped)
    lost = f", {summary.lost} errors" if summary.lost else ""
    return f"{each:.4g}{half}, {why}{lost}"


def _read_formats(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    """Read `pdf,svg,png,pgf`, each once."""
    from channelvq.report.paper import FORMATS

    if value is None:
        return None
    names = tuple(dict.fromkeys(part.strip() for part in value.split(",")))
    for name in names:
        if name not in FORMATS:
            raise unknown_name("format", name, FORMATS)
    return names


@click.command(short_help="Draw the figure of a sweep, for a screen or a paper, and print its table.")
@_FOLDER
@click.option(
    "--style",
    type=click.Choice(["screen", "paper"]),
    default="screen",
    show_default=True,
    help="screen: figure.png and figure.svg. paper: a file a panel, in a journal's column width.",
)
@click.option(
    "--format",
    "formats",
    callback=_read_formats,
    metavar="pdf,svg,png,pgf",
    help="Formats, with commas; pgf is PGFPlots with its data.  [default: png,svg; of a paper all]",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for them.  [default: DIR; DIR/paper for a paper]"
)
def plot(folder: Path, style: str, formats: tuple[str, ...] | None, out: Path | None) -> None:
    """Draw the figure of the sweep in DIR, and print its table; also of a sweep that is only half done.

    \b
    channelvq plot results/demo
    channelvq plot results/demo --style paper --format pdf,pgf

    What is missing is listed on standard error. Bounds and published curves are drawn if the sweep's spec
    asks for them, [[bound]] and [published].
    """
    from channelvq.report.figure import save_figure
    from channelvq.report.files import make_folder
    from channelvq.report.missing import missing
    from channelvq.report.panels import picture_of
    from channelvq.report.paper import FORMATS, save_paper
    from channelvq.report.table import rich_table
    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import load_results

    if style == "screen" and formats is not None and "pgf" in formats:
        raise UsageError("--format pgf goes with --style paper")
    with failures(), Store(folder) as store:
        results = load_results(store)
    target = out or (folder / "paper" if style == "paper" else folder)
    make_folder(target)
    if style == "paper":
        paths = save_paper(results, target, formats or FORMATS)
    else:
        paths = save_figure(results, target, formats or ("png", "svg"))
    console().print(rich_table(results))
    click.echo("\n".join(map(str, paths)))
    for line in missing(results):
        click.echo(f"missing: {line}", err=True)
    for line in picture_of(results).left_out:
        click.echo(f"note: {line}", err=True)


@click.command(short_help="Write the results of a sweep as CSV or Parquet, its pictures as PNG.")
@_FOLDER
@click.option("--format", "kind", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@click.option("--trials", is_flag=True, help="Every single trial, instead of means with intervals.")
@click.option("--seconds", is_flag=True, help="With --trials: also the time each took, never twice the same.")
@click.option("--pictures", type=click.Path(path_type=Path), help="Write the kept pictures in this folder.")
@click.option("--out", type=click.Path(path_type=Path), help="File; without it standard output (CSV).")
def export(
    folder: Path, kind: str, trials: bool, seconds: bool, pictures: Path | None, out: Path | None
) -> None:
    """Write the results in DIR for other tools; equal sweeps give the same bytes.

    \b
    channelvq export results/demo > demo.csv
    channelvq export results/demo --trials --format parquet --out trials.parquet
    channelvq export results/demo --pictures received/
    """
    from channelvq.report.files import check_writable, write_text
    from channelvq.report.table import point_rows, to_csv, write_parquet
    from channelvq.report.trials import trial_rows
    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import load_results

    if seconds and not trials:
        raise UsageError("--seconds goes with --trials")
    if out is not None:
        check_writable(out)
    elif kind == "parquet":
        raise UsageError("--format parquet needs --out FILE")
    with failures(), Store(folder) as store:
        if pictures is not None:
            click.echo("\n".join(map(str, _write_pictures(store, pictures))))
            return
        if trials:
            rows: list[Any] = list(trial_rows(store, seconds=seconds))
        else:
            rows = point_rows(load_results(store))
    if kind == "parquet" and out is not None:
        write_parquet(rows, out)
    elif out is not None:
        write_text(out, to_csv(rows))
    else:
        click.echo(to_csv(rows).replace("\r\n", "\n"), nl=False)


def _write_pictures(store: Store, folder: Path) -> list[Path]:
    """Write the pictures that the sweep kept, by the ids of their trials."""
    from channelvq.report.files import make_folder, whole_file
    from channelvq.sweep.identity import trial_id

    make_folder(folder)
    paths = []
    for case, image, trial in store.pictures():
        file = store.picture(case, image, trial)
        path = folder / f"{trial_id(case, image, trial)}.png"
        with whole_file(path) as temporary:
            temporary.write_bytes(file or b"")
        paths.append(path)
    return paths


@click.command(short_help="Save what can be read of a damaged sweep.")
@_FOLDER
def recover(folder: Path) -> None:
    """Copy every trial that can be read of the damaged sweep in DIR into a new store; the old one is kept.

    \b
    channelvq recover results/demo
    """
    from channelvq.sweep.recovery import recover as save

    with failures():
        saved = save(folder)
    click.echo(
        f"{saved.trials} trials, {saved.runs} runs, {saved.errors} errors and {saved.pictures} pictures saved"
        f" in {saved.path}; the damaged file is {saved.damaged}"
    )
    if saved.unreadable:
        click.echo(f"{saved.unreadable} pages made no sense; the sweep's command makes again what is missing")
