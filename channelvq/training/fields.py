"""Index fields of training photographs: what the context prior learns from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from channelvq.errors import UsageError
from channelvq.models.depth import allocate, spread_cells
from channelvq.models.network import BLOCK
from channelvq.models.vqvae import VqVae
from channelvq.randomness import generator
from channelvq.training.photos import Photos
from channelvq.training.recipe import CodingPart

__all__ = ["IndexField", "crops", "index_fields"]


@dataclass(frozen=True)
class IndexField:
    """Indices [..., h, w, stages] of positions and the stages that they send, `depth` [..., h, w]."""

    indices: torch.Tensor
    depth: torch.Tensor

    def to(self, device: torch.device) -> IndexField:
        """Move to a device."""
        return IndexField(self.indices.to(device), self.depth.to(device))

    def first(self, count: int) -> IndexField:
        """Take the first of a batch."""
        return IndexField(self.indices[:count], self.depth[:count])


def index_fields(
    network: VqVae,
    photos: Photos,
    part: CodingPart,
    passes: int,
    seed: int,
    report: Callable[[str, int, int, str], None] = lambda doing, done, total, how: None,
) -> list[IndexField]:
    """Code every photograph `passes` times, each time at a price of a bit of its own, drawn log-uniformly.

    Kept as int16 and uint8: a photograph of 0.4 megapixels takes 150 kB.
    """
    shape, fields, rng = network.shape, [], generator(seed, "index fields")
    low, high = np.log(part.lowest_price), np.log(part.highest_price)
    device = network.quantizer.codebooks.device
    for picture in photos.pictures * passes:
        h, w = (side // shape.grain * shape.grain for side in picture.shape[1:])
        described = network.describe(picture[:, :h, :w].to(device).float() / 255)
        price = torch.tensor([np.exp(rng.uniform(low, high))], dtype=torch.float32, device=device)
        depth = spread_cells(allocate(described.cells, price, shape.cell**2 * shape.index_bits), shape.cell)
        flat = depth.reshape(-1)
        indices = network.quantizer.refine(described.latents, flat, part.beams)
        grid = h // BLOCK, w // BLOCK
        field = IndexField(indices.view(*grid, -1).to(torch.int16), depth[0].to(torch.uint8))
        fields.append(field.to(torch.device("cpu")))
        report("index fields", len(fields), passes * len(photos), "")
    return fields


def crops(fields: list[IndexField], rng: np.random.Generator, batch: int, side: int) -> IndexField:
    """Draw `batch` squares of `side` positions.

    Raises
    ------
    UsageError
        No field is that large.
    """
    usable = [field for field in fields if min(field.depth.shape) >= side]
    if not usable:
        raise UsageError(f"no photograph has {side} × {side} positions of 8 × 8 pixels")
    indices, depth = [], []
    for _ in range(batch):
        field = usable[int(rng.integers(len(usable)))]
        top = int(rng.integers(field.depth.shape[0] - side + 1))
        left = int(rng.integers(field.depth.shape[1] - side + 1))
        span = slice(top, top + side), slice(left, left + side)
        indices.append(field.indices[span])
        depth.append(field.depth[span])
    return IndexField(torch.stack(indices).long(), torch.stack(depth).long())
