"""Random draws of the channels, the same for a row of a batch whatever the batch and the frame length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

__all__ = [
    "complex_normals",
    "expand_blocks",
    "row_generators",
    "uniforms",
]


def row_generators(rng: np.random.Generator, rows: int) -> list[np.random.Generator]:
    """Make one generator for each row of a batch.

    Row i is keyed by words 2i and 2i + 1 of `rng`, so it does not depend on how many rows there are nor on
    how much the others draw; within a row, a longer frame begins with the draws of a shorter one (common
    random numbers).

    Examples
    --------
    >>> few = row_generators(np.random.default_rng(1), 2)
    >>> many = row_generators(np.random.default_rng(1), 5)
    >>> bool(few[1].random() == many[1].random())
    True
    """
    keys = rng.integers(0, 2**64, size=(rows, 2), dtype=np.uint64)
    return [np.random.Generator(np.random.Philox(key=key)) for key in keys]


def complex_normals(rng: np.random.Generator, rows: int, count: int, like: torch.Tensor) -> torch.Tensor:
    """Draw circular complex Gaussians of unit variance: 1/2 in each real dimension.

    They are drawn as (re, im) pairs, one after the other, in double precision on the CPU, and moved to the
    device and the type of `like`.

    Returns
    -------
    complex tensor [rows, count]

    Examples
    --------
    >>> draws = complex_normals(np.random.default_rng(0), 2, 5, torch.zeros(1, dtype=torch.complex64))
    >>> draws.shape, draws.dtype
    (torch.Size([2, 5]), torch.complex64)
    """
    draws = np.empty((rows, count), dtype=np.complex128)
    for row, generator in zip(draws, row_generators(rng, rows), strict=True):
        generator.standard_normal(out=row.view(np.float64))
    draws *= np.sqrt(0.5)
    return torch.from_numpy(draws).to(like.device, like.dtype)


def uniforms(rng: np.random.Generator, rows: int, count: int) -> npt.NDArray[np.float64]:
    """Draw numbers from [0, 1), one after the other in each row: [rows, count].

    An event of probability p is "below p": what happens at some p happens at every larger one too.

    Examples
    --------
    >>> uniforms(np.random.default_rng(0), 2, 3).shape
    (2, 3)
    """
    draws = np.empty((rows, count))
    for row, generator in zip(draws, row_generators(rng, rows), strict=True):
        generator.random(out=row)
    return draws


def expand_blocks(values: torch.Tensor, length: int | None, count: int) -> torch.Tensor:
    """Hold each value of [rows, blocks] for `length` places (None: for all of them): [rows, count].

    Examples
    --------
    >>> expand_blocks(torch.tensor([[1, 2]]), 3, 5)
    tensor([[1, 1, 1, 2, 2]])
    """
    if length is None:
        return values[:, :1].expand(-1, count)
    return values if length == 1 else values[:, torch.arange(count, device=values.device) // length]
