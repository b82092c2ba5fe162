"""A sweep's axis: channels and SNRs, and how a spec writes them."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Point", "Snr", "points_of", "read_snrs"]

MAX_SNRS = 1000

Snr = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]


class Point(BaseModel):
    """One place on a sweep's axis: a channel, and its SNR if it takes one.

    Attributes
    ----------
    channel : str
        The channel's name, for example "awgn" or "bsc:0.01".
    snr_db : float or None
        Es/N0 in dB; None for a bit channel.
    """

    model_config = ConfigDict(frozen=True)

    channel: str
    snr_db: float | None = None

    @property
    def label(self) -> str:
        """What to call it in a table.

        Examples
        --------
        >>> Point(channel="awgn", snr_db=-2.0).label, Point(channel="bsc:0.01").label
        ('awgn -2 dB', 'bsc:0.01')
        """
        return self.channel if self.snr_db is None else f"{self.channel} {self.snr_db:g} dB"


def points_of(channel: str | None, snr_db: tuple[float, ...], channels: tuple[str, ...]) -> tuple[Point, ...]:
    """Lay out an axis: one symbol channel at several SNRs, or several bit channels.

    Examples
    --------
    >>> [point.label for point in points_of(None, (), ("bsc:0.01", "bsc:0.05"))]
    ['bsc:0.01', 'bsc:0.05']
    """
    if channel is not None:
        return tuple(Point(channel=channel, snr_db=snr) for snr in snr_db)
    return tuple(Point(channel=name) for name in channels)


def read_snrs(value: object) -> object:
    """Read the SNR axis: a number, a list, or {from, to, step}."""
    if isinstance(value, bool):
        raise ValueError("must be a number, a list of numbers or {from = -2, to = 16, step = 2}")
    if isinstance(value, int | float):
        return (float(value),)
    if isinstance(value, dict):
        return _snr_range(value)
    return tuple(value) if isinstance(value, list) else value


def _snr_range(table: dict[str, object]) -> tuple[float, ...]:
    """Spread {from, to, step} out, its end included."""
    if set(table) != {"from", "to", "step"}:
        raise ValueError("must be {from = -2, to = 16, step = 2}, with these three keys")
    numbers = [table[key] for key in ("from", "to", "step")]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        raise ValueError("from, to and step must be numbers")
    # Fractions, so that 0.1 added ten times is 1.
    first, last, step = (Fraction(str(n)) for n in numbers)
    if step <= 0 or last < first:
        raise ValueError("step must be above 0 and to not below from")
    count = int((last - first) / step) + 1
    if count > MAX_SNRS:
        raise ValueError(f"that is {count} SNRs, more than {MAX_SNRS}")
    return tuple(float(first + i * step) for i in range(count))
