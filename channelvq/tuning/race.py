"""A race of candidates over real pictures: each round twice as many images, and half as many candidates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np

from channelvq.link import Link
from channelvq.sweep.axis import Point
from channelvq.sweep.options import LinkOptions
from channelvq.sweep.plan import SweepImage
from channelvq.sweep.stopping import PSNR_CAP_DB
from channelvq.sweep.worker import one_thread, own_desk
from channelvq.tuning.candidates import Candidate
from channelvq.tuning.pool import Pool

__all__ = ["Runner", "race"]

_FIRST_IMAGES = 2
_CLOSE_DB = 0.05  # so near to the leader nobody is dropped


@dataclass
class Runner:
    """A candidate at one point of the axis.

    Attributes
    ----------
    candidate : Candidate
        What is sent with.
    psnr_db : list of list of float
        Of each image so far, one a trial; receivers that failed showed grey.
    failed : int
        How many did.
    """

    candidate: Candidate
    psnr_db: list[list[float]] = field(default_factory=list)
    failed: int = 0

    @property
    def mean_db(self) -> float:
        """Mean PSNR over images and trials."""
        return float(np.mean(self.psnr_db)) if self.psnr_db else -math.inf

    @property
    def outage(self) -> float:
        """Share of receivers that failed."""
        return self.failed / max(sum(map(len, self.psnr_db)), 1)


def race(
    fields: dict[Point, list[Candidate]],
    images: list[SweepImage],
    *,
    trials: int,
    seed: int,
    pool: Pool,
    tell: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> dict[Point, list[Runner]]:
    """Find at each point the candidate of the best mean PSNR.

    The first round is over two images, each further one over twice as many; after it the better half goes
    on, and who is within 0.05 dB of the leader. The noise is common to all (it is keyed by image and trial).
    Of equals the one with the smaller payload leads. Whoever is left at the end has seen all images.

    Returns
    -------
    dict of Point to list of Runner
        The winner first; those who dropped out are not in it.
    """
    runners = {point: [Runner(candidate) for candidate in field_] for point, field_ in fields.items()}
    seen, ahead = 0, min(_FIRST_IMAGES, len(images))
    while True:
        _run(runners, images[seen:ahead], trials, seed, pool, partial(tell, f"{ahead} images"))
        for point, there in runners.items():
            there.sort(key=lambda runner: (-runner.mean_db, runner.candidate.payload_bits))
            if ahead < len(images):
                kept = math.ceil(len(there) / 2)
                close = [r for r in there[kept:] if r.mean_db > there[0].mean_db - _CLOSE_DB]
                runners[point] = there[:kept] + close
        if ahead == len(images):
            return runners
        seen, ahead = ahead, min(2 * ahead, len(images))


def _run(
    runners: dict[Point, list[Runner]],
    images: list[SweepImage],
    trials: int,
    seed: int,
    pool: Pool,
    tell: Callable[[int, int], None],
) -> None:
    """Send some more images; each is encoded once by a candidate, whatever the number of points."""
    users: dict[LinkOptions, list[tuple[Point, Runner]]] = {}
    for point, there in runners.items():
        for runner in there:
            users.setdefault(runner.candidate.options, []).append((point, runner))
    calls = [
        (options, image, tuple(point for point, _ in users[options]), seed, trials)
        for image in images
        for options in users
    ]
    results = pool.map(send_image, calls, tell)
    for (options, *_), scores in zip(calls, results, strict=True):
        for (_, runner), (psnrs, failed) in zip(users[options], scores, strict=True):
            runner.psnr_db.append(psnrs)
            runner.failed += failed


def send_image(
    options: LinkOptions, image: SweepImage, points: tuple[Point, ...], seed: int, trials: int
) -> list[tuple[list[float], int]]:
    """Send an image several times at several points; give PSNRs and the number of failures at each."""
    scores = []
    with one_thread():
        desk = own_desk()
        for point in points:
            link = _link(options, point.channel)
            ready = desk.ready(link, options, image)
            receptions = [desk.send(link, ready, point.snr_db, seed, trial) for trial in range(trials)]
            psnrs = [min(reception.psnr_db, PSNR_CAP_DB) for reception in receptions]
            scores.append((psnrs, sum(reception.status == "failed" for reception in receptions)))
    return scores


@lru_cache(maxsize=256)
def _link(options: LinkOptions, channel: str) -> Link:
    return options.build(channel)
