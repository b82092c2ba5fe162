"""Expected code vectors under the channel posterior and the stage's marginal prior."""

from __future__ import annotations

from channelvq.concealment.base import Field, Latents
from channelvq.models.posterior import expected_code

__all__ = ["SoftConcealment"]


class SoftConcealment:
    """Each index becomes its mean code vector, given its LLRs; the decoder is told what is in doubt.

    P(j | llrs) ∝ P(j) · Π_b exp(-bit_b(j) · llr_b), mean and variance under it; an index of which nothing
    arrived becomes the mean of the prior. Where all bits are sure it is the code vector itself.

    Examples
    --------
    >>> SoftConcealment().spec
    'soft'
    """

    spec = "soft"

    @classmethod
    def from_args(cls) -> SoftConcealment:
        """Take no arguments."""
        return cls()

    def conceal(self, field: Field) -> Latents:
        """Sum expected code vectors, and what is in doubt of the first stage and of the others."""
        out = Latents.zero(field)
        for stage, rows in enumerate(field.rows):
            mean, variance = expected_code(field.llrs[stage], field.codebooks[stage], field.log_prior[stage])
            out.mean.index_add_(0, rows, mean)
            out.variance[:, min(stage, 1)].index_add_(0, rows, variance)
        return out
