"""`channelvq status`, `plot` and `export`: what a sweep's folder holds."""

from __future__ import annotations

from pathlib import Path

import click

from channelvq.cli.command import console
from channelvq.errors import UsageError

__all__ = ["export", "plot", "status"]

_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.command()
@_FOLDER
def status(folder: Path) -> None:
    """Say how far the sweep in DIR is, scheme by scheme.

    \b
    channelvq status results/demo
    """
    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import load_results

    with Store(folder) as store:
        results = load_results(store)
    done = sum(summary.trials for summary in results.summaries)
    planned = sum(summary.planned for summary in results.summaries)
    click.echo(f"{results.spec.name}: {done} of {planned} trials, {len(results.images)} images")
    for scheme in results.spec.schemes:
        summaries = results.of(scheme)
        complete = sum(summary.complete for summary in summaries)
        trials = sum(summary.trials for summary in summaries)
        click.echo(f"  {scheme.name}: {trials} trials, {complete} of {len(summaries)} points complete")
    if done < planned:
        click.echo(f"to go on: {results.command}")


@click.command(short_help="Draw the figure of a sweep again, and print its table.")
@_FOLDER
def plot(folder: Path) -> None:
    """Draw figure.png and figure.svg of the sweep in DIR again, and print its table.

    \b
    channelvq plot results/demo
    """
    from channelvq.report.figure import save_figure
    from channelvq.report.table import rich_table
    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import load_results

    with Store(folder) as store:
        results = load_results(store)
    paths = save_figure(results, folder)
    console().print(rich_table(results))
    click.echo("\n".join(map(str, paths)))


@click.command()
@_FOLDER
@click.option("--format", "kind", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@click.option(
    "--what",
    type=click.Choice(["points", "trials"]),
    default="points",
    show_default=True,
    help="Means with intervals, or every single trial.",
)
@click.option("--out", type=click.Path(path_type=Path), help="File; without it standard output (CSV).")
def export(folder: Path, kind: str, what: str, out: Path | None) -> None:
    """Write the results in DIR for other tools.

    \b
    channelvq export results/demo > demo.csv
    channelvq export results/demo --what trials --format parquet --out trials.parquet
    """
    from channelvq.report.files import check_writable, write_text
    from channelvq.report.table import point_rows, to_csv, trial_rows, write_parquet
    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import load_results

    if out is not None:
        check_writable(out)
    elif kind == "parquet":
        raise UsageError("--format parquet needs --out FILE")
    with Store(folder) as store:
        rows = point_rows(load_results(store)) if what == "points" else trial_rows(store)
    if kind == "parquet" and out is not None:
        write_parquet(rows, out)
    elif out is not None:
        write_text(out, to_csv(rows))
    else:
        click.echo(to_csv(rows).replace("\r\n", "\n"), nl=False)
