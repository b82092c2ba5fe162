"""What the store keeps of a transmission: its numbers, its error, or its picture."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KeptPicture", "Trial", "TrialError"]


@dataclass(frozen=True)
class Trial:
    """What one transmission of one image gave; names and units as `Link.transmit` has them.

    Attributes
    ----------
    case : str
        Hash of the case (scheme, point of the axis, seed, weights, code of the package).
    image : str
        Hash of the image's pixels.
    trial : int
        Number of the repetition, from 0.
    blocks, block_errors : int or None
        Blocks of the channel code, and those that it gave up; None for a code that cannot tell.
    clean_psnr_db : float or None
        What the same message gives over an error-free channel, where that is known.
    ms_ssim : float or None
        None for a picture too small to have one.
    """

    case: str
    image: str
    trial: int
    psnr_db: float
    ssim: float
    status: str
    raw_ber: float | None
    message_ber: float | None
    index_error_rate: float | None
    block_error_rate: float | None
    channel_uses: int
    source_bits: int
    paid_bits: int
    seconds: float
    blocks: int | None = None
    block_errors: int | None = None
    clean_psnr_db: float | None = None
    ms_ssim: float | None = None


@dataclass(frozen=True)
class TrialError:
    """A trial that could not be made because something raised.

    Attributes
    ----------
    case, image, trial
        Which, as in `Trial`.
    kind : str
        Class of the exception, or "WorkerDied".
    message, trace : str
        What it said, and where.
    """

    case: str
    image: str
    trial: int
    kind: str
    message: str
    trace: str


@dataclass(frozen=True)
class KeptPicture:
    """The received picture of a trial, as a PNG file's bytes."""

    case: str
    image: str
    trial: int
    png: bytes
