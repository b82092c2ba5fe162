"""What the sweep's engine promises, measured: equal bytes, overhead, resuming, scaling, a million trials.

    python benchmarks/engine.py [equal] [overhead] [resume] [scaling] [million]

Without names all of them. `scaling` and `resume` need the Kodak images ($CHANNELVQ_DATA/kodak) and an idle
machine. Exit status 1 if a promise is not kept.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from click.testing import CliRunner
from PIL import Image

from channelvq.cli import main
from channelvq.images import load_image
from channelvq.report.figure import save_figure
from channelvq.sweep.executors import Serial
from channelvq.sweep.plan import Plan, make_plan
from channelvq.sweep.rows import Trial
from channelvq.sweep.runner import run_plan
from channelvq.sweep.spec import SweepSpec, load_spec
from channelvq.sweep.store import Store
from channelvq.sweep.summary import load_results

KODAK = Path(__file__).parents[1] / "sims" / "kodak_awgn.toml"
SMALL = """\
name = "small"
images = "{images}"
cbr = "1/4"
channel = "awgn"
snr_db = [5, 7, 9]
trials = 40
seed = 1

[stop]
block_errors = 50

[[scheme]]
name = "JPEG + RS(255,127)"
codec = "jpeg"
code = "rs:255,127"

[[scheme]]
name = "JPEG + RS(255,191)"
codec = "jpeg"
code = "rs:255,191"
"""


@contextlib.contextmanager
def workshop() -> Iterator[tuple[Path, Path]]:
    """Give a folder, and in it a small spec with three small pictures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        y, x = np.mgrid[0:64, 0:96] / 64
        for number in range(3):
            planes = [0.5 + 0.4 * np.sin((number + f) * x + 2 * f * y * y) for f in (0.2, 3.0, 1.0)]
            pixels = (255 * np.stack(planes, axis=-1)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        (folder / "small.toml").write_text(SMALL.format(images=folder / "images"))
        yield folder, folder / "small.toml"


def tell(what: str, good: bool, found: str) -> bool:
    print(f"{'good' if good else 'BAD '}  {what}: {found}", flush=True)
    return good


def exported(out: Path) -> tuple[str, str]:
    """Export means and trials, as CSV."""
    results = [CliRunner().invoke(main, ["export", str(out), *more]) for more in ([], ["--trials"])]
    assert all(result.exit_code == 0 for result in results), results[0].output
    return results[0].output, results[1].output


def sweep(spec: Path, out: Path, *options: str) -> float:
    """Run `channelvq sweep` as a user does; give the seconds it took."""
    begin = time.monotonic()
    command = [sys.executable, "-m", "channelvq", "sweep", str(spec), "--out", str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return time.monotonic() - begin


def equal() -> bool:
    """1, 2 and 4 workers, batches of 1 and 8, a cluster with a worker killed: the same bytes."""
    with workshop() as (folder, spec):
        tables = {}
        for workers in (0, 1, 2, 4):
            for batch in (1, 8):
                out = folder / f"{workers}-{batch}"
                sweep(spec, out, "--workers", str(workers), "--batch", str(batch))
                tables[f"{workers} workers, batches of {batch}"] = exported(out)
        try:
            tables["cluster, a worker killed"] = on_cluster(spec, folder / "cluster")
        except ImportError:
            print("      no dask.distributed here: the cluster is left out")
        first = tables["0 workers, batches of 1"]
        differ = [name for name, table in tables.items() if table != first]
        rows = first[1].count("\n") - 1
        return tell(f"{len(tables)} ways to run {rows} trials", not differ, f"differ: {differ or 'none'}")


def on_cluster(spec: Path, out: Path) -> tuple[str, str]:
    """Run on a LocalCluster of two, one of which is killed while it works."""
    import distributed

    from channelvq.sweep.cluster import Cluster

    def kill(now: object) -> None:
        if getattr(now, "done", 0) > 20 and len(pids) == 2:
            os.kill(pids.pop(), signal.SIGKILL)

    plan = make_plan(load_spec(spec))
    out.mkdir()
    lines: list[str] = []
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made:
        there = Cluster(made.scheduler_address, log=lines.append)
        while len(there.workers()) < 2:
            time.sleep(0.1)
        pids = [there.submit(name, os.getpid).result() for name in there.workers()]
        with Store(out, writable=True) as store:
            run_plan(plan, store, executor=there, batch=4, progress=kill, log=lines.append)
        there.close()
    print("      " + "; ".join(lines))
    return exported(out)


def bare(plan: Plan, limit: int) -> tuple[float, int]:
    """Send the trials of a plan without an engine: CPU seconds and their number."""
    begin, count = time.process_time(), 0
    for image in plan.images:
        picture = load_image(image.path)
        for scheme in plan.spec.schemes:
            cases = [case for case in plan.cases if case.scheme == scheme]
            links = [case.options.build(case.point.channel) for case in cases]
            ready = links[0].prepare(picture)
            for trial in range(limit):
                for link, case in zip(links, cases, strict=True):
                    link.send(ready, case.point.snr_db, plan.spec.seed, trial)
                    count += 1
    return time.process_time() - begin, count


def overhead() -> bool:
    """CPU time of a sweep beyond that of its trials, worst case: small pictures, batches of one."""
    good = True
    with workshop() as (folder, path):
        content = load_spec(path).model_dump(mode="json", by_alias=True, exclude={"stop"}, exclude_none=True)
        # No message is received twice: the worker's memory must not hide the overhead.
        content |= {"trials": 100, "snr_db": [4.0, 4.5, 5.0]}
        content["scheme"] = [{"name": "JPEG, uncoded", "codec": "jpeg", "code": "uncoded"}]
        plan = make_plan(SweepSpec.model_validate(content))
        bare(plan, 2)  # kernels
        for batch in (1, 16):
            best = float("inf")
            for number in range(3):
                plain, count = bare(plan, 100)
                out = folder / f"{batch}-{number}"
                out.mkdir()
                begin = time.process_time()
                with Store(out, writable=True) as store:
                    run_plan(plan, store, executor=Serial(), batch=batch, progress=lambda now: None)
                best = min(best, (time.process_time() - begin - plain) / count)
            good &= tell(f"overhead a trial, batches of {batch}", best <= 3e-3, f"{1000 * best:.2f} ms")
        out = folder / "processes"
        out.mkdir()
        begin = time.process_time()
        with Store(out, writable=True) as store:
            run_plan(plan, store, workers=2, batch=1, progress=lambda now: None)
        books = (time.process_time() - begin) / plan.total
        good &= tell("keeping the books of two processes, a trial", books <= 3e-3, f"{1000 * books:.2f} ms")
    return good


def kodak(folder: Path, snrs: str, trials: int) -> Path:
    """Write the Kodak sweep with other SNRs and trials."""
    text = KODAK.read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("snr_db", "trials"))]
    place = next(number for number, line in enumerate(lines) if line.startswith("channel"))
    lines[place:place] = [f"snr_db = {snrs}", f"trials = {trials}"]
    path = folder / "kodak.toml"
    path.write_text("\n".join(lines))
    return path


