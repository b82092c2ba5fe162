"""From a checkpoint to weights that ship: labels, priors and the depth map's tables."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from channelvq.models.depth import allocate, context_numbers, spread_cells
from channelvq.models.vqvae import VqVae
from channelvq.training.photos import Photos
from channelvq.training.recipe import Recipe

__all__ = ["DepthStatistics", "depth_statistics"]

_PRICES = 12
_PHOTOS = 240


class DepthStatistics:
    """What whole photographs showed, over all prices of the recipe.

    Attributes
    ----------
    map_table : ndarray of uint16 [(stages + 2)³, stages + 1]
        Share of each depth after each context, in 1/65536.
    counts : float tensor [stages, codes]
        How often each code was sent.
    """

    def __init__(self, map_table: npt.NDArray[np.uint16], counts: torch.Tensor) -> None:
        self.map_table, self.counts = map_table, counts


def depth_statistics(
    network: VqVae, photos: Photos, recipe: Recipe, report: Callable[[int], None]
) -> DepthStatistics:
    """Code whole training photographs at many prices, and count depths by context and codes by stage."""
    shape, device = network.shape, network.quantizer.codebooks.device
    tally = np.zeros(((shape.stages + 2) ** 3, shape.stages + 1))
    counts = torch.zeros(shape.stages, shape.codes)
    prices = np.geomspace(recipe.rate.lowest_price, recipe.rate.highest_price, _PRICES)
    every = max(1, len(photos) // _PHOTOS)
    for number, picture in enumerate(photos.pictures[::every]):
        h, w = (side // shape.grain * shape.grain for side in picture.shape[1:])
        described = network.describe(picture[:, :h, :w].to(device).float() / 255)
        left, indices = described.cells.cpu(), described.indices.cpu()
        for price in prices:
            each = torch.tensor([price], dtype=torch.float32)
            depth = allocate(left, each, shape.cell**2 * shape.index_bits)
            cells = depth[0].numpy()
            np.add.at(tally, (context_numbers(cells, shape.stages), cells), 1)
            rows = spread_cells(depth, shape.cell).reshape(-1)
            for stage in range(shape.stages):
                picked = indices[rows > stage, stage]
                counts[stage] += torch.bincount(picked, minlength=shape.codes).float()
        report(number + 1)
    return DepthStatistics(_smoothed(tally, shape.stages), counts)


def _smoothed(tally: npt.NDArray[np.float64], stages: int) -> npt.NDArray[np.uint16]:
    """Turn counts into shares: rare contexts borrow from those without the upper right neighbour."""
    size = stages + 2
    cube = tally.reshape(size, size, size, stages + 1)
    anything = cube.sum((0, 1, 2)) + 1.0
    anything = np.broadcast_to(anything / anything.sum(), (size, size, stages + 1))
    pair = cube.sum(2) + 8.0 * anything
    pair /= pair.sum(-1, keepdims=True)
    full = cube + 8.0 * pair[:, :, None]
    share = full / full.sum(-1, keepdims=True)
    table: npt.NDArray[np.uint16] = np.maximum(1, np.round(share * 65000)).astype(np.uint16)
    return table.reshape(size**3, stages + 1)
