"""`channelvq compare`: which of two schemes of a sweep is better, where, and how sure that is."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from channelvq.cli.command import console

if TYPE_CHECKING:
    from rich.table import Table

    from channelvq.sweep.comparison import Comparison, Row

__all__ = ["compare"]


@click.command(short_help="Say at which SNRs scheme A of a sweep is better than B, and how sure that is.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--by", type=click.Choice(["point", "image"]), default="point", help="One row for each image.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the table.")
def compare(folder: Path, first: str, second: str, by: str, as_json: bool) -> None:
    """Say at which SNRs scheme A of the sweep in DIR is better than B, by how much, and how sure that is.

    \b
    channelvq compare results/demo "VQ-VAE, uncoded" "JPEG + RS(255,191)"

    Both met the same noise, so trials are compared in pairs of equal image and number; trials that only one
    of them has are left out. p-values are corrected for the number of rows (Holm).
    """
    from channelvq.sweep.comparison import compare_schemes
    from channelvq.sweep.store import Store

    with Store(folder) as store:
        found = compare_schemes(store, first, second, by_image=by == "image")
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    screen = console()
    screen.print(_table(found))
    for line in _verdict(found):
        screen.print(line, markup=False, soft_wrap=True)


def _table(found: Comparison) -> Table:
    """Lay the rows out."""
    from rich.table import Table

    by_image = found.rows[0].image is not None
    table = Table(
        title=f"{found.sweep}: PSNR in dB, A = {found.first}, B = {found.second}", title_justify="left"
    )
    table.add_column("point")
    if by_image:
        table.add_column("image")
    for name in ("A", "B", "A − B, 95 %", "p (Holm)", "better", "pairs", "unpaired needs"):
        table.add_column(name, justify="right")
    for row in found.rows:
        image = [row.image or ""] if by_image else []
        table.add_row(row.point.label, *image, *_cells(row))
    return table


def _cells(row: Row) -> tuple[str, ...]:
    """Show one comparison."""
    apart = row.difference
    pairs = f"{apart.pairs}" + (f" (+{apart.left_out} alone)" if apart.left_out else "")
    if apart.value is None or row.first is None or row.second is None:
        return "", "", "not simulated", "", "", pairs, ""
    margin = "" if apart.low is None or apart.high is None else f"  [{apart.low:+.2f}, {apart.high:+.2f}]"
    return (
        f"{row.first:.2f}",
        f"{row.second:.2f}",
        f"{apart.value:+.2f}{margin}",
        _p_text(apart.p),
        _better(row),
        pairs,
        _factor(apart.unpaired_factor, apart.pairs),
    )


def _better(row: Row) -> str:
    """Name the better one; with a star where failures that were not seen could still turn it."""
    letter = {"first": "A", "second": "B"}.get(row.winner, "undecided")
    return letter if row.winner in (row.cautious_winner, "undecided") else f"{letter}*"


def _p_text(p: float | None) -> str:
    """Show a p-value, or nothing where there is none."""
    if p is None:
        return ""
    return "< 1e-9" if p < 1e-9 else f"{p:.2g}"


def _factor(factor: float | None, pairs: int) -> str:
    """Say how many trials of either scheme independent noise would take for the same certainty."""
    if factor is None:
        return "no noise"
    return "∞" if math.isinf(factor) else f"× {factor:.1f} ({math.ceil(factor * pairs)})"


def _verdict(found: Comparison) -> list[str]:
    """Sum the table up in words."""
    from channelvq.sweep.stopping import INTERIM_ERROR

    lines = []
    for winner, text in (
        ("first", "A is better at"),
        ("second", "B is better at"),
        ("undecided", "undecided at"),
        ("not simulated", "not simulated by both:"),
    ):
        rows = [row for row in found.rows if row.winner == winner]
        if rows:
            lines.append(f"{text} {', '.join(_place(row) for row in rows)}")
    if any(row.winner not in (row.cautious_winner, "undecided") for row in found.rows):
        lines.append("* as far as failures were seen: some too rare for so few trials could still turn it")
    if any(row.error <= INTERIM_ERROR for row in found.rows):
        lines.append("the stopping rule has not ended every point: intervals there are wider, 99.9 %")
    return lines


def _place(row: Row) -> str:
    """Name a row."""
    star = "*" if _better(row).endswith("*") else ""
    return f"{row.point.label}{f' ({row.image})' if row.image else ''}{star}"
