"""Trained weights on disk: half-precision safetensors with what decoding needs, known by their hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from channelvq.errors import UsageError, unknown_name
from channelvq.models.network import Shape
from channelvq.models.vqvae import VqVae

__all__ = ["DEFAULT", "TrainedModel", "load_model", "save_model", "shipped_models"]

DEFAULT = "photo"
"""Name of the model that is used when none is named."""

FORMAT = "channelvq-vqvae-1"

_EXACT = ("pair.basis", "pair.mean", "pair.spread")  # small, and the linear path rests on them


@dataclass(frozen=True)
class TrainedModel:
    """A network with all that its codec needs.

    Attributes
    ----------
    name : str
        Its name.
    id : str
        First 16 hexadecimal digits of the file's SHA-256: a stream names the weights that made it.
    network : VqVae
        Ready for inference.
    log_prior : float tensor [stages, codes]
        Logarithm of how often each code is sent.
    map_table : ndarray of uint16 [contexts, stages + 1]
        See `channelvq.codecs.depth_map.MapCoder`.
    about : dict
        What the training wrote down: recipe, steps, figures.
    """

    name: str
    id: str
    network: VqVae
    log_prior: torch.Tensor
    map_table: npt.NDArray[np.uint16]
    about: dict[str, object]


def save_model(
    path: Path,
    network: VqVae,
    log_prior: torch.Tensor,
    map_table: npt.NDArray[np.uint16],
    name: str,
    about: dict[str, object],
) -> None:
    """Write weights in half precision; the KLT stays in single."""
    tensors: dict[str, torch.Tensor] = {}
    for key, value in network.state_dict().items():
        if key in ("quantizer.sums", "quantizer.counts"):
            continue
        tensors[key] = value.float() if key in _EXACT else value.half()
    tensors["log_prior"] = log_prior.half()
    tensors["map_table"] = torch.from_numpy(map_table.astype(np.int32))
    tensors = {key: value.contiguous().cpu() for key, value in tensors.items()}
    meta = {
        "format": FORMAT,
        "name": name,
        "shape": json.dumps(asdict(network.shape)),
        "about": json.dumps(about),
    }
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata=meta)
    partial.replace(path)


def shipped_models() -> dict[str, Path]:
    """Name and file of every model in the package."""
    folder = Path(str(resources.files("channelvq.models") / "weights"))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def load_model(name_or_path: str | Path | None = None) -> TrainedModel:
    """Load a shipped model by name, or any by its path; the last few stay in memory.

    Raises
    ------
    UsageError
        No such model, or a file that is no model of this format.
    """
    name = str(name_or_path or DEFAULT)
    path = Path(name) if name.endswith(".safetensors") else shipped_models().get(name)
    if path is None:
        raise unknown_name("model", name, [*shipped_models(), "a path to a .safetensors file"])
    try:
        stamp = path.stat().st_mtime_ns
    except OSError as error:
        raise UsageError(f"cannot read weights {path}: {error.strerror}") from None
    return _load(path.resolve(), stamp)


@lru_cache(maxsize=4)
def _load(path: Path, stamp: int) -> TrainedModel:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, "pt") as file:
            meta = file.metadata() or {}
            if meta.get("format") != FORMAT:
                raise UsageError(f"{path} is {meta.get('format', 'of unknown format')!r}, must be {FORMAT!r}")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        network = VqVae(Shape(**json.loads(meta["shape"])))
        prior, table = tensors.pop("log_prior").float(), tensors.pop("map_table")
        for key in ("sums", "counts"):
            tensors[f"quantizer.{key}"] = torch.zeros(0)
            setattr(network.quantizer, key, torch.zeros(0))
        network.load_state_dict({key: value.float() for key, value in tensors.items()}, assign=True)
    except (OSError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path} holds no usable weights: {str(error).splitlines()[0]}") from None
    network.eval().requires_grad_(requires_grad=False)
    about: dict[str, object] = json.loads(meta["about"])
    return TrainedModel(meta["name"], digest[:16], network, prior, table.numpy().astype(np.uint16), about)
