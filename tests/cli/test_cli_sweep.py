"""`channelvq sweep`, `status`, `plot`, `export`: real runs of a small sweep."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from channelvq.sweep.store import STORE_NAME

Run = Callable[..., Result]
Wrong = Callable[..., str]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_sweep_leaves_what_it_promises(cli: Run, spec_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "results"
    result = cli("sweep", spec_file, "--out", out, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert "JPEG + RS" in result.stdout
    left = {"figure.png", "figure.svg", "table.csv", "pictures.png", "provenance.json", STORE_NAME}
    assert {path.name for path in out.iterdir()} == left
    for name in ("figure.png", "pictures.png"):
        with Image.open(out / name) as image:
            image.verify()
    table = rows((out / "table.csv").read_text())
    assert [(row["snr_db"], row["trials"]) for row in table] == [("4.0", "2"), ("10.0", "2")]
    assert float(table[0]["psnr_db"]) < float(table[1]["psnr_db"])
    provenance = json.loads((out / "provenance.json").read_text())
    assert {"runs", "spec", "spec_hash", "images", "trials"} <= set(provenance)
    assert {"command", "commit", "weights", "machine", "packages", "date"} <= set(provenance["runs"][0])

    again = cli("sweep", spec_file, "--out", out, "--workers", 1)
    assert again.exit_code == 0
    assert rows((out / "table.csv").read_text()) == table
    later = json.loads((out / "provenance.json").read_text())
    assert later["trials"] == {"planned": 4, "from_earlier_runs": 4}
    assert later["runs"] == provenance["runs"]  # nothing was simulated, nothing comes from the second run

    assert "4 of 4 trials" in cli("status", out).stdout
    assert rows(cli("export", out).stdout) == table
    trials = rows(cli("export", out, "--what", "trials").stdout)
    assert sorted((row["snr_db"], row["trial"]) for row in trials) == [
        ("10.0", "0"),
        ("10.0", "1"),
        ("4.0", "0"),
        ("4.0", "1"),
    ]
    assert cli("export", out, "--out", tmp_path / "a.csv").exit_code == 0
    assert rows((tmp_path / "a.csv").read_text()) == table
    before = (out / "figure.png").read_bytes()
    (out / "figure.png").unlink()
    assert cli("plot", out).exit_code == 0
    assert (out / "figure.png").read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("trials = 2", "trails = 2", "line 6: unknown key 'trails'; allowed: name, "),
        ("rs:255,127", "rs:10,20", "line 11: scheme 1, code is 'rs:10,20': bad channel code"),
        ('code = "rs:255,127"', 'concealment = "soft"', "scheme 'JPEG + RS': "),
        ('cbr = "1/4"', 'cbr = "1/500"', "cbr 1/500 gives 36 channel uses"),
    ],
)
def test_a_wrong_spec_is_one_line(
    cli: Run, spec_file: Path, tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    spec_file.write_text(spec_file.read_text().replace(old, new))
    result = cli("sweep", spec_file, "--out", tmp_path / "out", "--workers", 1)
    assert result.exit_code == 2
    assert complaint in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out" / "table.csv").exists()


def test_wrong_folders_are_one_line(wrong: Wrong, spec_file: Path, tmp_path: Path) -> None:
    assert "no such spec" in wrong("sweep", tmp_path / "none.toml")
    for command in ("status", "plot", "export"):
        assert "holds no sweep" in wrong(command, tmp_path)
    assert "cannot make folder" in wrong("sweep", spec_file, "--out", spec_file / "sub")
    assert "needs --out" in wrong("export", tmp_path, "--format", "parquet")
    assert "Invalid value for '--workers'" in wrong("sweep", spec_file, "--workers", 0)


def test_a_dead_worker_is_one_line(
    cli: Run, spec_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr("channelvq.sweep.runner.run_plan", die)
    result = cli("sweep", spec_file, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("channelvq: a worker process died")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_cleanly_and_resumes(cli: Run, spec_file: Path, tmp_path: Path) -> None:
    text = spec_file.read_text()
    spec_file.write_text(text.replace("trials = 2", "trials = 1000000"))
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "channelvq",
        "sweep",
        str(spec_file),
        "--out",
        str(out),
        "--workers",
        "2",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        for _ in range(3000):  # until the first trials are there
            time.sleep(0.1)
            status = cli("status", out)
            if status.exit_code == 0 and ": 0 of" not in status.stdout:
                break
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
        _, errors = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert "interrupted: " in errors
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    assert [path.name for path in out.iterdir()] == [STORE_NAME]
    kept = len(rows(cli("export", out, "--what", "trials").stdout))
    assert kept > 0
    spec_file.write_text(text)
    result = cli("sweep", spec_file, "--out", out, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert len(rows(cli("export", out, "--what", "trials").stdout)) >= kept
    assert [row["trials"] for row in rows((out / "table.csv").read_text())] == ["2", "2"]
