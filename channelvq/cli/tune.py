"""`channelvq tune`: choose code and modulation for each SNR."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from channelvq.cli.command import Failure, console
from channelvq.cli.sweep import cores

if TYPE_CHECKING:
    from rich.table import Table

    from channelvq.sweep.tuned import Tuned, TunedChoice
    from channelvq.tuning.choose import Known
    from channelvq.tuning.spec import TuneSpec

__all__ = ["tune"]


@click.command(short_help="Choose code and modulation for each SNR (TOML), for sweeps to take.")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", type=click.Path(path_type=Path))
@click.option("--images", help="builtin, gb82 or a folder, instead of what SPEC says; not those of the test.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="File, or folder for several SPECs; without it tuned/<name of SPEC>.",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 1024),
    default=cores,
    show_default="all cores",
    help="Worker processes, 0 to work in this one; their number changes nothing but the time.",
)
def tune(specs: tuple[Path, ...], images: str | None, out: Path | None, workers: int) -> None:
    """Choose, for each SNR in SPEC (TOML), the code and the modulation that give the best pictures.

    \b
    channelvq tune sims/tune/awgn_1_16_jpeg_rs.toml --out sims/tuned/awgn_1_16_jpeg_rs.toml

    \b
    name = "JPEG + LDPC, CBR 1/16"
    cbr = "1/16"
    channel = "awgn"
    snr_db = [1, 4, 7, 10, 13]
    trials = 2
    [tune]
    codec = "jpeg"
    codes = ["ldpc:1/3", "ldpc:1/2", "ldpc:2/3", "ldpc:3/4"]
    modulations = ["qpsk", "qam16", "qam64"]
    block_error_rate = 1e-3   # the most; without it the mean PSNR alone decides, where the codec hides losses

    The file is for schemes of a sweep, `tuned = "tuned/jpeg.toml"` instead of code and modulation: at each
    SNR they take what was chosen for the next lower one; with `tuned_at_snr_db = 7` what was chosen for 7 dB.

    Several SPECs that differ in nothing but the codec count the lost blocks of codes and modulations once.
    """
    from channelvq.tuning.spec import load_tune_spec

    several = len(specs) > 1
    if several and out is not None and out.suffix:
        raise click.UsageError(f"{len(specs)} files cannot all be written to {str(out)!r}: give a folder")
    folder = Path("tuned") if out is None else out
    asked = [
        (load_tune_spec(spec), out if out and not several else folder / f"{spec.stem}.toml") for spec in specs
    ]
    known: Known = {}
    for spec, file in asked:
        _tune_one(spec, file, images, workers, known)


def _tune_one(spec: TuneSpec, file: Path, images: str | None, workers: int, known: Known) -> None:
    """Choose for one spec, write the file, and show what is in it."""
    from channelvq.provenance import collect
    from channelvq.report.files import make_folder, write_text
    from channelvq.sweep.executors import WorkerLostError
    from channelvq.tuning.choose import tune as choose

    make_folder(file.parent)
    try:
        tuned = choose(spec, images=images, workers=workers, tell=_Teller(spec.name), known=known)
    except WorkerLostError as error:
        raise Failure(f"{error}; nothing is kept of {spec.name}, start it again") from None
    write_text(file, tuned.to_toml(_comments(spec.name, tuned, collect())))
    console().print(_table(tuned))
    if missed := [_place(choice) for choice in tuned.choices if not choice.works]:
        click.echo(f"nothing works at {', '.join(missed)}: the best of what there is was taken", err=True)
    click.echo(str(file))


class _Teller:
    """Says on standard error how far it is, at each tenth."""

    def __init__(self, name: str) -> None:
        self.name, self.last = name, ""

    def __call__(self, what: str, done: int, total: int) -> None:
        line = f"{self.name}: {what}, {10 * (10 * done // total)} %"
        if line != self.last:
            click.echo(line, err=True)
        self.last = line


def _comments(name: str, tuned: Tuned, made: dict[str, object]) -> list[str]:
    """Say what the file is and where it comes from."""
    machine = made["machine"]
    assert isinstance(machine, dict)
    return [
        f"{name}: what to send with at each point, chosen by channelvq tune.",
        f"command: {made['command']}",
        f"channelvq {made['channelvq']}, commit {made['commit']}, source {made['source']}",
        f"images: {', '.join(tuned.images)}",
        f"weights: {', '.join(tuned.weights) or 'none'}",
        f"machine: {machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {made['python']}",
    ]


def _place(choice: TunedChoice) -> str:
    """Name a place of the axis."""
    return f"{choice.snr_db:g} dB" if choice.snr_db is not None else str(choice.channel)


def _table(tuned: Tuned) -> Table:
    """Lay the choices out."""
    from rich.table import Table

    images = f"{len(tuned.images)} image{'s' if len(tuned.images) != 1 else ''}"
    title = f"{tuned.name}: {', '.join(tuned.codecs)}, CBR {tuned.cbr}, {images}, mean PSNR in dB"
    table = Table(title=title, title_justify="left")
    table.add_column("SNR" if tuned.channel else "channel", justify="right")
    for head in ("code", "modulation"):
        table.add_column(head)
    for head in ("payload bits", "PSNR", "failed", "block errors"):
        table.add_column(head, justify="right")
    table.add_column("")
    for choice in tuned.choices:
        extra = " ".join(filter(None, (choice.codec, choice.concealment)))
        table.add_row(
            _place(choice),
            choice.code,
            " ".join(filter(None, (choice.modulation, extra))),
            str(choice.payload_bits),
            f"{choice.psnr_db:.2f}",
            f"{100 * choice.outage:.1f} %",
            "" if choice.blocks is None else f"{choice.block_errors} of {choice.blocks}",
            "" if choice.works else "does not work",
        )
    return table
