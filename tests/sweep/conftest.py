"""A quick sweep: two small pictures, JPEG at two code rates, three SNRs around the cliff."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from channelvq.sweep.spec import SweepSpec

SPEC = {
    "name": "quick",
    "cbr": "1/4",
    "channel": "awgn",
    "snr_db": [4, 7, 10],
    "trials": 3,
    "seed": 5,
    "scheme": [
        {"name": "strong", "codec": "jpeg", "code": "rs:255,127"},
        {"name": "weak", "codec": "jpeg", "code": "rs:255,191"},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two smooth pictures of 64 × 96 and 96 × 64."""
    images = tmp_path / "images"
    images.mkdir()
    y, x = np.mgrid[0:64, 0:96] / 64
    for name, shape in (("one", (0.2, 3.0, 1.0)), ("two", (2.0, 0.5, 4.0))):
        planes = [0.5 + 0.4 * np.sin(f * x + 2 * f * y * y) for f in shape]
        pixels = (255 * np.stack(planes, axis=-1)).astype(np.uint8)
        Image.fromarray(pixels if name == "one" else pixels.transpose(1, 0, 2)).save(images / f"{name}.png")
    return images


@pytest.fixture
def spec(folder: Path) -> SweepSpec:
    return SweepSpec.model_validate({**SPEC, "images": str(folder)})
