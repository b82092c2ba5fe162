"""How reliable a code and a modulation are at a point: random payloads in whole frames, blocks counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from channelvq.bits import hard_bits
from channelvq.channel_codes.base import Bits, Llrs
from channelvq.framing import Frame
from channelvq.layered_frame import LayeredFrame
from channelvq.link import Link
from channelvq.randomness import generator
from channelvq.sweep.axis import Point
from channelvq.sweep.statistics import proportion_limits
from channelvq.sweep.worker import one_thread
from channelvq.tuning.candidates import Candidate, beyond_capacity

__all__ = ["Reliability", "count_blocks", "reliable_ones"]

LEAST_FRAMES = 200
_FIRST_LOOK = 200  # blocks
_LOOKS = 3
_CONFIDENCE = 0.95
_SURELY = 0.999


@dataclass(frozen=True)
class Reliability:
    """What was counted.

    Attributes
    ----------
    blocks, block_errors : int
        Blocks of the code, and those that were lost (whole frames, for a code that does not notice).
    frames, frame_errors : int
        The same of whole frames.
    keeps : bool
        Whether the block error rate is within the bound.
    """

    blocks: int
    block_errors: int
    frames: int
    frame_errors: int
    keeps: bool = False

    @property
    def rate(self) -> float:
        """Block error rate."""
        return self.block_errors / max(self.blocks, 1)

    def limit(self, side: Literal["low", "high"], confidence: float) -> float:
        """One-sided limit of the block error rate by Clopper and Pearson.

        Examples
        --------
        >>> round(Reliability(3000, 0, 200, 0).limit("high", 0.95), 6)
        0.000998
        """
        both_sides = 2 * (1 - confidence)
        low, high = proportion_limits(self.block_errors, self.blocks, both_sides)
        return float(low if side == "low" else high)


def count_blocks(candidate: Candidate, point: Point, uses: int, bound: float, seed: int) -> Reliability:
    """Send random payloads until it is known whether the block error rate is within a bound.

    Looks at 200 blocks, at 3 / bound blocks (and 200 frames at least), and at two and four times as many. The
    bound is kept as soon as the upper limit of the rate is below it (Clopper and Pearson, one-sided, 95 % at
    each look: 3000 blocks without an error for 1e-3), and broken as soon as the lower limit (99.9 %) is above
    it, or when nothing is known at the end.

    Parameters
    ----------
    candidate : Candidate
        What to send with.
    point : Point
        Over what.
    uses : int
        Channel uses of a frame.
    bound : float
        Block error rate.
    seed : int
        Key of payloads and noise, which are common to all candidates.
    """
    frame = candidate.frame(uses)
    link = candidate.options.build(point.channel)
    counted = Reliability(0, 0, 0, 0)
    looks = [0]
    while counted.frames < looks[-1] or counted.frames == 0:
        lost = _send_payload(link, frame, point, seed, counted.frames)
        counted = Reliability(
            counted.blocks + lost.size,
            counted.block_errors + int(lost.sum()),
            counted.frames + 1,
            counted.frame_errors + int(lost.any()),
        )
        if counted.frames == 1:
            full = max(math.ceil(3 / bound / lost.size), LEAST_FRAMES)
            looks = [math.ceil(_FIRST_LOOK / lost.size), *(full << look for look in range(_LOOKS))]
        if counted.frames in looks:
            if counted.frames > looks[0] and counted.limit("high", _CONFIDENCE) <= bound:
                return Reliability(**{**vars(counted), "keeps": True})
            if counted.limit("low", _SURELY) > bound:
                break
    return counted


def _send_payload(
    link: Link, frame: Frame | LayeredFrame, point: Point, seed: int, number: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Send a frame of random bits; say of each block whether it was lost."""

    def seed_of(stream: str) -> np.random.Generator:
        return generator(seed, stream, "payload", number)

    sent: Bits = seed_of("payload").integers(0, 2, frame.message_bits, dtype=np.uint8)
    coded = torch.from_numpy(frame.encode(sent))[None]
    with torch.no_grad():
        snr = link.check_snr(point.snr_db)
        if snr is None:
            llrs = link.channel.transmit(coded, seed_of=seed_of)
        else:
            llrs = link.modulation.demap(link.channel.transmit(link.modulation.map(coded), snr, seed_of))
    received: Llrs = llrs[0].numpy()
    out = frame.decode(received)
    if out.blocks_ok is None:
        return np.array([bool((hard_bits(out.llrs) != sent).any())])
    return ~out.blocks_ok


def reliable_ones(
    candidates: list[Candidate], point: Point, uses: int, bound: float, seed: int
) -> dict[int, Reliability]:
    """Go down from the largest payload to the first that loses nothing; give what was counted on the way.

    What theory rules out is not looked at, and neither is what carries less than one that loses nothing: a
    codec fills what it gets, and shows a better picture with more.

    Returns
    -------
    dict of int to Reliability
        By place in `candidates`.
    """
    seen: dict[int, Reliability] = {}
    counted: dict[tuple[str | None, ...], Reliability] = {}
    with one_thread():
        for place, candidate in enumerate(candidates):
            if beyond_capacity(candidate, point):
                continue
            if candidate.sending not in counted:
                counted[candidate.sending] = count_blocks(candidate, point, uses, bound, seed)
            seen[place] = counted[candidate.sending]
            if seen[place].keeps and not seen[place].frame_errors:
                break
    return seen
