"""What a receiver believes of the indices of a field: by the channel alone, and with what is around them."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from channelvq.concealment.base import Field
from channelvq.models.posterior import SURE, expected_code, index_likelihood
from channelvq.models.prior import ContextPrior, Known

__all__ = ["alone", "doubtful", "look_around", "nothing", "posteriors"]

_CHUNK = 1024  # rows at a time: their scores stay in the cache


def alone(field: Field) -> Known:
    """Believe what the channel says of each index, and how often each code is sent."""
    known = nothing(field)
    for stage, rows in enumerate(field.rows):
        book, often = field.codebooks[stage], field.log_prior[stage]
        known.add(stage, rows, *expected_code(field.llrs[stage], book, often))
    return known


def nothing(field: Field) -> Known:
    """Believe nothing yet."""
    return Known(field.codebooks, field.log_prior, field.spread, field.depth.numel())


def look_around(field: Field, prior: ContextPrior, known: Known) -> torch.Tensor:
    """See what is believed of the neighbours of every position: [h·w, width], for `posteriors`."""
    grid = known.features().T.reshape(1, -1, *field.depth.shape)
    return prior.neighbours(grid, field.depth[None])[0].flatten(0, 1)


def doubtful(llrs: torch.Tensor) -> torch.Tensor:
    """Rows of LLRs [n, bits] in which a bit is not sure; what is no number is not."""
    return torch.nonzero(~(llrs.abs() >= SURE).all(1))[:, 0]


def posteriors(
    field: Field,
    prior: ContextPrior,
    stage: int,
    seen: torch.Tensor,
    below: torch.Tensor,
    trust: float,
    some: torch.Tensor,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Weigh the codes of some indices of a stage by channel and context, a chunk of them at a time.

    Parameters
    ----------
    field : Field
        What was received.
    prior : ContextPrior
        What neighbours say of each other.
    stage : int
        From 0.
    seen : float tensor [h·w, width]
        From `look_around`.
    below : float tensor [n, dim + 2]
        Features of the stages before, of all n indices of the stage.
    trust : float
        Power of the prior, from 0 to 1; the rest is that of how often each code is sent.
    some : int64 tensor [m]
        Which of the n.

    Yields
    ------
    part : int64 tensor
        Some of `some`.
    share : float tensor [len(part), codes]
        Probabilities.
    """
    rows, llrs, often = field.rows[stage], field.llrs[stage], field.log_prior[stage]
    for part in torch.split(some, _CHUNK):
        context = torch.log_softmax(prior.logits(stage, seen[rows[part]], below[part]), 1)
        scores = torch.lerp(often, context, trust)
        yield part, torch.softmax(scores.add_(index_likelihood(llrs[part])), 1)
