"""From a spec to what is to be simulated: images, cases, units of work; and whether it would be fair."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from channelvq.errors import UsageError, unknown_name
from channelvq.sweep.identity import TrialName, case_content, content_digest
from channelvq.sweep.options import Options, options_of
from channelvq.sweep.spec import PictureChoice, Point, Scheme, SweepSpec

if TYPE_CHECKING:
    from channelvq.adaptive_link import AdaptiveLink
    from channelvq.codecs.base import Picture
    from channelvq.images import NamedImage
    from channelvq.link import Link

__all__ = [
    "Case",
    "Job",
    "Plan",
    "SweepImage",
    "Unit",
    "chosen_points",
    "find_images",
    "make_plan",
]

_SHOWN_POINTS = 4


@dataclass(frozen=True)
class SweepImage:
    """An image of the sweep.

    Attributes
    ----------
    name, path : str
        What it is called, and where it is.
    hash : str
        Its content.
    shape : (C, H, W)
        In samples.
    grey_psnr_db : float or None
        PSNR of the flat grey that a receiver shows that cannot decode.
    """

    name: str
    path: str
    hash: str
    shape: tuple[int, int, int]
    grey_psnr_db: float | None = None


@dataclass(frozen=True)
class Case:
    """Scheme and point; `content` is all that a trial depends on but image and number, `hash` its SHA-256."""

    scheme: Scheme
    options: Options
    point: Point
    content: dict[str, Any]
    hash: str


@dataclass(frozen=True)
class Job:
    """One trial of a unit: which case (by hash), over what, its number, and whether to keep its picture."""

    case: str
    point: Point
    trial: int
    keep: bool = False


@dataclass(frozen=True)
class Unit:
    """Trials that share an image and a scheme, so that the image is encoded once."""

    options: Options
    image: SweepImage
    seed: int
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Plan:
    """All that a sweep is to simulate.

    Attributes
    ----------
    spec : SweepSpec
        What was asked for.
    images : tuple of SweepImage
        In the order of the set.
    cases : tuple of Case
        By scheme, then by point.
    weights : dict of str to str
        Identity of the weights, for each scheme that has some.
    """

    spec: SweepSpec
    images: tuple[SweepImage, ...]
    cases: tuple[Case, ...]
    weights: dict[str, str]

    @property
    def total(self) -> int:
        """Number of trials, at most."""
        return len(self.images) * len(self.cases) * self.spec.trials

    def shown(self) -> tuple[SweepImage, tuple[Case, ...]]:
        """Which image, and which cases, the spec's `[pictures]` are of."""
        choice = self.spec.pictures or PictureChoice()
        image = next((image for image in self.images if image.name == choice.image), self.images[0])
        points = chosen_points(self.spec.points, choice)
        return image, tuple(case for case in self.cases if case.point in points)

    def kept(self) -> tuple[tuple[str, str, int], ...]:
        """Keys (case, image, trial) of the trials whose pictures are kept.

        What is within the spec's limit is settled here, by what a picture can take at most, and not by who
        comes first.
        """
        choice = self.spec.pictures
        if choice is None:
            return ()
        image, cases = self.shown()
        room = int(choice.max_mb * 1e6 / (1.01 * math.prod(image.shape) + 1000))
        return tuple((case.hash, image.hash, trial) for trial in choice.trials for case in cases)[:room]

    def find(self, name: TrialName) -> Unit:
        """Make the unit of one trial, given its id.

        Raises
        ------
        UsageError
            If the plan has no such case or image: the spec, the images or the code are others.
        """
        case = next((case for case in self.cases if case.hash.startswith(name.case)), None)
        image = next((image for image in self.images if image.hash.startswith(name.image)), None)
        if case is None:
            raise UsageError(
                f"no scheme and point of this sweep is {name.case}: spec, weights or code have changed since"
            )
        if image is None:
            raise UsageError(f"no image of this sweep is {name.image}: give the --images that it had")
        return Unit(case.options, image, self.spec.seed, (Job(case.hash, case.point, name.trial),))

    def to_dict(self) -> dict[str, Any]:
        """Give what the store keeps, enough to make tables and figures without images or models."""
        return {
            "spec": self.spec.to_json(),
            "spec_hash": self.spec.content_hash,
            "images": [asdict(image) for image in self.images],
            "cases": [
                {"scheme": case.scheme.name, "point": case.point.model_dump(), "hash": case.hash}
                for case in self.cases
            ],
        }


