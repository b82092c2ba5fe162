"""Trained weights of the `deepjscc` codec: half-precision safetensors, known by their hash."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from channelvq.models.analog import AnalogShape, AnalogTransform
from channelvq.models.weight_file import WeightFile, WeightKind, fill

__all__ = ["DEEPJSCC", "AnalogModel", "load_analog_model", "save_analog_model"]

_EXACT = ("basis", "mean", "spread", "spectrum.values")  # small, and the linear path rests on them


@dataclass(frozen=True)
class AnalogModel:
    """A network with what is known of it.

    Attributes
    ----------
    name, id : str
        Its name, and the first 16 hexadecimal digits of the file's SHA-256.
    network : AnalogTransform
        Ready for inference.
    about : dict
        What the training wrote down.
    """

    name: str
    id: str
    network: AnalogTransform
    about: dict[str, Any]


def save_analog_model(path: Path, network: AnalogTransform, name: str, about: dict[str, Any]) -> None:
    """Write weights in half precision; KLT and spectrum stay in single."""
    state = network.state_dict()
    tensors = {key: value.float() if key in _EXACT else value.half() for key, value in state.items()}
    DEEPJSCC.save(path, tensors, name=name, shape=asdict(network.shape), about=about)


def load_analog_model(name_or_path: str | Path | None = None) -> AnalogModel:
    """Load a shipped model by name, or any by its path; the last few stay in memory.

    Raises
    ------
    UsageError
        No such model, or a file that is damaged or no model of this kind; says what is wrong.
    """
    return DEEPJSCC.load(name_or_path)


def _build(file: WeightFile) -> AnalogModel:
    shape = AnalogShape(**file.shape)
    if shape.channels % 2 or not 2 <= shape.channels <= 192:
        raise ValueError(f"its shape has {shape.channels} channels, must be an even number from 2 to 192")
    network = fill(lambda: AnalogTransform(shape), file.tensors)
    return AnalogModel(file.name, file.id, network, file.about)


DEEPJSCC = WeightKind("deepjscc", 1, _build, default="deepjscc")
"""Weights of the codec `deepjscc`."""
