"""The page's axis: a sweep's points in ascending order, where they lie, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from channelvq.report.axis import axis_of, written
from channelvq.sweep.spec import Point, SweepSpec

__all__ = ["Axis"]


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes
    ----------
    points : tuple of Point
        The sweep's points, those with numbers in ascending order.
    scale : {"linear", "log", "symlog", "names"}
        How places are spread, as in the figure.
    label : str
        What is on it.
    places : tuple of float
        Of each point.
    names : tuple of str
        What each point is called, without the unit.
    unit : str
        What follows a name, for example " dB".
    quantity : str
        What stands before a name, for example "SNR".
    """

    points: tuple[Point, ...]
    scale: Literal["linear", "log", "symlog", "names"]
    label: str
    places: tuple[float, ...]
    names: tuple[str, ...]
    unit: str
    quantity: str

    @classmethod
    def of(cls, spec: SweepSpec) -> Axis:
        r"""Read it off a spec.

        Examples
        --------
        >>> spec = SweepSpec.model_validate({"name": "x", "channel": "awgn", "snr_db": [4, -2],
        ...                                  "scheme": [{"name": "JPEG", "codec": "jpeg"}]})
        >>> axis = Axis.of(spec)
        >>> axis.places, axis.at(0)
        ((-2.0, 4.0), 'SNR −2\xa0dB')
        """
        drawn = axis_of(spec)
        order = sorted(range(len(drawn.places)), key=lambda i: drawn.places[i])
        points = tuple(spec.points[i] for i in order)
        places = tuple(drawn.places[i] for i in order)
        if spec.channel is None:
            names = tuple(point.channel for point in points)
            return cls(points, drawn.scale, drawn.label, places, names, "", "")
        names = tuple(written(places))
        return cls(points, drawn.scale, drawn.label, places, names, "\xa0dB", "SNR")

    def full(self, number: int) -> str:
        """Name of a point, its unit included."""
        return self.names[number] + self.unit

    def at(self, number: int) -> str:
        """Name of a point in full: "SNR 6 dB"."""
        return f"{self.quantity} {self.full(number)}".strip()

    @property
    def ticks(self) -> tuple[str, ...]:
        """What to write under the axis, short."""
        if self.unit or self.scale == "names":
            return self.names
        return tuple(written(self.places))
