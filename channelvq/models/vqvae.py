"""The VQ-VAE as a whole: transform pair and residual quantizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from channelvq.models.depth import cell_energy, spread_cells
from channelvq.models.network import BLOCK, Shape, TransformPair
from channelvq.models.quantizer import ResidualQuantizer

__all__ = ["Description", "Refined", "VqVae"]

STRIPE = 128
"""Latent rows that a network sees at a time, so that memory does not grow with the picture."""


@dataclass(frozen=True)
class Description:
    """All that an encoder could send of a picture.

    Attributes
    ----------
    latents : float tensor [h·w, dim]
        What is to be quantized, positions in raster order.
    indices : int64 tensor [h·w, stages]
        Nearest codes, stage by stage.
    cells : float tensor [1, h/cell, w/cell, stages + 1]
        Squared error that is left after 0, 1, ... stages, a cell.
    """

    latents: torch.Tensor
    indices: torch.Tensor
    cells: torch.Tensor


@dataclass(frozen=True)
class Refined:
    """Indices for every depth that a position may get, and what they leave.

    Attributes
    ----------
    indices : int64 tensor [h·w, stages, stages]
        Row d - 1 holds the codes for depth d.
    cells : float tensor [1, h/cell, w/cell, stages + 1]
        Squared error that is left at depth 0, 1, ..., a cell; infinite where nothing was searched.
    """

    indices: torch.Tensor
    cells: torch.Tensor

    def at(self, depth: torch.Tensor) -> torch.Tensor:
        """Give the codes [h·w, stages] for depths [h·w]; only the first `depth` of a row mean anything."""
        return self.indices[torch.arange(len(depth)), (depth - 1).clamp(min=0)]


class VqVae(torch.nn.Module):
    """Pictures to indices and back.

    Parameters
    ----------
    shape : Shape
        Sizes.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.pair = TransformPair(shape)
        self.quantizer = ResidualQuantizer(shape.stages, shape.codes, shape.dim)

    @torch.inference_mode()
    def describe(self, picture: torch.Tensor) -> Description:
        """Find the indices of a picture [3, H, W] in [0, 1], sides multiples of `shape.grain`."""
        h, w = picture.shape[1] // BLOCK, picture.shape[2] // BLOCK

        def analyse(first: int, last: int) -> torch.Tensor:
            return self.pair.analyse(picture[None, :, first * BLOCK : last * BLOCK])

        latents = _striped(analyse, h, self.pair.reach, 1)
        rows = latents[0].permute(1, 2, 0).reshape(h * w, -1).contiguous()
        indices, energy = self.quantizer.search(rows)
        return Description(rows, indices, cell_energy(energy.view(1, h, w, -1), self.shape.cell))

    @torch.inference_mode()
    def refine(self, described: Description, limit: torch.Tensor, beams: int) -> Refined:
        """Search better indices for depths of cells up to `limit` [ch, cw], with so many beams."""
        stages, (h, w) = self.shape.stages, limit.shape
        if beams == 1:
            return Refined(described.indices[:, None].expand(-1, stages, -1), described.cells)
        rows = spread_cells(limit[None], self.shape.cell).reshape(-1)
        indices, energy = self.quantizer.refine_every(described.latents, rows, beams)
        field = energy.view(1, h * self.shape.cell, w * self.shape.cell, -1)
        return Refined(indices, cell_energy(field, self.shape.cell))

    @torch.inference_mode()
    def show(self, latents: torch.Tensor, depth: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
        """Make the picture [3, H, W], clipped to [0, 1].

        Parameters
        ----------
        latents : float tensor [h·w, dim]
            Expected code vectors, raster order.
        depth : int64 tensor [h, w]
            Stages sent.
        variance : float tensor [h·w, 2]
            What is in doubt; see `TransformPair.synthesise`.
        """
        h, w = depth.shape
        field = latents.view(1, h, w, -1).permute(0, 3, 1, 2)
        doubt = variance.view(1, h, w, 2).permute(0, 3, 1, 2)

        def synthesise(first: int, last: int) -> torch.Tensor:
            rows = slice(first, last)
            return self.pair.synthesise(field[:, :, rows], depth[None, rows], doubt[:, :, rows])

        return _striped(synthesise, h, self.pair.reach, BLOCK)[0].clamp_(0, 1)


def _striped(make: Callable[[int, int], torch.Tensor], height: int, reach: int, scale: int) -> torch.Tensor:
    """Call `make(first, last)` on stripes of rows with what they reach around them, and join the middles."""
    if height <= STRIPE + 2 * reach:
        return make(0, height)
    parts = []
    for first in range(0, height, STRIPE):
        last = min(first + STRIPE, height)
        low, high = max(0, first - reach), min(height, last + reach)
        part = make(low, high)
        parts.append(part[:, :, (first - low) * scale : (last - low) * scale].clone())
    return torch.cat(parts, 2)