def make_plan(spec: SweepSpec, *, images: str | None = None) -> Plan:
    """Work out what a spec asks for, and check that its schemes are compared fairly.

    Parameters
    ----------
    spec : SweepSpec
        The spec.
    images : str, optional
        A set of images to take instead of the spec's: "builtin", "kodak", "mnist" or a folder.

    Raises
    ------
    UsageError
        If a scheme cannot be built, an image cannot be read, or two schemes would not use the channel
        equally much.
    """
    if images is not None:
        spec = spec.model_copy(update={"images": images})
    found = find_images(spec.images)
    wanted = spec.pictures.image if spec.pictures is not None else None
    if wanted is not None and wanted not in (image.name for image in found):
        raise unknown_name("image in [pictures]", wanted, (image.name for image in found))
    cases: list[Case] = []
    weights: dict[str, str] = {}
    links: dict[Point, dict[str, Link | AdaptiveLink]] = {point: {} for point in spec.points}
    for scheme in spec.schemes:
        for point in spec.points:
            options = options_of(scheme, spec.cbr, point)
            try:
                link = options.build(point.channel)
                link.check_snr(point.snr_db)
            except UsageError as error:
                raise UsageError(f"scheme {scheme.name!r}: {error}") from None
            links[point][scheme.name] = link
            content = case_content(link, options.cbr, point.snr_db, spec.seed)
            cases.append(Case(scheme, options, point, content, content_digest(content)))
            if content["model"] is not None:
                weights[scheme.name] = str(content["model"])
    _check_fair(links, found)
    return Plan(spec, tuple(found), tuple(cases), weights)


def find_images(name: str, most: int | None = None) -> list[SweepImage]:
    """Look up, read and identify the images of a set, or the first ones.

    Raises
    ------
    UsageError
        If there is no such set, an image cannot be read, or one is there twice and would count twice.
    """
    from channelvq.images import image_set

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:  # decoding leaves the interpreter's lock
        found = list(pool.map(_identify, image_set(name)[:most]))
    seen: dict[str, str] = {}
    for image in found:
        if image.hash in seen:
            twins = f"{seen[image.hash]!r} and {image.name!r}"
            raise UsageError(f"images {twins} are the same picture and would count twice; remove one")
        seen[image.hash] = image.name
    return found


def _identify(entry: NamedImage) -> SweepImage:
    """Read an image, and say which it is."""
    from channelvq.images import content_hash, load_image

    picture = load_image(entry.path)
    channels, height, width = picture.shape
    shape = (int(channels), int(height), int(width))
    return SweepImage(entry.name, str(entry.path), content_hash(picture), shape, _grey_psnr_db(picture))


def _grey_psnr_db(picture: Picture) -> float | None:
    """PSNR of flat mid-grey, as `metrics.psnr` gives it, from the histogram; None for a grey picture."""
    import numpy as np

    from channelvq.images import to_8bit

    counts = np.bincount(to_8bit(picture).reshape(-1), minlength=256)
    error = float(counts @ (np.arange(256) - 128) ** 2) / float(counts.sum())
    return 10 * math.log10(255**2 / error) if error else None


def _check_fair(links: dict[Point, dict[str, Link | AdaptiveLink]], images: list[SweepImage]) -> None:
    """Refuse to compare schemes that do not use the channel equally much, wherever they are compared."""
    from channelvq.link import why_unfair

    checked: set[tuple[str, str]] = set()
    for point, there in links.items():
        (first_name, first), *others = there.items()
        for name, link in others:
            pair = _use_of(first), _use_of(link)
            if pair in checked:
                continue
            checked.add(pair)
            for shape in dict.fromkeys(image.shape for image in images):
                if reason := why_unfair(first, link, shape):
                    pair_names = f"{first_name!r} and {name!r}"
                    raise UsageError(f"schemes {pair_names} cannot be compared: {reason} ({point.label})")


def _use_of(link: Link | AdaptiveLink) -> str:
    """Name all that a link's use of the channel depends on."""
    named = link.components
    return f"{named.get('code')} {named.get('modulation')} {named.get('csi')} {link.cbr}"


def chosen_points(points: tuple[Point, ...], choice: PictureChoice) -> tuple[Point, ...]:
    """Pick the points that the spec names, or up to four spread over the axis.

    Examples
    --------
    >>> axis = tuple(Point(channel="awgn", snr_db=float(snr)) for snr in range(7))
    >>> [point.snr_db for point in chosen_points(axis, PictureChoice())]
    [0.0, 2.0, 4.0, 6.0]
    """
    named = tuple(p for p in points if p.snr_db in choice.snr_db or p.channel in choice.channels)
    if named or len(points) <= _SHOWN_POINTS:
        return named or points
    last = len(points) - 1
    return tuple(points[round(i * last / (_SHOWN_POINTS - 1))] for i in range(_SHOWN_POINTS))
