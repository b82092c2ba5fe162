"""What the trials of a sweep say: one summary for each scheme at each point of the axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from channelvq.components import parse_spec
from channelvq.sweep.counted import Counted, PlanTrials
from channelvq.sweep.means import Mean, Strata, estimate
from channelvq.sweep.schema import STATUSES
from channelvq.sweep.spec import Point, Scheme, SweepSpec
from channelvq.sweep.statistics import Share, clustered_share, share
from channelvq.sweep.stopping import PSNR_CAP_DB, PointTrials
from channelvq.sweep.store import Store

__all__ = ["MEASURES", "Results", "Summary", "load_results"]

MEASURES = ("psnr_db", "ssim", "ms_ssim", "raw_ber", "message_ber", "index_error_rate", "block_error_rate")
"""What is averaged, each with its interval."""

_NOTHING = Mean(None, None, None, None, 0)
_NO_SHARE = Share(None, None, None, 0, 0)


@dataclass(frozen=True)
class Summary:
    """One scheme at one point.

    Attributes
    ----------
    scheme : Scheme
        Which way of sending.
    point : Point
        Which channel, at which SNR.
    images : int
        Images of the sweep.
    trials : int
        Trials that count, over all images; `planned` is what is asked for, at most.
    means : dict of str to Mean
        By the names in `MEASURES`; a value of None means not simulated, or not a number that the scheme has.
        That of the block error rate is over blocks, of whatever image.
    outage : Share
        Receivers that could not decode and showed grey.
    concealed : Share
        Receivers that noticed a loss and made up for it.
    channel_uses, source_bits, paid_bits : float or None
        Means over images.
    blocks : Share
        Blocks that the channel code gave up; without units for a code that cannot tell.
    capped : int
        Trials whose PSNR was above `PSNR_CAP_DB` (infinite, perhaps), and which count as that.
    lost : int
        Trials that raised an error.
    stopped : str or None
        Why a sequential rule ended the point; "go on" if it has not, None for a fixed number of trials.
    """

    scheme: Scheme
    point: Point
    images: int
    trials: int
    planned: int
    means: dict[str, Mean]
    outage: Share
    concealed: Share
    channel_uses: float | None
    source_bits: float | None
    paid_bits: float | None
    blocks: Share = _NO_SHARE
    capped: int = 0
    lost: int = 0
    stopped: str | None = None

    @property
    def unsent(self) -> bool:
        """Whether nothing at all was sent, the budget being too small for the codec."""
        nothing = self.source_bits == 0 and self.paid_bits not in (None, 0)  # symbols have no bits at all
        return nothing and self.outage.events == self.outage.units

    @property
    def complete(self) -> bool:
        """Whether every planned trial is there, or was tried."""
        return self.trials + self.lost >= self.planned


@dataclass(frozen=True)
class Results:
    """A sweep's spec, its summaries (by scheme, then by point) and where they come from.

    Attributes
    ----------
    images : tuple of str
        Names of the images.
    runs : tuple of dict
        Provenance of the runs that the trials come from, oldest first: command, commit, machine, versions,
        weights.
    command : str
        What the latest run was started with; the same again resumes it.
    shapes : tuple of (C, H, W)
        Of the images.
    grey_psnr_db : float or None
        Mean over the images of the PSNR of the flat grey that a failure shows.
    """

    spec: SweepSpec
    summaries: tuple[Summary, ...]
    images: tuple[str, ...]
    runs: tuple[dict[str, Any], ...]
    command: str
    shapes: tuple[tuple[int, int, int], ...] = ()
    grey_psnr_db: float | None = None

    @property
    def commits(self) -> tuple[str, ...]:
        """Commits that the trials come from, oldest first; more than one is worth a warning."""
        return tuple(dict.fromkeys(str(run.get("commit") or "unknown") for run in self.runs))

    def of(self, scheme: Scheme) -> list[Summary]:
        """Summaries of one scheme, along the axis."""
        return [summary for summary in self.summaries if summary.scheme == scheme]


def load_results(store: Store) -> Results:
    """Summarise the trials of the latest run's plan; rows of other schemes or seeds are left out."""
    plan, provenance = store.last_run()
    trials = PlanTrials(store, plan)
    schemes = {scheme.name: scheme for scheme in trials.spec.schemes}
    return Results(
        spec=trials.spec,
        summaries=tuple(
            _summarise(schemes[name], point, trials.counted(name, point)) for name, point in trials.cases
        ),
        images=tuple(image["name"] for image in plan["images"]),
        runs=tuple(store.provenances(set(trials.cases.values()))),
        command=str(provenance.get("command", "the same command")),
        shapes=tuple(_shape(image) for image in plan["images"]),
        grey_psnr_db=_grey_psnr_db([image.get("grey_psnr_db") for image in plan["images"]]),
    )


