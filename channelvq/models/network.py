"""The networks of the VQ codec: a linear path through the KLT, and residual networks that add to it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from channelvq.models.convolution import Conv3x3

__all__ = ["BLOCK", "Shape", "TransformPair"]

BLOCK = 8
"""Side in pixels of the block that one latent position stands for."""


@dataclass(frozen=True)
class Shape:
    """Everything that fixes the tensors of a model.

    Attributes
    ----------
    dim : int
        Latent dimensions a position.
    width : int
        Channels of the residual networks.
    encoder_blocks, decoder_blocks : int
        Residual blocks on each side; each sees two positions further.
    stages : int
        Stages of the residual quantizer.
    codes : int
        Code vectors a stage; a power of two.
    cell : int
        Side in positions of the square that shares one depth.
    """

    dim: int = 64
    width: int = 192
    encoder_blocks: int = 3
    decoder_blocks: int = 4
    stages: int = 12
    codes: int = 1024
    cell: int = 2

    @property
    def index_bits(self) -> int:
        """Bits of one index."""
        return self.codes.bit_length() - 1

    @property
    def grain(self) -> int:
        """Pixels that a picture's sides are padded to a multiple of."""
        return BLOCK * self.cell


class ResidualBlock(nn.Module):
    """x + conv(act(conv(x))), the second convolution starting at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = Conv3x3(width, width)
        self.second = Conv3x3(width, width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        added: torch.Tensor = self.second(functional.silu(self.first(functional.silu(x))))
        return x + added


class TransformPair(nn.Module):
    """Picture to latents and back: the KLT of 8×8×3 blocks, plus what the networks learn to add.

    Both networks start at zero, so that an untrained model is linear transform coding; they only have to
    beat that.

    Parameters
    ----------
    shape : Shape
        Sizes.
    """

    basis: torch.Tensor
    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        pixels, width, dim = 3 * BLOCK * BLOCK, shape.width, shape.dim
        self.register_buffer("basis", torch.zeros(pixels, pixels))  # rows: eigenvectors, strongest first
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("spread", torch.ones(pixels))  # standard deviation along each row
        self.encoder_in = nn.Conv2d(pixels, width, 1)
        self.encoder = nn.Sequential(*(ResidualBlock(width) for _ in range(shape.encoder_blocks)))
        self.encoder_out = Conv3x3(width, dim)
        self.decoder_in = Conv3x3(dim, width)
        self.depth_code = nn.Embedding(shape.stages + 1, width)
        self.doubt_in = nn.Conv2d(2, width, 1, bias=False)  # no doubt, no effect: clean is a bypass
        self.decoder = nn.Sequential(*(ResidualBlock(width) for _ in range(shape.decoder_blocks)))
        self.decoder_out = Conv3x3(width, pixels)
        nn.init.zeros_(self.doubt_in.weight)
        for last in (self.encoder_out, self.decoder_out):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    @property
    def reach(self) -> int:
        """Positions that a result depends on, to each side (the larger of encoder and decoder)."""
        return 2 + 2 * max(self.shape.encoder_blocks, self.shape.decoder_blocks)

    @torch.no_grad()
    def fit_klt(self, blocks: torch.Tensor) -> None:
        """Set the linear path from sample blocks [n, 192] (principal axes of their covariance)."""
        values = blocks.double()
        self.mean.copy_(values.mean(0))
        covariance = torch.cov((values - values.mean(0)).T)
        variance, vectors = torch.linalg.eigh(covariance)
        order = torch.argsort(variance, descending=True)
        self.basis.copy_(vectors.T[order])
        self.spread.copy_((variance[order].clamp(min=0) + (1 / 255) ** 2).sqrt())

    def analyse(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures [b, 3, H, W] in [0, 1], sides multiples of 8 -> latents [b, dim, H/8, W/8]."""
        dim = self.shape.dim
        with torch.autocast(pictures.device.type, enabled=False):  # the linear path stays exact
            blocks = functional.pixel_unshuffle(pictures, BLOCK) - self.mean[:, None, None]
            axes = functional.conv2d(blocks, self.basis[:, :, None, None])
        hidden = self.encoder_in(axes / self.spread[:, None, None])
        added = self.encoder_out(functional.silu(self.encoder(hidden)))
        latents: torch.Tensor = axes[:, :dim] + added.float() * self.spread[:dim, None, None]
        return latents

    def synthesise(
        self, latents: torch.Tensor, depth: torch.Tensor, variance: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Latents to pictures.

        Parameters
        ----------
        latents : float tensor [b, dim, h, w]
            Expected code vectors.
        depth : int64 tensor [b, h, w]
            Stages sent at each position.
        variance : float tensor [b, 2, h, w], optional
            What the channel leaves in doubt: posterior variance (sum over dimensions) of the first stage
            and of the others. None: no doubt anywhere.

        Returns
        -------
        float tensor [b, 3, 8h, 8w], not clipped
        """
        dim = self.shape.dim
        with torch.autocast(latents.device.type, enabled=False):
            linear = (
                functional.conv2d(latents, self.basis[:dim].T[:, :, None, None]) + self.mean[:, None, None]
            )
        hidden = self.decoder_in(latents / self.spread[:dim, None, None])
        hidden = hidden + self.depth_code(depth).permute(0, 3, 1, 2).to(hidden.dtype)
        if variance is not None:
            rms = (variance / (3 * BLOCK * BLOCK)).sqrt()
            hidden = hidden + self.doubt_in(torch.log1p(100 * rms))
        added = self.decoder_out(functional.silu(self.decoder(hidden)))
        return functional.pixel_shuffle(linear + 0.1 * added.float(), BLOCK)
