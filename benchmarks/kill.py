"""Kill a sweep with SIGKILL at random times, resume it, and see whether anything is lost or changed.

    python benchmarks/kill.py --rounds 200

Each round starts a small real sweep (JPEG + Reed-Solomon, stopping rule, 2 workers, batches of 4), kills it
at a random time, the keeper of the books alone or with all its workers in turns, and runs the same command
to the end. Exit status 1 if one exported table differs by a byte from that of the uninterrupted run, a trial
that was in the store is gone, or more trials were made twice than were in hand.
POSIX only: rounds are forked from one process that has loaded the libraries.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from channelvq.cli import main
from channelvq.errors import UsageError
from channelvq.sweep import worker
from channelvq.sweep.plan import Job, Unit
from channelvq.sweep.store import Store

LOG = "CHANNELVQ_KILL_LOG"
WORKERS, BATCH = 2, 4
SPEC = """\
name = "killed"
images = "{images}"
cbr = "1/4"
channel = "awgn"
snr_db = [5, 6, 7, 9]
trials = 30
seed = 1

[stop]
block_errors = 60

[[scheme]]
name = "JPEG + RS(255,127)"
codec = "jpeg"
code = "rs:255,127"

[[scheme]]
name = "JPEG + RS(255,191)"
codec = "jpeg"
code = "rs:255,191"
"""


def count_trials() -> None:
    """Have this process note every trial that it makes: workers run this too, when they import this file."""
    path = os.environ.get(LOG)
    if path is None:
        return
    make = worker._make

    def noting(desk: object, unit: Unit, job: Job, picture: object) -> object:
        made = make(desk, unit, job, picture)  # type: ignore[arg-type]
        line = f"{job.case} {unit.image.hash} {job.trial}\n".encode()
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(handle, line)
        os.close(handle)
        return made

    worker._make = noting  # type: ignore[assignment]


count_trials()


def make_images(folder: Path) -> None:
    folder.mkdir()
    y, x = np.mgrid[0:64, 0:96] / 64
    for number in range(3):
        planes = [0.5 + 0.4 * np.sin((number + f) * x + 2 * f * y * y) for f in (0.2, 3.0, 1.0)]
        pixels = (255 * np.stack(planes, axis=-1)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def start(spec: Path, out: Path, log: Path) -> int:
    """Start `channelvq sweep` in a fork of this process, a session of its own."""
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    os.environ[LOG] = str(log)
    with (out.parent / f"{out.name}.log").open("ab") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    arguments = ["sweep", str(spec), "--out", str(out), "--workers", str(WORKERS), "--batch", str(BATCH)]
    try:
        main(arguments)
    except SystemExit as end:
        os._exit(int(end.code or 0))
    except BaseException:  # whatever it is: it must not run on as the parent
        os._exit(99)
    os._exit(0)


def exported(out: Path) -> tuple[str, str]:
    """Tables of means and of trials."""
    run = CliRunner().invoke
    tables = run(main, ["export", str(out)]), run(main, ["export", str(out), "--trials"])
    for table in tables:
        if table.exit_code:
            raise RuntimeError(table.output)
    return tables[0].output, tables[1].output


def kept(out: Path) -> set[tuple[str, str, int, float]]:
    """Read what the store has."""
    try:
        with Store(out) as store:
            return {(t.case, t.image, t.trial, t.psnr_db) for t in store.trials()}
    except UsageError:  # not even begun
        return set()


def made(log: Path) -> Counter[str]:
    return Counter(log.read_text().splitlines() if log.exists() else [])


def workers_gone(session: int) -> bool:
    """Whether no process of a session is left."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                return False
    return True


def wait_for_trials(log: Path) -> None:
    for _ in range(6000):
        if log.exists():
            return
        time.sleep(0.01)


def one_round(
    number: int, spec: Path, folder: Path, lengths: tuple[float, float], rng: random.Random
) -> dict[str, float]:
    """Kill and resume once; the folder's tables must then be compared.

    One kill in four comes at any time, the others once trials are being made: `lengths` are of both.
    """
    out, log = folder / f"round{number}", folder / f"round{number}.made"
    pid = start(spec, out, log)
    if number % 4:
        wait_for_trials(log)
    time.sleep(rng.uniform(0, lengths[number % 4 > 0]))
    everyone = bool(number & 4)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL) if everyone else os.kill(pid, signal.SIGKILL)
    killed = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    before = kept(out)
    pid = start(spec, out, log)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    for _ in range(200):  # workers that lost their parent end after their slice
        if workers_gone(pid):
            break
        time.sleep(0.05)
    after = kept(out)
    trials = made(log)
    return {
        "killed": killed,
        "status": status,
        "before": len(before),
        "lost": len(before - after),
        "twice": sum(trials.values()) - len(trials),
        "unlogged": len(after) - len(trials),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def run(rounds: int, seed: int, folder: Path) -> int:
    make_images(folder / "images")
    spec = folder / "killed.toml"
    spec.write_text(SPEC.format(images=folder / "images"))
    begin = time.monotonic()
    pid = start(spec, folder / "whole", folder / "whole.made")
    wait_for_trials(folder / "whole.made")
    first = time.time()
    os.waitpid(pid, 0)
    lengths = time.monotonic() - begin, (folder / "whole.made").stat().st_mtime - first
    expected = exported(folder / "whole")
    total = len(kept(folder / "whole"))
    print(f"uninterrupted: {total} trials in {lengths[0]:.1f} s, {lengths[1]:.1f} s of work", flush=True)
    if not total:
        print((folder / "whole.log").read_text())
        return 1
    rng, count = random.Random(seed), Counter[str]()
    most_twice = 0
    for number in range(rounds):
        found = one_round(number, spec, folder, lengths, rng)
        same = exported(folder / f"round{number}") == expected
        most_twice = max(most_twice, int(found["twice"]))
        count["equal"] += same
        count["killed"] += bool(found["killed"])
        count["in the middle"] += 0 < found["before"] < total
        count["lost"] += int(found["lost"])
        count["failed"] += found["status"] != 0
        if not same or found["lost"] or found["status"] or found["twice"] > WORKERS * BATCH:
            print(f"round {number}: {found}, equal: {same}", flush=True)
        elif number % 10 == 9:
            print(f"{number + 1} rounds: {dict(count)}, made twice at most {most_twice}", flush=True)
    verdict = count["equal"] == rounds and not count["lost"] and most_twice <= WORKERS * BATCH
    print(
        f"{rounds} rounds, {count['killed']} killed, {count['in the middle']} with part of the trials kept:"
        f" {count['equal']} tables equal byte for byte, {count['lost']} trials lost,"
        f" at most {most_twice} made twice (in hand: {WORKERS * BATCH}): {'good' if verdict else 'BAD'}"
    )
    return 0 if verdict else 1


if __name__ == "__main__":
    asked = arguments()
    with tempfile.TemporaryDirectory() as name:
        sys.exit(run(asked.rounds, asked.seed, Path(name)))
