"""What autoencoder, variational autoencoder and VQ-VAE learn from: three losses with the channel inside.

All are in nats a sample (pixel), so that they can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from channelvq.concealment.digits import conceal_indices
from channelvq.concealment.soft import SoftConcealment
from channelvq.models.lineage import (
    GRID,
    AutoEncoder,
    VariationalAutoEncoder,
    VqAutoEncoder,
    as_field,
    as_rows,
    belief,
    kl_divergence,
    unit_power,
)
from channelvq.models.posterior import index_labels

__all__ = ["Coded", "ae_loss", "misfit", "send_indices", "send_latents", "vae_loss", "vqvae_loss"]

_FLOOR = 1e-4
"""Squared error (40 dB) from which on a digit is as good as it need be."""


@dataclass(frozen=True)
class Coded:
    """A batch as the quantizer saw it: latents [b · 49, dim], indices [b · 49, stages], depth [b · 49]."""

    rows: torch.Tensor
    indices: torch.Tensor
    depth: torch.Tensor


def misfit(digits: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of digits [b, 1, H, W] in nats a sample, up to a constant: [b].

    The likelihood is normal around what is shown, with the variance that fits each digit best [1]_, its mean
    squared error: what remains is half the logarithm of that, so the least loss is the highest mean PSNR.

    References
    ----------
    .. [1] O. Rybkin, K. Daniilidis, S. Levine, "Simple and effective VAE training with calibrated decoders",
       ICML 2021.

    Examples
    --------
    >>> black = torch.zeros(1, 1, 28, 28)
    >>> misfit(black, black + 0.1) - misfit(black, black + 0.2)  # half of log(1/4)
    tensor([-0.6...])
    """
    return 0.5 * ((shown - digits).square().flatten(1).mean(1) + _FLOOR).log()


def send_latents(
    latents: torch.Tensor, n0: torch.Tensor, draw: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Send latents [b, c, 7, 7] of unit power over AWGN of variance n0 [b]: what the receiver expects, doubt.

    Two latents make a complex symbol of unit power, so the variance of the noise is n0 for each, in their
    units.
    """
    deviation = n0.sqrt().view(-1, 1, 1, 1)
    received = latents + deviation * torch.randn(latents.shape, generator=draw)
    return belief(received, n0.view(-1, 1, 1, 1).expand(-1, 1, GRID, GRID))


def ae_loss(
    network: AutoEncoder, digits: torch.Tensor, n0: torch.Tensor, draw: torch.Generator
) -> torch.Tensor:
    """Loss of the autoencoder for digits [b, 1, 28, 28]: how badly they arrive."""
    latents = unit_power(network.encode(digits))
    return misfit(digits, network.decode(*send_latents(latents, n0, draw))).mean()


def vae_loss(
    network: VariationalAutoEncoder, digits: torch.Tensor, n0: torch.Tensor, draw: torch.Generator
) -> torch.Tensor:
    """Loss of the variational autoencoder: minus the evidence lower bound, the channel before the decoder."""
    mean, log_variance = network.posterior(digits)
    sample = mean + (0.5 * log_variance).exp() * torch.randn(mean.shape, generator=draw)
    shown = network.decode(*send_latents(unit_power(sample), n0, draw))
    return (misfit(digits, shown) + kl_divergence(mean, log_variance) / digits[0].numel()).mean()


def vqvae_loss(
    network: VqAutoEncoder,
    digits: torch.Tensor,
    n0: torch.Tensor,
    draw: torch.Generator,
    *,
    noisy: int,
    commitment: float,
) -> tuple[torch.Tensor, Coded]:
    """Loss of the VQ-VAE: how badly digits arrive, and how far latents are from their codes.

    The number of stages that are sent is drawn for each digit. Rounding to a code has no useful gradient: the
    one of the decoder's input is taken for that of the latents, as if the code were the latent plus noise
    (straight through).

    Parameters
    ----------
    network : VqAutoEncoder
        Its codebooks stand still: they follow the latents by running means.
    digits : float tensor [b, 1, 28, 28]
        In [0, 1].
    n0 : float tensor [b]
        Variance of the channel's complex noise, a digit.
    draw : torch.Generator
        Of stages and noise.
    noisy : int
        How many digits have their indices sent over the channel; the codes of the others arrive as they are.
    commitment : float
        Weight of the squared distance to the codes.

    Returns
    -------
    loss : float tensor
    coded : Coded
        What the codebooks are to follow.
    """
    quantizer = network.quantizer
    latents = network.encode(digits)
    rows = as_rows(latents.detach())
    indices, _ = quantizer.search(rows)
    depth = torch.randint(1, quantizer.stages + 1, (len(digits),), generator=draw)
    coded = Coded(rows, indices, depth.repeat_interleave(GRID**2))
    codes = as_field(quantizer.assemble(indices, coded.depth))
    received = latents + (codes - latents).detach()
    doubt = torch.zeros(len(digits), 1, GRID, GRID)
    if noisy:
        llrs = send_indices(indices[: noisy * GRID**2], network.shape.codes, n0[:noisy], draw)
        prior = (quantizer.counts + 1e-3).log()
        sent = coded.depth[: noisy * GRID**2]
        expected, unsure = conceal_indices(network, SoftConcealment(), llrs, prior, sent)
        received = torch.cat([expected, received[noisy:]])
        doubt = torch.cat([unsure, doubt[noisy:]])
    drift = (latents - codes).square().sum(1).mean()
    return misfit(digits, network.decode(received, doubt)).mean() + commitment * drift, coded


def send_indices(indices: torch.Tensor, codes: int, n0: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Send the bits of indices [b · 49, stages] by QPSK over AWGN of variance n0 [b]: their LLRs.

    In units of its amplitude √½ a bit arrives as ±1 with noise of variance N0 = n0: the LLR is 2 y / N0.

    Returns
    -------
    float tensor [b · 49, stages, bits]
    """
    noise = n0.repeat_interleave(len(indices) // len(n0)).view(-1, 1, 1)
    signs = 1 - 2 * index_labels(codes)[indices]
    return 2 / noise * (signs + noise.sqrt() * torch.randn(signs.shape, generator=draw))
