"""How good a model is on photographs that it was not trained on, at fixed rates."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from channelvq.models.depth import allocate, cell_energy, spread_cells
from channelvq.models.quantizer import StageUse
from channelvq.models.vqvae import VqVae
from channelvq.training.photos import Photos

__all__ = ["RATES", "Health", "price_for_rate", "validate"]

RATES = (0.25, 0.5, 1.0)
"""Index bits per pixel at which validation PSNR is given."""


@dataclass(frozen=True)
class Health:
    """Validation PSNR in dB at each of `RATES`, and a stage's codebook use (share) and perplexity."""

    psnr_db: dict[str, float]
    used: list[float]
    perplexity: list[float]


def price_for_rate(cells: torch.Tensor, bits_per_stage: int, total_bits: float) -> torch.Tensor:
    """Find each picture's price [b] at which its indices take at most `total_bits`, by bisection.

    `cells` is [b, ch, cw, stages + 1], see `channelvq.models.depth.allocate`.
    """
    low = torch.full((len(cells),), -20.0, device=cells.device)
    high = torch.full((len(cells),), 10.0, device=cells.device)
    for _ in range(30):
        middle = (low + high) / 2
        bits = allocate(cells, middle.exp(), bits_per_stage).sum((1, 2)) * bits_per_stage
        fits = bits <= total_bits
        high, low = torch.where(fits, middle, high), torch.where(fits, low, middle)
    return high.exp()


@torch.no_grad()
def validate(model: VqVae, photos: Photos, dtype: torch.dtype, side: int = 256) -> Health:
    """Code the middle of each photograph at fixed rates.

    Codebook use is counted at the highest rate, over the positions that use the stage.
    """
    shape = model.shape
    error: dict[float, list[torch.Tensor]] = {rate: [] for rate in RATES}
    counts = torch.zeros(shape.stages, shape.codes, device=model.quantizer.codebooks.device)
    for pictures in torch.split(photos.centres(side), 8):
        images = pictures.contiguous(memory_format=torch.channels_last)
        amp = torch.autocast(images.device.type, dtype=dtype, enabled=dtype != torch.float32)
        with amp:
            latents = model.pair.analyse(images)
        b, dim, h, w = latents.shape
        indices, energy = model.quantizer.search(latents.permute(0, 2, 3, 1).reshape(-1, dim))
        cells = cell_energy(energy.view(b, h, w, -1), shape.cell)
        bits = shape.cell**2 * shape.index_bits
        for rate in RATES:
            price = price_for_rate(cells, bits, rate * side * side)
            depth = spread_cells(allocate(cells, price, bits), shape.cell)
            flat = depth.reshape(-1)
            latent = model.quantizer.assemble(indices, flat).view(b, h, w, dim).permute(0, 3, 1, 2)
            with amp:
                shown = model.pair.synthesise(latent, depth).clamp(0, 1)
            error[rate].append((shown - images).square().mean((1, 2, 3)))
        for stage in range(shape.stages):
            picked = indices[flat > stage, stage]
            counts[stage] += torch.bincount(picked, minlength=shape.codes).float()
    psnr = {str(rate): float((-10 * torch.log10(torch.cat(e))).mean()) for rate, e in error.items()}
    use = StageUse(counts)
    return Health(psnr, use.used(), use.perplexity())
