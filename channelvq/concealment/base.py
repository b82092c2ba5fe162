"""What a concealment is: it turns what was received of the indices into the latents that are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from channelvq.models.posterior import llrs_to_indices
from channelvq.models.prior import ContextPrior

__all__ = ["Concealment", "Field", "Latents"]


@dataclass(frozen=True)
class Field:
    """The received indices of a picture.

    Attributes
    ----------
    depth : int64 tensor [h, w]
        Stages sent at each position.
    rows : list of int64 tensor [n_s]
        For each stage, the positions (raster numbers) that sent it.
    llrs : list of float tensor [n_s, bits]
        For each stage, the LLRs of their index bits.
    codebooks : float tensor [stages, codes, dim]
        An index is its label.
    log_prior : float tensor [stages, codes]
        Logarithm of how often each code is sent.
    spread : float tensor [dim]
        Standard deviation of the latents.
    prior : ContextPrior, optional
        What neighbours say of each other, if the model has one.
    """

    depth: torch.Tensor
    rows: list[torch.Tensor]
    llrs: list[torch.Tensor]
    codebooks: torch.Tensor
    log_prior: torch.Tensor
    spread: torch.Tensor
    prior: ContextPrior | None = None

    def hard(self, stage: int) -> torch.Tensor:
        """Hard-decided code vectors [n_s, dim] of one stage."""
        return self.codebooks[stage][llrs_to_indices(self.llrs[stage])]


@dataclass(frozen=True)
class Latents:
    """What the decoder network gets.

    Attributes
    ----------
    mean : float tensor [h·w, dim]
        Expected sum of code vectors.
    variance : float tensor [h·w, 2]
        Expected squared distance from it, of the first stage and of the others; 0: known.
    """

    mean: torch.Tensor
    variance: torch.Tensor

    @classmethod
    def zero(cls, field: Field) -> Latents:
        """Nothing received yet."""
        n = field.depth.numel()
        return cls(torch.zeros(n, field.codebooks.shape[2]), torch.zeros(n, 2))


@runtime_checkable
class Concealment(Protocol):
    """On a clean channel every concealment gives exactly the code vectors that were sent."""

    @property
    def spec(self) -> str: ...

    def conceal(self, field: Field) -> Latents:
        """Make latents of what was received."""
        ...
