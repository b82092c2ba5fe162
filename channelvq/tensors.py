"""Tensors that a kernel may read, and their numbers as arrays."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import torch
from torch.autograd import forward_ad

__all__ = ["compact", "is_plain"]


def is_plain(*tensors: torch.Tensor) -> bool:
    """Say whether a kernel may take these tensors: their numbers lie in the CPU's memory, no gradient is due.

    Examples
    --------
    >>> is_plain(torch.ones(2)), is_plain(torch.ones(2, requires_grad=True))
    (True, False)
    """
    return all(_is_plain(tensor) for tensor in tensors)


def _is_plain(tensor: torch.Tensor) -> bool:
    if tensor.device.type != "cpu" or (tensor.requires_grad and torch.is_grad_enabled()):
        return False
    try:
        tensor.data_ptr()  # inside vmap, jvp and their like a tensor has no memory of its own
        return forward_ad.unpack_dual(tensor).tangent is None  # type: ignore[no-untyped-call]
    except RuntimeError:
        return False


def compact(tensor: torch.Tensor) -> npt.NDArray[Any]:
    """Give the numbers of a plain tensor [rows, columns] as an array, what was expanded from one only once.

    Returns
    -------
    ndarray [rows or 1, columns or 1]
        C-contiguous; shares the tensor's memory where it can.

    Examples
    --------
    >>> compact(torch.tensor([[1.0], [2.0]]).expand(2, 5)).shape
    (2, 1)
    """
    for axis in range(tensor.ndim):
        if tensor.shape[axis] > 1 and tensor.stride(axis) == 0:
            tensor = tensor.narrow(axis, 0, 1)
    return tensor.detach().resolve_conj().resolve_neg().contiguous().numpy()
