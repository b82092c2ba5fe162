"""Weights of the lineage on MNIST on disk: half-precision safetensors, known by their hash."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from channelvq.errors import UsageError
from channelvq.models.lineage import AutoEncoder, LineageShape, VqAutoEncoder, build_network
from channelvq.models.weight_file import WeightFile, WeightKind, fill

__all__ = ["LINEAGE", "LineageModel", "load_lineage_model", "save_lineage"]

_LEFT_OUT = ("quantizer.sums", "quantizer.counts")  # only training needs them


@dataclass(frozen=True)
class LineageModel:
    """A network with all that its codec needs.

    Attributes
    ----------
    name, id : str
        Its name, and the first 16 hexadecimal digits of the file's SHA-256.
    network : AutoEncoder
        Ready for inference.
    log_prior : float tensor [stages, codes]
        Logarithm of how often each code is sent; empty for networks without codes.
    about : dict
        What the training wrote down.
    """

    name: str
    id: str
    network: AutoEncoder
    log_prior: torch.Tensor
    about: dict[str, Any]


def save_lineage(
    path: Path, network: AutoEncoder, log_prior: torch.Tensor | None, name: str, about: dict[str, Any]
) -> None:
    """Write weights in half precision."""
    tensors = {key: value.half() for key, value in network.state_dict().items() if key not in _LEFT_OUT}
    if log_prior is not None:
        tensors["log_prior"] = log_prior.half()
    LINEAGE.save(path, tensors, name=name, shape=asdict(network.shape), about=about)


def load_lineage_model(name_or_path: str | Path, network: str) -> LineageModel:
    """Load a shipped model by name, or any by its path; the last few stay in memory.

    Raises
    ------
    UsageError
        No such model; a file that is damaged, of another kind, or holds another network.
    """
    model = LINEAGE.load(name_or_path)
    found = model.network.shape.network
    if found != network:
        raise UsageError(f"weights {name_or_path} are of the network {found!r}, must be of {network!r}")
    return model


def _build(file: WeightFile) -> LineageModel:
    shape = LineageShape(**file.shape)
    coded = shape.network == "vqvae"
    if coded and (shape.codes < 2 or shape.codes & (shape.codes - 1)):
        raise ValueError(f"its quantizer has {shape.codes} codes, must be a power of two")
    state = {key: value for key, value in file.tensors.items() if key != "log_prior"}
    network = fill(lambda: build_network(shape), state, _LEFT_OUT if coded else ())
    sizes = (shape.stages, shape.codes)
    prior = file.take("log_prior", sizes).float() if isinstance(network, VqAutoEncoder) else torch.zeros(0, 0)
    return LineageModel(file.name, file.id, network, prior, file.about)


LINEAGE = WeightKind("mnist-lineage", 1, _build)
"""Weights of the three networks; their shape says which of them a file holds."""
