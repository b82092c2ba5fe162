"""Lines that figures show beside a sweep's own curves: bounds, and curves of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from channelvq.evaluation.published import reading_error
from channelvq.report.axis import Axis
from channelvq.sweep.overlay import BoundChoice
from channelvq.sweep.spec import Point
from channelvq.sweep.summary import Results

__all__ = ["Line", "bound_lines", "left_out", "published_lines"]

_STEP_DB = 0.25
_KODAK = 24  # images, which figures of others are means over


@dataclass(frozen=True)
class Line:
    """A line that no trial of the sweep stands behind.

    Attributes
    ----------
    name : str
        What it is called.
    kind : {"bound", "published"}
        Theory with a codec's clean rate-distortion, or what others report.
    measure : str
        What it is of: "psnr_db".
    x, y : tuple of float
        Places on the figure's axis, and the measure there.
    how : str
        How the numbers were come by.
    error : float
        How far y may be off, where it was read off a figure.
    """

    name: str
    kind: Literal["bound", "published"]
    measure: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    how: str
    error: float = 0.0


def bound_lines(results: Results, axis: Axis) -> list[Line]:
    """Work out the bounds that the spec asks for, where the codec's measured rates reach; PSNR in dB.

    Over an SNR they are worked out every quarter of a dB from the first SNR to the last, on an axis of
    channels at each channel.
    """
    lines = []
    for bound in results.spec.bounds:
        if _why_no_bound(results, bound) is None:
            points = [(x, y) for x, y in _bound_points(results, bound, axis) if y is not None]
            if points:
                x, y = zip(*points, strict=True)
                how = f"{', '.join(bound.rd)} with limit {bound.limit}{', sender knows gain' * bound.csi}"
                lines.append(Line(bound.name, "bound", "psnr_db", x, y, how))
    return lines


def published_lines(results: Results) -> list[Line]:
    """Give the curves of others that the spec names, within the sweep's SNRs."""
    published = results.spec.published
    if published is None or _why_not_published(results) is not None:
        return []
    low, high = min(results.spec.snr_db), max(results.spec.snr_db)
    lines = []
    for curve in published.curves:
        points = [(x, y) for x, y in zip(curve.snr_db, curve.values, strict=True) if low <= x <= high]
        if points:
            x, y = zip(*points, strict=True)
            error = reading_error(curve.how)
            lines.append(Line(curve.system, "published", curve.metric, x, y, curve.how, error))
    return lines


def left_out(results: Results, lines: Sequence[Line]) -> list[str]:
    """Say which of the lines that the spec asks for are not drawn, and why; a sentence each."""
    drawn = {line.name for line in lines}
    said = []
    for bound in results.spec.bounds:
        if bound.name not in drawn:
            why = _why_no_bound(results, bound) or "the rates that were measured of the codec do not reach"
            said.append(f"bound {bound.name!r} is not drawn: {why}")
    published = results.spec.published
    if published is not None:
        why = _why_not_published(results) or "there is no number within the sweep's SNRs"
        systems = dict.fromkeys(curve.system for curve in published.curves)
        said += [f"published {system!r} is not drawn: {why}" for system in systems if system not in drawn]
    return said


def _why_no_bound(results: Results, bound: BoundChoice) -> str | None:
    """Say why a bound cannot be worked out."""
    if not bound.rates:
        return "its rate-distortion was not read (load_spec does that)"
    images = len(results.images)
    if bound.images is not None and bound.images != images:
        return f"its codec was measured on {bound.images} images, the sweep has {images}"
    if len({channels for channels, _, _ in results.shapes}) != 1:
        return "the images are not all in colour, or all grey"
    if not results.spec.channel and any(_bits_of(results, point) is None for point in results.spec.points):
        return "the schemes have no one modulation, which says how many bits a channel use holds"
    return None


def _why_not_published(results: Results) -> str | None:
    """Say why figures of others do not belong beside these."""
    images, curves = len(results.images), results.spec.published.curves if results.spec.published else ()
    if any(curve.dataset == "Kodak" for curve in curves) and images != _KODAK:
        return f"it is of {_KODAK} images, the sweep has {images}"
    return None


def _bound_points(results: Results, choice: BoundChoice, axis: Axis) -> list[tuple[float, float | None]]:
    """Work one bound out: places and PSNR."""
    from channelvq.evaluation.bounds import Bound, Limit
    from channelvq.evaluation.rate_curve import RateCurve
    from channelvq.snr import Snr

    spec = results.spec
    channels, _, _ = results.shapes[0]
    bpp, psnr_db = zip(*choice.rates, strict=True)

    def bound(channel: str, bits: int | None) -> Bound:
        uses = sum(int(spec.cbr * c * h * w) for c, h, w in results.shapes) // len(results.shapes)
        return Bound(
            RateCurve(bpp, psnr_db),
            Limit.parse(choice.limit),
            channel,
            bpp_per_use_bit=float(spec.cbr) * channels,
            uses=uses,
            grey_db=results.grey_psnr_db,
            csi=choice.csi,
            bits=bits,
        )

    if spec.channel is None:
        return [
            (place, bound(point.channel, _bits_of(results, point)).psnr_db(None))
            for place, point in zip(axis.places, spec.points, strict=True)
        ]
    over = bound(spec.channel, None)
    low, high = min(axis.places), max(axis.places)
    snrs = np.linspace(low, high, max(round((high - low) / _STEP_DB), 0) + 1)
    return [(float(snr), over.psnr_db(Snr(float(snr)))) for snr in snrs]


def _bits_of(results: Results, point: Point) -> int | None:
    """Bits in a channel use of the schemes at a point, if that is one number."""
    from channelvq.modulation import MODULATIONS

    names = {scheme.at(point).modulation for scheme in results.spec.schemes} - {"none"}
    bits = {int(MODULATIONS.build(name).bits_per_symbol) for name in names}
    return bits.pop() if len(bits) == 1 else None
