"""A figure's horizontal axis: where a sweep's points lie on it, and what it is called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from channelvq.components import parse_spec
from channelvq.sweep.spec import SweepSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Axis", "axis_of", "set_axis", "written"]

_DECADE = 8.0  # a parameter that spans more than that is shown on a logarithmic scale
_MARGIN = 0.05  # of the axis, beyond its first and its last point
_MOST_TICKS = 10
_LABEL = 0.16  # of a panel's width, for the label of a tick


@dataclass(frozen=True)
class Axis:
    """Where points lie.

    Attributes
    ----------
    places : tuple of float
        Of the sweep's points, in order.
    label : str
        What is along the axis, with its unit.
    scale : {"linear", "log", "symlog", "names"}
        "symlog" is logarithmic and has a zero, "names" has no numbers: places are 0, 1, 2, ...
    names : tuple of str
        What to call the points where they have no number.
    """

    places: tuple[float, ...]
    label: str
    scale: Literal["linear", "log", "symlog", "names"]
    names: tuple[str, ...] = ()

    @property
    def is_snr(self) -> bool:
        """Whether it is an axis of SNRs, on which other curves can be laid."""
        return self.label.startswith("SNR")


def axis_of(spec: SweepSpec) -> Axis:
    """Say where the points of a sweep lie: at their SNR, at their channel's parameter, or one by one.

    Examples
    --------
    >>> from channelvq.sweep.spec import SweepSpec
    >>> schemes = [{"name": "A", "codec": "jpeg"}]
    >>> channels = ["bsc:0.001", "bsc:0.1"]
    >>> axis_of(SweepSpec.model_validate({"name": "a", "channels": channels, "scheme": schemes}))
    Axis(places=(0.001, 0.1), label='p of bsc', scale='log', names=())
    """
    if spec.channel is not None:
        snrs = tuple(float(snr) for snr in spec.snr_db)
        return Axis(snrs, f"SNR, Es/N0 (dB); channel {spec.channel}", "linear")
    parameters = _parameters(spec.channels)
    if parameters is None:
        return Axis(tuple(map(float, range(len(spec.channels)))), "channel", "names", spec.channels)
    label = f"p of {parse_spec(spec.channels[0]).name}"
    above = [value for value in parameters if value > 0]
    if not above or max(above) < _DECADE * min(above):
        return Axis(parameters, label, "linear")
    return Axis(parameters, label, "log" if len(above) == len(parameters) else "symlog")


def _parameters(channels: tuple[str, ...]) -> tuple[float, ...] | None:
    """Give the first arguments of the channels, if all are of one kind and differ in nothing else."""
    specs = [parse_spec(channel) for channel in channels]
    first = specs[0]
    rest = {(s.name, s.args[1:], tuple(sorted(s.options.items()))) for s in specs}
    if len(specs) < 2 or len(rest) > 1 or not first.args:
        return None
    try:
        values = tuple(float(s.args[0]) for s in specs)
    except ValueError:
        return None
    return values if all(value >= 0 for value in values) else None


def set_axis(axes: Axes, axis: Axis) -> None:
    """Give a panel this axis: scale, ticks, label, and room for every point, whatever is drawn there."""
    from matplotlib.ticker import NullFormatter

    axes.set_xlabel(axis.label)
    low, high = min(axis.places), max(axis.places)
    if axis.scale == "log":
        axes.set_xscale("log")
        margin = (high / low) ** _MARGIN
        axes.set_xlim(low / margin, high * margin)
        axes.set_xticks(ticks := _apart(axis.places), written(ticks))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        margin = _MARGIN * (high - low) or 1.0
        axes.set_xlim(low - margin, high + margin)
    if axis.scale == "names":
        axes.set_xticks(axis.places, axis.names, rotation=30, ha="right")
    elif axis.scale == "symlog":
        least = min(place for place in axis.places if place > 0)
        axes.set_xscale("symlog", linthresh=least, linscale=0.5)
        axes.set_xlim(-0.25 * least, 1.25 * max(axis.places))
        axes.set_xticks(ticks := _apart(axis.places), written(ticks))
    elif axis.scale == "linear" and 1 < len(axis.places) <= _MOST_TICKS:
        axes.set_xticks(ticks := sorted(axis.places), written(ticks))


def written(places: Sequence[float]) -> list[str]:
    """Write numbers as short as they are, with a minus and not a hyphen.

    Examples
    --------
    >>> written([-2.0, 0.5])
    ['−2', '0.5']
    """
    return [f"{place:g}".replace("-", "−") for place in places]


def _apart(places: tuple[float, ...]) -> list[float]:
    """Choose places whose labels do not touch on a logarithmic scale; zero among them, if there is one."""
    above = sorted((place for place in places if place > 0), reverse=True)
    least = _LABEL * (math.log10(above[0] / above[-1]) + 0.5)
    chosen = above[:1]
    for place in above[1:]:
        if math.log10(chosen[-1] / place) >= least:
            chosen.append(place)
    return [place for place in places if place == 0] + chosen[::-1]
