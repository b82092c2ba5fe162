"""The command line: thin commands that parse, call and print."""

from __future__ import annotations

import click

import channelvq
from channelvq.cli.bench import bench
from channelvq.cli.bler import bler
from channelvq.cli.command import CommandLine
from channelvq.cli.compare import compare
from channelvq.cli.files import decode, encode
from channelvq.cli.models import models
from channelvq.cli.rd import rd
from channelvq.cli.report import report
from channelvq.cli.results import export, plot, recover, status
from channelvq.cli.sweep import sweep
from channelvq.cli.train import train
from channelvq.cli.transmit import transmit
from channelvq.cli.tune import tune

__all__ = ["main"]


@click.group(
    cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(channelvq.__version__, prog_name="channelvq")
def main() -> None:
    """Send images over noisy channels, and see which way of sending gives the best picture.

    \b
    channelvq transmit photo.png --snr-db 3 --out received.png
    channelvq sweep sims/demo.toml --out results/demo

    A component is written `name` or `name:args`: rs:255,191, qam16, rayleigh:block. A wrong name is answered
    with the allowed ones. Exit status: 0 done, 1 something went wrong, 2 wrong usage (one line says what),
    130 interrupted (143 by SIGTERM).
    """


for _command in (
    transmit,
    encode,
    decode,
    models,
    sweep,
    status,
    plot,
    report,
    compare,
    export,
    recover,
    rd,
    tune,
    train,
    bler,
    bench,
):
    main.add_command(_command)
