"""Where a training run happens."""

from __future__ import annotations

import torch

from channelvq.errors import UsageError
from channelvq.provenance import cpu

__all__ = ["hardware", "pick_device"]


def pick_device(name: str) -> torch.device:
    """Give the device that "auto", "cpu" or "cuda" means here.

    Raises
    ------
    UsageError
        Another name, or "cuda" where there is none.

    Examples
    --------
    >>> pick_device("cpu").type
    'cpu'
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"unknown device {name!r}; allowed: auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("device 'cuda' asked for, but there is none; use auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def hardware(device: torch.device) -> str:
    """Name a device as model cards do."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of {cpu()}"
