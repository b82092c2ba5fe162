"""When a point of a sweep has trials enough: looks at growing prefixes, and a verdict at each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from channelvq.sweep.means import Interval, Strata, limits
from channelvq.sweep.schema import STATUSES
from channelvq.sweep.statistics import ERROR

__all__ = ["PSNR_CAP_DB", "PointTrials", "Reason", "StoppingRule", "Verdict", "complete_prefix"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Reason = Literal["tolerance", "block errors", "budget", "go on"]

FAILED = STATUSES.index("failed")

PSNR_CAP_DB = 60.0
"""What an identical picture, whose PSNR is infinite, counts as in a mean, and any better PSNR too."""

GREY_FLOOR_DB = 20 * math.log10(255 / 128)
"""Least PSNR of flat mid-grey (128) against any picture: no sample is further off than 128 of 255."""

INTERIM_ERROR = 0.001
"""What each look that goes on spends of the error that the last interval may have."""

LUCK_ERROR = 0.01
"""What is spent once by a rule that may end because no failure has been seen yet."""

MAX_LOOKS = 11
GROWTH = 1.5

MIN_TRIALS = 60
"""Trials, over all images, before a tolerance can be met: of fewer, the spread itself is hardly known."""

MIN_TRIALS_EACH = 3
"""The same for each image."""

_ROWS = ("image", "trial", "psnr_db", "failed", "block_errors", "blocks", "clean_db")


@dataclass(frozen=True)
class PointTrials:
    """The trials of one scheme at one point, as columns of equal length.

    Rows may come in any order; they are sorted by image and trial, so that sums do not depend on it, not even
    in the last digit.

    Attributes
    ----------
    images : int
        How many images the sweep has.
    image, trial : ndarray of int64 [n]
        Number of the image in the plan, from 0, and of the repetition, from 0.
    psnr_db : ndarray of float64 [n]
        May be infinite, see `PSNR_CAP_DB`.
    failed : ndarray of bool [n]
        Receivers that could not decode and showed grey.
    block_errors : ndarray of int64 [n], optional
        Blocks that code and CRC gave up; without it (uncoded) failed receivers are what is counted.
    blocks : ndarray of int64 [n], optional
        Of how many.
    floor_db : ndarray of float64 [images], optional
        PSNR of flat mid-grey for each image: what a failure shows. Without it the worst there can be is
        assumed, `GREY_FLOOR_DB`.
    clean_db : ndarray of float64 [n], optional
        PSNR that the same message gives over an error-free channel, NaN where that is not known. The highest
        of an image is what a success would show where nothing was shown; without any, the cap.
    can_fail : bool
        False for a scheme that always shows something (analog ones): no failure is then allowed for.
    """

    images: int
    image: Integers
    trial: Integers
    psnr_db: Floats
    failed: Booleans
    block_errors: Integers | None = None
    blocks: Integers | None = None
    floor_db: Floats | None = None
    clean_db: Floats | None = None
    can_fail: bool = True

    def __post_init__(self) -> None:
        if not self.trial.size:
            return
        keys = self.image.astype(np.int64) * (int(self.trial.max()) + 1) + self.trial
        if (np.diff(keys) >= 0).all():
            return
        order = np.argsort(keys, kind="stable")
        for name in _ROWS:
            column = getattr(self, name)
            if column is not None:
                object.__setattr__(self, name, column[order])

    @classmethod
    def of_table(
        cls, table: npt.NDArray[np.void], image: Integers, floor_db: Sequence[float | None]
    ) -> PointTrials:
        """Take them from the rows of a store.

        Parameters
        ----------
        table : structured ndarray [n]
            From `Store.columns`.
        image : ndarray of int64 [n]
            Number of each row's image in the plan.
        floor_db : sequence of float or None
            What a failure shows, for each image of the plan.
        """
        images = len(floor_db)
        floor = np.array([GREY_FLOOR_DB if value is None else value for value in floor_db])
        blocks = table["blocks"]
        counted = bool(blocks.size) and bool((blocks >= 0).all())
        return cls(
            images=images,
            image=image,
            trial=table["trial"].astype(np.int64),
            psnr_db=table["psnr_db"],
            failed=table["status"] == FAILED,
            block_errors=table["block_errors"] if counted else None,
            blocks=blocks if counted else None,
            floor_db=floor,
            clean_db=table["clean_psnr_db"],
            can_fail=not table.size or not np.isnan(table["raw_ber"]).all(),  # symbols always show something
        )

    def prefix(self, look: int) -> PointTrials:
        """Only the trials 0 … look − 1 of every image."""
        kept = self.trial < look
        return self if kept.all() else self.rows(np.flatnonzero(kept))

    def rows(self, chosen: Integers) -> PointTrials:
        """Only the rows of these numbers."""
        columns = {name: getattr(self, name) for name in _ROWS}
        part = {name: column[chosen] for name, column in columns.items() if column is not None}
        return replace(self, **part)

    @property
    def events(self) -> int:
        """Block errors, or failed receivers where there are no blocks."""
        return int((self.failed if self.block_errors is None else self.block_errors).sum())

    @property
    def capped_db(self) -> Floats:
        """PSNR of each trial, at most the cap."""
        return np.minimum(self.psnr_db, PSNR_CAP_DB)

    def strata(self) -> Strata:
        """Sum up the PSNR by image."""
        floor = ceiling = None
        if self.can_fail:
            floor = np.full(self.images, GREY_FLOOR_DB) if self.floor_db is None else self.floor_db
            ceiling = self._ceiling()
        return Strata.of(
            self.capped_db, self.image, self.images, failed=self.failed, floor=floor, ceiling=ceiling
        )

    def _ceiling(self) -> Floats:
        """Give what an error-free channel would show, for each image, as far as these rows know it."""
        ceiling = np.full(self.images, -np.inf)
        if self.clean_db is not None:
            np.fmax.at(ceiling, self.image, self.clean_db)
        return np.minimum(np.where(ceiling > -np.inf, ceiling, PSNR_CAP_DB), PSNR_CAP_DB)


@dataclass(frozen=True)
class Verdict:
    """What a look says.

    Attributes
    ----------
    done : bool
        Whether the point needs no more trials.
    half_width_db : float or None
        What is compared with the tolerance; None where it cannot be told yet.
    reason : {"tolerance", "block errors", "budget", "go on"}
        Why it is done, or that it is not.
    look : int
        Trials of each image that were looked at.
    error : float
        What the interval that is reported may miss: 0.05 less what earlier looks have spent.
    """

    done: bool
    half_width_db: float | None
    reason: Reason
    look: int
    error: float


@dataclass(frozen=True)
class StoppingRule:
    """How many trials a point gets.

    The rule looks at prefixes of growing length, the trials 0 … look − 1 of every image, so that neither the
    order in which workers finish nor what else is there can sway it. It stops at the first look whose
    interval is narrow enough or which has seen events enough, else with the budget.

    Peeking is paid for as Haybittle and Peto do [1]_: each look that goes on spends 0.001 of the 0.05, the
    one that stops gets what is left (0.049, 0.048, …), and its interval is the one that is reported. The
    last look may have nearly all, for the rule stops by the width: that is a trial of fixed *information*
    [2]_ [3]_, in which stopping says nothing about the sign of the error. It does when the width itself
    is a matter of luck, so no tolerance is met before `MIN_TRIALS` trials; and Clopper and Pearson's limits
    of a share stay valid when sampling ends at a number of events. What this gives is measured by
    `benchmarks/interval_coverage.py`.

    Attributes
    ----------
    tolerance_db : float or None
        Half-width of the 95 % interval of the mean PSNR that is enough.
    block_errors : int or None
        Number of block errors (of failed receivers where there are no blocks) that is enough.
    min_trials, max_trials : int
        Trials of each image at the first look, and at most. With neither tolerance nor block errors there is
        one look, at `max_trials`, and nothing is spent.
    unseen_failures : bool
        Whether the tolerance is for the whole interval, which allows for failures too rare to have been seen
        (0.1 dB then needs some 300 trials without a failure); False leaves that part out of the tolerance,
        though not out of the interval that is reported. Such a rule may end by the luck of no failure, for
        which 0.01 more is spent.

    References
    ----------
    .. [1] R. Peto et al., "Design and analysis of randomized clinical trials requiring prolonged observation
       of each patient", British Journal of Cancer 34, 1976; J. L. Haybittle, British Journal of Radiology
       44, 1971.
    .. [2] Y. S. Chow, H. Robbins, "On the asymptotic theory of fixed-width sequential confidence intervals
       for the mean", Annals of Mathematical Statistics 36(2), 1965.
    .. [3] C. R. Mehta, A. A. Tsiatis, "Flexible sample size considerations using information-based interim
       monitoring", Drug Information Journal 35(4), 2001.

    Examples
    --------
    >>> StoppingRule(tolerance_db=0.1, block_errors=None, min_trials=4, max_trials=40).looks()
    (4, 6, 9, 14, 21, 32, 40)
    >>> StoppingRule(None, None, 2, 40).looks()
    (40,)
    """

    tolerance_db: float | None
    block_errors: int | None
    min_trials: int
    max_trials: int
    unseen_failures: bool = True

    def looks(self) -> tuple[int, ...]:
        """Trials of each image at which the rule looks, in geometric steps; the last is `max_trials`."""
        if self.fixed:
            return (self.max_trials,)
        first = min(self.min_trials, self.max_trials)
        growth = max(GROWTH, (self.max_trials / first) ** (1 / (MAX_LOOKS - 1)))
        looks = [first]
        while looks[-1] < self.max_trials:
            looks.append(min(max(math.ceil(looks[-1] * growth - 1e-9), looks[-1] + 1), self.max_trials))
        return tuple(looks)

    @property
    def fixed(self) -> bool:
        """Whether the number of trials is fixed from the start."""
        return self.tolerance_db is None and self.block_errors is None

    def error_at(self, look: int) -> float:
        """Say what the interval may miss that is reported if the rule stops at this look."""
        luck = 0.0 if self.unseen_failures or self.fixed else LUCK_ERROR
        return ERROR - luck - INTERIM_ERROR * self.looks().index(look)

    def width_of(self, interval: Interval) -> Floats:
        """Half-width that the tolerance is for."""
        return interval.half_width if self.unseen_failures else interval.half_width_seen

    def met(
        self, half_width: Floats, trials: npt.ArrayLike, images: int, events: npt.ArrayLike
    ) -> tuple[Booleans, Booleans]:
        """Whether there is precision enough, and whether there are events enough; arrays [...]."""
        enough = np.asarray(trials) >= max(MIN_TRIALS, MIN_TRIALS_EACH * images)
        tolerance = np.inf if self.tolerance_db is None else self.tolerance_db
        precise = enough & (half_width <= tolerance) & (self.tolerance_db is not None)
        counted = np.asarray(events) >= (np.inf if self.block_errors is None else self.block_errors)
        return precise, counted

    def judge(self, columns: PointTrials, look: int) -> Verdict:
        """Judge by the trials 0 … look − 1 of every image, whatever else is there.

        Parameters
        ----------
        columns : PointTrials
            At least these trials; one that is missing (because its codec raised) does not count.
        look : int
            One of `looks()`.
        """
        seen = columns.prefix(look)
        error = self.error_at(look)
        half = self.width_of(limits(seen.strata(), error))
        precise, counted = self.met(half, seen.image.size, seen.images, seen.events)
        reason: Reason = "go on"
        if precise:
            reason = "tolerance"
        elif counted:
            reason = "block errors"
        elif look == self.max_trials:
            reason = "budget"
        told = float(half) if np.isfinite(half) else None
        return Verdict(reason != "go on", told, reason, look, error)

    def settle(self, columns: PointTrials, complete: int | None = None) -> Verdict | None:
        """Go through the looks whose trials are there until one ends it; the last verdict, if any.

        Parameters
        ----------
        columns : PointTrials
            What there is.
        complete : int, optional
            How many trials of every image have been tried; without it, see `complete_prefix`.
        """
        if complete is None:
            complete = complete_prefix(columns.images, columns.image, columns.trial)
        verdict = None
        for look in self.looks():
            if look > complete:
                break
            verdict = self.judge(columns, look)
            if verdict.done:
                break
        return verdict


def complete_prefix(images: int, image: npt.ArrayLike, trial: npt.ArrayLike) -> int:
    """Count the trials, from 0 on without a gap, that every image has.

    Examples
    --------
    >>> complete_prefix(2, image=[0, 0, 0, 1, 1], trial=[0, 1, 2, 0, 2])
    1
    """
    images_of, numbers = np.asarray(image, dtype=np.int64), np.asarray(trial, dtype=np.int64)
    if not numbers.size:
        return 0
    there = np.zeros((images, int(numbers.max()) + 2), dtype=bool)
    there[images_of, numbers] = True
    return int(there.all(axis=0).argmin())
