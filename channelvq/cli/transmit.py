"""`channelvq transmit`: one picture over one channel."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from channelvq.cli.command import read_ratio

if TYPE_CHECKING:
    from channelvq.link import Account, Reception

__all__ = ["transmit"]


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--codec", default="vqvae", show_default=True, help="vqvae, jpeg, deepjscc (analog), ...")
@click.option(
    "--code",
    help="Channel code: uncoded, rs:n,k, ldpc:1/2, ...; CODE@SHARE;CODE protects unequally."
    "  [default: rs:255,191; none for an analog codec]",
)
@click.option(
    "--modulation",
    help="bpsk, qpsk, qam16, qam64, qam256.  [default: qpsk; none for an analog codec]",
)
@click.option("--channel", default="awgn", show_default=True, help="awgn, rayleigh:block, bsc:0.01, ...")
@click.option("--snr-db", type=float, help="Es/N0 in dB; for channels of symbols, not of bits.")
@click.option("--concealment", help="none, neighbour, soft; without it the best there is.")
@click.option(
    "--cbr", callback=read_ratio, default="1/12", show_default=True, help="Channel uses per source sample."
)
@click.option("--model", help="Weights of the codec; without it those that ship.")
@click.option(
    "--interleaver",
    help="none, random, strong-first, block, convolutional:12,17; without it as the code wants.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the channel.")
@click.option("--trial", type=click.IntRange(0), default=0, show_default=True, help="Which repetition.")
@click.option("--out", type=click.Path(path_type=Path), help="File for the received picture.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def transmit(
    image: Path,
    codec: str,
    code: str | None,
    modulation: str | None,
    channel: str,
    snr_db: float | None,
    concealment: str | None,
    cbr: Fraction,
    model: str | None,
    interleaver: str | None,
    seed: int,
    trial: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Send IMAGE over a noisy channel and show what arrives.

    \b
    channelvq transmit photo.png --snr-db 3 --out received.png
    channelvq transmit photo.png --codec jpeg --code rs:255,191 --channel rayleigh:block --snr-db 12
    channelvq transmit photo.png --code uncoded --channel bsc:0.01 --json
    channelvq transmit photo.png --codec deepjscc --cbr 1/16 --snr-db 7
    channelvq transmit photo.png --code "ldpc:1/3@0.1;ldpc:3/4" --modulation qam16 --snr-db 8
    """
    from channelvq.images import load_image, save_image
    from channelvq.link import Link
    from channelvq.report.files import check_writable

    if out is not None:
        check_writable(out)
    picture = load_image(image)
    link = Link(
        codec=codec,
        code=code,
        modulation=modulation,
        channel=channel,
        concealment=concealment,
        cbr=cbr,
        model=model,
        interleaver=interleaver,
    )
    reception = link.transmit(picture, snr_db=snr_db, seed=seed, trial=trial)
    if out is not None:
        save_image(reception.image, out)
    click.echo(json.dumps(reception.to_json()) if as_json else _summary(reception, out))


def _summary(reception: Reception[Any], out: Path | None) -> str:
    """Say in a few lines what arrived and what it cost."""
    account = reception.account
    if reception.raw_ber is None:
        lines = [*_received(reception), *_rest(reception)]
        return "\n".join(lines if out is None else [*lines, f"written   {out}"])
    errors = f"{reception.raw_ber:.2e} of the bits on the channel"
    if reception.message_ber is not None:
        errors += f", {reception.message_ber:.2e} of the message"
    if reception.index_error_rate is not None:
        errors += f", {reception.index_error_rate:.2e} of the indices"
    parts = ", ".join(f"{name} {bits}" for name, bits in account.parts.items() if bits)
    lines = [
        *_received(reception),
        f"errors    {errors}",
        f"bits      {account.source_bits} of source ({parts}),"
        f" {account.crc_bits} CRC, {account.parity_bits} parity, {account.padding_bits} padding",
        *_protection(account),
        *_rest(reception),
    ]
    if out is not None:
        lines.append(f"written   {out}")
    return "\n".join(lines)


def _received(reception: Reception[Any]) -> list[str]:
    """Say what arrived, and how often the channel was used."""
    return [
        f"picture   {reception.status}: PSNR {reception.psnr_db:.2f} dB, SSIM {reception.ssim:.4f}",
        f"channel   {reception.channel_uses} uses, CBR {float(reception.cbr):.5f}",
    ]


def _rest(reception: Reception[Any]) -> list[str]:
    """Say what the receiver noticed, and how long it took."""
    notes = (f"note      {name}: {text}" for name, text in reception.notes.items())
    return [*notes, f"time      {reception.seconds:.2f} s"]


def _protection(account: Account) -> list[str]:
    """Say what each code carries, where there are several."""
    if len(account.protection) == 1:
        return []
    lines = []
    for level in account.protection:
        parts = ", ".join(f"{name} {bits}" for name, bits in level.parts.items())
        lines.append(f"level     {level.code}: {parts}; {level.crc_bits} CRC, {level.parity_bits} parity")
    return lines
