"""`channelvq report`: a sweep as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from channelvq.cli.command import console
from channelvq.cli.sweep import failures

__all__ = ["report"]


@click.command(short_help="Write a sweep as one HTML page: curves, pictures, who wins, what is paid.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="File; without it DIR/report.html.")
@click.option(
    "--images", help="Where the sweep's images are now: builtin, kodak, mnist, cifar10 or a folder."
)
@click.option("--pictures/--no-pictures", default=True, show_default=True, help="Received pictures.")
def report(folder: Path, out: Path | None, images: str | None, pictures: bool) -> None:
    """Write the sweep in DIR as one HTML page that needs no network, of at most 5 MB; also while it runs.

    \b
    channelvq report results/demo
    channelvq report results/kodak_awgn --images ~/kodak --out kodak.html

    It holds the curves with their intervals, the received pictures at every point of the axis, who wins where
    (paired, Holm), the bits that each scheme pays, and how to make it all again. Pictures that the sweep did
    not keep are made by sending their trials again, which takes a moment; what is missing is listed, with the
    reason. Equal sweeps give equal pages.
    """
    from channelvq.report.files import check_writable
    from channelvq.report.missing import missing
    from channelvq.report.page.axis import Axis
    from channelvq.report.page.document import build_page, save_page
    from channelvq.report.page.ranking import rank
    from channelvq.report.page.received import collect, nothing
    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import load_results

    with failures(), Store(folder) as store:
        path = out or folder / "report.html"
        check_writable(path)
        results = load_results(store)
        axis = Axis.of(results.spec)
        standings = rank(store, results, axis)
        if pictures:
            with console(err=True).status("pictures") as status:
                gallery = collect(
                    store,
                    axis,
                    images=images,
                    progress=lambda done, total: status.update(f"pictures: {done} of {total}"),
                )
        else:
            gallery = nothing(store, axis)
        page = build_page(results, axis, standings, gallery)
    save_page(page, path)
    for note in gallery.notes if pictures else ():
        click.echo(f"note: {note}", err=True)
    for line in missing(results):
        click.echo(f"not complete: {line}", err=True)
    click.echo(f"{path}: {len(page.encode()) / 1e6:.2f} MB")
