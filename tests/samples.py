"""A small picture and a small model, quick to make."""

from __future__ import annotations

import numpy as np
import torch

from channelvq.models.network import Shape
from channelvq.models.vqvae import VqVae


def photo_like(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture with edges, a gradient and texture: float32 [3, H, W] in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    base = 0.5 + 0.3 * np.sin(x / 23) * np.cos(y / 17)
    disc = ((x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(height, width) / 3) ** 2) * 0.3
    noise = rng.normal(0, 0.02, (3, height, width))
    tint = np.array([1.0, 0.85, 0.7], dtype=np.float32)[:, None, None]
    return np.clip(tint * (base + disc) + noise, 0, 1).astype(np.float32)


def small_network(seed: int = 0) -> VqVae:
    """An untrained network (linear path only) with k-means codebooks: 5 stages of 64 codes."""
    torch.manual_seed(seed)
    network = VqVae(Shape(dim=16, width=8, encoder_blocks=1, decoder_blocks=1, stages=5, codes=64))
    samples = torch.from_numpy(np.stack([photo_like(128, 128, s) for s in range(8)]))
    blocks = torch.nn.functional.pixel_unshuffle(samples, 8).permute(0, 2, 3, 1).reshape(-1, 192)
    network.pair.fit_klt(blocks)
    latents = network.pair.analyse(samples).detach().permute(0, 2, 3, 1).reshape(-1, 16)
    network.quantizer.start(latents, np.random.default_rng(seed))
    return network.eval()
