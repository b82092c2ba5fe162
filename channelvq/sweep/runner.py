"""Run a plan: hand out units of work, keep what comes back, stop cleanly, resume."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

from channelvq.images import load_image
from channelvq.provenance import collect, now
from channelvq.sweep.columns import CaseColumns
from channelvq.sweep.desk import PictureMissingError
from channelvq.sweep.executors import ClusterLostError, Executor, Processes, WorkerLostError
from channelvq.sweep.plan import Plan, Unit
from channelvq.sweep.progress import Clock, Snapshot
from channelvq.sweep.schedule import Schedule
from channelvq.sweep.store import Store, TrialError
from channelvq.sweep.worker import Done, work

__all__ = ["BATCH", "Outcome", "run_plan"]

BATCH = 16
SLICE_SECONDS = 1.0
LOSSES_IN_A_ROW = 8  # for each worker: then it is not one trial that kills them

_POLL_SECONDS = 0.2

Stop = Callable[[], int]
"""How often the user has asked to end: once lets the work in hand finish, twice drops it."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    done, expected : int
        Trials in the store, of those that the plan will need as far as can be told.
    before, made : int
        Of those done, how many were there before, and how many this run made.
    points_done, points : int
        Points that have trials enough, of all.
    retries : int
        Workers that died with work in hand.
    errors : tuple of TrialError
        Trials of the plan that could not be made.
    seconds : float
        Wall-clock time of this run.
    interrupted : bool
        Whether it was asked to end; the same call resumes.
    lost : str or None
        Why there was no place left to work, if so.
    """

    done: int
    expected: int
    before: int
    made: int
    points_done: int
    points: int
    retries: int
    errors: tuple[TrialError, ...]
    seconds: float
    interrupted: bool
    lost: str | None = None


def run_plan(
    plan: Plan,
    store: Store,
    *,
    workers: int = 1,
    batch: int = BATCH,
    executor: Executor | None = None,
    progress: Callable[[Snapshot], None] | None = None,
    log: Callable[[str], None] | None = None,
    stop: Stop | None = None,
) -> Outcome:
    """Simulate what is missing of a plan and keep it in the store.

    Every draw is keyed by (seed, stream, image, trial), every worker computes with one thread, only this
    process writes, and a point is judged by whole rounds of trials: what the sweep gives is the same for any
    number of workers, any batch size, in any order, resumed or not.

    Parameters
    ----------
    plan : Plan
        What to simulate; trials that the store has are skipped.
    store : Store
        Open for writing.
    workers : int
        How many worker processes; one more process, this one, keeps the books.
    batch : int
        Most trials that a worker gets at once.
    executor : Executor, optional
        Where to work instead; it is not closed.
    progress : callable, optional
        Called with a `Snapshot` now and then.
    log : callable, optional
        Called with a line for each retry and each trial that raised.
    stop : callable, optional
        Asked again and again whether to end, see `Stop`; Ctrl-C does the same.

    Returns
    -------
    Outcome
        Also if it was asked to end, some trials raised or the cluster went away.

    Raises
    ------
    UsageError
        If an image cannot be sent as asked, for example for want of a larger budget.
    StoreError
        If the store cannot be written; what was written before stays.
    """
    begin = time.monotonic()
    codes = store.images()
    columns = []
    for case in plan.cases:
        known = CaseColumns([i.hash for i in plan.images], [i.grey_psnr_db for i in plan.images])
        known.load(store.columns(case.hash), codes)
        columns.append(known)
    schedule = Schedule(plan, columns)
    before = schedule.done()
    run = store.begin_run(  # also when nothing is missing: names or points may be new
        now(),
        plan=plan.to_dict(),
        provenance=collect(weights=plan.weights),
        cases={case.hash: case.content for case in plan.cases},
    )
    pump = _Pump(schedule, store, run, batch, progress, log or (lambda line: None), stop or (lambda: 0))
    pump.show(force=True)
    if not schedule.finished:
        with contextlib.ExitStack() as stack:
            pump.run(executor or stack.enter_context(Processes(workers)))
    pump.show(force=True)
    wanted = {case.hash for case in plan.cases}
    errors = tuple(error for error in store.errors() if error.case in wanted)
    return Outcome(
        done=schedule.done(),
        expected=schedule.expected(),
        before=before,
        made=pump.clock.made,
        points_done=schedule.points_done,
        points=len(schedule.points),
        retries=pump.retries,
        errors=errors,
        seconds=time.monotonic() - begin,
        interrupted=pump.interrupted,
        lost=pump.lost,
    )


class _Pump:
    """Keeps every worker busy with one slice at a time, and the store with what they give."""

    def __init__(
        self,
        schedule: Schedule,
        store: Store,
        run: int,
        batch: int,
        progress: Callable[[Snapshot], None] | None,
        log: Callable[[str], None],
        stop: Stop,
    ) -> None:
        self.schedule, self.store, self.number, self.batch = schedule, store, run, batch
        self.progress, self.log, self.stop = progress, log, stop
        self.running: dict[Future[Done], tuple[str, Unit]] = {}
        self.clock = Clock()
        self.retries = self.losses_in_a_row = self.errors = 0
        self.interrupted = False
        self.lost: str | None = None

    def run(self, executor: Executor) -> None:
        """Work until all is done, nobody is left to do it, or the user asks to end."""
        try:
            try:
                while not (self.interrupted or self.schedule.finished):
                    self._fill(executor)
                    self._wait(executor)
                    self.interrupted = self.stop() > 0
            except KeyboardInterrupt:
                self.interrupted = True
            except ClusterLostError as error:
                self.lost = str(error)
            if self.interrupted:
                self._finish(executor)
        except BaseException:
            executor.kill()
            raise

    def _fill(self, executor: Executor) -> None:
        """Give every free worker something to do."""
        names = executor.workers()
        busy = {worker for worker, _ in self.running.values()}
        for worker in names:
            if worker not in busy and (unit := self.schedule.next(worker, self.batch)) is not None:
                self.running[executor.submit(worker, work, unit, SLICE_SECONDS)] = worker, unit
        if self.losses_in_a_row > LOSSES_IN_A_ROW * max(len(names), 1):
            raise ClusterLostError(
                f"workers die one after the other ({self.losses_in_a_row}); out of memory?"
            )

    def _wait(self, executor: Executor) -> None:
        """Keep what has come back."""
        if not self.running:
            time.sleep(_POLL_SECONDS)  # no workers now; they may come
            return
        finished = wait(self.running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED).done
        for future in finished:
            self._take(executor, future)
        self.show()

    def _take(self, executor: Executor, future: Future[Done]) -> None:
        """Keep what came back, or note that it did not."""
        worker, unit = self.running[future]
        try:
            done = future.result()
        except PictureMissingError:
            picture = load_image(unit.image.path)
            del self.running[future]
            self.running[executor.submit(worker, work, unit, SLICE_SECONDS, picture)] = worker, unit
            return
        except WorkerLostError as error:
            del self.running[future]
            self._lose(worker, unit, str(error))
            return
        self._keep(done, unit)
        del self.running[future]

    def _keep(self, done: Done, unit: Unit) -> None:
        """Write it down, first of all."""
        self.store.add(self.number, done.trials, errors=done.errors, pictures=done.pictures)
        self.schedule.finish(unit, done.trials, done.errors)
        self.clock.add(len(done.trials))
        self.losses_in_a_row = 0
        self._tell(unit, done.errors)

    def _lose(self, worker: str, unit: Unit, reason: str) -> None:
        """Note that a worker died; its work waits for another."""
        self.retries += 1
        self.losses_in_a_row += 1
        trials = f"{len(unit.jobs)} trial{'s' if len(unit.jobs) != 1 else ''}"
        given_up = self.schedule.lose(worker, unit, reason)
        what = "given up" if len(given_up) == len(unit.jobs) else "tried again"
        self.log(f"retry {self.retries}: {reason}; its {trials} of {unit.image.name} are {what}")
        self.store.add(self.number, errors=given_up)
        self._tell(unit, tuple(given_up))

    def _tell(self, unit: Unit, errors: tuple[TrialError, ...]) -> None:
        """Say which trials raised."""
        self.errors += len(errors)
        for error in errors:
            self.log(
                f"error in trial {error.trial} of {unit.image.name}, codec {unit.options.codec}:"
                f" {error.kind}: {error.message}"
            )

    def _finish(self, executor: Executor) -> None:
        """Wait for the slices in hand, a second or so, and keep them; asked again, drop them."""
        try:
            while self.running and self.stop() < 2:
                finished = wait(self.running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED).done
                for future in finished:
                    _, unit = self.running.pop(future)
                    with contextlib.suppress(WorkerLostError, PictureMissingError):
                        self._keep(future.result(), unit)
        except (KeyboardInterrupt, ClusterLostError):
            pass
        if self.running:
            executor.kill()

    def show(self, *, force: bool = False) -> None:
        """Tell how far it is, a few times a second at most."""
        if self.progress is not None and (force or self.clock.due()):
            self.progress(Snapshot.of(self.schedule, self.clock, self.errors, self.retries))
