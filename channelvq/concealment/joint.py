"""Channel decoding that knows the source: codes and context prior tell each other what they found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from channelvq.concealment.base import Field
from channelvq.concealment.belief import doubtful, look_around, nothing, posteriors
from channelvq.models.posterior import SURE, expected_code, index_labels, llrs_to_indices
from channelvq.models.prior import ContextPrior

__all__ = ["ReceivedStage", "decode_jointly"]

_ROUNDS = 3
_TRUST = 0.9
_DAMPING = 0.85  # what was told and what comes back are not independent
_RAREST = 1e-6  # probability of a bit: float32 tells no rarer ones from 0
_SUREST = math.log((1 - _RAREST) / _RAREST)


class ReceivedStage(Protocol):
    """A stage of indices as a receiver has it, whose code can be decoded again."""

    @property
    def settled(self) -> bool:
        """Whether nothing more can be known of it: no code, or the code vouches for every bit."""
        ...

    @property
    def llrs(self) -> npt.NDArray[np.float32]:
        """What channel and code say of its bits, without what was told from elsewhere: [bits]."""
        ...

    def hear(self, told: npt.NDArray[np.float32]) -> None:
        """Decode again with LLRs of its bits [bits] from elsewhere."""
        ...


def decode_jointly(field: Field, prior: ContextPrior, stages: Sequence[ReceivedStage]) -> Field:
    """Settle stages that their codes alone could not mend, by turns of context prior and decoders.

    In a round every stage that is not settled is weighed by its neighbours and the stages before, as in
    `ContextConcealment`; what that says of each bit, beyond what its own LLR says, goes to the decoder of its
    code, and what this makes of it goes to the stages after and into the next round: a turbo decoder whose
    second component is the source [1]_ [2]_. A code too weak for the channel then still mends what the
    neighbours make likely.

    Parameters
    ----------
    field : Field
        What was received; stays as it is.
    prior : ContextPrior
        What neighbours say of each other.
    stages : sequence of ReceivedStage
        Of the first stages, those that a code may protect; they hear.

    Returns
    -------
    Field
        With the LLRs of the stages as they are then.

    References
    ----------
    .. [1] J. Hagenauer, "Source-controlled channel decoding", IEEE Trans. Commun. 43(9), 1995.
    .. [2] N. Görtz, "On the iterative approximation of optimal joint source-channel decoding", IEEE J. Sel.
       Areas Commun. 19(9), 2001.
    """
    said = [
        expected_code(llrs, book, often)
        for llrs, book, often in zip(field.llrs, field.codebooks, field.log_prior, strict=False)
    ]
    known = nothing(field)
    for stage, rows in enumerate(field.rows):
        known.add(stage, rows, *said[stage])
    for _ in range(_ROUNDS):
        seen, known = look_around(field, prior, known), nothing(field)
        for number, rows in enumerate(field.rows):
            if number < len(stages) and not stages[number].settled:
                told, *believed = _weigh(field, prior, number, seen, known.features(rows))
                stages[number].hear(told.numpy().reshape(-1))
                field = _with_llrs(field, number, stages[number].llrs)
                said[number] = _corrected(field, number, *believed)
            known.add(number, rows, *said[number])
        if all(stage.settled for stage in stages):
            break
    return field


def _with_llrs(field: Field, stage: int, llrs: npt.NDArray[np.float32]) -> Field:
    changed = list(field.llrs)
    changed[stage] = torch.from_numpy(llrs).view_as(changed[stage])
    return replace(field, llrs=changed)


def _weigh(
    field: Field, prior: ContextPrior, stage: int, seen: torch.Tensor, below: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weigh the codes of a stage by channel and context.

    Returns
    -------
    told : float tensor [n, bits]
        LLRs of the bits, without what their own LLR says.
    mean : float tensor [n, dim]
        Expected code vectors.
    variance : float tensor [n]
        Expected squared distance from them.
    """
    llrs, book = field.llrs[stage], field.codebooks[stage]
    labels, norms = index_labels(1 << llrs.shape[1]), book.square().sum(1, keepdim=True)
    facts = torch.cat([labels, book, norms], 1)
    told, mean, variance = torch.zeros_like(llrs), book[llrs_to_indices(llrs)], torch.zeros(len(llrs))
    for part, share in posteriors(field, prior, stage, seen, below, _TRUST, doubtful(llrs)):
        one, centre, square = torch.split(share @ facts, [llrs.shape[1], book.shape[1], 1], 1)
        one = one.clamp(_RAREST, 1 - _RAREST)
        alone = torch.nan_to_num(llrs[part]).clamp(-_SUREST, _SUREST)
        told[part] = torch.log1p(-one) - torch.log(one) - alone
        mean[part], variance[part] = centre, (square[:, 0] - centre.square().sum(1)).clamp(min=0)
    return told.mul_(_DAMPING), mean, variance


def _corrected(
    field: Field, stage: int, mean: torch.Tensor, variance: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Take the code vectors that are sure by now for known."""
    llrs = field.llrs[stage]
    sure = (llrs.abs() >= SURE).all(1)
    hard = field.codebooks[stage][llrs_to_indices(llrs)]
    return torch.where(sure[:, None], hard, mean), torch.where(sure, 0.0, variance)
