"""`channelvq encode` and `decode`: pictures as `.cvq` files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from channelvq.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from channelvq.codecs.container import CvqFile
    from channelvq.codecs.vqvae import VqvaeCodec

__all__ = ["decode", "encode"]

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("image", type=_FILE)
@click.argument("out", metavar="FILE.cvq", type=_FILE)
@click.option(
    "--bpp", type=float, default=0.5, show_default=True, help="Bits per pixel, the file's head included."
)
@click.option("--codec", default="vqvae", show_default=True, help="vqvae, or vqvae-ec: smaller, less robust.")
@click.option("--model", help="Weights: a name that `channelvq models` lists, or a .safetensors file.")
def encode(image: Path, out: Path, bpp: float, codec: str, model: str | None) -> None:
    """Encode IMAGE with the VQ codec and write FILE.cvq.

    \b
    channelvq encode photo.png photo.cvq --bpp 0.5
    """
    from channelvq.codecs.base import encode_tight
    from channelvq.codecs.container import CvqFile, message_budget, write_cvq
    from channelvq.images import load_image
    from channelvq.report.files import check_writable

    if not 0 < bpp <= 24:
        raise UsageError(f"--bpp is {bpp:g}, must be above 0 and at most 24")
    check_writable(out)
    built = _codec(codec, model)
    picture = load_image(image)
    channels, height, width = (int(side) for side in picture.shape)
    budget = message_budget(bpp, height, width)
    message = encode_tight(built, picture, budget)
    write_cvq(out, CvqFile(built.model.id, (channels, height, width), message.bits, codec=codec))
    size = out.stat().st_size
    click.echo(
        f"{out}: {size} bytes, {8 * size / (height * width):.4f} bits per pixel, model {built.model.id}"
    )


@click.command()
@click.argument("file", metavar="FILE.cvq", type=_FILE)
@click.argument("out", metavar="IMAGE", type=_FILE)
@click.option("--model", help="Weights: a name that `channelvq models` lists, or a .safetensors file.")
@click.option("--concealment", help="none, neighbour, soft; without it the best there is.")
def decode(file: Path, out: Path, model: str | None, concealment: str | None) -> None:
    """Decode FILE.cvq and write IMAGE (PNG, JPEG, ... by its ending); damage is concealed.

    \b
    channelvq decode photo.cvq back.png
    """
    from channelvq.codecs.container import read_cvq
    from channelvq.images import save_image
    from channelvq.report.files import check_writable

    check_writable(out)
    content = read_cvq(file)
    codec = _codec_for(file, content, model, concealment)
    decoded = codec.decode(content.llrs, content.shape)
    save_image(decoded.picture, out)
    _, height, width = content.shape
    damage = "" if content.intact else ", the file is damaged"
    notes = "".join(f", {text}" for text in decoded.notes.values())
    click.echo(f"{out}: {width} × {height} pixels, {decoded.status}{damage}{notes}")


def _codec_for(file: Path, content: CvqFile, model: str | None, concealment: str | None) -> VqvaeCodec:
    """Find the weights that made a file: those that are given, or one of those that ship."""
    from channelvq.models.weight_file import shipped_hashes

    if model is None:
        known = {sha256[:16]: name for name, sha256 in shipped_hashes().items()}
        if content.model_id not in known:
            names = ", ".join(f"{name} ({key})" for key, name in known.items()) or "none"
            raise UsageError(
                f"{file} was made by model {content.model_id}, which does not ship (shipped: {names});"
                " give its weights with --model FILE.safetensors"
            )
        model = known[content.model_id]
    codec = _codec(content.codec, model, concealment)
    if codec.model.id != content.model_id:
        raise UsageError(f"{file} was made by model {content.model_id}, not by {model} ({codec.model.id})")
    return codec


def _codec(name: str, model: str | None, concealment: str | None = None) -> VqvaeCodec:
    """Build the codec of a file's messages."""
    from channelvq.codecs.container import PROFILES
    from channelvq.codecs.vqvae import VqvaeCodec
    from channelvq.codecs.vqvae_ec import VqvaeEcCodec

    if name not in PROFILES:
        raise unknown_name("codec of .cvq files", name, PROFILES)
    return VqvaeCodec(model, concealment) if name == "vqvae" else VqvaeEcCodec(model, concealment)
