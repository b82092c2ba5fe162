"""Every trial that a sweep's results rest on, one row each, for other tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from channelvq.report.table import Cell
from channelvq.sweep.counted import PlanTrials
from channelvq.sweep.identity import trial_id
from channelvq.sweep.schema import COLUMNS, STATUSES
from channelvq.sweep.store import Store

__all__ = ["trial_rows"]

_CASE = ("codec", "code", "modulation", "interleaver", "concealment", "model", "channel", "snr_db", "cbr")
_VALUES = tuple(column for column in COLUMNS if column.name not in ("image", "trial", "status", "seconds"))


def trial_rows(store: Store, *, seconds: bool = False) -> Iterator[dict[str, Cell]]:
    """Rows in canonical order: schemes, points and images as in the spec, then the trial's number.

    They do not tell when, where or by how many workers a trial was made: equal sweeps give equal rows.

    Parameters
    ----------
    store : Store
        The sweep; the plan of its latest run says what counts.
    seconds : bool
        Whether to add the time that each trial took, which no two runs share.
    """
    plan, _ = store.last_run()
    trials = PlanTrials(store, plan)
    contents = store.cases()
    images = [(str(image["name"]), str(image["hash"])) for image in plan["images"]]
    values = [*_VALUES, *(column for column in COLUMNS if seconds and column.name == "seconds")]
    for (scheme, point), case in trials.cases.items():
        counted = trials.counted(scheme, point)
        head = _head(scheme, contents.get(case, {}))
        order = np.lexsort((counted.table["trial"], counted.columns.image))
        number_of = counted.columns.image[order]
        for number, row in zip(number_of.tolist(), counted.table[order], strict=True):
            name, content = images[number]
            trial = int(row["trial"])
            yield {
                "id": trial_id(case, content, trial),
                **head,
                "image": name,
                "image_hash": content,
                "trial": trial,
                "status": STATUSES[row["status"]],
                **{column.name: _cell(row[column.name], optional=column.optional) for column in values},
            }


def _head(scheme: str, content: Mapping[str, Any]) -> dict[str, Cell]:
    """Give what all trials of a case share."""
    return {"scheme": scheme, **{key: content.get(key) for key in _CASE}, "seed": content.get("seed")}


def _cell(value: Any, *, optional: bool) -> Cell:
    """Give a plain number, or nothing where there is none."""
    plain: int | float = value.item()
    return None if optional and (plain != plain or plain == -1) else plain
