"""Who wins where: at each point the scheme of the highest mean PSNR, and what the others are behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from channelvq.report.page.axis import Axis
from channelvq.report.page.curves import along
from channelvq.sweep.counted import PlanTrials
from channelvq.sweep.paired import Difference, difference, holm, pair
from channelvq.sweep.statistics import ERROR
from channelvq.sweep.stopping import PointTrials
from channelvq.sweep.store import Store
from channelvq.sweep.summary import Results

__all__ = ["Place", "Standing", "pairs_needed", "rank"]

_NO_EFFECT = Difference(0.0, None, None, 1.0, None, None, 1.0, 0, 0, None)


@dataclass(frozen=True)
class Place:
    """A scheme at a point.

    Attributes
    ----------
    scheme : int
        Its number in the spec.
    psnr_db : float
        Its mean.
    behind : Difference or None
        The point's best scheme minus this one, in pairs of equal noise, p-values corrected; None for the
        best scheme itself.
    needed : int
        Pairs without which no difference can be told, however large: signs alone must be able to tell.
    """

    scheme: int
    psnr_db: float
    behind: Difference | None
    needed: int = 0

    @property
    def is_open(self) -> bool:
        """Whether there are too few pairs to tell it from the best scheme, whatever they say."""
        behind = self.behind
        return behind is not None and (behind.p is None or (self.is_tied and behind.pairs < self.needed))

    @property
    def is_tied(self) -> bool:
        """Whether the data do not tell it from the best scheme."""
        return self.behind is not None and not _resolved(self.behind.p)

    @property
    def is_starred(self) -> bool:
        """Whether failures too rare to have been seen could still turn what was seen."""
        return self.behind is not None and not self.is_tied and not _resolved(self.behind.cautious_p)


@dataclass(frozen=True)
class Standing:
    """The schemes at one point, in the order of their means; empty where nothing was simulated."""

    places: tuple[Place, ...]

    @property
    def best(self) -> tuple[int, ...]:
        """Numbers of the best scheme and of those that are not told from it."""
        return tuple(place.scheme for place in self.places if place.behind is None or place.is_tied)

    @property
    def is_open(self) -> bool:
        """Whether there are too few pairs to tell who is best."""
        return any(place.is_open for place in self.places)

    @property
    def next(self) -> Place | None:
        """The first that is behind."""
        return next((place for place in self.places if place.behind is not None and not place.is_tied), None)


def rank(store: Store, results: Results, axis: Axis) -> tuple[Standing, ...]:
    """Compare the best scheme of each point with each of the others on the trials that both have.

    Which scheme is best is learnt from the same trials, so every pair of schemes at every point counts as a
    question: p-values are Holm's of all of these, of which only those with a best scheme are worked out; the
    rest is taken to be without effect, which errs on the careful side.

    Parameters
    ----------
    store : Store
        Open for reading.
    results : Results
        Its summaries.
    axis : Axis
        The order of the points.
    """
    plan, _ = store.last_run()
    trials = PlanTrials(store, plan)
    schemes = results.spec.schemes
    summaries = [along(results, scheme, axis) for scheme in schemes]
    orders: list[list[tuple[int, float]]] = []
    differences: list[Difference] = []
    questions = 0
    for i, point in enumerate(axis.points):
        means = [(s, row[i].means["psnr_db"].value) for s, row in enumerate(summaries)]
        order = sorted([(s, mean) for s, mean in means if mean is not None], key=lambda at: (-at[1], at[0]))
        orders.append(order)
        questions += len(order) * (len(order) - 1) // 2
        if len(order) > 1:
            counted = {s: trials.counted(schemes[s].name, point) for s, _ in order}
            best = counted[order[0][0]]
            differences += [
                _difference(best.columns, other.columns, min(best.error, other.error))
                for other in (counted[s] for s, _ in order[1:])
            ]
    corrected = holm([*differences, *[_NO_EFFECT] * (questions - len(differences))])
    found = iter(corrected)
    needed = pairs_needed(questions)
    return tuple(
        Standing(
            tuple(Place(s, mean, next(found) if n else None, needed) for n, (s, mean) in enumerate(order))
        )
        for order in orders
    )


def pairs_needed(questions: int) -> int:
    """Fewest pairs of which signs alone can tell two schemes apart, among so many questions.

    If one scheme is better in all of n pairs, the sign test's p-value is 2^(1 − n).

    Examples
    --------
    >>> pairs_needed(1), pairs_needed(468)
    (6, 15)
    """
    return math.floor(1 + math.log2(max(questions, 1) / ERROR)) + 1


def _difference(first: PointTrials, second: PointTrials, error: float) -> Difference:
    """Compare two schemes at a point."""
    return difference(pair(first, second), error)


def _resolved(p: float | None) -> bool:
    """Whether a p-value tells two schemes apart."""
    return p is not None and p < ERROR
