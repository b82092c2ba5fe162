"""The lineage on MNIST: autoencoder, variational autoencoder and VQ-VAE, alike but for the middle.

All three see a digit as 7 × 7 positions of a few numbers, the latents, and all three decoders get what the
receiver expects the latents to be, and how unsure it is of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from channelvq.models.quantizer import ResidualQuantizer

__all__ = [
    "GRID",
    "SIDE",
    "AutoEncoder",
    "LineageShape",
    "VariationalAutoEncoder",
    "VqAutoEncoder",
    "as_field",
    "as_rows",
    "belief",
    "build_network",
    "kl_divergence",
    "unit_power",
]

SIDE = 28
"""Side of a digit in pixels."""

GRID = 7
"""Side of its latents in positions: each stands for 4 × 4 pixels."""


@dataclass(frozen=True)
class LineageShape:
    """Everything that fixes the tensors of a network.

    Attributes
    ----------
    network : {"ae", "vae", "vqvae"}
        Which of the three.
    width : int
        Channels of encoder and decoder.
    blocks : int
        Residual blocks on each side.
    latents : int
        Numbers a position.
    stages, codes : int
        Stages of the quantizer and code vectors of each (a power of two); 0 for the others.
    """

    network: Literal["ae", "vae", "vqvae"]
    width: int = 64
    blocks: int = 1
    latents: int = 4
    stages: int = 0
    codes: int = 0

    @property
    def index_bits(self) -> int:
        """Bits of one index."""
        return self.codes.bit_length() - 1


class ResidualBlock(nn.Module):
    """x + what two convolutions make of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GELU(), nn.Conv2d(width, width, 3, padding=1), nn.GELU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        added: torch.Tensor = self.layers(x)
        return x + added


class AutoEncoder(nn.Module):
    """Digits to latents and back.

    Parameters
    ----------
    shape : LineageShape
        Sizes.

    Examples
    --------
    >>> network = AutoEncoder(LineageShape("ae"))
    >>> latents = network.encode(torch.zeros(2, 1, 28, 28))
    >>> latents.shape, network.decode(latents, torch.zeros(2, 1, 7, 7)).shape
    (torch.Size([2, 4, 7, 7]), torch.Size([2, 1, 28, 28]))
    """

    numbers_a_latent = 1

    def __init__(self, shape: LineageShape) -> None:
        super().__init__()
        self.shape = shape
        width, half = shape.width, shape.width // 2
        self.encoder = nn.Sequential(
            nn.Conv2d(1, half, 4, stride=2, padding=1),  # 28 -> 14
            nn.GELU(),
            nn.Conv2d(half, width, 4, stride=2, padding=1),  # 14 -> 7
            *(ResidualBlock(width) for _ in range(shape.blocks)),
            nn.GELU(),
            nn.Conv2d(width, self.numbers_a_latent * shape.latents, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(shape.latents + 1, width, 3, padding=1),
            *(ResidualBlock(width) for _ in range(shape.blocks)),
            nn.GELU(),
            nn.ConvTranspose2d(width, half, 4, stride=2, padding=1),  # 7 -> 14
            nn.GELU(),
            nn.ConvTranspose2d(half, 1, 4, stride=2, padding=1),  # 14 -> 28
        )

    def encode(self, digits: torch.Tensor) -> torch.Tensor:
        """Digits [b, 1, 28, 28] in [0, 1] -> latents [b, latents, 7, 7]."""
        latents: torch.Tensor = self.encoder(digits)
        return latents

    def decode(self, latents: torch.Tensor, doubt: torch.Tensor) -> torch.Tensor:
        """Latents as the receiver expects them to be, and their variance [b, 1, 7, 7] -> digits."""
        digits: torch.Tensor = self.decoder(torch.cat([latents, doubt], 1))
        return digits


class VariationalAutoEncoder(AutoEncoder):
    """An autoencoder whose latents of a digit are a normal distribution, held near the standard one [1]_.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
    """

    numbers_a_latent = 2

    def posterior(self, digits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of the latents of digits, each [b, latents, 7, 7]."""
        mean, log_variance = self.encoder(digits).chunk(2, 1)
        return mean, log_variance.clamp(-12, 4)

    def encode(self, digits: torch.Tensor) -> torch.Tensor:
        """Digits [b, 1, 28, 28] in [0, 1] -> the mean of their latents [b, latents, 7, 7]: what is sent."""
        return self.posterior(digits)[0]


class VqAutoEncoder(AutoEncoder):
    """An autoencoder whose latents are rounded to code vectors, so that their numbers can be sent [1]_.

    With more than one stage, each quantizes what the stages before left over.

    References
    ----------
    .. [1] A. van den Oord, O. Vinyals, K. Kavukcuoglu, "Neural discrete representation learning", 2017.
    """

    def __init__(self, shape: LineageShape) -> None:
        super().__init__(shape)
        self.quantizer = ResidualQuantizer(shape.stages, shape.codes, shape.latents)


def build_network(shape: LineageShape) -> AutoEncoder:
    """Make the network that a shape names, with random weights."""
    kinds = {"ae": AutoEncoder, "vae": VariationalAutoEncoder, "vqvae": VqAutoEncoder}
    if shape.network not in kinds:
        raise ValueError(f"its network is {shape.network!r}, must be one of {', '.join(kinds)}")
    return kinds[shape.network](shape)


def unit_power(latents: torch.Tensor) -> torch.Tensor:
    """Scale the latents of each image [b, ...] to a mean square of 1, whatever those of other images are.

    Examples
    --------
    >>> unit_power(torch.tensor([[1.0, -1.0], [30.0, 40.0]])).square().mean(1)
    tensor([1., 1.])
    """
    power = latents.square().flatten(1).mean(1).clamp(min=1e-12)
    return latents * power.rsqrt().view(-1, *[1] * (latents.ndim - 1))


def belief(received: torch.Tensor, noise_variance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Give mean and variance of latents of unit power, normally distributed, that came with noise.

    Parameters
    ----------
    received : float tensor [b, latents, 7, 7]
        Latents plus noise.
    noise_variance : float tensor, broadcastable to `received`
        Of the noise of each; infinite where nothing was received.

    Examples
    --------
    >>> mean, doubt = belief(torch.tensor([1.0, 1.0, 5.0]), torch.tensor([0.0, 1.0, torch.inf]))
    >>> mean.tolist(), doubt.tolist()
    ([1.0, 0.5, 0.0], [0.0, 0.5, 1.0])
    """
    trust = 1 / (1 + noise_variance)
    return received * trust, 1 - trust


def kl_divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of N(mean, variance) from N(0, 1) in nats, summed over each image: [b].

    Examples
    --------
    >>> kl_divergence(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2))
    tensor([2.])
    """
    terms = mean.square() + log_variance.exp() - 1 - log_variance
    return 0.5 * terms.flatten(1).sum(1)


def as_rows(field: torch.Tensor) -> torch.Tensor:
    """[b, dim, 7, 7] -> [b · 49, dim], positions in raster order."""
    return field.permute(0, 2, 3, 1).reshape(-1, field.shape[1]).contiguous()


def as_field(rows: torch.Tensor) -> torch.Tensor:
    """[b · 49, dim] -> [b, dim, 7, 7]: undoes `as_rows`."""
    return rows.view(-1, GRID, GRID, rows.shape[1]).permute(0, 3, 1, 2)
