"""A checkpoint: everything an exact resume needs, as one safetensors file (no pickle)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from channelvq.errors import UsageError

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(
    path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, about: dict[str, Any]
) -> None:
    """Write model, optimiser and `about` (JSON) in one step: a crash leaves the old file or the new one.

    Raises
    ------
    UsageError
        A tensor holds NaN or infinity, from which no training goes on; the old file is kept.
    """
    tensors = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    state = optimiser.state_dict()
    for number, slots in state["state"].items():
        for slot, value in slots.items():
            tensors[f"optimiser.{number}.{slot}"] = torch.as_tensor(value).contiguous()
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            kept = f"the last checkpoint is kept in {path.parent}"
            raise UsageError(f"{name} is not a number at step {about.get('step')}; {kept}")
    temporary = path.with_suffix(".partial")
    save_file({k: v.cpu() for k, v in tensors.items()}, temporary, metadata={"about": json.dumps(about)})
    temporary.replace(path)


def load_checkpoint(
    path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer | None
) -> dict[str, Any]:
    """Restore what `save_checkpoint` wrote; returns `about`.

    Raises
    ------
    UsageError
        Not a checkpoint, a damaged one, or one of another model.
    """
    try:
        with safe_open(path, "pt") as file:
            about: dict[str, Any] = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        if optimiser is not None:
            state = optimiser.state_dict()
            state["state"] = {}
            for name, value in tensors.items():
                if name.startswith("optimiser."):
                    _, number, slot = name.split(".")
                    state["state"].setdefault(int(number), {})[slot] = value
            optimiser.load_state_dict(state)
    except (SafetensorError, KeyError, RuntimeError, OSError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is no checkpoint of this recipe: {_reason(error)}") from None
    return about


def _reason(error: BaseException) -> str:
    """Give the line of an error that says most: torch lists tensors that do not fit below a heading."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[1] if lines[0].startswith("Error(s) in loading") and len(lines) > 1 else lines[0]
