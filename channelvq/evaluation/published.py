"""What others report: curves of published systems, as package data with their provenance."""

from __future__ import annotations

import csv
import importlib.resources
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from channelvq.errors import UsageError

__all__ = [
    "PublishedCurve",
    "PublishedRates",
    "find_curves",
    "published_curves",
    "published_rates",
    "reading_error",
]

_FOLDER = "evaluation/published"
_ERROR = re.compile(r"±\s*([0-9.]+)")


@dataclass(frozen=True)
class PublishedCurve:
    """A measure of one published system over the SNR; **nothing of it was measured here**.

    Attributes
    ----------
    system : str
        What its authors call it.
    dataset, image_size : str
        Which images, of which size in pixels ("768x512").
    channel : str
        As this package names it ("awgn"), or in words if it has none like it.
    cbr : Fraction
        Complex channel uses per source sample.
    metric : str
        As the measures of a sweep are called: "psnr_db".
    snr_db : tuple of float
        Es/N0 in dB, ascending.
    values : tuple of float
        The measure there.
    how : str
        How the numbers were obtained: "printed", or "read off a figure (±0.15)".
    sources : tuple of str
        Where they were found.
    """

    system: str
    dataset: str
    image_size: str
    channel: str
    cbr: Fraction
    metric: str
    snr_db: tuple[float, ...]
    values: tuple[float, ...]
    how: str
    sources: tuple[str, ...]

    @property
    def error(self) -> float:
        """How far a value may be off, in its own unit; 0 for what was printed.

        Examples
        --------
        >>> sorted({curve.error for curve in published_curves()})
        [0.0, 0.15]
        """
        return reading_error(self.how)


@dataclass(frozen=True)
class PublishedRates:
    """Clean rate-distortion of a codec on the 24 Kodak images, as others report it.

    Attributes
    ----------
    codec : str
        What they call it.
    bpp : tuple of float
        Bits per pixel, ascending.
    psnr_db : tuple of float
        Mean PSNR there.
    source : str
        Where it was found.
    """

    codec: str
    bpp: tuple[float, ...]
    psnr_db: tuple[float, ...]
    source: str


def reading_error(how: str) -> float:
    """Give the ± of a text that says how a number was obtained.

    Examples
    --------
    >>> reading_error("read off a figure (±0.15)"), reading_error("printed")
    (0.15, 0.0)
    """
    found = _ERROR.search(how)
    return float(found[1]) if found else 0.0


@lru_cache(maxsize=1)
def published_curves() -> tuple[PublishedCurve, ...]:
    """Read the curves that ship, in the order of the file.

    Examples
    --------
    >>> curve = next(c for c in published_curves() if c.system == "BPG + 5G LDPC")
    >>> curve.dataset, str(curve.cbr), dict(zip(curve.snr_db, curve.values))[10.0]
    ('Kodak', '1/16', 33.3)
    """
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in _rows("published_curves.csv"):
        key = ("system", "dataset", "image_size", "channel", "cbr", "metric", "how")
        groups.setdefault(tuple(row[name] for name in key), []).append(row)
    curves = []
    for (system, dataset, size, channel, cbr, metric, how), rows in groups.items():
        points = sorted((float(row["snr_db"]), float(row["value"])) for row in rows)
        snrs, values = zip(*points, strict=True)
        sources = tuple(dict.fromkeys(row["source"] for row in rows))
        curves.append(
            PublishedCurve(system, dataset, size, channel, Fraction(cbr), metric, snrs, values, how, sources)
        )
    return tuple(curves)


@lru_cache(maxsize=1)
def published_rates() -> tuple[PublishedRates, ...]:
    """Read the rate-distortion curves that ship, in the order of the file.

    Examples
    --------
    >>> webp = next(rates for rates in published_rates() if rates.codec == "WebP")
    >>> webp.bpp[0], webp.psnr_db[0]
    (0.296, 29.15)
    """
    groups: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in _rows("kodak_rate_distortion.csv"):
        point = float(row["bpp"]), float(row["psnr_db"])
        groups.setdefault((row["codec"], row["source"]), []).append(point)
    rates = []
    for (codec, source), points in groups.items():
        bpp, psnr_db = zip(*sorted(points), strict=True)
        rates.append(PublishedRates(codec, bpp, psnr_db, source))
    return tuple(rates)


def find_curves(
    systems: Iterable[str], *, dataset: str, channel: str, cbr: Fraction
) -> tuple[PublishedCurve, ...]:
    """Find published curves that can be laid over ours: same images, channel and channel uses.

    Parameters
    ----------
    systems : iterable of str
        Their names; the order is kept.
    dataset : str
        "Kodak", "CIFAR-10"; capitals do not matter.
    channel : str
        "awgn".
    cbr : Fraction
        Channel uses per source sample.

    Raises
    ------
    UsageError
        If a system has no such curve; lists those that have one.

    Examples
    --------
    >>> (curve,) = find_curves(["WITT"], dataset="kodak", channel="awgn", cbr=Fraction(1, 16))
    >>> curve.snr_db
    (1.0, 4.0, 7.0, 10.0, 13.0)
    >>> find_curves(["WITT"], dataset="kodak", channel="awgn", cbr=Fraction(1, 48))
    Traceback (most recent call last):
        ...
    channelvq.errors.UsageError: no published curve of 'WITT' for kodak over awgn at CBR 1/48; ...
    """
    fitting = [
        curve
        for curve in published_curves()
        if curve.dataset.lower() == dataset.lower() and (curve.channel, curve.cbr) == (channel, cbr)
    ]
    found = []
    for system in systems:
        named = [curve for curve in fitting if curve.system == system]
        if not named:
            there = ", ".join(dict.fromkeys(repr(curve.system) for curve in fitting)) or "none at all"
            raise UsageError(
                f"no published curve of {system!r} for {dataset} over {channel} at CBR {cbr};"
                f" there are: {there}"
            )
        found += named
    return tuple(found)


def _rows(name: str) -> list[dict[str, str]]:
    """Read a CSV file of the package."""
    file = importlib.resources.files("channelvq").joinpath(_FOLDER, name)
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
