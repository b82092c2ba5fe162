"""Golden streams: what a `.cvq` file of each shipped model must decode to, on any machine."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from channelvq.codecs import CODECS
from channelvq.codecs.base import encode_tight
from channelvq.codecs.container import CvqFile, message_budget, read_cvq, write_cvq
from channelvq.evaluation.metrics import psnr
from channelvq.images import content_hash, image_set
from channelvq.models.weight_file import shipped_files

FOLDER = Path(__file__).parent
PROFILES = ("vqvae", "vqvae-ec")
"""Codecs that take the weights of a `vqvae` model; one that there is not yet has no streams."""


@dataclass(frozen=True)
class Crop:
    """A part of a photograph that is in every installation, and the rate it is coded at."""

    name: str
    photo: str
    top: int
    left: int
    height: int
    width: int
    channels: int
    bpp: float

    def picture(self) -> np.ndarray:
        """float32 [channels, height, width]."""
        photo = next(image for image in image_set("builtin") if image.name == self.photo).load()
        rows, columns = slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)
        return np.ascontiguousarray(photo[: self.channels, rows, columns])


CROPS = (
    Crop("colour", "coffee", 60, 130, 128, 192, 3, 0.75),
    Crop("grey", "chelsea", 70, 120, 77, 93, 1, 0.9),  # sides that are no multiple of anything
)


@dataclass(frozen=True)
class Golden:
    """A stream and what it holds; `model` ships, `profile` is a codec."""

    profile: str
    model: str
    crop: Crop

    @property
    def name(self) -> str:
        return f"{self.profile}-{self.model}-{self.crop.name}"

    @property
    def stream(self) -> Path:
        return FOLDER / f"{self.name}.cvq"

    @property
    def expected(self) -> dict[str, Any]:
        return json.loads((FOLDER / f"{self.name}.json").read_text(encoding="utf-8"))

    def codec(self) -> Any:
        return CODECS.build(f"{self.profile}:{self.model}")

    def make(self) -> int:
        """Encode the crop and write down what comes of it; returns the bytes of the stream."""
        picture, codec = self.crop.picture(), self.codec()
        budget = message_budget(self.crop.bpp, self.crop.height, self.crop.width)
        message = encode_tight(codec, picture, budget)
        write_cvq(self.stream, CvqFile(codec.model.id, picture.shape, message.bits))
        content = read_cvq(self.stream)
        decoded = codec.decode(content.llrs, content.shape)
        if decoded.status != "ok" or not np.array_equal(decoded.indices, message.indices):
            raise RuntimeError(f"{self.name}: what is decoded is not what was sent")
        if psnr(picture, decoded.picture) < 26:
            raise RuntimeError(f"{self.name}: the picture is too poor to be an example")
        expected = {
            "codec": codec.spec,
            "model": codec.model.id,
            "shape": list(picture.shape),
            "picture": content_hash(picture),
            "stream": hashlib.sha256(self.stream.read_bytes()).hexdigest(),
            "indices": indices_hash(decoded.indices),
            "count": len(decoded.indices),
            "first": decoded.indices[:16].tolist(),
            "psnr_db": round(psnr(picture, decoded.picture), 4),
            "means": base64.b64encode(np.rint(block_means(decoded.picture) * 65535).astype("<u2")).decode(),
        }
        text = json.dumps(expected, indent=1) + "\n"
        (FOLDER / f"{self.name}.json").write_text(text, encoding="utf-8")
        return self.stream.stat().st_size


def all_golden() -> list[Golden]:
    """One stream for each profile there is, shipped model and crop."""
    profiles = [profile for profile in PROFILES if profile in CODECS.members]
    return [Golden(p, model, crop) for model in shipped_files("vqvae") for p in profiles for crop in CROPS]


def indices_hash(indices: np.ndarray) -> str:
    """SHA-256 of the indices in message order, 16 bits each, little-endian."""
    return hashlib.sha256(indices.astype("<u2").tobytes()).hexdigest()


def block_means(picture: np.ndarray) -> np.ndarray:
    """Means of whole 8 × 8 blocks: [C, H // 8, W // 8]."""
    c, h, w = picture.shape[0], picture.shape[1] // 8, picture.shape[2] // 8
    return picture[:, : 8 * h, : 8 * w].reshape(c, h, 8, w, 8).mean((2, 4), dtype=np.float64)


def stored_means(expected: dict[str, Any]) -> np.ndarray:
    """What `Golden.make` stored of `block_means`."""
    c, h, w = expected["shape"]
    values = np.frombuffer(base64.b64decode(expected["means"]), "<u2") / 65535
    return values.reshape(c, h // 8, w // 8)
