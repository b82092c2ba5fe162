"""Take over what other sweeps have simulated already: equal trials are computed once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from channelvq.sweep.plan import Plan
from channelvq.sweep.store import Store, Trial

__all__ = ["take_over"]


def take_over(plan: Plan, store: Store, folders: Iterable[Path]) -> int:
    """Copy trials of a plan that other sweeps have into its store.

    Trials are told apart by the hash of all that determines them, code and weights included, so that what is
    copied is what would have been computed. It keeps its provenance.

    Parameters
    ----------
    plan : Plan
        What is wanted.
    store : Store
        Open for writing.
    folders : iterable of Path
        Folders of the other sweeps; they are only read.

    Returns
    -------
    int
        Number of trials that were copied.

    Raises
    ------
    UsageError, StoreError
        If a folder holds no sweep, or one that cannot be read.
    """
    count = 0
    for folder in folders:
        with Store(folder) as other:
            if not other.path.samefile(store.path):
                count += _copy(plan, store, other, folder)
    return count


def _copy(plan: Plan, store: Store, other: Store, folder: Path) -> int:
    """Copy from one store; each run of it becomes a run here."""
    contents = {case.hash: case.content for case in plan.cases}
    images = {image.hash for image in plan.images}
    wanted: dict[int, list[Trial]] = defaultdict(list)
    for case in contents.keys() & other.cases().keys():
        have = {(trial.image, trial.trial) for trial in store.trials(case)}
        for run, trial in other.trials_by_run(case):
            key = trial.image, trial.trial
            if trial.image in images and trial.trial < plan.spec.trials and key not in have:
                wanted[run].append(trial)
    runs = other.runs()
    for run, trials in sorted(wanted.items()):
        started, provenance = runs[run]
        origin = {**provenance, "taken_from": str(folder)}
        number = store.begin_run(started, plan=None, provenance=origin, cases=contents)
        store.add(number, trials)
    return sum(map(len, wanted.values()))
