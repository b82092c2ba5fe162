"""What may be sent: a code and a modulation, how much they carry, and where theory says it is too much."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from channelvq.bits import bits_to_llrs
from channelvq.channel_codes.unequal import build_code
from channelvq.components import parse_spec
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.theory import capacity_bicm
from channelvq.framing import Frame
from channelvq.layered_frame import LayeredFrame, make_frame
from channelvq.modulation import MODULATIONS
from channelvq.snr import Snr
from channelvq.sweep.axis import Point
from channelvq.sweep.options import LinkOptions

if TYPE_CHECKING:
    from channelvq.tuning.spec import TuneSpec

__all__ = ["Candidate", "beyond_capacity", "candidates_of", "memoryless", "undominated"]

_SLACK = 1.002  # a block error rate of 1e-3 lets a rate exceed capacity by so much at most (Fano)
_MARGIN_DB = 0.5  # by which real codes differ in their distance from capacity


@dataclass(frozen=True)
class Candidate:
    """One way of sending.

    Attributes
    ----------
    options : LinkOptions
        What its link is built from.
    payload_bits : int
        What it leaves to the codec.
    efficiency : float
        Payload bits a channel use, of the code that is strongest.
    graded : bool
        Whether some bits may be wrong while others are right and nobody is told: uncoded, or of unequal
        protection. Others deliver blocks whole, or say that they did not.
    """

    options: LinkOptions
    payload_bits: int
    efficiency: float
    graded: bool

    def frame(self, uses: int) -> Frame | LayeredFrame:
        """Make the frame of so many channel uses."""
        modulation = MODULATIONS.build(self.options.modulation)
        return make_frame(build_code(self.options.code), uses, modulation, self.options.interleaver)

    @property
    def sending(self) -> tuple[str | None, ...]:
        """All that its lost blocks depend on: how it sends, whatever the codec."""
        return self.options.code, self.options.modulation, self.options.interleaver

    @property
    def label(self) -> str:
        """What to call it in a message."""
        return f"{self.options.code} {self.options.modulation}"


def candidates_of(spec: TuneSpec, shape: tuple[int, int, int]) -> list[Candidate]:
    """List all that a spec lets choose, the largest payload first.

    Left out is what does not hold one block in the channel uses of a picture of `shape`.

    Raises
    ------
    UsageError
        If one cannot be built, or none holds a block.
    """
    tune = spec.tune
    found = []
    for codec, concealment, code, modulation in product(
        tune.codecs, tune.concealments or (None,), tune.codes, tune.modulations
    ):
        options = LinkOptions(codec, code, modulation, concealment, tune.model, tune.interleaver, spec.cbr)
        for point in spec.points:
            link = options.build(point.channel)
            link.check_snr(point.snr_db)
        try:
            found.append(_measured(options, link.channel_uses(shape)))
        except BudgetError:
            continue
    if not found:
        raise UsageError(f"no code fits into a picture of {shape[1]} x {shape[2]} px at a CBR of {spec.cbr}")
    # Equal payloads in the order of the spec.
    return sorted(found, key=lambda candidate: -candidate.payload_bits)


def _measured(options: LinkOptions, uses: int) -> Candidate:
    """See what a candidate carries."""
    candidate = Candidate(options, 0, 0.0, graded=True)
    frame = candidate.frame(uses)
    strongest = frame.frames[0] if isinstance(frame, LayeredFrame) else frame
    share = Fraction(strongest.coded_bits, frame.coded_bits)
    told = frame.decode(bits_to_llrs(frame.encode(np.zeros(0, np.uint8)))).blocks_ok is not None
    return Candidate(
        options,
        frame.message_bits,
        strongest.message_bits / float(uses * share),
        graded=isinstance(frame, LayeredFrame) or not told,
    )


def memoryless(channel: str) -> bool:
    """Say whether the channel treats every symbol by itself.

    Examples
    --------
    >>> memoryless("awgn"), memoryless("rayleigh:block"), memoryless("rayleigh:fast")
    (True, False, True)
    """
    spec = parse_spec(channel)
    return spec.name in ("awgn", "bsc", "bec") or (
        spec.name in ("rayleigh", "rician") and "fast" in spec.args
    )


def beyond_capacity(candidate: Candidate, point: Point) -> bool:
    """Say whether theory rules out that the strongest code is decoded: its rate is above the BICM capacity.

    Known for AWGN and for Rayleigh fading that is new in every symbol; of other channels nothing is ruled
    out.
    """
    kinds = {"awgn": math.inf, "rayleigh:fast": 0.0}
    if point.snr_db is None or point.channel not in kinds:
        return False
    try:
        most = capacity_bicm(
            candidate.options.modulation, Snr.from_esn0_db(point.snr_db), rice_k=kinds[point.channel]
        )
    except UsageError:  # a modulation of another package
        return False
    return candidate.efficiency > _SLACK * most


def undominated(candidates: list[Candidate]) -> list[Candidate]:
    """Leave out what carries less than another candidate and needs a better channel, whatever its fading.

    What is needed is the SNR at which the BICM capacity equals the rate, by 0.5 dB more than the other's, for
    codes are not equally good. Graded candidates stay.

    Examples
    --------
    >>> from fractions import Fraction
    >>> def candidate(code, modulation, efficiency):
    ...     options = LinkOptions("jpeg", code, modulation, None, None, None, Fraction(1, 12))
    ...     return Candidate(options, int(1000 * efficiency), efficiency, graded=False)
    >>> some = [candidate("ldpc:1/2", "qam16", 2.0), candidate("ldpc:19/20", "qpsk", 1.9)]
    >>> [one.label for one in undominated([*some, candidate("ldpc:1/2", "qpsk", 1.0)])]
    ['ldpc:1/2 qam16', 'ldpc:1/2 qpsk']
    """
    needs = [None if candidate.graded else _needed_snr_db(candidate) for candidate in candidates]
    kept = []
    for candidate, need in zip(candidates, needs, strict=True):
        better = (
            other.payload_bits >= candidate.payload_bits and theirs < need - _MARGIN_DB
            for other, theirs in zip(candidates, needs, strict=True)
            if theirs is not None and need is not None
        )
        if not any(better):
            kept.append(candidate)
    return kept


def _needed_snr_db(candidate: Candidate) -> float | None:
    """Find Es/N0 at which the BICM capacity is the rate; None if there is none that is known."""
    try:
        return float(
            optimize.brentq(
                lambda snr_db: (
                    capacity_bicm(candidate.options.modulation, Snr.from_esn0_db(snr_db))
                    - candidate.efficiency
                ),
                -30.0,
                60.0,
                xtol=0.01,
            )
        )
    except (UsageError, ValueError):  # a modulation of another package; a rate that no SNR reaches
        return None
