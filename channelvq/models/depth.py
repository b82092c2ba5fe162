"""Depth where it pays: how many stages each cell of positions gets, for a price of bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

__all__ = ["allocate", "cell_energy", "context_numbers", "spread_cells"]

Ints = npt.NDArray[np.int64]


def cell_energy(energy: torch.Tensor, cell: int) -> torch.Tensor:
    """Sum residual energies [b, h, w, stages + 1] over cells -> [b, h/cell, w/cell, stages + 1]."""
    moved = energy.permute(0, 3, 1, 2)
    return (functional.avg_pool2d(moved, cell) * cell * cell).permute(0, 2, 3, 1)


def allocate(
    energy: torch.Tensor, price: torch.Tensor, bits_per_stage: int | npt.NDArray[np.float64]
) -> torch.Tensor:
    """Choose each cell's depth: the n that minimises energy[n] + price · bits of the first n stages.

    Parameters
    ----------
    energy : float tensor [b, ch, cw, stages + 1]
        Squared error left after n stages, a cell.
    price : float tensor [b]
        Squared error that one bit must save, a picture.
    bits_per_stage : int or float array [stages]
        Bits that one more stage of one cell costs: each the same, or one by one.

    Returns
    -------
    int64 tensor [b, ch, cw]

    Examples
    --------
    >>> energy = torch.tensor([[[[8.0, 2.0, 1.0]]]])
    >>> allocate(energy, torch.tensor([0.5]), 4).item()
    1
    """
    stages = torch.arange(energy.shape[-1], device=energy.device)
    if isinstance(bits_per_stage, int):
        steps = stages * bits_per_stage
    else:
        steps = torch.from_numpy(np.concatenate([[0.0], bits_per_stage.cumsum()])).to(energy)
    return (energy + price[:, None, None, None] * steps).argmin(-1)


def spread_cells(depth: torch.Tensor, cell: int) -> torch.Tensor:
    """Depth of cells [b, ch, cw] -> depth of positions [b, h, w]."""
    return depth.repeat_interleave(cell, 1).repeat_interleave(cell, 2)


def context_numbers(depth: Ints, stages: int) -> Ints:
    """Tell in which context each cell stands: depths of its left, upper and upper right neighbour.

    Parameters
    ----------
    depth : ndarray of int [ch, cw]
        Depths, 0 to `stages`.
    stages : int
        The largest depth; `stages + 1` stands for "outside".

    Returns
    -------
    ndarray of int [ch, cw]
        0 to (stages + 2)³ - 1.
    """
    outside = stages + 1
    framed = np.full((depth.shape[0] + 1, depth.shape[1] + 2), outside, dtype=np.int64)
    framed[1:, 1:-1] = depth
    left, up, right = framed[1:, :-2], framed[:-1, 1:-1], framed[:-1, 2:]
    return (left * (stages + 2) + up) * (stages + 2) + right
