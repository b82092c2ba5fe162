"""No concealment: every bit as it was decided."""

from __future__ import annotations

from channelvq.concealment.base import Field, Latents

__all__ = ["NoConcealment"]


class NoConcealment:
    """Hard decision of every bit; an erased one counts as 0.

    Examples
    --------
    >>> NoConcealment().spec
    'none'
    """

    spec = "none"

    @classmethod
    def from_args(cls) -> NoConcealment:
        """Take no arguments."""
        return cls()

    def conceal(self, field: Field) -> Latents:
        """Sum the code vectors that the signs of the LLRs name."""
        out = Latents.zero(field)
        for stage, rows in enumerate(field.rows):
            out.mean.index_add_(0, rows, field.hard(stage))
        return out
