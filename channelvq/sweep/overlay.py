"""What a sweep's figure shows beside its own curves: bounds, and what others have published."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from channelvq.errors import UsageError
from channelvq.sweep.scheme import Table, as_tuple
from channelvq.sweep.toml import line_of

if TYPE_CHECKING:
    from channelvq.sweep.spec import SweepSpec

__all__ = ["BoundChoice", "PublishedChoice", "PublishedLine", "resolve_overlays"]

_DATASETS = {"kodak": "Kodak", "mnist": "MNIST"}
"""What publications call the image sets that have a name here."""

Numbers = Annotated[tuple[float, ...], BeforeValidator(as_tuple)]
Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]


def _limit(text: object) -> object:
    """Check a limit by reading it."""
    if isinstance(text, str):
        from channelvq.evaluation.bounds import Limit

        Limit.parse(text)
    return text


def _one_or_many(value: object) -> object:
    """Read a name, or a list of names."""
    return (value,) if isinstance(value, str) else as_tuple(value)


class BoundChoice(Table):
    """A codec behind an ideal channel code: `[[bound]]`. No result depends on it, and no table shows it.

    Attributes
    ----------
    name : str
        What the figure calls it, "HEVC + capacity".
    rd : tuple of str
        What `channelvq rd --json` printed of the codec: a file or several, relative to the spec's file. They
        are read when the spec is loaded.
    limit : str
        "capacity", "bicm:qam16" (what a constellation carries whose bits are decoded each by itself),
        "finite" (normal approximation, one code word a picture, of which one in a thousand is lost) or
        "finite:2048" (code words of so many channel uses).
    csi : bool
        For block fading: whether the sender knows the gain, and adapts its rate to it.
    rates : tuple of (float, float)
        Bits per pixel and mean PSNR in dB, from `rd`.
    images : int or None
        Over how many images these are means, from `rd`.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    rd: Annotated[tuple[str, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
    limit: Annotated[str, BeforeValidator(_limit)] = "capacity"
    csi: bool = False
    rates: Annotated[
        tuple[Annotated[tuple[float, float], BeforeValidator(as_tuple)], ...], BeforeValidator(as_tuple)
    ] = ()
    images: int | None = None


class PublishedLine(Table):
    """A curve of others, see `channelvq.evaluation.published.PublishedCurve`."""

    system: str
    dataset: str
    metric: str
    snr_db: Numbers
    values: Numbers
    how: str
    sources: Names


class PublishedChoice(Table):
    """Which curves of others to draw: `[published]`. They are in no table.

    Attributes
    ----------
    systems : tuple of str
        Their names; each must have a curve for the sweep's images, channel and CBR.
    dataset : str or None
        Which images the sweep is on, "Kodak" or "CIFAR-10"; None goes by `images`.
    curves : tuple of PublishedLine
        Their numbers, found when the spec is loaded.
    """

    systems: Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)]
    dataset: str | None = None
    curves: Annotated[tuple[PublishedLine, ...], BeforeValidator(as_tuple)] = ()


def resolve_overlays(spec: SweepSpec, *, path: Path, text: str) -> SweepSpec:
    """Look up the numbers of a spec's bounds and published curves, so that it holds all that a figure needs.

    Parameters
    ----------
    spec : SweepSpec
        As it was read.
    path : Path
        Its file: other files are beside it.
    text : str
        What is in the file, to name lines.

    Raises
    ------
    UsageError
        One line, if a file is missing or wrong, a limit does not go with the channel, or there is no such
        published curve.
    """
    bounds, published = [], spec.published
    for number, bound in enumerate(spec.bounds):
        with _named(path, text, ("bound", number)):
            bounds.append(_resolve_bound(bound, spec, path.parent))
    if published is not None:
        with _named(path, text, ("published",)):
            published = _resolve_published(published, spec)
    return spec.model_copy(update={"bounds": tuple(bounds), "published": published})


@contextlib.contextmanager
def _named(path: Path, text: str, place: tuple[int | str, ...]) -> Iterator[None]:
    """Say of an error where in the spec it comes from."""
    try:
        yield
    except UsageError as error:
        line = line_of(text, place)
        where = f"{path}, line {line}" if line else str(path)
        raise UsageError(f"{where}: {error}") from None


def _resolve_bound(bound: BoundChoice, spec: SweepSpec, folder: Path) -> BoundChoice:
    """Read the codec's rate-distortion."""
    from channelvq.evaluation.bounds import Limit, check_limit
    from channelvq.evaluation.rate_curve import read_rates

    for point in spec.points:
        check_limit(Limit.parse(bound.limit), point.channel, csi=bound.csi)
    curve, images = read_rates([folder / name for name in bound.rd])
    rates = tuple(zip(curve.bpp, curve.psnr_db, strict=True))
    return bound.model_copy(update={"rates": rates, "images": images})


def _resolve_published(choice: PublishedChoice, spec: SweepSpec) -> PublishedChoice:
    """Find the curves."""
    from channelvq.evaluation.published import find_curves, published_curves

    if spec.channel is None:
        raise UsageError(
            "published curves are over the SNR of a symbol channel, and this sweep has bit channels"
        )
    dataset = choice.dataset or _DATASETS.get(spec.images)
    if dataset is None:
        known = ", ".join(dict.fromkeys(f'"{curve.dataset}"' for curve in published_curves()))
        raise UsageError(f"published: say which images {spec.images!r} are: dataset = {known}")
    found = find_curves(choice.systems, dataset=dataset, channel=spec.channel, cbr=Fraction(spec.cbr))
    names: dict[str, Any] = PublishedLine.model_fields
    curves = tuple(PublishedLine(**{name: getattr(curve, name) for name in names}) for curve in found)
    return choice.model_copy(update={"curves": curves})
