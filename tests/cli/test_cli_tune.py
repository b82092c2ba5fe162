"""`channelvq tune`: a file of choices that a sweep takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from channelvq.sweep.tuned import load_tuned
from channelvq.tuning import reliability

Run = Callable[..., Result]
Wrong = Callable[..., str]

SPEC = """\
name = "quick"
images = "{images}"
cbr = "1/3"
channel = "awgn"
snr_db = [-12, 4, 10]

[tune]
codec = "jpeg"
codes = ["ldpc:1/2", "ldpc:3/4"]
modulations = ["qpsk"]
block_error_rate = 0.05
"""

SWEEP = """\
name = "quick"
images = "{images}"
cbr = "1/3"
channel = "awgn"
snr_db = [4, 7, 10]

[[scheme]]
name = "JPEG + LDPC"
codec = "jpeg"
tuned = "tuned/quick.toml"
"""


@pytest.fixture
def spec(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(reliability, "LEAST_FRAMES", 20)
    path = tmp_path / "quick.toml"
    path.write_text(SPEC.format(images=photo.parent), encoding="utf-8")
    return path


def test_a_sweep_takes_what_was_tuned(cli: Run, spec: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "tuned" / "quick.toml"
    result = cli("tune", spec, "--out", out, "--workers", 0)
    assert result.exit_code == 0, result.output
    tuned = load_tuned(out)
    assert [choice.code for choice in tuned.choices] == ["ldpc:1/2", "ldpc:1/2", "ldpc:3/4"]
    assert [choice.works for choice in tuned.choices] == [False, True, True]
    assert "does not work" in result.stdout
    assert "nothing works at -12 dB" in result.stderr
    assert "quick: block errors, 100 %" in result.stderr
    head = [line for line in out.read_text().splitlines() if line.startswith("# ")]
    starts = ("# quick: ", "# command: ", "# channelvq ", "# images: photo", "# weights: none", "# machine: ")
    assert len(head) == len(starts)
    assert all(line.startswith(start) for line, start in zip(head, starts, strict=True))

    before = out.read_bytes()
    assert cli("tune", spec, "--out", out, "--workers", 0).exit_code == 0
    assert out.read_bytes() == before

    (tmp_path / "sweep.toml").write_text(SWEEP.format(images=photo.parent), encoding="utf-8")
    swept = cli("sweep", tmp_path / "sweep.toml", "--out", tmp_path / "out", "--workers", 0)
    assert swept.exit_code == 0, swept.output
    table = (tmp_path / "out" / "table.csv").read_text()
    assert table.count("ldpc:1/2,qpsk") == 2
    assert table.count("ldpc:3/4,qpsk") == 1


def test_specs_of_other_codecs_share_the_counts(cli: Run, wrong: Wrong, spec: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.toml"
    assert cli("tune", spec, "--out", alone, "--workers", 0).exit_code == 0
    other = tmp_path / "webp.toml"
    other.write_text(
        spec.read_text().replace('"quick"', '"webp"').replace('"jpeg"', '"webp"'), encoding="utf-8"
    )
    result = cli("tune", spec, other, "--out", tmp_path / "both", "--workers", 0)
    assert result.exit_code == 0, result.output
    assert "quick: block errors" in result.stderr
    assert "webp: block errors" not in result.stderr
    assert load_tuned(tmp_path / "both" / "quick.toml") == load_tuned(alone)
    jpeg, webp = (load_tuned(tmp_path / "both" / f"{name}.toml") for name in ("quick", "webp"))
    assert [c.block_errors for c in jpeg.choices] == [c.block_errors for c in webp.choices]
    assert webp.codecs == ("webp",)
    assert "2 files cannot all be written" in wrong("tune", spec, other, "--out", tmp_path / "one.toml")


def test_wrong_use_is_one_line(wrong: Wrong, spec: Path, tmp_path: Path) -> None:
    assert wrong("tune", tmp_path / "none.toml") == f"no such spec: {tmp_path / 'none.toml'}"
    assert "unknown image set" in wrong("tune", spec, "--images", tmp_path / "none", "--out", tmp_path / "x")
    spec.write_text(spec.read_text().replace("ldpc:1/2", "turbo"), encoding="utf-8")
    assert "line 9: tune, codes 1 is 'turbo': unknown channel code" in wrong("tune", spec)
