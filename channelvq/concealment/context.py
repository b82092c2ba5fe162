"""Expected code vectors under the channel posterior and what the neighbourhood says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from channelvq.components import integer
from channelvq.concealment.base import Field, Latents
from channelvq.concealment.belief import alone, doubtful, look_around, nothing, posteriors
from channelvq.concealment.joint import ReceivedStage, decode_jointly
from channelvq.errors import UsageError, unknown_name
from channelvq.models.posterior import SURE, llrs_to_indices
from channelvq.models.prior import ContextPrior, Known

__all__ = ["ContextConcealment"]

_ROUNDS = 1
_TRUST = 0.6  # on pictures unlike those of its training a prior is too sure of itself
_ESTIMATES = ("mean", "map", "sample")


class ContextConcealment:
    """Each index is weighed by its LLRs and by what is known around it, in rounds.

    P(j | all) ∝ P(j | neighbours, stages before) · Π_b exp(-bit_b(j) · llr_b), the first factor from the
    model's `ContextPrior` to the power of 0.6, times how often j is sent to that of 0.4: 0.1 dB better than
    the prior as it is, on photographs unlike those of its training (gb82 and the validation part). The first
    round looks at what the channel alone says of the neighbours, each further one at what the last made of
    them. A lost index has LLRs of 0: nothing is special about it. Where all bits of an index are sure it is
    its code vector, to the last bit.

    Parameters
    ----------
    rounds : int
        How often beliefs are handed round.
    estimate : {"mean", "map", "sample"}
        Expected code vector (least squared error), likeliest one, or one drawn by its probability.

    References
    ----------
    .. [1] M. Skoglund, "Soft decoding for vector quantization over noisy channels with memory", IEEE Trans.
       Inf. Theory 45(4), 1999.

    Examples
    --------
    >>> ContextConcealment().spec, ContextConcealment.from_args("map", rounds="3").spec
    ('context', 'context:map,rounds=3')
    """

    def __init__(self, rounds: int = _ROUNDS, estimate: str = "mean") -> None:
        if estimate not in _ESTIMATES:
            raise unknown_name("estimate", estimate, _ESTIMATES)
        self.rounds, self.estimate = rounds, estimate

    @classmethod
    def from_args(cls, estimate: str = "mean", rounds: str = str(_ROUNDS)) -> ContextConcealment:
        """Make it from text: `context`, `context:map`, `context:sample,rounds=3`."""
        return cls(integer(rounds, "rounds", 1, 8), estimate)

    @property
    def spec(self) -> str:
        """As text."""
        args = [self.estimate] * (self.estimate != "mean")
        args += [f"rounds={self.rounds}"] * (self.rounds != _ROUNDS)
        return ":".join(["context", ",".join(args)]) if args else "context"

    @torch.no_grad()
    def conceal(self, field: Field) -> Latents:
        """Sum code vectors as believed after the last round, and what is in doubt of them.

        Raises
        ------
        UsageError
            The model has no context prior.
        """
        if field.prior is None:
            raise UsageError("these weights have no context prior; use concealment 'soft'")
        known = alone(field)
        if any(bool((llrs.abs() < SURE).any()) for llrs in field.llrs):
            for number in range(self.rounds):
                last = number == self.rounds - 1
                known = self._round(field, field.prior, known, self.estimate if last else "mean")
        return Latents(known.mean, known.variance)

    @torch.no_grad()
    def settle(self, field: Field, stages: Sequence[ReceivedStage]) -> Field:
        """Decode the codes that protect stages again, with what is known around; see `decode_jointly`."""
        if field.prior is None or all(stage.settled for stage in stages):
            return field
        return decode_jointly(field, field.prior, stages)

    def _round(self, field: Field, prior: ContextPrior, before: Known, estimate: str) -> Known:
        """Believe anew, with neighbours as they were believed to be."""
        seen, known = look_around(field, prior, before), nothing(field)
        draws = torch.Generator().manual_seed(0)
        for stage, rows in enumerate(field.rows):
            book, llrs = field.codebooks[stage], field.llrs[stage]
            mean, variance = book[llrs_to_indices(llrs)], torch.zeros(len(rows))
            below = known.features(rows)
            for some, share in posteriors(field, prior, stage, seen, below, _TRUST, doubtful(llrs)):
                mean[some], variance[some] = _estimate(share, book, estimate, draws)
            known.add(stage, rows, mean, variance)
        return known


def _estimate(
    share: torch.Tensor, book: torch.Tensor, estimate: str, draws: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Code vectors [n, dim] of posteriors [n, codes], and the expected squared distance [n] from them."""
    centre = share @ book
    variance = (share @ book.square().sum(1) - centre.square().sum(1)).clamp(min=0)
    if estimate == "mean":
        return centre, variance
    pick: Callable[[], torch.Tensor] = {
        "map": lambda: share.argmax(1),
        "sample": lambda: torch.multinomial(share, 1, generator=draws)[:, 0],
    }[estimate]
    chosen = book[pick()]
    return chosen, variance + (chosen - centre).square().sum(1)