def scaling() -> bool:
    """Two workers against one on the Kodak sweep, trials a second while it runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = kodak(folder, "[2, 8]", 1)
        times = {workers: sweep(spec, folder / str(workers), "--workers", str(workers)) for workers in (1, 2)}
        ratio = times[1] / times[2]
        found = f"{ratio:.2f} × ({times[1]:.0f} s, {times[2]:.0f} s, start and figure included)"
        return tell("two workers against one", ratio >= 1.8, found)


def resume() -> bool:
    """Start a finished Kodak sweep again: its rows are made up, its plan and figure are real."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "out"
        out.mkdir()
        spec = kodak(folder, "[0, 2, 4, 6, 8, 10, 12, 14]", 3)
        plan = make_plan(load_spec(spec))
        with Store(out, writable=True) as store:
            fill(store, plan, plan.spec.trials)
        best = min(sweep(spec, out) for _ in range(3))
        return tell(f"a finished sweep of {plan.total} trials again", best <= 3.0, f"{best:.2f} s")


def fill(store: Store, plan: Plan, each: int) -> None:
    """Keep made-up trials for all of a plan."""
    rng = np.random.default_rng(0)
    contents = {case.hash: case.content for case in plan.cases}
    run = store.begin_run("2026-01-01T00:00:00Z", plan=plan.to_dict(), provenance={}, cases=contents)
    for case in plan.cases:
        for image in plan.images:
            values = rng.random((each, 6))
            store.add(
                run,
                [
                    Trial(
                        *(case.hash, image.hash, number, 25 + row[0], 0.8 + row[1] / 10, "concealed"),
                        *(row[2], row[3], row[4], row[5], 98304, 131072, 196608, 0.4, 120, 3, None),
                    )
                    for number, row in enumerate(values.tolist())
                ],
            )


def million() -> bool:
    """10⁶ trials: size of the file, time to aggregate and draw them."""
    with workshop() as (folder, path):
        content = load_spec(path).model_dump(mode="json", by_alias=True, exclude_none=True)
        schemes = [
            {**content["scheme"][0], "name": f"scheme {n}", "code": f"rs:255,{127 + 8 * n}"} for n in range(6)
        ]
        content |= {"scheme": schemes, "snr_db": list(map(float, range(8))), "trials": 6945, "stop": None}
        plan = make_plan(SweepSpec.model_validate({k: v for k, v in content.items() if v is not None}))
        out = folder / "out"
        out.mkdir()
        with Store(out, writable=True) as store:
            fill(store, plan, plan.spec.trials)
        size = sum(file.stat().st_size for file in out.iterdir()) / 1e6
        begin = time.process_time()
        with Store(out) as store:
            results = load_results(store)
        read = time.process_time() - begin
        save_figure(results, out)
        seconds = time.process_time() - begin
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        shutil.rmtree(out)
        good = tell(f"size of {plan.total} trials", size <= 300, f"{size:.0f} MB")
        found = f"{seconds:.1f} s, of which {read:.1f} s aggregation; at most {memory:.1f} GB of memory"
        return tell("aggregation and figure", seconds <= 10, found) and good


CHECKS = {check.__name__: check for check in (equal, overhead, resume, scaling, million)}

if __name__ == "__main__":
    wrong = [name for name in sys.argv[1:] if name not in CHECKS]
    if wrong:
        sys.exit(f"no such check: {wrong[0]}; there are: {', '.join(CHECKS)}")
    verdicts = [CHECKS[name]() for name in sys.argv[1:] or CHECKS]
    sys.exit(0 if all(verdicts) else 1)
