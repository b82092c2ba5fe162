"""Which received pictures a sweep shows, and how they are come by: kept by the sweep, or sent again."""

from __future__ import annotations

import io

import numpy as np

from channelvq.codecs.base import Picture, grey_picture
from channelvq.images import load_image
from channelvq.report.pictures import Sheet, Tile
from channelvq.sweep.identity import TrialName
from channelvq.sweep.plan import Case, Plan, SweepImage
from channelvq.sweep.spec import PictureChoice
from channelvq.sweep.store import KeptPicture, Store, Trial
from channelvq.sweep.worker import png, receive

__all__ = ["collect_pictures", "picture_of_png"]


def collect_pictures(plan: Plan, store: Store) -> Sheet:
    """Lay out what arrived of the chosen image.

    A picture that the store does not have is made by sending its trial again, and kept for the next time: a
    trial is the same whenever it is made, so these are pictures of the very trials that the table counts.

    Parameters
    ----------
    plan : Plan
        What was simulated.
    store : Store
        Open for writing.
    """
    spec = plan.spec
    number = (spec.pictures or PictureChoice()).trials[0]
    image, cases = plan.shown()
    rows, uses = [], set()
    for scheme in spec.schemes:
        tiles = []
        for case in (case for case in cases if case.scheme == scheme):
            trial = store.trial(case.hash, image.hash, number)
            if trial is not None:
                uses.add(trial.channel_uses)
            tiles.append(_tile(plan, store, case, image, number, trial))
        rows.append((scheme.name, tuple(tiles)))
    _, height, width = image.shape
    fewest, most = min(uses, default=0), max(uses, default=0)
    used = f"{fewest} channel uses" if fewest == most else f"{fewest} to {most} channel uses"
    notes = (
        f"{image.name}, {width} × {height} pixels",
        f"every scheme: {used}, CBR {spec.cbr}",
        f"seed {spec.seed}, trial {number}: the same noise for all",
        "under each picture: channel condition, PSNR of the whole picture",
    )
    points = dict.fromkeys(case.point for case in cases)
    heads = tuple(f"SNR {p.snr_db:g} dB" if p.snr_db is not None else p.channel for p in points)
    crop = None if spec.pictures is None else spec.pictures.crop
    return Sheet(load_image(image.path), notes, heads, tuple(rows), crop)


def picture_of_png(file: bytes) -> Picture:
    """Read a PNG file's bytes: a picture [C, H, W] in [0, 1]."""
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(file)))
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(planes, dtype=np.float32) / np.float32(255)


def _tile(plan: Plan, store: Store, case: Case, image: SweepImage, number: int, trial: Trial | None) -> Tile:
    """Make one picture and the line under it."""
    if trial is None:
        return Tile(grey_picture(image.shape), "not simulated")
    file = store.picture(case.hash, image.hash, number)
    if file is None:
        unit = plan.find(TrialName(case.hash, image.hash, number))
        file = png(receive(unit, unit.jobs[0]).image)
        if (case.hash, image.hash, number) in plan.kept():
            store.keep([KeptPicture(case.hash, image.hash, number, file)])
    caption = f"{trial.psnr_db:.1f} dB" if trial.status != "failed" else "cannot be decoded"
    return Tile(picture_of_png(file), caption)
