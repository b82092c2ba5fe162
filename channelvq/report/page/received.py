"""The received pictures of one image, every scheme at every point: kept by the sweep, or sent again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from channelvq.codecs.base import Picture, grey_picture
from channelvq.errors import UsageError
from channelvq.images import load_image, to_8bit
from channelvq.report.page.axis import Axis
from channelvq.report.page.budget import LARGEST, Pixels, Window
from channelvq.report.page.numbers import ranges
from channelvq.report.shown import picture_of_png
from channelvq.sweep.options import AdaptiveOptions, LinkOptions
from channelvq.sweep.plan import Case, Job, Plan, SweepImage, Unit, make_plan
from channelvq.sweep.spec import PictureChoice, Point
from channelvq.sweep.store import Store, Trial
from channelvq.sweep.worker import receive

__all__ = ["Gallery", "Paid", "Shot", "collect", "nothing"]

WITHOUT = ("This page was made without pictures.",)

_SAME_DB = 0.01  # pictures made on another processor may differ in a last bit here and there


@dataclass(frozen=True)
class Shot:
    """What one scheme showed at one point.

    Attributes
    ----------
    trial : Trial or None
        Its numbers; None if it was not simulated.
    pixels : ndarray of uint8 [H, W, 3] or None
        The picture, cut to the gallery's window; None if it cannot be had.
    """

    trial: Trial | None
    pixels: Pixels | None


@dataclass(frozen=True)
class Paid:
    """The account of one transmission; `first` and `last` are the points that share it."""

    scheme: int
    first: int
    last: int
    options: LinkOptions
    account: Any


@dataclass(frozen=True)
class Gallery:
    """All that arrived of one image.

    Attributes
    ----------
    image : str
        Its name.
    shape : (C, H, W)
        Its size.
    trial : int
        Number of the transmission.
    window : Window
        The part that `sent` and all pictures are of.
    sent : ndarray of uint8 [H, W, 3] or None
        The original; None if it is not at hand.
    shots : tuple of tuple of Shot
        By scheme, then by point of the axis.
    paid : tuple of Paid
        What it cost, where that can be worked out.
    notes : tuple of str
        What is missing and why.
    """

    image: str
    shape: tuple[int, int, int]
    trial: int
    window: Window
    sent: Pixels | None
    shots: tuple[tuple[Shot, ...], ...]
    paid: tuple[Paid, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _Work:
    """What is known while pictures are collected."""

    store: Store
    image: SweepImage
    number: int
    window: Window
    plan: Plan | None = None
    sent: Picture | None = None
    notes: dict[str, None] = field(default_factory=dict)
    lacking: dict[tuple[str, str], list[int]] = field(default_factory=dict)


def collect(
    store: Store, axis: Axis, *, images: str | None = None, progress: Callable[[int, int], None] | None = None
) -> Gallery:
    """Find or make every picture of the image that the spec's `[pictures]` names, or of the first one.

    A picture that the store does not hold is made by sending its trial again, which is the same whenever it
    is made. It is shown if its PSNR is that in the store (to 0.01 dB); if not, code or weights have changed
    since, and it is left out with a note. Without image or weights only what the store holds is shown.

    Parameters
    ----------
    store : Store
        Open for reading.
    axis : Axis
        The points.
    images : str, optional
        Where the images are now, if not where the sweep found them.
    progress : callable, optional
        Told of pictures done, and how many there are.
    """
    content, _ = store.last_run()
    work = _begin(store, content)
    _look_for_plan(work, content, axis, images)
    hashes = {
        (case["scheme"], Point.model_validate(case["point"])): case["hash"] for case in content["cases"]
    }
    schemes = [scheme.name for scheme in _spec_of(content).schemes]
    total, shots = len(schemes) * len(axis.points), []
    for s, name in enumerate(schemes):
        row = []
        for i, point in enumerate(axis.points):
            row.append(_shot(work, axis, name, i, hashes[name, point]))
            if progress is not None:
                progress(s * len(axis.points) + i + 1, total)
        shots.append(tuple(row))
    _note_lacking(work, axis)
    sent = None if work.sent is None else _pixels(work.sent, work.window)
    paid = () if work.plan is None else _accounts(work, axis)
    image = work.image
    return Gallery(
        image.name, image.shape, work.number, work.window, sent, tuple(shots), paid, tuple(work.notes)
    )


def _note_lacking(work: _Work, axis: Axis) -> None:
    """Say of which pictures there are none, a sentence for each reason."""
    for why in dict.fromkeys(why for _, why in work.lacking):
        where = [
            f"{name} at {ranges(lacking, axis.names, axis.unit)}"
            for (name, reason), lacking in work.lacking.items()
            if reason == why
        ]
        work.notes[f"No pictures of {'; '.join(where)}: {why}."] = None


def nothing(store: Store, axis: Axis) -> Gallery:
    """Give the gallery of a page that is to have no pictures."""
    content, _ = store.last_run()
    work = _begin(store, content)
    row = tuple(Shot(None, None) for _ in axis.points)
    shots = tuple(row for _ in _spec_of(content).schemes)
    return Gallery(work.image.name, work.image.shape, work.number, work.window, None, shots, notes=WITHOUT)


def _spec_of(content: dict[str, Any]) -> Any:
    """Read a plan's spec."""
    from channelvq.sweep.spec import from_json

    return from_json(content["spec"])


