"""The trials of a case as a matrix [images, trials]: what is there, what is missing, what a rule sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from channelvq.sweep.schema import COLUMNS, STATUSES
from channelvq.sweep.stopping import PointTrials
from channelvq.sweep.store import Trial

__all__ = ["CaseColumns"]

_SEEN = ("trial", "psnr_db", "status", "raw_ber", "blocks", "block_errors", "clean_psnr_db")
_KINDS = [(column.name, column.kind) for column in COLUMNS if column.name in _SEEN]


class CaseColumns:
    """What is known of the trials of a case.

    Parameters
    ----------
    images : sequence of str
        Hashes of the sweep's images, in order.
    floor_db : sequence of float or None
        For each image the PSNR of the grey that a failure shows.
    """

    def __init__(self, images: Sequence[str], floor_db: Sequence[float | None]) -> None:
        self._rows = {name: row for row, name in enumerate(images)}
        self._floor_db = list(floor_db)
        self._table = np.zeros((len(images), 0), dtype=_KINDS)
        self._there = np.zeros((len(images), 0), dtype=np.bool_)

    def _widen(self, width: int) -> None:
        """Make room for trials 0 to `width` - 1."""
        before = self._there.shape[1]
        if width <= before:
            return
        more = max(width, 2 * before) - before
        self._table = np.pad(self._table, ((0, 0), (0, more)))
        self._there = np.pad(self._there, ((0, 0), (0, more)))

    def load(self, table: npt.NDArray[np.void], codes: Sequence[str]) -> None:
        """Take what a store has (`Store.columns`, `Store.images`); rows of other images are left out."""
        if not table.size:
            return
        rows = np.array([self._rows.get(code, -1) for code in codes])[table["image"]]
        table, rows = table[rows >= 0], rows[rows >= 0]
        if not table.size:
            return
        numbers = table["trial"]
        self._widen(int(numbers.max()) + 1)
        self._there[rows, numbers] = True
        for name in _SEEN:
            self._table[name][rows, numbers] = table[name]

    def add(self, trial: Trial) -> None:
        """Take a trial that a worker has made."""
        place = self._rows[trial.image], trial.trial
        self._widen(trial.trial + 1)
        self._there[place] = True
        row = self._table[place]
        row["trial"], row["psnr_db"], row["status"] = trial.trial, trial.psnr_db, STATUSES.index(trial.status)
        row["raw_ber"] = np.nan if trial.raw_ber is None else trial.raw_ber
        row["blocks"] = -1 if trial.blocks is None else trial.blocks
        row["block_errors"] = -1 if trial.block_errors is None else trial.block_errors
        row["clean_psnr_db"] = np.nan if trial.clean_psnr_db is None else trial.clean_psnr_db

    def missing(self, look: int) -> Mapping[str, list[int]]:
        """Say for each image which of the trials 0 to `look` - 1 are not there."""
        self._widen(look)
        return {name: np.flatnonzero(~self._there[row, :look]).tolist() for name, row in self._rows.items()}

    def within(self, look: int) -> int:
        """Count the trials 0 to `look` - 1 that are there."""
        return int(np.count_nonzero(self._there[:, :look]))

    def trials(self, look: int) -> PointTrials:
        """Give the trials 0 to `look` - 1 that are there to a stopping rule."""
        image, number = np.nonzero(self._there[:, :look])
        return PointTrials.of_table(self._table[image, number], image.astype(np.int64), self._floor_db)

    def has_none(self, look: int) -> bool:
        """Say whether some image has no trial at all below `look`."""
        return not self._there[:, :look].any(axis=1).all()
