"""Trained weights on disk: half-precision safetensors with what decoding needs, known by their hash."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from channelvq.errors import UsageError
from channelvq.models.network import Shape
from channelvq.models.prior import ContextPrior
from channelvq.models.vqvae import VqVae
from channelvq.models.weight_file import WeightFile, WeightKind, fill, shipped_files

__all__ = [
    "DEFAULT",
    "PRIOR",
    "VQVAE",
    "TrainedModel",
    "TrainedPrior",
    "load_model",
    "load_prior",
    "save_model",
    "save_prior",
]

DEFAULT = "photo"
"""Name of the model that is used when none is named."""

_LEFT_OUT = ("quantizer.sums", "quantizer.counts")  # only training needs them
_PRIOR, _SUFFIX = "-prior", ".safetensors"
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
    prior : ContextPrior, optional
        What the neighbours of an index say of it, if it was trained.
    prior_id : str
        First 16 digits of its file's SHA-256, or nothing.
    """

    name: str
    id: str
    network: VqVae
    log_prior: torch.Tensor
    map_table: npt.NDArray[np.uint16]
    about: dict[str, object]
    prior: ContextPrior | None = None
    prior_id: str = ""

    @property
    def full_id(self) -> str:
        """Names everything that was trained: the ids of weights and prior."""
        return self.id + self.prior_id


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
        if key not in _LEFT_OUT:
            tensors[key] = value.float() if key in _EXACT else value.half()
    tensors["log_prior"] = log_prior.half()
    tensors["map_table"] = torch.from_numpy(map_table.astype(np.int32))
    VQVAE.save(path, tensors, name=name, shape=asdict(network.shape), about=about)


def load_model(name_or_path: str | Path | None = None) -> TrainedModel:
    """Load a shipped model by name, or any by its path, with the context prior that stands beside it.

    The prior of NAME.safetensors is NAME-prior.safetensors. The last few stay in memory.

    Raises
    ------
    UsageError
        No such model, a file that is damaged or no model of this kind, or a prior of other weights; says
        what is wrong.
    """
    model = VQVAE.load(name_or_path)
    prior = load_prior(name_or_path)
    if prior is None:
        return model
    if prior.of != model.id:
        raise UsageError(f"the prior of {model.name} is of weights {prior.of}, not of these ({model.id})")
    return replace(model, prior=prior.network, prior_id=prior.id)


def load_prior(name_or_path: str | Path | None = None) -> TrainedPrior | None:
    """Load the context prior that stands beside a model, if there is one; takes what `load_model` takes."""
    name = str(name_or_path or DEFAULT)
    if name.endswith(_SUFFIX):
        beside = Path(name.removesuffix(_SUFFIX) + _PRIOR + _SUFFIX)
        found = str(beside) if beside.exists() else None
    else:
        found = name + _PRIOR if name + _PRIOR in shipped_files() else None
    return None if found is None else PRIOR.load(found)


def _build(file: WeightFile) -> TrainedModel:
    shape = Shape(**file.shape)
    prior = file.take("log_prior", (shape.stages, shape.codes)).float()
    table = file.take("map_table", ((shape.stages + 2) ** 3, shape.stages + 1)).numpy()
    if table.min() < 1 or table.max() > np.iinfo(np.uint16).max:
        raise ValueError(f"tensor 'map_table' has entries from {table.min()} to {table.max()}")
    state = {key: value for key, value in file.tensors.items() if key not in ("log_prior", "map_table")}
    network = fill(lambda: VqVae(shape), state, _LEFT_OUT)
    return TrainedModel(file.name, file.id, network, prior, table.astype(np.uint16), file.about)


def save_prior(path: Path, prior: ContextPrior, name: str, of: str, about: dict[str, object]) -> None:
    """Write a context prior in half precision; `of` is the id of the weights whose indices it knows."""
    tensors = {key: value.half() for key, value in prior.state_dict().items()}
    PRIOR.save(path, tensors, name=name, shape=prior.sizes, about={**about, "of": of})


@dataclass(frozen=True)
class TrainedPrior:
    """A context prior: its id, the id of the weights it belongs to, the network, what its training wrote."""

    id: str
    of: str
    network: ContextPrior
    about: dict[str, object]


def _build_prior(file: WeightFile) -> TrainedPrior:
    network = fill(lambda: ContextPrior(**file.shape), file.tensors)
    return TrainedPrior(file.id, str(file.about["of"]), network, file.about)


VQVAE = WeightKind("vqvae", 2, _build, reads=(1,), default=DEFAULT)
"""Weights of the VQ codec; version 2 carries a digest."""

PRIOR = WeightKind("prior", 1, _build_prior)
"""Weights of a context prior; its file stands beside that of the model it belongs to."""