def _shape(image: dict[str, Any]) -> tuple[int, int, int]:
    """Size of an image of a plan."""
    channels, height, width = image["shape"]
    return int(channels), int(height), int(width)


def _grey_psnr_db(values: list[float | None]) -> float | None:
    """Mean PSNR of grey over images; a grey image, whose PSNR is infinite, counts as any such does."""
    finite = [PSNR_CAP_DB if value is None else min(value, PSNR_CAP_DB) for value in values]
    return sum(finite) / len(finite) if finite else None


def _summarise(scheme: Scheme, point: Point, counted: Counted) -> Summary:
    """Average one case over the sweep's images."""
    table, columns, error = counted.table, counted.columns, counted.error
    status = np.bincount(table["status"], minlength=len(STATUSES)).tolist()
    events = dict(zip(STATUSES, status, strict=True))
    blocks = _block_share(columns, point, error)
    means = {
        "psnr_db": estimate(columns.strata(), error),
        **{name: _similarity(counted, name) for name in ("ssim", "ms_ssim")},
        **{name: _rate(counted, name) for name in ("raw_ber", "message_ber", "index_error_rate")},
        "block_error_rate": Mean(blocks.value, blocks.low, blocks.high, None, blocks.units),
    }
    return Summary(
        scheme=scheme,
        point=point,
        images=columns.images,
        trials=len(table),
        planned=counted.planned,
        means=means,
        outage=share(events["failed"], len(table), error),
        concealed=share(events["concealed"], len(table), error),
        channel_uses=_count(counted, "channel_uses"),
        source_bits=_count(counted, "source_bits"),
        paid_bits=_count(counted, "paid_bits"),
        blocks=blocks,
        capped=int((table["psnr_db"] > PSNR_CAP_DB).sum()),
        lost=counted.lost,
        stopped=counted.stopped,
    )


def _count(counted: Counted, name: str) -> float | None:
    """Mean of one column of counts."""
    columns = counted.columns
    values = counted.table[name].astype(np.float64)
    return estimate(Strata.of(values, columns.image, columns.images), counted.error).value


def _rate(counted: Counted, name: str) -> Mean:
    """Mean of one column of rates; a column that some trials do not have has no mean.

    A rate that is 0 in some trials is a mixture: in how many, and what it is in the others. So where it is 0
    in all, it has an upper bound.
    """
    columns, values = counted.columns, counted.table[name]
    if not values.size or not np.isfinite(values).all():
        return _NOTHING
    nothing = values == 0.0
    ends = (np.zeros(columns.images), np.ones(columns.images)) if nothing.any() else (None, None)
    strata = Strata.of(values, columns.image, columns.images, failed=nothing, floor=ends[0], ceiling=ends[1])
    return _within_unit(estimate(strata, counted.error))


def _similarity(counted: Counted, name: str) -> Mean:
    """Mean SSIM or MS-SSIM; flat grey has no less than 0, for it has no covariance with anything.

    One picture too small for MS-SSIM leaves the sweep without: a mean over the others would be another.
    """
    columns, values = counted.columns, counted.table[name]
    if not values.size or not np.isfinite(values).all():
        return _NOTHING
    strata = Strata.of(
        values,
        columns.image,
        columns.images,
        failed=columns.failed,
        floor=np.zeros(columns.images),
        ceiling=np.ones(columns.images),
    )
    return estimate(strata, counted.error)


def _within_unit(mean: Mean) -> Mean:
    """Cut the limits of a rate off at 0 and 1."""
    low, high, bottom, top = (
        None if limit is None else min(max(limit, 0.0), 1.0)
        for limit in (mean.low, mean.high, mean.population_low, mean.population_high)
    )
    return Mean(mean.value, low, high, mean.image_sd, mean.trials, bottom, top)


def _block_share(columns: PointTrials, point: Point, error: float) -> Share:
    """Block error rate: over blocks where noise is independent from block to block, else over trials."""
    if columns.blocks is None or columns.block_errors is None:
        return _NO_SHARE
    if _memoryless(point.channel):
        return share(int(columns.block_errors.sum()), int(columns.blocks.sum()), error)
    return clustered_share(columns.block_errors, columns.blocks, error)


def _memoryless(channel: str) -> bool:
    """Whether the channel treats every symbol by itself."""
    spec = parse_spec(channel)
    return spec.name in ("awgn", "bsc", "bec") or (
        spec.name in ("rayleigh", "rician") and "fast" in spec.args
    )
