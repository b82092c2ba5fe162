"""What is known of the shipped models, of every kind, without building a network."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from channelvq.errors import UsageError, unknown_name
from channelvq.models.weight_file import WeightKind, read_weights, shipped_files

__all__ = ["KINDS", "ModelInfo", "model_info", "models", "open_model"]

KINDS = {
    "vqvae": "channelvq.models.weights:VQVAE",
    "prior": "channelvq.models.weights:PRIOR",
    "mnist-lineage": "channelvq.models.lineage_weights:LINEAGE",
    "deepjscc": "channelvq.models.analog_weights:DEEPJSCC",
}
"""Where the `WeightKind` of each kind stands, as module:name; imported when it is needed."""


@dataclass(frozen=True)
class ModelInfo:
    """One model.

    Attributes
    ----------
    name, kind, id : str
        Its name, what it is of, and the hash that streams carry.
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
    kind: str
    id: str
    path: Path
    card: Path
    megabytes: float
    shape: dict[str, int]
    about: dict[str, Any]


def models() -> list[ModelInfo]:
    """List the shipped models.

    Raises
    ------
    UsageError
        One of the files is not what its hash says.
    """
    return [_info(name, path) for name, path in shipped_files().items()]


def model_info(name_or_path: str) -> ModelInfo:
    """Tell about one shipped model, or about a file of weights.

    Raises
    ------
    UsageError
        No such model, or a file that is damaged or no weights.
    """
    if name_or_path.endswith(".safetensors"):
        path = Path(name_or_path)
        return _info(path.stem, path)
    files = shipped_files()
    if name_or_path not in files:
        raise unknown_name("model", name_or_path, [*files, "a path to a .safetensors file"])
    return _info(name_or_path, files[name_or_path])


def open_model(info: ModelInfo) -> object:
    """Build the model: what the loader of its kind gives.

    Raises
    ------
    UsageError
        Its kind is unknown, or its tensors do not fit its network.
    """
    if info.kind not in KINDS:
        raise UsageError(f"{info.path} holds weights of kind {info.kind!r}; allowed: {', '.join(KINDS)}")
    module, _, name = KINDS[info.kind].partition(":")
    kind: WeightKind[object] = getattr(import_module(module), name)
    return kind.load(info.path)


def _info(name: str, path: Path) -> ModelInfo:
    file = read_weights(path, finite=False)
    size, card = path.stat().st_size / 1e6, path.with_suffix(".md")
    return ModelInfo(name, file.kind, file.id, path, card, size, file.shape, file.about)
