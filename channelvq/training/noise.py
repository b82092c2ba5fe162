"""The channel in the training loop: what the receiver would make of noisy indices."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import erfcinv

from channelvq.models.posterior import expected_code, index_labels
from channelvq.models.quantizer import ResidualQuantizer
from channelvq.training.device import torch_generator
from channelvq.training.recipe import ChannelPart

__all__ = ["NoisyLatents", "noisy_latents", "noisy_llrs"]


class NoisyLatents:
    """Expected code vectors `mean` [n, dim] and what is in doubt, `variance` [n, 2] (first stage, others)."""

    def __init__(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        self.mean, self.variance = mean, variance


def noisy_llrs(
    indices: torch.Tensor, codes: int, part: ChannelPart, rng: np.random.Generator
) -> torch.Tensor:
    """Send the bits of indices [n, stages] over a channel drawn from the recipe: hard, soft, or with losses.

    Returns
    -------
    float tensor [n, stages, bits]
        LLRs: ±log((1-p)/p) with flips (BSC); normal of mean ±μ and variance 2μ (AWGN, the consistent
        LLR of BPSK) with the same error rate; or all 0 for an index that is lost (packet erasure).
    """
    low, high = np.log(part.lowest_error_rate), np.log(part.highest_error_rate)
    p = float(np.exp(rng.uniform(low, high)))
    sign = 1 - 2 * index_labels(codes, indices.device)[indices]
    kind = rng.choice(["hard", "soft", "lost"], p=[0.4, 0.4, 0.2])
    device = indices.device
    draw = torch_generator(rng, device)
    if kind == "hard":
        flips = torch.rand(sign.shape, generator=draw, device=device) < p
        return torch.where(flips, -sign, sign) * float(np.log((1 - p) / p))
    if kind == "soft":
        mean = float((2 * erfcinv(2 * p)) ** 2)  # Q(sqrt(μ/2)) = p
        noise = torch.randn(sign.shape, generator=draw, device=device)
        soft: torch.Tensor = sign * mean + (2 * mean) ** 0.5 * noise
        return soft
    lost = torch.rand(*indices.shape, 1, generator=draw, device=device) < rng.uniform(0.02, 0.4)
    return torch.where(lost, torch.zeros_like(sign), 50.0 * sign)


def noisy_latents(
    quantizer: ResidualQuantizer, indices: torch.Tensor, depth: torch.Tensor, llrs: torch.Tensor
) -> NoisyLatents:
    """Decode positions [n] softly; `depth` [n] stages were sent and gave `llrs` [n, stages, bits]."""
    n, dim = len(indices), quantizer.codebooks.shape[2]
    mean = torch.zeros(n, dim, device=indices.device)
    variance = torch.zeros(n, 2, device=indices.device)
    for stage in range(quantizer.stages):
        rows = torch.nonzero(depth > stage)[:, 0]
        if not len(rows):
            continue
        prior = torch.log(quantizer.counts[stage] + 1e-3)
        code, doubt = expected_code(llrs[rows, stage], quantizer.codebooks[stage], prior)
        mean.index_add_(0, rows, code)
        variance[:, min(stage, 1)].index_add_(0, rows, doubt)
    return NoisyLatents(mean, variance)
