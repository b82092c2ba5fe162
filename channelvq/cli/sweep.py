"""`channelvq sweep`: a Monte-Carlo experiment from a TOML file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

import channelvq
from channelvq.cli.command import Failure, console
from channelvq.cli.interrupt import listening
from channelvq.cli.progress import Display, showing

if TYPE_CHECKING:
    from channelvq.cli.interrupt import Interrupts
    from channelvq.sweep.executors import Executor
    from channelvq.sweep.plan import Plan
    from channelvq.sweep.runner import Outcome
    from channelvq.sweep.store import Store, TrialError
    from channelvq.sweep.summary import Results

__all__ = ["cores", "describe_errors", "sweep"]

_LISTED = 20


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@click.command(short_help="Run a Monte-Carlo experiment (TOML); leave table, figure, pictures.")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder; without it results/<name of SPEC>.")
@click.option("--images", help="builtin, kodak, mnist, cifar10 or a folder, instead of what SPEC says.")
@click.option(
    "--workers",
    type=click.IntRange(0, 1024),
    default=cores,
    show_default="all cores",
    help="Worker processes, 0 to work in this one; their number changes nothing but the time.",
)
@click.option("--cluster", metavar="ADDRESS", help="Work on a dask.distributed cluster: its scheduler.")
@click.option(
    "--batch", type=click.IntRange(1, 4096), default=16, show_default=True, help="Trials handed out at once."
)
@click.option(
    "--reuse",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="Take equal trials over from this sweep; may be repeated.",
)
@click.option("--replay", metavar="ID", help="Make only this trial, here and now, and show what happens.")
def sweep(
    spec: Path,
    out: Path | None,
    images: str | None,
    workers: int,
    cluster: str | None,
    batch: int,
    reuse: tuple[Path, ...],
    replay: str | None,
) -> None:
    """Run the experiment in SPEC (TOML), and leave table, figure and pictures in a folder.

    \b
    channelvq sweep sims/demo.toml --out results/demo
    channelvq sweep sims/kodak_awgn.toml --images ~/kodak --workers 2
    channelvq sweep sims/kodak_awgn.toml --cluster tcp://10.0.0.1:8786

    Ctrl-C or SIGTERM stops it cleanly; the same command goes on where it stopped. More trials, SNRs or
    schemes in SPEC are added to what is there. Exit status 1 if a trial could not be made: a list says which,
    and how to replay it.
    """
    from channelvq.report.files import make_folder
    from channelvq.sweep.plan import make_plan
    from channelvq.sweep.reuse import take_over
    from channelvq.sweep.spec import load_spec
    from channelvq.sweep.store import Store
    from channelvq.sweep.summary import load_results

    asked = load_spec(spec)
    folder = out or Path("results") / spec.stem
    plan = make_plan(asked, images=images)
    if replay is not None:
        _replay(plan, replay)
        return
    make_folder(folder)
    with failures(), Store(folder, writable=True) as store:
        with listening() as interrupts, showing(asked.name) as display:
            if taken := take_over(plan, store, reuse):
                display.log(f"{taken} trials taken over from other sweeps")
            with _place(workers, cluster, display) as place:
                outcome = _run(plan, store, place, batch, display, interrupts)
        _stop_early(outcome, folder, interrupts)
        _leave(load_results(store), plan, store, folder, outcome)
    if outcome.errors:
        for line in describe_errors(outcome.errors, plan.to_dict(), _replay_command(spec, images)):
            click.echo(line, err=True)
        raise Failure(f"{len(outcome.errors)} trials raised errors; the same command tries them again")


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Turn what goes wrong though the usage was right into one line and exit status 1."""
    from channelvq.sweep.executors import ClusterLostError
    from channelvq.sweep.store import StoreError

    try:
        yield
    except (StoreError, ClusterLostError) as error:
        raise Failure(str(error)) from None


@contextlib.contextmanager
def _place(workers: int, cluster: str | None, display: Display) -> Iterator[Executor | int]:
    """Give the place to work at, or the number of processes to start if need be."""
    from channelvq.sweep.executors import Serial

    if cluster is None:
        yield workers if workers else Serial()
        return
    from channelvq.sweep.cluster import Cluster

    there = Cluster(cluster, log=display.log)
    try:
        yield there
    finally:
        there.close()


def _run(
    plan: Plan, store: Store, place: Executor | int, batch: int, display: Display, interrupts: Interrupts
) -> Outcome:
    """Run the plan."""
    from channelvq.sweep.runner import run_plan

    return run_plan(
        plan,
        store,
        workers=place if isinstance(place, int) else 1,
        executor=None if isinstance(place, int) else place,
        batch=batch,
        progress=display.show,
        log=display.log,
        stop=interrupts.asked,
    )


