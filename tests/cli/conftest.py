"""A picture, a folder of pictures, a small sweep, and a way to run the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from channelvq.cli import main

SPEC = """\
name = "quick"
images = "{images}"
cbr = "1/4"
channel = "awgn"
snr_db = [4, 10]
trials = 2

[[scheme]]
name = "JPEG + RS"
codec = "jpeg"
code = "rs:255,127"

[pictures]
snr_db = [4, 10]
"""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A smooth picture of 64 × 96."""
    folder = tmp_path / "images"
    folder.mkdir()
    y, x = np.mgrid[0:64, 0:96] / 64
    planes = [0.5 + 0.4 * np.sin(f * x + 2 * f * y * y) for f in (0.2, 3.0, 1.0)]
    Image.fromarray((255 * np.stack(planes, axis=-1)).astype(np.uint8)).save(folder / "photo.png")
    return folder / "photo.png"


@pytest.fixture
def spec_file(photo: Path, tmp_path: Path) -> Path:
    path = tmp_path / "quick.toml"
    path.write_text(SPEC.format(images=photo.parent), encoding="utf-8")
    return path


@pytest.fixture
def cli() -> Callable[..., Result]:
    """Run a command; `result.output` is standard output, `result.stderr` the rest."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def wrong(cli: Callable[..., Result]) -> Callable[..., str]:
    """Run a command that must fail as wrong usage does: one line on standard error, exit status 2."""

    def run(*arguments: object) -> str:
        result = cli(*arguments)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        line, end, rest = result.stderr.partition("\n")
        assert (end, rest) == ("\n", ""), result.stderr
        assert line.startswith("channelvq: ")
        return line.removeprefix("channelvq: ")

    return run
