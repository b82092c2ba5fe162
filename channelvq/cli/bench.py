"""`channelvq bench`: speeds on this machine, beside other implementations."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from channelvq.cli.command import Failure

if TYPE_CHECKING:
    from channelvq.bench.codes import Row

__all__ = ["bench"]


@click.group(short_help="Measure speeds on this machine, beside other implementations.")
def bench() -> None:
    """Measure speeds on this machine, beside other implementations in the same process.

    \b
    channelvq bench codes
    """


@bench.command(short_help="Channel decoders and the physical layer.")
@click.option("--only", default="", help="Lines whose name contains this text.")
@click.option(
    "--seconds", type=click.FloatRange(0.01, 600), default=2.0, show_default=True, help="A contender."
)
@click.option(
    "--creedsolo",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of `pip install --no-deps --target FOLDER reedsolo==2.1.1b1`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def codes(only: str, seconds: float, creedsolo: Path | None, as_json: bool) -> None:
    """Measure the channel decoders: bits of information a second of one core, whole calls, float32 LLRs in.

    \b
    channelvq bench codes --only LDPC

    A line says what was measured, how fast ours is and what is promised, how many times faster than a peer,
    and how long the first call took, in which kernels are compiled or loaded. Exit status 1 if a promise does
    not hold.
    """
    from channelvq.bench.codes import run_rows
    from channelvq.provenance import collect

    rows: list[Row] = []
    for row in run_rows(only=only, seconds=seconds, creedsolo=creedsolo):
        rows.append(row)
        if not as_json:
            click.echo(_line(row))
    if as_json:
        click.echo(json.dumps({"rows": [asdict(row) for row in rows], "made_by": collect()}, indent=2))
    broken = [row.what for row in rows if not row.held]
    if broken:
        raise Failure(f"promises that do not hold here: {'; '.join(broken)}")


def _line(row: Row) -> str:
    """Write a line of the table."""
    ours = row.measured[0]
    text = f"{row.what:44s} {ours.rate:7.1f} {row.unit}, promised {row.promised:g}"
    for peer in row.measured[1:]:
        promised = f", promised {row.ratios[peer.name]:g}" if row.ratios.get(peer.name) else ""
        text += f"; {row.ratio(peer):.0f} × {peer.name} ({peer.rate:.3g} {row.unit}{promised})"
    notes = "".join(f"; {note}" for note in row.notes)
    return f"{text}; first call {ours.first_seconds:.2f} s{notes}{'' if row.held else '  NOT HELD'}"
