"""An analog codec on the command line: transmit, sweep and plot, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from analog_samples import save_small_analog
from click.testing import Result

from channelvq.images import load_image
from channelvq.link import Link

Run = Callable[..., Result]
Wrong = Callable[..., str]

SPEC = """\
name = "analog"
images = "{images}"
cbr = "1/16"
channel = "rayleigh:block,coherence=64"
snr_db = [4, 10]
trials = 2

[[scheme]]
name = "DeepJSCC"
codec = "deepjscc"
model = "{model}"

[[scheme]]
name = "told 7 dB"
codec = "deepjscc:told=7"
model = "{model}"
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_small_analog(tmp_path_factory.mktemp("weights"))


def test_transmit(cli: Run, photo: Path, weights: str, tmp_path: Path) -> None:
    options = ("--codec", "deepjscc", "--model", weights, "--cbr", "1/16", "--snr-db", 7)
    result = cli("transmit", photo, *options, "--json", "--out", tmp_path / "received.png")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    received = Link(codec="deepjscc", model=weights, cbr="1/16").transmit(load_image(photo), snr_db=7.0)
    assert (shown["psnr_db"], shown["status"]) == (received.psnr_db, "ok")
    assert (shown["channel_uses"], shown["paid_bits"], shown["raw_ber"]) == (1152, 0, None)
    assert load_image(tmp_path / "received.png").shape == received.image.shape
    text = cli("transmit", photo, *options).stdout
    assert "picture   ok: PSNR" in text
    assert "channel   1152 uses, CBR 0.06250" in text
    assert "bits" not in text


def test_sweep_and_plot(cli: Run, photo: Path, weights: str, tmp_path: Path) -> None:
    spec, out = tmp_path / "analog.toml", tmp_path / "out"
    spec.write_text(SPEC.format(images=photo.parent, model=weights), encoding="utf-8")
    result = cli("sweep", spec, "--out", out)
    assert result.exit_code == 0, result.output
    assert cli("plot", out).exit_code == 0
    assert (out / "figure.png").exists()
    table = cli("export", out, "--format", "csv")
    assert table.exit_code == 0, table.output


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--code", "rs:255,191"), "code 'rs:255,191' given, but codec 'deepjscc' sends symbols, not bits"),
        (("--modulation", "qam16"), "modulation 'qam16' given, but codec 'deepjscc' sends symbols, not bits"),
        (("--channel", "bec:0.1"), "channel 'bec:0.1' carries bits"),
        (("--concealment", "soft"), "concealment 'soft' given"),
    ],
)
def test_what_belongs_to_bits_is_one_line(
    wrong: Wrong, photo: Path, weights: str, options: tuple[str, ...], complaint: str
) -> None:
    line = wrong("transmit", photo, "--codec", "deepjscc", "--model", weights, "--snr-db", 7, *options)
    assert line.startswith(complaint)


def test_there_is_no_rate_without_a_channel(wrong: Wrong) -> None:
    line = wrong("rd", "--codec", "deepjscc", "--bpp", "0.5")
    assert line.startswith("codec 'deepjscc' sends symbols and has no rate in bits")
