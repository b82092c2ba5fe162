"""`channelvq sweep`, `status`, `plot`, `export`: real runs of a small sweep."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from PIL import Image

from channelvq.link import Link
from channelvq.sweep.lock import FolderLock
from channelvq.sweep.schema import STORE_NAME
from channelvq.sweep.store import Store

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

    status = cli("status", out).stdout
    assert "4 of 4 trials, 2 of 2 points complete, 1 images" in status
    assert "running" not in status
    assert rows(cli("export", out).stdout) == table
    trials = rows(cli("export", out, "--trials").stdout)
    assert [(row["snr_db"], row["trial"]) for row in trials] == [
        ("4.0", "0"),
        ("4.0", "1"),
        ("10.0", "0"),
        ("10.0", "1"),
    ]
    assert "seconds" not in trials[0]
    assert float(rows(cli("export", out, "--trials", "--seconds").stdout)[0]["seconds"]) > 0
    kept = cli("export", out, "--pictures", tmp_path / "received").stdout.split()
    assert [Path(name).stem for name in kept] == [trials[0]["id"], trials[2]["id"]]
    with Image.open(kept[0]) as image:
        assert image.size == (96, 64)
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


def test_a_budget_too_small_for_the_codec_is_a_failure(cli: Run, spec_file: Path, tmp_path: Path) -> None:
    spec_file.write_text(spec_file.read_text().replace('cbr = "1/4"', 'cbr = "1/500"'))
    result = cli("sweep", spec_file, "--out", tmp_path / "out", "--workers", 0)
    assert result.exit_code == 0, result.output
    assert "note: the budget of 'JPEG + RS' is too small for the codec: counted as failures" in result.stderr
    table = rows((tmp_path / "out" / "table.csv").read_text())
    assert [(row["outage"], row["channel_uses"], row["source_bits"]) for row in table] == [
        ("1.0", "36.0", "0.0")
    ] * 2


def test_wrong_folders_are_one_line(wrong: Wrong, spec_file: Path, tmp_path: Path) -> None:
    assert "no such spec" in wrong("sweep", tmp_path / "none.toml")
    for command in ("status", "plot", "export"):
        assert "holds no sweep" in wrong(command, tmp_path)
    assert "cannot make folder" in wrong("sweep", spec_file, "--out", spec_file / "sub")
    assert "needs --out" in wrong("export", tmp_path, "--format", "parquet")
    assert "Invalid value for '--workers'" in wrong("sweep", spec_file, "--workers", -1)
    assert "--seconds goes with --trials" in wrong("export", tmp_path, "--seconds")
    assert "is no trial's id" in wrong("sweep", spec_file, "--replay", "x")
    assert "holds no sweep" in wrong(
        "sweep", spec_file, "--out", tmp_path / "out", "--workers", 0, "--reuse", tmp_path
    )


def test_errors_are_listed_and_can_be_replayed(
    cli: Run, spec_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Link.send

    def fail(self: Link, prepared: Any, snr_db: float, seed: int, trial: int) -> Any:
        if (snr_db, trial) == (10.0, 1):
            raise ZeroDivisionError("of all things")
        return send(self, prepared, snr_db, seed, trial)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(Link, "send", fail)
        result = cli("sweep", spec_file, "--out", out, "--workers", 0)
        assert result.exit_code == 1
        lines = result.stderr.splitlines()
        assert lines[-1] == "channelvq: 1 trials raised errors; the same command tries them again"
        where = "JPEG + RS, awgn 10 dB, photo, trial 1"
        assert lines[-3] == f"error: {where}: ZeroDivisionError: of all things"
        assert lines[-2].startswith(f"  channelvq sweep {spec_file} --replay ")
        assert (out / "table.csv").exists()  # the others are there
        assert f"error: {where}" in cli("status", out).stdout
        replay = lines[-2].split()[1:]
        again = cli(*replay)
        assert again.exit_code == 1
        assert "Traceback" in again.stderr
        assert again.stderr.splitlines()[-1] == f"channelvq: {where}: ZeroDivisionError: of all things"
    made = json.loads(cli(*replay).stdout)  # mended
    assert (made["scheme"], made["image"], made["trial"]) == ("JPEG + RS", "photo", 1)
    assert cli("sweep", spec_file, "--out", out, "--workers", 0).exit_code == 0
    trial = rows(cli("export", out, "--trials").stdout)[3]
    assert (trial["id"], float(trial["psnr_db"])) == (replay[-1], made["psnr_db"])


def test_a_second_sweep_on_a_folder_is_told_who_has_it(wrong: Wrong, spec_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with FolderLock(out):
        message = wrong("sweep", spec_file, "--out", out, "--workers", 0)
    assert f"is in use by process {os.getpid()} on" in message


def test_status_shows_who_is_at_it(cli: Run, spec_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("sweep", spec_file, "--out", out, "--workers", 0).exit_code == 0
    with Store(out, writable=True):
        assert f"process {os.getpid()} on" in cli("status", out).stdout


def test_a_damaged_store_is_one_line_and_can_be_saved(cli: Run, spec_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("sweep", spec_file, "--out", out, "--workers", 0).exit_code == 0
    table = cli("export", out, "--trials").stdout
    path = out / STORE_NAME
    with sqlite3.connect(path) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'pictures'").fetchone()
    db.close()
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    result = cli("sweep", spec_file, "--out", out, "--workers", 0)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].endswith(
        f"`channelvq recover {out}` saves every trial that can be read"
    )
    saved = cli("recover", out)
    assert saved.exit_code == 0, saved.stderr
    assert "4 trials, 1 runs, 0 errors and 0 pictures saved" in saved.stdout
    assert cli("export", out, "--trials").stdout == table
    again = cli("sweep", spec_file, "--out", out, "--workers", 0)  # makes the pictures again
    assert again.exit_code == 0, again.stderr
    with Store(out) as store:
        assert len(store.pictures()) == 2


def test_equal_sweeps_give_equal_bytes(cli: Run, spec_file: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder, batch in zip(folders, (1, 8, 3), strict=True):
        options = ["--reuse", folders[0]] if folder == folders[2] else []
        arguments = "sweep", spec_file, "--out", folder, "--workers", 0, "--batch", batch
        assert cli(*arguments, *options).exit_code == 0
    for options in ([], ["--trials"]):
        assert len({cli("export", folder, *options).stdout for folder in folders}) == 1
    assert len({(folder / "table.csv").read_bytes() for folder in folders}) == 1
    assert len({(folder / "pictures.png").read_bytes() for folder in folders}) == 1


def test_a_full_disk_is_one_line(cli: Run, spec_file: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    out = tmp_path / "out"
    spec_file.write_text(spec_file.read_text().replace("trials = 2", "trials = 400"))
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, 80_000))\n"  # files may not grow beyond it
        "from channelvq.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    assert resource.RLIMIT_FSIZE is not None
    arguments = ["sweep", str(spec_file), "--out", str(out), "--workers", "0"]
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert run.returncode == 1
    assert "channelvq: cannot write" in run.stderr.splitlines()[-1]
    assert "Traceback" not in run.stderr
    kept = len(rows(cli("export", out, "--trials").stdout))
    assert kept > 0
    spec_file.write_text(spec_file.read_text().replace("trials = 400", "trials = 2"))
    again = cli("sweep", spec_file, "--out", out, "--workers", 0)
    assert again.exit_code == 0, again.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code", "workers"), [(signal.SIGINT, 130, 2), (signal.SIGTERM, 143, 0)])
def test_a_signal_ends_cleanly_and_resumes(
    cli: Run, spec_file: Path, tmp_path: Path, number: int, code: int, workers: int
) -> None:
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
        str(workers),
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        for _ in range(3000):  # until the first trials are there
            time.sleep(0.1)
            assert process.poll() is None, process.communicate()
            status = cli("status", out)
            if status.exit_code == 0 and ": 0 of" not in status.stdout:
                break
        assert f"process {process.pid} on" in status.stdout
        os.killpg(process.pid, number)  # as a terminal or a job system does: to the workers too
        _, errors = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == code
    assert "interrupted: " in errors
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    assert [path.name for path in out.iterdir()] == [STORE_NAME]
    kept = len(rows(cli("export", out, "--trials").stdout))
    assert kept > 0
    spec_file.write_text(text)
    result = cli("sweep", spec_file, "--out", out, "--workers", 0)
    assert result.exit_code == 0, result.output
    assert f"{4} of 4 trials" in cli("status", out).stdout
    assert [row["trials"] for row in rows((out / "table.csv").read_text())] == ["2", "2"]
