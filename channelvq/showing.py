"""What a receiver shows: the picture that a codec makes of a received message, and how good it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from channelvq.codecs.base import Codec, Decoded
from channelvq.evaluation.metrics import psnr, similarities
from channelvq.framing import Unframed
from channelvq.reception import Prepared

__all__ = ["Show", "Shown", "show"]


@dataclass(frozen=True)
class Shown:
    """A received picture and its score.

    Attributes
    ----------
    decoded : Decoded
        What the codec made of the message.
    psnr_db, ssim, ms_ssim : float
        Against the picture sent; MS-SSIM is NaN for a picture too small to have one.
    seconds : float
        Time of decoding; not of scoring.
    """

    decoded: Decoded
    psnr_db: float
    ssim: float
    ms_ssim: float
    seconds: float


Show: TypeAlias = Callable[[Codec, Prepared[Any], Unframed], Shown]
"""How a link comes to what it shows: `show`, or something quicker that gives the same."""


def show(codec: Codec, prepared: Prepared[Any], unframed: Unframed) -> Shown:
    """Decode what came out of the frame, and compare with the picture that was sent.

    Examples
    --------
    >>> import numpy as np
    >>> from channelvq import Link
    >>> from channelvq.bits import bits_to_llrs
    >>> link = Link(codec="jpeg", code="rs:255,127", cbr="1/4")
    >>> prepared = link.prepare(np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 64, 1)))
    >>> shown = show(link.codec, prepared, prepared.frame.decode(bits_to_llrs(prepared.coded_bits)))
    >>> shown.decoded.status, shown.psnr_db > 40
    ('ok', True)
    """
    begin = time.perf_counter()
    channels, height, width = prepared.picture.shape
    decoded = codec.decode(unframed.llrs, (channels, height, width), unframed.trusted)
    seconds = time.perf_counter() - begin
    scores = similarities(prepared.picture, decoded.picture)
    return Shown(decoded, psnr(prepared.picture, decoded.picture), *scores, seconds)
