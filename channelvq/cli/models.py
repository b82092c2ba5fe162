"""`channelvq models`: the weights that ship, what they come from, and the health of their codebooks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from channelvq.cli.command import console

if TYPE_CHECKING:
    from rich.table import Table

    from channelvq.models.registry import ModelInfo

__all__ = ["models"]


@click.command(short_help="List the weights that ship, or tell about one: its figures, use of its codes.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all that training noted.")
def models(name: str | None, as_json: bool) -> None:
    """List the weights that ship, or tell all about NAME (one of them, or a .safetensors file).

    \b
    channelvq models
    channelvq models photo

    Every file is held against its hash; that of NAME is also loaded. For NAME there is a table of how many of
    each stage's codes are used, and their perplexity (2 to the entropy; the number of equally frequent codes
    that would say as much).
    """
    from channelvq.models.registry import model_info, open_model
    from channelvq.models.registry import models as shipped

    if name is not None:
        info = model_info(name)
        open_model(info)
        if as_json:
            click.echo(json.dumps(_told(info) | {"stages": _stages(info)}))
            return
        _show(info)
        if stages := _stages(info):
            console().print(_table(stages))
        return
    found = shipped()
    if as_json:
        click.echo(json.dumps([_told(info) for info in found]))
        return
    if not found:
        click.echo("no weights ship with this installation; make some with: channelvq train", err=True)
    for info in found:
        _show(info)


def _told(info: ModelInfo) -> dict[str, Any]:
    return {key: getattr(info, key) for key in ("name", "kind", "id", "megabytes", "shape", "about")}


def _show(info: ModelInfo) -> None:
    """Print name, identity, size and figures."""
    click.echo(f"{info.name}  {info.id}  {info.kind}  {info.megabytes:.1f} MB")
    for key, value in info.about.get("validation", {}).items():
        if key == "psnr_db" and isinstance(value, dict):
            for at, psnr in value.items():
                unit = " bpp of indices" if _is_number(at) else ""
                click.echo(f"  validation {float(psnr):.2f} dB at {at}{unit}")
        elif isinstance(value, int | float | str):
            shown = f"{value:.4g}" if isinstance(value, float) else value
            click.echo(f"  validation {key.replace('_', ' ')} {shown}")
    if info.card.exists():
        click.echo(f"  card {info.card}")


def _stages(info: ModelInfo) -> list[dict[str, float]]:
    """Health of the codebooks, a row for each stage; empty for a model without."""
    codes = info.about.get("codes", {})
    known = [key for key in ("sent", "used", "perplexity") if codes.get(key)]
    count = min((len(codes[key]) for key in known), default=0)
    return [{"stage": i + 1, **{key: float(codes[key][i]) for key in known}} for i in range(count)]


def _table(stages: list[dict[str, float]]) -> Table:
    from rich.table import Table

    forms = {"stage": "{:.0f}", "sent": "{:.0f}", "used": "{:.1%}", "perplexity": "{:.0f}"}
    titles = {"sent": "indices sent", "used": "codes used"}
    table = Table()
    for key in stages[0]:
        table.add_column(titles.get(key, key), justify="right")
    for row in stages:
        table.add_row(*(forms[key].format(value) for key, value in row.items()))
    return table


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
