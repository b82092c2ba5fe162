"""What a worker does with a unit of work: it encodes the image once, then sends it again and again."""

from __future__ import annotations

import contextlib
import io
import math
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from channelvq.errors import UsageError
from channelvq.sweep.desk import Desk, PictureMissingError, Ready
from channelvq.sweep.plan import Job, Unit
from channelvq.sweep.store import KeptPicture, Trial, TrialError

if TYPE_CHECKING:
    from channelvq.codecs.base import Picture
    from channelvq.link import Reception

__all__ = ["Done", "one_thread", "own_desk", "png", "receive", "work"]


@dataclass(frozen=True)
class Done:
    """What came of the first jobs of a unit, in order: one trial or error each, and the pictures to keep."""

    trials: tuple[Trial, ...]
    errors: tuple[TrialError, ...]
    pictures: tuple[KeptPicture, ...]

    @property
    def jobs(self) -> int:
        """Number of jobs that are done."""
        return len(self.trials) + len(self.errors)


_local = threading.local()


def own_desk() -> Desk:
    """Give this thread's desk; models are loaded once a worker."""
    if not hasattr(_local, "desk"):
        _local.desk = Desk()
    desk: Desk = _local.desk
    return desk


def work(unit: Unit, seconds: float, picture: Picture | None = None) -> Done:
    """Do the jobs of a unit in order, one at least, until `seconds` have passed; others are for later.

    Slices are short so that progress shows and an interruption loses little. Which slice or worker a trial
    falls to does not change it.

    Parameters
    ----------
    unit : Unit
        What to do.
    seconds : float
        After how long not to begin another job.
    picture : ndarray of float32 [C, H, W], optional
        The unit's image, for workers that do not see its file.

    Raises
    ------
    PictureMissingError
        If the picture is wanted.
    UsageError
        If the image cannot be sent as asked, or this worker would compute something else than was planned.
        What else raises is kept as the error of its trial.
    """
    begin = time.monotonic()
    trials: list[Trial] = []
    errors: list[TrialError] = []
    pictures: list[KeptPicture] = []
    desk = own_desk()
    with one_thread():
        for job in unit.jobs:
            try:
                trial, kept = _make(desk, unit, job, picture)
            except (UsageError, PictureMissingError):
                raise
            except Exception as error:
                errors.append(_describe(error, unit, job))
            else:
                trials.append(trial)
                pictures += kept
            if time.monotonic() - begin >= seconds:
                break
    return Done(tuple(trials), tuple(errors), tuple(pictures))


def receive(unit: Unit, job: Job) -> Reception[Any]:
    """Send the unit's image once, as the job says, and let errors through."""
    with one_thread():
        return _send(own_desk(), unit, job, None)[1]


def png(picture: Picture) -> bytes:
    """Make a PNG file of a picture [C, H, W] in [0, 1]; returns its bytes."""
    from PIL import Image

    from channelvq.images import to_8bit

    pixels = to_8bit(picture)
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def _make(desk: Desk, unit: Unit, job: Job, picture: Picture | None) -> tuple[Trial, list[KeptPicture]]:
    """Make one trial, and its picture if it is to be kept."""
    ready, reception = _send(desk, unit, job, picture)
    trial = _trial(job, unit, ready, reception)
    if not job.keep:
        return trial, []
    return trial, [KeptPicture(job.case, unit.image.hash, job.trial, png(reception.image))]


def _send(desk: Desk, unit: Unit, job: Job, picture: Picture | None) -> tuple[Ready, Reception[Any]]:
    """Send the unit's image once."""
    try:
        options, link = desk.sender(unit.options, job.point, unit.seed, job.case, unit.image.hash, job.trial)
        ready = desk.ready(link, options, unit.image, picture)
    except UsageError as error:
        raise UsageError(f"image {unit.image.name!r}, codec {unit.options.codec!r}: {error}") from None
    try:
        return ready, desk.send(link, ready, job.point.snr_db, unit.seed, job.trial)
    except UsageError as error:  # the request was good: something inside the receiver is not
        raise RuntimeError(f"receiver: {error}") from error


def _trial(job: Job, unit: Unit, ready: Ready, reception: Reception[Any]) -> Trial:
    """Keep the numbers of a reception."""
    rate = reception.block_error_rate
    trial = Trial(
        case=job.case,
        image=unit.image.hash,
        trial=job.trial,
        psnr_db=reception.psnr_db,
        ssim=reception.ssim,
        status=reception.status,
        raw_ber=reception.raw_ber,
        message_ber=reception.message_ber,
        index_error_rate=reception.index_error_rate,
        block_error_rate=rate,
        channel_uses=reception.account.channel_uses,
        source_bits=reception.account.source_bits,
        paid_bits=reception.account.paid_bits,
        seconds=reception.seconds,
        ms_ssim=reception.ms_ssim if math.isfinite(reception.ms_ssim) else None,
    )
    if rate is not None and ready.blocks is not None:
        trial = replace(trial, blocks=ready.blocks, block_errors=round(rate * ready.blocks))
    # Only asked for where receivers fail, and then the same for each trial of the image.
    return replace(trial, clean_psnr_db=ready.clean_psnr_db()) if reception.status == "failed" else trial


def _describe(error: Exception, unit: Unit, job: Job) -> TrialError:
    """Keep what went wrong, without the frames of this file."""
    trace = "".join(traceback.format_exception(error))
    return TrialError(
        job.case, unit.image.hash, job.trial, type(error).__name__, " ".join(str(error).split()), trace
    )


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: sums of floats depend on how many share them."""
    import torch

    before = torch.get_num_threads()
    if before != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before != 1:
            torch.set_num_threads(before)
