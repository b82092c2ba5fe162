"""`channelvq rd`: clean rate-distortion of a codec."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from channelvq.cli.command import console, read_numbers

if TYPE_CHECKING:
    from channelvq.evaluation.rate_distortion import RatePoint

__all__ = ["rd"]


@click.command(short_help="Measure a codec without a channel: PSNR over all paid bits.")
@click.option("--codec", default="vqvae", show_default=True, help="vqvae, jpeg, jpeg:444, ...")
@click.option(
    "--bpp",
    callback=read_numbers,
    default="0.35,0.5,0.7",
    show_default=True,
    help="Bits per pixel, with commas.",
)
@click.option(
    "--images", default="builtin", show_default=True, help="builtin, kodak, mnist, cifar10 or a folder."
)
@click.option("--model", help="Weights of the codec; without it those that ship.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def rd(codec: str, bpp: tuple[float, ...], images: str, model: str | None, as_json: bool) -> None:
    """Measure a codec without a channel: PSNR and SSIM over all paid bits, mean over images.

    \b
    channelvq rd --codec vqvae --bpp 0.35,0.5,0.7 --images kodak --json
    """
    from rich.progress import Progress

    from channelvq.codecs import is_analog
    from channelvq.errors import UsageError
    from channelvq.evaluation.rate_distortion import rate_distortion
    from channelvq.images import image_set
    from channelvq.link import Link
    from channelvq.provenance import collect

    if is_analog(codec):
        raise UsageError(f"codec {codec!r} sends symbols and has no rate in bits; take one of bits, as vqvae")
    entries = image_set(images)
    built = Link(codec=codec, model=model).codec
    screen = console(err=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(f"{codec} on {images}", total=len(entries))
        points = rate_distortion(
            built,
            ((entry.name, entry.load()) for entry in entries),
            bpp,
            progress=lambda: progress.advance(task),
        )
    if all(point.note is not None for point in points):
        raise UsageError(str(points[0].note))
    for point in points:
        if point.note is not None:
            click.echo(f"channelvq: {point.note}; the rate is left out", err=True)
    if as_json:
        weights = {codec: built.model.id} if hasattr(built, "model") else None
        made = {"codec": built.spec, "made_by": collect(weights=weights)}
        summary = {"images": len(entries), "points": [_plain(point) for point in points]}
        click.echo(json.dumps({**summary, **made}, indent=2))
        return
    click.echo(f"{codec}, mean over {len(entries)} images")
    click.echo("target bpp    bpp   PSNR dB    SSIM")
    for point in points:
        measured = "" if point.bpp is None else f"{point.bpp:7.3f}{point.psnr_db:10.2f}{point.ssim:8.4f}"
        click.echo(f"{point.bpp_target:10.3f}{measured}")


def _plain(point: RatePoint) -> dict[str, object]:
    """Give the numbers of a rate, and a note where there are none."""
    values = asdict(point)
    return {key: value for key, value in values.items() if key != "note" or value is not None}
