"""Which trials are made next: the widest intervals first, and an image while it is encoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from channelvq.sweep.columns import CaseColumns
from channelvq.sweep.means import limits
from channelvq.sweep.options import Options
from channelvq.sweep.plan import Case, Job, Plan, SweepImage, Unit
from channelvq.sweep.stopping import StoppingRule, Verdict
from channelvq.sweep.store import Trial, TrialError

__all__ = ["MAX_LOSSES", "PointState", "Schedule"]

MAX_LOSSES = 3
"""After so many workers lost with it a trial is given up."""

Group = tuple[Options, str]
"""What an encoded image is of: how, and which."""


@dataclass
class PointState:
    """How far a case is: its trials, and the round that it is in.

    A round asks for the trials 0 to `look` - 1 of every image. When all are there the rule looks at them, and
    at nothing else, so that it does not matter which worker was quick.

    Attributes
    ----------
    half_width_db : float or None
        Half-width of the interval after the last round.
    done : bool
        Whether it has trials enough.
    stuck : bool
        Whether all trials of an image raised, so that more of the others would be in vain.
    """

    case: Case
    columns: CaseColumns
    rounds: deque[int]
    half_width_db: float | None = None
    done: bool = False
    stuck: bool = False
    waiting: dict[str, deque[int]] = field(default_factory=dict)
    running: int = 0
    failed: set[tuple[str, int]] = field(default_factory=set)
    look: int = 0

    @property
    def width(self) -> float:
        """For sorting: what is not known yet is widest."""
        return np.inf if self.half_width_db is None else self.half_width_db


class Schedule:
    """What is to be done of a plan, and by which worker.

    A worker gets trials of the point whose interval is widest, of an image that it has encoded already or
    that nobody has; only when there are no such it helps with another's. Units are filled with trials of
    other points that need the same encoded image.

    Parameters
    ----------
    plan : Plan
        What to simulate.
    columns : list of CaseColumns
        What is known of each of its cases, in order.
    """

    def __init__(self, plan: Plan, columns: list[CaseColumns]) -> None:
        self.plan, self.rule = plan, plan.spec.rule
        self._images = {image.hash: image for image in plan.images}
        self._keep = frozenset(plan.kept())
        self._owners: dict[Group, set[str]] = {}
        self._losses: dict[tuple[str, str, int], int] = {}
        rounds = _rounds(self.rule)
        # Schemes that differ in nothing but their names are one.
        self._by_hash = {
            case.hash: PointState(case, known, deque(rounds))
            for case, known in zip(plan.cases, columns, strict=True)
        }
        self.points = list(self._by_hash.values())
        for point in self.points:
            self._advance(point)
        self._sort()

    # What to do.

    def next(self, worker: str, size: int) -> Unit | None:
        """Give a worker at most `size` trials; None if there is nothing that could be begun now."""
        found = self._pick(worker)
        if found is None:
            return None
        first, image = found
        jobs: list[Job] = []
        alone = False
        for point in [first, *(p for p in self._active if p is not first)]:
            if point.case.options != first.case.options:
                continue
            waiting = point.waiting.get(image.hash, deque())
            while waiting and len(jobs) < size and not alone:
                key = point.case.hash, image.hash, waiting[0]
                alone = key in self._losses  # lest its company be lost with it again
                if alone and jobs:
                    break
                jobs.append(Job(key[0], point.case.point, waiting.popleft(), keep=key in self._keep))
                point.running += 1
            if not waiting:
                point.waiting.pop(image.hash, None)
        self._owners.setdefault((first.case.options, image.hash), set()).add(worker)
        return Unit(first.case.options, image, self.plan.spec.seed, tuple(jobs))

    def _pick(self, worker: str) -> tuple[PointState, SweepImage] | None:
        """Find the widest point that has work for the worker, and an image of it."""
        others: tuple[PointState, SweepImage] | None = None
        for point in self._active:
            free: str | None = None
            for image in point.waiting:
                owners = self._owners.get((point.case.options, image))
                if owners is not None and worker in owners:
                    return point, self._images[image]
                if owners is None:
                    free = free or image
                elif others is None:
                    others = point, self._images[image]
            if free is not None:
                return point, self._images[free]
        return others

    # What came of it.

    def finish(self, unit: Unit, trials: Iterable[Trial], errors: Iterable[TrialError]) -> None:
        """Take what was done of a unit; what was not waits again."""
        done = 0
        for trial in trials:
            self._by_hash[trial.case].columns.add(trial)
            done += 1
        for error in errors:
            self._by_hash[error.case].failed.add((error.image, error.trial))
            done += 1
        for job in reversed(unit.jobs[done:]):
            self._by_hash[job.case].waiting.setdefault(unit.image.hash, deque()).appendleft(job.trial)
        self._release(unit)

    def lose(self, worker: str, unit: Unit, reason: str) -> list[TrialError]:
        """Note that a worker is gone with a unit; its trials wait again, but for those that are given up."""
        for owners in self._owners.values():
            owners.discard(worker)
        self._owners = {group: owners for group, owners in self._owners.items() if owners}
        given_up = []
        for job in reversed(unit.jobs):
            point, key = self._by_hash[job.case], (job.case, unit.image.hash, job.trial)
            self._losses[key] = self._losses.get(key, 0) + 1
            if self._losses[key] < MAX_LOSSES:
                point.waiting.setdefault(unit.image.hash, deque()).appendleft(job.trial)
            else:
                point.failed.add((unit.image.hash, job.trial))
                given_up.append(TrialError(*key, "WorkerDied", f"{MAX_LOSSES} workers died of it", reason))
        self._release(unit)
        return given_up

    def _release(self, unit: Unit) -> None:
        """Note that a unit is no longer being done, which may complete rounds."""
        changed = False
        for job in unit.jobs:
            self._by_hash[job.case].running -= 1
        for case in dict.fromkeys(job.case for job in unit.jobs):
            changed |= self._advance(self._by_hash[case])
        if changed:
            self._sort()

    def _advance(self, point: PointState) -> bool:
        """Look at a point whose round is complete, and begin its next; say whether there was one."""
        changed = False
        while not (point.done or point.stuck or point.running or point.waiting):
            if point.look:
                changed = True
                # A trial that raised counts as tried; without any of some image there is no mean to wait for.
                nothing = point.failed and point.columns.has_none(point.look)
                if nothing and (not self.rule.fixed or not point.rounds):
                    point.stuck = True
                    break
                if self._judge(point):
                    break
            point.look = point.rounds.popleft()
            for image, trials in point.columns.missing(point.look).items():
                if left := [trial for trial in trials if (image, trial) not in point.failed]:
                    point.waiting[image] = deque(left)
        return changed

    def _judge(self, point: PointState) -> bool:
        """Look at the trials of a complete round; say whether they are enough."""
        seen = point.columns.trials(point.look)
        if point.look in self.rule.looks():
            verdict: Verdict = self.rule.judge(seen, point.look)
            point.half_width_db, point.done = verdict.half_width_db, verdict.done
        else:  # between looks, to know where it is widest; nothing is decided by it
            half = float(self.rule.width_of(limits(seen.strata())))
            point.half_width_db = half if np.isfinite(half) else None
        return point.done

    def _sort(self) -> None:
        """Put the widest intervals first; equals stay in the order of the plan."""
        active = [point for point in self.points if not (point.done or point.stuck)]
        self._active = sorted(active, key=lambda point: -point.width)

    # How far it is.

    @property
    def finished(self) -> bool:
        """Whether nothing is left to begin or to wait for."""
        return not self._active

    @property
    def points_done(self) -> int:
        """Number of points that have trials enough."""
        return sum(point.done for point in self.points)

    def done(self) -> int:
        """Count the trials of the plan that are there."""
        return sum(point.columns.within(self.plan.spec.trials) for point in self.points)

    def expected(self) -> int:
        """Guess how many trials there will be: a width falls as one over the root of the trials."""
        return sum(self._expected(point) for point in self.points)

    def _expected(self, point: PointState) -> int:
        have = point.columns.within(self.plan.spec.trials)
        if point.done or point.stuck:
            return have
        images, most = len(self.plan.images), self.plan.spec.trials
        if self.rule.fixed:
            return images * most
        each = point.look
        if self.rule.tolerance_db is not None and point.half_width_db is not None:
            needed = have * (point.half_width_db / self.rule.tolerance_db) ** 2 / images
            each = min(max(each, int(np.ceil(needed))), most)
        return max(have, images * each)

    def widest(self) -> Iterator[PointState]:
        """Points that are not done, the widest first."""
        return iter(self._active)


def _rounds(rule: StoppingRule) -> list[int]:
    """Numbers of trials of each image at which a point is looked at.

    With a fixed number they double, so that an interrupted sweep has seen every point, and the widest most.
    """
    if not rule.fixed:
        return list(rule.looks())
    rounds = [1]
    while rounds[-1] < rule.max_trials:
        rounds.append(min(2 * rounds[-1], rule.max_trials))
    return rounds
