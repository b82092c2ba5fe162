"""Index fields whose neighbours are alike, and what arrives of them."""

from __future__ import annotations

import numpy as np
import torch

from channelvq.concealment.base import Field
from channelvq.models.network import Shape
from channelvq.models.posterior import index_labels
from channelvq.models.vqvae import VqVae
from channelvq.models.weights import TrainedModel
from channelvq.training.fields import IndexField

SHAPE = Shape(dim=4, width=8, encoder_blocks=0, decoder_blocks=0, stages=2, codes=16)
PRIOR = torch.full((2, 16), -float(np.log(16)))


def model():
    """Sixteen first-stage codes on a line, small second-stage ones."""
    draw = torch.Generator().manual_seed(0)
    network = VqVae(SHAPE)
    network.quantizer.codebooks[0] = torch.linspace(-2, 2, 16)[:, None].repeat(1, 4)
    network.quantizer.codebooks[1] = 0.1 * torch.randn(16, 4, generator=draw)
    return TrainedModel("line", "0" * 16, network, PRIOR, np.zeros((64, 3), np.uint16), {})


def waves(rng, h=24, w=24):
    """First-stage indices that wander smoothly, second-stage ones at random; depth 1 or 2."""
    y, x = np.mgrid[:h, :w]
    angle, phase = rng.uniform(0, 2 * np.pi, 2)
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) / 4 + phase)
    first = np.clip(np.round(7.5 + 7.5 * wave + rng.normal(0, 0.3, (h, w))), 0, 15)
    indices = np.stack([first, rng.integers(0, 16, (h, w))], 2)
    return IndexField(
        torch.from_numpy(indices.astype(np.int16)), torch.from_numpy(rng.integers(1, 3, (h, w)))
    )


def received(prior, llrs_of, seed=5):
    sent = waves(np.random.default_rng(seed), 32, 32)
    depth, books = sent.depth.long(), model().network.quantizer.codebooks
    flat, labels = depth.reshape(-1), index_labels(16)
    rows = [torch.nonzero(flat > stage)[:, 0] for stage in range(2)]
    chosen = [sent.indices.view(-1, 2)[places, stage].long() for stage, places in enumerate(rows)]
    truth = torch.zeros(len(flat), 4)
    for stage in range(2):
        truth.index_add_(0, rows[stage], books[stage][chosen[stage]])
    llrs = [llrs_of(1 - 2 * labels[index], stage) for stage, index in enumerate(chosen)]
    return Field(depth, rows, llrs, books, PRIOR, torch.ones(4), prior), truth


def flipped(sign, stage, p=0.05):
    draw = torch.Generator().manual_seed(stage)
    hit = torch.rand(sign.shape, generator=draw) < p
    return torch.where(hit, -sign, sign) * float(np.log((1 - p) / p))


def lost(sign, stage):
    draw = torch.Generator().manual_seed(stage)
    return 50 * sign * (torch.rand(len(sign), 1, generator=draw) < 0.7)
