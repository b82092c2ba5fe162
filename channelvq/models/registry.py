"""What is known of the shipped models, without loading a network."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from channelvq.models.weights import shipped_models

__all__ = ["ModelInfo", "models"]


@dataclass(frozen=True)
class ModelInfo:
    """One shipped model.

    Attributes
    ----------
    name, id : str
        Its name and the hash that streams carry.
    path, card : Path
        Weights and model card.
    megabytes : float
        Size of the weights (10⁶ bytes).
    shape : dict
        Sizes of the network.
    about : dict
        Recipe, steps, hours, validation figures, use and perplexity of every stage.
    """

    name: str
    id: str
    path: Path
    card: Path
    megabytes: float
    shape: dict[str, int]
    about: dict[str, Any]


def models() -> list[ModelInfo]:
    """List the shipped models."""
    found = []
    for name, path in shipped_models().items():
        data = path.read_bytes()
        with safe_open(path, "np") as file:
            meta = file.metadata()
        found.append(
            ModelInfo(
                name=name,
                id=hashlib.sha256(data).hexdigest()[:16],
                path=path,
                card=path.with_suffix(".md"),
                megabytes=len(data) / 1e6,
                shape=json.loads(meta["shape"]),
                about=json.loads(meta["about"]),
            )
        )
    return found
