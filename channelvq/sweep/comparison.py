"""Two schemes of a sweep side by side: where one is better, by how much, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from channelvq.errors import UsageError, unknown_name
from channelvq.sweep.counted import PlanTrials
from channelvq.sweep.paired import Difference, Pairs, difference, holm, pair
from channelvq.sweep.spec import Point
from channelvq.sweep.statistics import ERROR
from channelvq.sweep.stopping import PointTrials
from channelvq.sweep.store import Store

__all__ = ["Comparison", "Row", "Winner", "compare_schemes"]

Winner = Literal["first", "second", "undecided", "not simulated"]


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes
    ----------
    point : Point
        Where on the axis.
    image : str or None
        Of which image; None for the mean over all.
    first, second : float or None
        Mean PSNR of either in dB, over the pairs.
    difference : Difference
        Their difference, its p-values corrected for the number of rows.
    error : float
        What its intervals may miss: 0.05, or less under a stopping rule, and least while that goes on.
    """

    point: Point
    image: str | None
    first: float | None
    second: float | None
    difference: Difference
    error: float = ERROR

    @property
    def winner(self) -> Winner:
        """Which one is better, with 95 % for all rows together, by what was seen."""
        return _winner(self.difference.value, self.difference.p)

    @property
    def cautious_winner(self) -> Winner:
        """The same, allowing for failures too rare to have been seen."""
        return _winner(self.difference.value, self.difference.cautious_p)


@dataclass(frozen=True)
class Comparison:
    """Two schemes over the axis of a sweep.

    Attributes
    ----------
    sweep, first, second : str
        Names.
    rows : tuple of Row
        By point; or by point, then image.
    """

    sweep: str
    first: str
    second: str
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Give plain values; an infinite factor, which JSON lacks, as None."""
        return {
            "sweep": self.sweep,
            "first": self.first,
            "second": self.second,
            "correction": "Holm",
            "rows": [_plain(row) for row in self.rows],
        }


def compare_schemes(store: Store, first: str, second: str, *, by_image: bool = False) -> Comparison:
    """Compare two schemes of the latest run's plan on the trials that both have.

    Parameters
    ----------
    store : Store
        Open for reading.
    first, second : str
        Names of schemes.
    by_image : bool
        Compare on each image by itself, too many questions for the p-values to be as small.

    Raises
    ------
    UsageError
        If there is no such scheme, or both are the same.
    """
    plan, _ = store.last_run()
    trials = PlanTrials(store, plan)
    spec = trials.spec
    names = [scheme.name for scheme in spec.schemes]
    for name in (first, second):
        if name not in names:
            raise unknown_name("scheme", name, names)
    if first == second:
        raise UsageError(f"scheme {first!r} is given twice; name two of: {', '.join(names)}")
    pictures = [image["name"] for image in plan["images"]]
    found: list[tuple[Point, str | None, Pairs, float]] = []
    for point in spec.points:
        ours, theirs = trials.counted(first, point), trials.counted(second, point)
        pairs = pair(ours.columns, theirs.columns)
        error = min(ours.error, theirs.error)
        if by_image:
            found += [(point, name, pairs.of_image(i), error) for i, name in enumerate(pictures)]
        else:
            found.append((point, None, pairs, error))
    differences = holm([difference(pairs, error) for _, _, pairs, error in found])
    rows = [
        Row(point, image, _mean(pairs.first), _mean(pairs.second), apart, error)
        for (point, image, pairs, error), apart in zip(found, differences, strict=True)
    ]
    return Comparison(spec.name, first, second, tuple(rows))


def _mean(trials: PointTrials) -> float | None:
    """Mean PSNR over images, if every image has a trial."""
    strata = trials.strata()
    return float(strata.means.mean()) if strata.counts.size and strata.counts.all() else None


def _winner(value: float | None, p: float | None) -> Winner:
    """Read a p-value."""
    if value is None:
        return "not simulated"
    if p is None or p >= ERROR:
        return "undecided"
    return "first" if value > 0 else "second"


def _plain(row: Row) -> dict[str, Any]:
    """Flatten one row."""
    apart = row.difference
    factor = apart.unpaired_factor
    return {
        "channel": row.point.channel,
        "snr_db": row.point.snr_db,
        "image": row.image,
        "first_psnr_db": row.first,
        "second_psnr_db": row.second,
        "difference_db": apart.value,
        "low": apart.low,
        "high": apart.high,
        "confidence": 1 - row.error,
        "p": apart.p,
        "better": row.winner,
        "cautious_low": apart.cautious_low,
        "cautious_high": apart.cautious_high,
        "cautious_p": apart.cautious_p,
        "cautious_better": row.cautious_winner,
        "pairs": apart.pairs,
        "left_out": apart.left_out,
        "unpaired_factor": None if factor is None or math.isinf(factor) else factor,
        "unpaired_trials": None if factor is None or math.isinf(factor) else math.ceil(factor * apart.pairs),
    }
