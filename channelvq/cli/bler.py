"""`channelvq bler`: block error rates of the channel codes, from a TOML file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

__all__ = ["bler"]


@click.command(short_help="Block error rates of channel codes over SNR (TOML); table and figure.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder; without it results/<name of SPEC>.")
@click.option(
    "--workers",
    type=click.IntRange(1, 512),
    default=lambda: os.cpu_count() or 1,
    show_default="cores",
    help="Processes; their number changes nothing but the time.",
)
def bler(spec: Path, out: Path | None, workers: int) -> None:
    """Simulate the block error rates that SPEC (TOML) asks for, beside theory and other decoders.

    \b
    channelvq bler sims/codes.toml --out results/codes
    """
    from channelvq.bler.curves import run_spec, to_csv
    from channelvq.bler.figure import save_bler
    from channelvq.bler.spec import load_bler_spec
    from channelvq.provenance import collect
    from channelvq.report.files import make_folder, write_text

    asked = load_bler_spec(spec)
    folder = out or Path("results") / spec.stem
    make_folder(folder)
    done: list[str] = []

    def tell(name: str) -> None:
        done.append(name)
        click.echo(f"{asked.name}: {len(done)} of {len(asked.curves)} curves ({name})", err=True)

    points = run_spec(asked, workers=workers, progress=tell)
    write_text(folder / "table.csv", to_csv(points))
    provenance = {"made_by": collect(), "spec": asked.model_dump(mode="json", by_alias=True)}
    write_text(folder / "provenance.json", json.dumps(provenance, indent=2) + "\n")
    save_bler(points, asked.name, folder)
    for point in points:
        limits = f"[{point.bler_low:.1e}, {point.bler_high:.1e}]"
        bound = "" if point.bound is None else f"  {point.bound_kind} {point.bound:.2e}"
        click.echo(
            f"{point.curve:34s} {point.decoder:10s} {point.ebn0_db:6.2f} dB  {point.bler:.2e} {limits}{bound}"
        )
    click.echo(f"{folder}: figure.png, figure.svg, table.csv, provenance.json")
