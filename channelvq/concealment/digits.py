"""Concealment for a batch of digits: what the small VQ-VAE's decoder gets of received indices."""

from __future__ import annotations

import torch

from channelvq.concealment.base import Concealment, Field
from channelvq.models.lineage import GRID, VqAutoEncoder, as_field

__all__ = ["conceal_indices"]


@torch.no_grad()
def conceal_indices(
    network: VqAutoEncoder,
    concealment: Concealment,
    llrs: torch.Tensor,
    log_prior: torch.Tensor,
    depth: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give what latents are expected to be, and how unsure that is, of as many digits as there are.

    Parameters
    ----------
    network : VqAutoEncoder
        Has the codebooks.
    concealment : Concealment
        What is done about indices in doubt.
    llrs : float tensor [b · 49, stages, bits]
        Of the bits of the indices, positions in raster order.
    log_prior : float tensor [stages, codes]
        Logarithm of how often each code is sent.
    depth : int64 tensor [b · 49]
        How many stages were sent.

    Returns
    -------
    expected : float tensor [b, latents, 7, 7]
    doubt : float tensor [b, 1, 7, 7]
        Their variance, mean over the latents of a position.
    """
    rows = [torch.nonzero(depth > stage)[:, 0] for stage in range(llrs.shape[1])]
    field = Field(
        depth=depth.view(-1, GRID),
        rows=rows,
        llrs=[llrs[places, stage] for stage, places in enumerate(rows)],
        codebooks=network.quantizer.codebooks,
        log_prior=log_prior,
        spread=torch.ones(network.shape.latents),
    )
    latents = concealment.conceal(field)
    return as_field(latents.mean), as_field(latents.variance.sum(1, keepdim=True) / network.shape.latents)
