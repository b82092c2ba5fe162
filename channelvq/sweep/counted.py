"""Which trials of a store a sweep's plan counts, case by case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from channelvq.sweep.spec import Point, from_json
from channelvq.sweep.statistics import ERROR
from channelvq.sweep.stopping import INTERIM_ERROR, PointTrials, complete_prefix
from channelvq.sweep.store import Store

__all__ = ["Counted", "PlanTrials"]

Integers = npt.NDArray[np.int64]
Table = npt.NDArray[np.void]

_NONE = np.zeros((0, 2), dtype=np.int64)


@dataclass(frozen=True)
class Counted:
    """The trials of one scheme at one point that count.

    Attributes
    ----------
    table : structured ndarray [n]
        Their rows in the store, see `Store.columns`.
    columns : PointTrials
        The same as the stopping rule sees them; `columns.image` numbers the plan's images.
    error : float
        What their intervals may miss.
    stopped : str or None
        Why a sequential rule ended the point; "go on" if it has not, None for a fixed number of trials.
    planned : int
        Trials that are asked for, over all images; at most, if it is not known yet.
    lost : int
        Those of them that raised an error.
    """

    table: Table
    columns: PointTrials
    error: float
    stopped: str | None
    planned: int
    lost: int


class PlanTrials:
    """The trials of a plan.

    Under a sequential rule only whole looks count: the trials 0 … n − 1 of every image. Until the rule has
    ended, intervals are those of a look that goes on, wide, for someone may look again and again.

    Parameters
    ----------
    store : Store
        Where the trials are.
    plan : dict
        As `Store.last_run` gives it; rows of other schemes, images or seeds are left out.
    """

    def __init__(self, store: Store, plan: dict[str, Any]) -> None:
        self._store = store
        self.spec = from_json(plan["spec"])
        self._rule = self.spec.rule
        self._floors = [image.get("grey_psnr_db") for image in plan["images"]]
        numbers = {image["hash"]: number for number, image in enumerate(plan["images"])}
        codes = [numbers.get(name, -1) for name in store.images()]
        self._of_code = np.array(codes, dtype=np.int64)
        self._cases = {
            (case["scheme"], Point.model_validate(case["point"])): str(case["hash"]) for case in plan["cases"]
        }
        lost: dict[str, list[tuple[int, int]]] = {}
        for error in store.errors():
            if error.image in numbers:
                lost.setdefault(error.case, []).append((numbers[error.image], error.trial))
        self._lost = {case: np.array(pairs, dtype=np.int64) for case, pairs in lost.items()}

    @property
    def cases(self) -> dict[tuple[str, Point], str]:
        """Hash of each case, by scheme's name and point, in the plan's order."""
        return self._cases

    def counted(self, scheme: str, point: Point) -> Counted:
        """Read the trials of one scheme at one point."""
        case = self._cases[scheme, point]
        table = self._store.columns(case)
        image = self._of_code[table["image"]]
        if (image < 0).any():
            table, image = table[image >= 0], image[image >= 0]
        # The store numbers images as they come, which differs from run to run; `PointTrials` sorts too.
        order = np.lexsort((table["trial"], image))
        table, image = table[order], image[order]
        lost = self._lost.get(case, _NONE)
        count, error, stopped, planned = self._judge(table, image, lost)
        if (table["trial"] >= count).any():
            kept = table["trial"] < count
            table, image = table[kept], image[kept]
        columns = PointTrials.of_table(table, image, self._floors)
        return Counted(table, columns, error, stopped, planned, int((lost[:, 1] < count).sum()))

    def _judge(self, table: Table, image: Integers, lost: Integers) -> tuple[int, float, str | None, int]:
        """How many trials of each image count, their error, why they are enough, and how many are planned."""
        images, rule = len(self._floors), self._rule
        most = images * rule.max_trials
        if rule.fixed:
            return rule.max_trials, ERROR, None, most
        tried = np.concatenate([image, lost[:, 0]]), np.concatenate([table["trial"], lost[:, 1]])
        columns = PointTrials.of_table(table, image, self._floors)
        verdict = rule.settle(columns, complete_prefix(images, *tried))
        if verdict is None:
            return rule.max_trials, INTERIM_ERROR, "go on", most
        if verdict.done:
            return verdict.look, verdict.error, verdict.reason, images * verdict.look
        return verdict.look, INTERIM_ERROR, verdict.reason, most
