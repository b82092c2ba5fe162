"""Where a training run happens."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from channelvq.errors import UsageError
from channelvq.provenance import cpu

__all__ = ["adamw", "hardware", "pick_device", "torch_generator"]


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
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.allow_tf32 = False  # what is to be exact stays float32; the rest is bf16 anyway
    return torch.device("cuda")


def adamw(
    parameters: Iterable[torch.nn.Parameter], learning_rate: float, device: torch.device
) -> torch.optim.AdamW:
    """Make the optimiser of all training runs; on a GPU its step is one operation.

    Examples
    --------
    >>> adamw([torch.nn.Parameter(torch.zeros(1))], 1e-3, torch.device("cpu")).defaults["betas"]
    (0.9, 0.98)
    """
    fused = device.type == "cuda"
    return torch.optim.AdamW(parameters, lr=learning_rate, betas=(0.9, 0.98), weight_decay=1e-4, fused=fused)


def torch_generator(rng: np.random.Generator, device: torch.device | None = None) -> torch.Generator:
    """Seed a generator from the next word of `rng`, for draws on the device that uses them.

    A GPU draws other numbers than a CPU.

    Examples
    --------
    >>> a, b = (torch_generator(np.random.default_rng(1)) for _ in range(2))
    >>> torch.equal(torch.rand(3, generator=a), torch.rand(3, generator=b))
    True
    """
    return torch.Generator(device or "cpu").manual_seed(int(rng.integers(2**62)))


def hardware(device: torch.device) -> str:
    """Name a device as model cards do."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads of {cpu()}"
