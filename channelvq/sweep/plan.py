"""From a spec to what is to be simulated: images, cases, units of work; and whether it would be fair."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import channelvq
from channelvq.errors import UsageError, unknown_name
from channelvq.sweep.spec import Point, Scheme, SweepSpec

if TYPE_CHECKING:
    from channelvq.link import Link

__all__ = ["Case", "Job", "LinkOptions", "Plan", "SweepImage", "Unit", "make_plan"]


@dataclass(frozen=True)
class LinkOptions:
    """What a `Link` is built from, but for its channel; travels to workers."""

    codec: str
    code: str
    modulation: str
    concealment: str | None
    model: str | None
    interleaver: str | None
    cbr: Fraction

    @classmethod
    def of(cls, scheme: Scheme, spec: SweepSpec) -> LinkOptions:
        """Take them from a scheme of a spec."""
        return cls(
            scheme.codec,
            scheme.code,
            scheme.modulation,
            scheme.concealment,
            scheme.model,
            scheme.interleaver,
            scheme.cbr or spec.cbr,
        )

    def build(self, channel: str) -> Link:
        """Make the link over `channel`."""
        from channelvq.link import Link

        return Link(channel=channel, **vars(self))


@dataclass(frozen=True)
class SweepImage:
    """An image of the sweep: its name, where it is, what it is, and its shape [C, H, W]."""

    name: str
    path: str
    hash: str
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    """Scheme and point; `content` is all that a trial depends on but image and number, `hash` its SHA-256."""

    scheme: Scheme
    options: LinkOptions
    point: Point
    content: dict[str, Any]
    hash: str


@dataclass(frozen=True)
class Job:
    """One trial of a unit: which case (by hash), over what, and its number."""

    case: str
    point: Point
    trial: int


@dataclass(frozen=True)
class Unit:
    """Trials that share an image and a scheme, so that the image is encoded once."""

    options: LinkOptions
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
        """Number of trials."""
        return len(self.images) * len(self.cases) * self.spec.trials

    def units(self, done: Collection[tuple[str, str, int]] = ()) -> list[Unit]:
        """List what is still to do; `done` holds keys (case, image, trial) as `Store.done` gives them.

        In a unit the trial number grows slowest: an interrupted sweep has seen every point.
        """
        schemes: dict[str, list[Case]] = {}
        for case in self.cases:
            schemes.setdefault(case.scheme.name, []).append(case)
        units = []
        for image in self.images:
            for cases in schemes.values():
                jobs = tuple(
                    Job(case.hash, case.point, trial)
                    for trial in range(self.spec.trials)
                    for case in cases
                    if (case.hash, image.hash, trial) not in done
                )
                if jobs:
                    units.append(Unit(cases[0].options, image, self.spec.seed, jobs))
        return units

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
        A set of images to take instead of the spec's: "builtin", "kodak" or a folder.

    Raises
    ------
    UsageError
        If a scheme cannot be built, an image cannot be read, or two schemes would not use the channel
        equally much.
    """
    if images is not None:
        spec = spec.model_copy(update={"images": images})
    found = _find_images(spec)
    cases: list[Case] = []
    weights: dict[str, str] = {}
    links: dict[str, Link] = {}
    for scheme in spec.schemes:
        options = LinkOptions.of(scheme, spec)
        for point in spec.points:
            try:
                link = options.build(point.channel)
                link.check_snr(point.snr_db)
            except UsageError as error:
                raise UsageError(f"scheme {scheme.name!r}: {error}") from None
            links.setdefault(scheme.name, link)
            content = _content(link, options, point, spec.seed)
            cases.append(Case(scheme, options, point, content, _hash(content)))
            if content["model"] is not None:
                weights[scheme.name] = str(content["model"])
    _check_fair(links, found)
    return Plan(spec, tuple(found), tuple(cases), weights)


def _find_images(spec: SweepSpec) -> list[SweepImage]:
    """Look up, read and identify the images; the same picture twice would count twice."""
    from channelvq.images import content_hash, image_set, load_image

    found: list[SweepImage] = []
    for entry in image_set(spec.images):
        picture = load_image(entry.path)
        channels, height, width = picture.shape
        shape = (int(channels), int(height), int(width))
        found.append(SweepImage(entry.name, str(entry.path), content_hash(picture), shape))
    seen: dict[str, str] = {}
    for image in found:
        if image.hash in seen:
            twins = f"{seen[image.hash]!r} and {image.name!r}"
            raise UsageError(f"images {twins} are the same picture and would count twice; remove one")
        seen[image.hash] = image.name
    wanted = spec.pictures.image if spec.pictures is not None else None
    if wanted is not None and wanted not in seen.values():
        raise unknown_name("image in [pictures]", wanted, seen.values())
    return found


def _check_fair(links: dict[str, Link], images: list[SweepImage]) -> None:
    """Refuse to compare schemes that do not use the channel equally much."""
    from channelvq.link import why_unfair

    (first_name, first), *others = links.items()
    for name, link in others:
        for shape in dict.fromkeys(image.shape for image in images):
            if reason := why_unfair(first, link, shape):
                raise UsageError(f"schemes {first_name!r} and {name!r} cannot be compared: {reason}")


def _content(link: Link, options: LinkOptions, point: Point, seed: int) -> dict[str, Any]:
    """Describe a case in canonical names, so that "rs:255,191" and "rs: 255, 191" are one.

    Weights go by their hash, not by their name; a concealment that was left open by the one that it meant.
    """
    model = getattr(link.codec, "model", None)
    concealment = getattr(link.codec, "concealment", None)
    return {
        "channelvq": channelvq.__version__,
        **link.components,
        "concealment": getattr(concealment, "spec", options.concealment),
        "model": getattr(model, "id", None),
        "cbr": str(options.cbr),
        "snr_db": point.snr_db,
        "seed": seed,
    }


def _hash(content: dict[str, Any]) -> str:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
