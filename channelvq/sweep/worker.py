"""What a worker does with a unit of work: it encodes the image once, then sends it again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from channelvq.errors import UsageError
from channelvq.sweep.plan import Job, LinkOptions, SweepImage, Unit
from channelvq.sweep.store import Trial

if TYPE_CHECKING:
    from channelvq.link import Link, Prepared, Reception

__all__ = ["receive", "work"]


class _Desk:
    """What a worker keeps between slices: its links, and the image that it is busy with, encoded."""

    def __init__(self) -> None:
        self.links: dict[tuple[LinkOptions, str], Link] = {}
        self.prepared: tuple[tuple[LinkOptions, str], Prepared[Any]] | None = None

    def link(self, options: LinkOptions, channel: str) -> Link:
        """Build a link, or give the one that is there."""
        key = options, channel
        if key not in self.links:
            self.links[key] = options.build(channel)
        return self.links[key]

    def encoded(self, link: Link, options: LinkOptions, image: SweepImage) -> Prepared[Any]:
        """Encode an image, or give it if it is the one that is there."""
        key = options, image.hash
        if self.prepared is None or self.prepared[0] != key:
            self.prepared = None  # before the next is made: one picture in memory, not two
            self.prepared = key, link.prepare(_load(image))
        return self.prepared[1]


_desk = _Desk()


def work(unit: Unit, seconds: float) -> tuple[Trial, ...]:
    """Do the jobs of a unit in order, one at least, until `seconds` have passed; others are for later.

    Slices are short so that progress shows and an interruption loses little. Which slice or worker a trial
    falls to does not change it.
    """
    begin = time.monotonic()
    trials: list[Trial] = []
    for job in unit.jobs:
        trials.append(_trial(job, unit, receive(unit, job)))
        if time.monotonic() - begin >= seconds:
            break
    return tuple(trials)


def receive(unit: Unit, job: Job) -> Reception[Any]:
    """Send the unit's image once, as the job says."""
    try:
        link = _desk.link(unit.options, job.point.channel)
        prepared = _desk.encoded(link, unit.options, unit.image)
        return link.send(prepared, snr_db=job.point.snr_db, seed=unit.seed, trial=job.trial)
    except UsageError as error:
        raise UsageError(f"image {unit.image.name!r}, codec {unit.options.codec!r}: {error}") from None


def _trial(job: Job, unit: Unit, reception: Reception[Any]) -> Trial:
    """Keep the numbers of a reception."""
    return Trial(
        case=job.case,
        image=unit.image.hash,
        trial=job.trial,
        psnr_db=reception.psnr_db,
        ssim=reception.ssim,
        status=reception.status,
        raw_ber=reception.raw_ber,
        message_ber=reception.message_ber,
        index_error_rate=reception.index_error_rate,
        block_error_rate=reception.block_error_rate,
        channel_uses=reception.account.channel_uses,
        source_bits=reception.account.source_bits,
        paid_bits=reception.account.paid_bits,
        seconds=reception.seconds,
    )


def _load(image: SweepImage) -> Any:
    """Read an image and make sure that it is still the one that was planned."""
    from channelvq.images import content_hash, load_image

    picture = load_image(image.path)
    if content_hash(picture) != image.hash:
        raise UsageError(f"{image.path} has changed since the sweep began; start it again")
    return picture
