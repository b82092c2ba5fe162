"""Clean rate-distortion of a codec: quality over all paid bits, with no channel in between."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from channelvq.bits import bits_to_llrs
from channelvq.codecs.base import Codec, Picture, encode_tight
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.metrics import psnr, ssim

__all__ = ["RatePoint", "code_clean", "rate_distortion"]


@dataclass(frozen=True)
class RatePoint:
    """Means over images at one target rate.

    Attributes
    ----------
    bpp_target : float
        Bits per pixel that the codec might use.
    bpp : float
        Bits per pixel that it used: all that a receiver needs, header and maps included.
    psnr_db, ssim : float
        Quality of what a receiver shows that gets every bit right.
    note : str or None
        Where an image does not fit the rate, which and why; the three numbers are then None, for a mean over
        the others would be one over other images.
    """

    bpp_target: float
    bpp: float | None
    psnr_db: float | None
    ssim: float | None
    note: str | None = None


def code_clean(codec: Codec, picture: Picture, bpp: float) -> tuple[Picture, float]:
    """Encode within floor(bpp · H · W) bits and decode; give the picture and the bits per pixel paid.

    Raises
    ------
    BudgetError
        If the budget is too small for the codec.
    """
    channels, height, width = picture.shape
    message = encode_tight(codec, picture, math.floor(bpp * height * width))
    llrs = bits_to_llrs(message.bits)
    shape = (int(channels), int(height), int(width))
    decoded = codec.decode(llrs, shape, trusted=np.ones(len(llrs), dtype=np.bool_))
    return decoded.picture, len(message.bits) / (height * width)


def rate_distortion(
    codec: Codec,
    images: Iterable[tuple[str, Picture]],
    targets: Sequence[float],
    *,
    progress: Callable[[], None] | None = None,
) -> list[RatePoint]:
    """Measure a codec at several rates.

    Parameters
    ----------
    codec : Codec
        What to measure.
    images : iterable of (name, picture)
        Each picture is loaded once and used for every rate.
    targets : sequence of float
        Bits per pixel (per position, not per colour sample).
    progress : callable, optional
        Called after each picture.

    Returns
    -------
    list of RatePoint
        In the order of `targets`; PSNR is the mean over images of each image's PSNR. A rate that is too small
        for an image has no numbers, but a note.

    Raises
    ------
    UsageError
        If there is no image, or the codec cannot take one (names it).

    Examples
    --------
    >>> from channelvq.codecs import CODECS
    >>> from channelvq.images import image_set
    >>> images = [(image.name, image.load()) for image in image_set("builtin")[:1]]
    >>> (point,) = rate_distortion(CODECS.build("jpeg"), images, [1.0])
    >>> 0.9 < point.bpp <= 1.0
    True
    """
    rows: list[list[tuple[float, float, float]]] = []
    notes: dict[float, str] = {}
    for name, picture in images:
        row = []
        for target in targets:
            try:
                decoded, bpp = code_clean(codec, picture, target)
            except BudgetError as error:
                notes.setdefault(target, f"image {name!r} at {target:g} bpp: {error}")
                row.append((math.nan, math.nan, math.nan))
                continue
            except UsageError as error:
                raise UsageError(f"image {name!r} at {target:g} bpp: {error}") from None
            row.append((bpp, psnr(picture, decoded), ssim(picture, decoded)))
        rows.append(row)
        if progress is not None:
            progress()
    if not rows:
        raise UsageError("there is no image to measure")
    means = np.mean(np.asarray(rows, dtype=np.float64), axis=0)
    return [
        RatePoint(target, None, None, None, notes[target])
        if target in notes
        else RatePoint(target, float(bpp), float(psnr_db), float(similarity))
        for target, (bpp, psnr_db, similarity) in zip(targets, means, strict=True)
    ]