def _stop_early(outcome: Outcome, folder: Path, interrupts: Interrupts) -> None:
    """End here if the run was ended before its time."""
    kept = f"{outcome.done} of about {outcome.expected} trials are kept in {folder}"
    if outcome.interrupted:
        click.echo(f"channelvq: interrupted: {kept}; the same command goes on", err=True)
        sys.exit(interrupts.status)
    if outcome.lost is not None:
        raise Failure(f"{outcome.lost}; {kept}, the same command goes on")


def _replay(plan: Plan, name: str) -> None:
    """Make one trial in this process, and show its numbers or its traceback."""
    from channelvq.sweep.identity import TrialName
    from channelvq.sweep.worker import receive

    unit = plan.find(TrialName.parse(name))
    job = unit.jobs[0]
    case = next(case for case in plan.cases if case.hash == job.case)
    about = {"id": name, "scheme": case.scheme.name, "point": job.point.label, "image": unit.image.name}
    try:
        reception = receive(unit, job)
    except Exception as error:
        traceback.print_exc()
        where = f"{about['scheme']}, {about['point']}, {about['image']}, trial {job.trial}"
        raise Failure(f"{where}: {type(error).__name__}: {error}") from None
    click.echo(json.dumps({**about, **reception.to_json()}))


def _replay_command(spec: Path, images: str | None) -> str:
    """Give the command that replays a trial, but for its id."""
    extra = ["--images", images] if images is not None else []
    return shlex.join(["channelvq", "sweep", str(spec), *extra, "--replay"])


def describe_errors(errors: tuple[TrialError, ...], plan: dict[str, object], replay: str) -> Iterator[str]:
    """Say of each error which trial it was, what was raised, and how to replay it; not of too many."""
    from channelvq.sweep.identity import trial_id

    cases: dict[str, str] = {}
    for case in plan["cases"]:  # type: ignore[attr-defined]
        point = case["point"]
        snr = "" if point["snr_db"] is None else f" {point['snr_db']:g} dB"
        cases[case["hash"]] = f"{case['scheme']}, {point['channel']}{snr}"
    images = {image["hash"]: image["name"] for image in plan["images"]}  # type: ignore[attr-defined]
    for error in errors[:_LISTED]:
        where = f"{cases.get(error.case, '?')}, {images.get(error.image, '?')}, trial {error.trial}"
        yield f"error: {where}: {error.kind}: {error.message}"
        yield f"  {replay} {trial_id(error.case, error.image, error.trial)}"
    if len(errors) > _LISTED:
        yield f"and {len(errors) - _LISTED} more"


def _leave(results: Results, plan: Plan, store: Store, folder: Path, outcome: Outcome) -> None:
    """Print the table, and write figure, table, pictures and provenance."""
    from channelvq.report.figure import save_figure
    from channelvq.report.files import write_text
    from channelvq.report.pictures import save_pictures
    from channelvq.report.shown import collect_pictures
    from channelvq.report.table import point_rows, rich_table, to_csv

    console().print(rich_table(results))
    table = to_csv(point_rows(results))
    shown = hashlib.sha256(f"{channelvq.__version__}{plan.spec.to_json()}{table}".encode()).hexdigest()
    fresh = _drawn_before(folder, shown, pictures=plan.spec.pictures is not None)
    if outcome.made or not fresh or not set(plan.kept()) <= set(store.pictures()):
        save_figure(results, folder)
        if plan.spec.pictures is not None:
            save_pictures(collect_pictures(plan, store), folder / "pictures.png")
    write_text(folder / "table.csv", table)
    provenance = {
        "runs": results.runs,  # those that trials come from: command, commit, weights, machine, versions
        "spec": json.loads(plan.spec.to_json()),
        "spec_hash": plan.spec.content_hash,
        "images": {image.name: image.hash for image in plan.images},
        "trials": {"planned": outcome.expected, "from_earlier_runs": outcome.before},
        "seconds_of_last_run": round(outcome.seconds, 1),
        "shown": shown,  # hash of what figure and pictures are of
    }
    write_text(folder / "provenance.json", json.dumps(provenance, indent=2) + "\n")
    if unsent := dict.fromkeys(summary.scheme.name for summary in results.summaries if summary.unsent):
        names = ", ".join(map(repr, unsent))
        click.echo(f"note: the budget of {names} is too small for the codec: counted as failures", err=True)
    if len(results.commits) > 1:
        earlier = ", ".join(commit[:10] for commit in results.commits)
        click.echo(
            f"note: the trials were made by several commits ({earlier}); a new --out makes them anew",
            err=True,
        )
    click.echo(
        f"{folder}: figure.png, figure.svg, table.csv, provenance.json"
        + (", pictures.png" if plan.spec.pictures else "")
    )


def _drawn_before(folder: Path, shown: str, *, pictures: bool) -> bool:
    """Say whether the files in the folder are of the same results; `channelvq plot` draws in any case."""
    names = ["figure.png", "figure.svg", *(["pictures.png"] if pictures else [])]
    if not all((folder / name).is_file() for name in names):
        return False
    try:
        provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(provenance, dict) and provenance.get("shown") == shown