def _begin(store: Store, content: dict[str, Any]) -> _Work:
    """Choose image, trial and window."""
    choice = _spec_of(content).pictures or PictureChoice()
    entries = [SweepImage(**{**entry, "shape": tuple(entry["shape"])}) for entry in content["images"]]
    image = next((entry for entry in entries if entry.name == choice.image), entries[0])
    _, height, width = image.shape
    window = Window(0, 0, height, width)
    if choice.crop is not None:
        top, left, tall, wide = choice.crop
        top, left = min(top, height - 1), min(left, width - 1)
        window = Window(top, left, min(tall, height - top), min(wide, width - left))
    if window.height * window.width > LARGEST:
        window = window.inside(512, 768) if window.width >= window.height else window.inside(768, 512)
    return _Work(store, image, choice.trials[0], window)


def _look_for_plan(work: _Work, content: dict[str, Any], axis: Axis, images: str | None) -> None:
    """Find image and weights, without which nothing can be sent again."""
    try:
        plan = make_plan(_spec_of(content), images=images)
        same = next((image for image in plan.images if image.hash == work.image.hash), None)
        if same is None:
            raise UsageError(f"the images are no longer those of the sweep: {work.image.name} is another")
        work.sent = load_image(same.path)
    except UsageError as error:
        work.notes[f"Only pictures that the sweep kept are shown: {error}."] = None
        return
    work.plan, work.image = plan, same


def _shot(work: _Work, axis: Axis, scheme: str, number: int, case: str) -> Shot:
    """Give one picture."""
    trial = work.store.trial(case, work.image.hash, work.number)
    if trial is None:
        return Shot(None, None)
    picture: Picture | None = None
    if trial.status == "failed":
        picture = grey_picture(work.image.shape)
    elif (kept := work.store.picture(case, work.image.hash, work.number)) is not None:
        picture = picture_of_png(kept)
    elif work.plan is not None:
        again = _sent_again(work, _case(work.plan, scheme, axis.points[number]), trial)
        if isinstance(again, str):
            work.lacking.setdefault((scheme, again), []).append(number)
        else:
            picture = again
    return Shot(trial, None if picture is None else _pixels(picture, work.window))


def _case(plan: Plan, scheme: str, point: Point) -> Case:
    """Find a case of the plan."""
    return next(case for case in plan.cases if case.scheme.name == scheme and case.point == point)


def _sent_again(work: _Work, case: Case, trial: Trial) -> Picture | str:
    """Send a trial again, and make sure that it is the same; if it is not, say why not."""
    assert work.plan is not None
    unit = Unit(case.options, work.image, work.plan.spec.seed, (Job(case.hash, case.point, work.number),))
    try:
        reception = receive(unit, unit.jobs[0])
    except Exception as error:
        return f"sent again, they raise {type(error).__name__}: {error}"
    apart = 0.0 if reception.psnr_db == trial.psnr_db else abs(reception.psnr_db - trial.psnr_db)
    if apart <= _SAME_DB and reception.status == trial.status:
        picture: Picture = reception.image
        return picture
    return "sent again, they are not as they were: code or weights have changed since"


def _accounts(work: _Work, axis: Axis) -> tuple[Paid, ...]:
    """Encode the image once for each way of sending it; neighbours of an axis may share one."""
    assert work.plan is not None
    assert work.sent is not None
    paid: list[Paid] = []
    made: dict[LinkOptions, Any] = {}
    for s, scheme in enumerate(work.plan.spec.schemes):
        for i, point in enumerate(axis.points):
            options = _case(work.plan, scheme.name, point).options
            if isinstance(options, AdaptiveOptions):
                work.notes[f"No account of {scheme.name}: it follows the gain of each transmission."] = None
                continue
            if options not in made:
                try:
                    made[options] = options.build(point.channel).prepare(work.sent).account
                except UsageError as error:
                    work.notes[f"No account of {scheme.name}, {point.label}: {error}."] = None
                    made[options] = None
            last = paid[-1] if paid else None
            if last is not None and last.scheme == s and last.options == options and last.last == i - 1:
                paid[-1] = Paid(s, last.first, i, options, made[options])
            else:
                paid.append(Paid(s, i, i, options, made[options]))
    return tuple(entry for entry in paid if entry.account is not None)


def _pixels(picture: Picture, window: Window) -> Pixels:
    """Turn a picture [C, H, W] into what a screen shows of it."""
    pixels = window.of(to_8bit(picture).transpose(1, 2, 0))
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
