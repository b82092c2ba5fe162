"""What the page's charts draw: each measure of each scheme over the axis, with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from channelvq.report.page.axis import Axis
from channelvq.report.style import COLOURS, scheme_style
from channelvq.sweep.means import Mean
from channelvq.sweep.spec import Scheme
from channelvq.sweep.summary import Results, Summary

__all__ = ["MEASURES", "Measure", "along", "curves", "drawn", "marks"]

_DASHES = {"-": "", "--": "6 3", "-.": "7 3 1.5 3", ":": "1.5 2.5"}


@dataclass(frozen=True)
class Measure:
    """What a chart shows.

    Attributes
    ----------
    key : str
        Its name in a summary's means; "outage" is a share.
    label, unit : str
        What it is called, and what follows a value.
    digits : int
        After the point.
    """

    key: str
    label: str
    unit: str
    digits: int


MEASURES = (
    Measure("psnr_db", "PSNR", " dB", 2),
    Measure("ssim", "SSIM", "", 4),
    Measure("ms_ssim", "MS-SSIM", "", 4),
    Measure("outage", "Outage", "", 4),
)


def drawn(results: Results) -> tuple[Measure, ...]:
    """Measures for which there is something to draw; outage where a receiver failed anywhere."""
    return tuple(measure for measure in MEASURES if _has(results, measure))


def along(results: Results, scheme: Scheme, axis: Axis) -> list[Summary]:
    """Summaries of a scheme, in the axis's order."""
    by_point = {summary.point: summary for summary in results.of(scheme)}
    return [by_point[point] for point in axis.points]


def curves(results: Results, axis: Axis) -> list[dict[str, Any]]:
    """Give the charts' data, plain values.

    A point is None where it was not simulated. Else it has `v`, `lo` and `hi`; `ul` and `uh`, the parts of
    the interval that are owed to an outcome never seen (`Mean`); `f`, whether some receivers failed there.
    A point of the outage has its counts, `e` of `n`, instead; without an event `hi` is an upper bound.
    """
    return [
        {
            "key": measure.key,
            "label": measure.label,
            "unit": measure.unit,
            "digits": measure.digits,
            "log": measure.key == "outage",
            "curves": [
                [_point(summary, measure.key) for summary in along(results, scheme, axis)]
                for scheme in results.spec.schemes
            ],
        }
        for measure in drawn(results)
    ]


def marks(results: Results) -> list[dict[str, Any]]:
    """Give name, colour, marker and dash of each scheme, as in the figure."""
    styles = [scheme_style(number) for number in range(len(results.spec.schemes))]
    return [
        {
            "name": scheme.name,
            "colour": COLOURS.index(style["color"]),
            "marker": style["marker"],
            "dash": _DASHES[style["linestyle"]],
        }
        for style, scheme in zip(styles, results.spec.schemes, strict=True)
    ]


def _has(results: Results, measure: Measure) -> bool:
    """Whether a measure is known anywhere."""
    if measure.key == "outage":
        return any(summary.outage.events for summary in results.summaries)
    means = (summary.means.get(measure.key) for summary in results.summaries)
    return any(mean is not None and mean.value is not None for mean in means)


def _point(summary: Summary, key: str) -> dict[str, float | int] | None:
    """Make one point."""
    if key == "outage":
        outage = summary.outage
        if outage.value is None or outage.low is None or outage.high is None:
            return None
        limits = {"lo": _short(outage.low), "hi": _short(outage.high)}
        return {"v": _short(outage.value), **limits, "e": outage.events, "n": outage.units}
    mean = summary.means.get(key)
    if mean is None or mean.value is None:
        return None
    return {"v": _short(mean.value), **_interval(mean), "f": int(summary.outage.events > 0)}


def _interval(mean: Mean) -> dict[str, float]:
    """Limits of a mean, without those parts that are nothing."""
    if mean.low is None or mean.high is None:
        return {}
    parts = {"ul": mean.unseen_low, "uh": mean.unseen_high}
    return {
        "lo": _short(mean.low),
        "hi": _short(mean.high),
        **{key: _short(part) for key, part in parts.items() if part},
    }


def _short(value: float) -> float:
    """Six digits, more than a chart can show; the table has them all."""
    return float(f"{value:.6g}")
