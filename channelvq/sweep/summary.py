"""What the trials of a sweep say: one summary for each scheme at each point of the axis."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from channelvq.sweep.spec import Point, Scheme, SweepSpec, from_json
from channelvq.sweep.statistics import Mean, Share, share, stratified_mean
from channelvq.sweep.store import Store, Trial

__all__ = ["MEASURES", "Results", "Summary", "load_results"]

MEASURES = ("psnr_db", "ssim", "raw_ber", "message_ber", "index_error_rate", "block_error_rate")
"""What is averaged, each with its interval."""


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
        Trials done, over all images; `planned` is what the spec asks for.
    means : dict of str to Mean
        By the names in `MEASURES`; a value of None means not simulated, or not a number that the scheme has.
    outage : Share
        Receivers that could not decode and showed grey.
    concealed : Share
        Receivers that noticed a loss and made up for it.
    channel_uses, source_bits, paid_bits : float or None
        Means over images.
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

    @property
    def complete(self) -> bool:
        """Whether every planned trial is there."""
        return self.trials >= self.planned


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
    """

    spec: SweepSpec
    summaries: tuple[Summary, ...]
    images: tuple[str, ...]
    runs: tuple[dict[str, Any], ...]
    command: str

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
    spec = from_json(plan["spec"])
    hashes = [image["hash"] for image in plan["images"]]
    wanted = {case["hash"] for case in plan["cases"]}
    trials: dict[str, list[Trial]] = defaultdict(list)
    for trial in store.trials():
        if trial.case in wanted and trial.trial < spec.trials:
            trials[trial.case].append(trial)
    schemes = {scheme.name: scheme for scheme in spec.schemes}
    summaries = tuple(
        _summarise(
            schemes[case["scheme"]],
            Point.model_validate(case["point"]),
            trials[case["hash"]],
            hashes,
            spec.trials,
        )
        for case in plan["cases"]
    )
    return Results(
        spec,
        summaries,
        tuple(image["name"] for image in plan["images"]),
        tuple(store.provenances(wanted)),
        str(provenance.get("command", "the same command")),
    )


def _summarise(
    scheme: Scheme, point: Point, trials: Iterable[Trial], images: list[str], trials_each: int
) -> Summary:
    """Average one case over the sweep's images."""
    ours = [trial for trial in trials if trial.image in set(images)]
    status = Counter(trial.status for trial in ours)
    uses, source, paid = (
        _mean_of(ours, name, images).value for name in ("channel_uses", "source_bits", "paid_bits")
    )
    return Summary(
        scheme=scheme,
        point=point,
        images=len(images),
        trials=len(ours),
        planned=len(images) * trials_each,
        means={name: _mean_of(ours, name, images) for name in MEASURES},
        outage=share(status["failed"], len(ours)),
        concealed=share(status["concealed"], len(ours)),
        channel_uses=uses,
        source_bits=source,
        paid_bits=paid,
    )


def _mean_of(trials: list[Trial], name: str, images: list[str]) -> Mean:
    """Mean of one column; a column that some trials do not have has no mean."""
    values: dict[str, list[float]] = defaultdict(list)
    for trial in trials:
        if (value := getattr(trial, name)) is not None:
            values[trial.image].append(float(value))
    return stratified_mean(values, images)
