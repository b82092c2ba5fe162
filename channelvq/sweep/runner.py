"""Run a plan: hand out units of work, keep what comes back, stop cleanly, resume."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace

from channelvq.provenance import collect, now
from channelvq.sweep.executors import Processes, Submitter
from channelvq.sweep.plan import Plan, Unit
from channelvq.sweep.store import Store, Trial
from channelvq.sweep.worker import work

__all__ = ["Outcome", "run_plan"]

SLICE_SECONDS = 1.0
SLICE_JOBS = 512  # what travels to a worker for one slice

Progress = Callable[[int, int], None]
"""Called with the trials done, those of earlier runs included, and the trials planned."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    done, planned : int
        Trials in the store, of those planned.
    before : int
        Of those done, how many earlier runs had left.
    seconds : float
        Wall-clock time of this run.
    interrupted : bool
        Whether Ctrl-C ended it; the same call resumes.
    """

    done: int
    planned: int
    before: int
    seconds: float
    interrupted: bool


def run_plan(
    plan: Plan,
    store: Store,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    executor: Submitter | None = None,
) -> Outcome:
    """Simulate what is missing of a plan and keep it in the store.

    Every draw is keyed by (seed, stream, image, trial), every worker computes with one thread, and only this
    process writes: the trials are the same for any number of workers, in any order, resumed or not.

    Parameters
    ----------
    plan : Plan
        What to simulate; trials that the store has are skipped.
    store : Store
        Open for writing.
    workers : int
        How many worker processes; one more process, this one, keeps the books.
    progress : callable, optional
        Called as `progress(done, planned)` whenever trials have been kept.
    executor : Submitter, optional
        Where to work instead: anything that has `submit` as `concurrent.futures.Executor` has it, with room
        for `workers` calls at a time.

    Returns
    -------
    Outcome
        Also after Ctrl-C: work in hand is finished and kept first; a second Ctrl-C drops it.

    Raises
    ------
    UsageError
        If an image cannot be sent as asked, for example for want of a larger budget.
    """
    begin = time.monotonic()
    units = plan.units(store.done())
    count = before = plan.total - sum(len(unit.jobs) for unit in units)
    run = _begin(plan, store)  # also when nothing is missing: names or points may be new

    def keep(trials: tuple[Trial, ...]) -> None:
        nonlocal count
        store.add(run, trials)
        count += len(trials)
        if progress is not None:
            progress(count, plan.total)

    if progress is not None:
        progress(count, plan.total)
    interrupted = False
    if units:
        with contextlib.ExitStack() as stack:
            place = executor or stack.enter_context(Processes(workers))
            interrupted = _Pump(place, workers, units, keep).run()
    if interrupted:  # in the middle of keeping, perhaps: the store knows
        count = plan.total - sum(len(unit.jobs) for unit in plan.units(store.done()))
    return Outcome(count, plan.total, before, time.monotonic() - begin, interrupted)


def _begin(plan: Plan, store: Store) -> int:
    """Note the run in the store."""
    return store.begin_run(
        now(),
        plan=plan.to_dict(),
        provenance=collect(weights=plan.weights),
        cases={case.hash: case.content for case in plan.cases},
    )


class _Pump:
    """Keeps every worker busy with one slice at a time.

    A worker that has given a slice back is the only free one, so the rest of the unit goes to it again and
    its encoded image is used further. When units run out, those in hand are shared.
    """

    def __init__(
        self, executor: Submitter, workers: int, units: list[Unit], keep: Callable[[tuple[Trial, ...]], None]
    ) -> None:
        self.executor, self.workers, self.keep = executor, workers, keep
        self.waiting = deque(units)
        self.running: dict[Future[tuple[Trial, ...]], Unit] = {}

    def run(self) -> bool:
        """Work until all is done (False) or Ctrl-C (True)."""
        try:
            self._fill()
            while self.running:
                self._take(wait(self.running, return_when=FIRST_COMPLETED).done)
                self._fill()
        except KeyboardInterrupt:
            self._finish()
            return True
        return False

    def _fill(self) -> None:
        """Give every free worker something to do."""
        while self.waiting and len(self.running) < self.workers:
            unit = self.waiting.popleft()
            free = self.workers - len(self.running)
            if len(self.waiting) + 1 < free and len(unit.jobs) > 1:
                half = len(unit.jobs) // 2
                self.waiting.append(replace(unit, jobs=unit.jobs[half:]))
                unit = replace(unit, jobs=unit.jobs[:half])
            part = replace(unit, jobs=unit.jobs[:SLICE_JOBS])
            self.running[self.executor.submit(work, part, SLICE_SECONDS)] = unit

    def _take(self, finished: set[Future[tuple[Trial, ...]]]) -> None:
        """Keep what came back, and put the rest of its unit first in line."""
        for future in finished:
            trials = future.result()
            self.keep(trials)
            unit = self.running.pop(future)
            if rest := unit.jobs[len(trials) :]:
                self.waiting.appendleft(replace(unit, jobs=rest))

    def _finish(self) -> None:
        """Wait for the slices in hand, a second or so, and keep them; on a second Ctrl-C drop them."""
        try:
            for future in list(self.running):
                self.keep(future.result())
        except KeyboardInterrupt:
            if isinstance(self.executor, Processes):
                self.executor.kill()
