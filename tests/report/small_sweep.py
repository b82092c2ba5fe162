"""A real sweep of seconds: two small photographs, JPEG at three code rates, four SNRs around the cliffs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image
from samples import photo_like

from channelvq.images import to_8bit
from channelvq.sweep.executors import Serial
from channelvq.sweep.plan import Plan, make_plan
from channelvq.sweep.runner import run_plan
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.store import Store

SPEC: dict[str, Any] = {
    "name": "Cliffs & slopes",
    "description": "JPEG behind three codes",
    "cbr": "1/4",
    "channel": "awgn",
    "snr_db": [4, 6, 8, 10],
    "trials": 8,
    "seed": 3,
    "scheme": [
        {"name": "JPEG, strong", "codec": "jpeg", "code": "rs:255,127"},
        {"name": "JPEG, weak", "codec": "jpeg", "code": "rs:255,191"},
        {"name": "JPEG, bare", "codec": "jpeg", "code": "uncoded"},
    ],
    "pictures": {"image": "wide", "snr_db": [4, 10]},
}


def make_images(folder: Path) -> Path:
    folder.mkdir()
    for name, height, width in (("wide", 64, 96), ("tall", 96, 64)):
        pixels = to_8bit(photo_like(height, width)).transpose(1, 2, 0)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def small_plan(images: Path, **changes: Any) -> Plan:
    return make_plan(SweepSpec.model_validate({**SPEC, "images": str(images), **changes}))


def sweep(plan: Plan, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    with Store(folder, writable=True) as store:
        run_plan(plan, store, executor=Serial())
    return folder
