"""Index posteriors to the picture's latents: what is done about indices that arrived broken."""

from __future__ import annotations

from channelvq.components import Family

__all__ = ["BEST", "CONCEALMENTS"]

CONCEALMENTS = Family(
    "concealment",
    {
        "none": ("channelvq.concealment.none:NoConcealment", "none"),
        "neighbour": ("channelvq.concealment.neighbour:NeighbourConcealment", "neighbour"),
        "soft": ("channelvq.concealment.soft:SoftConcealment", "soft"),
    },
)
"""Every concealment by its name."""

BEST = "soft"
"""What is used when none is named."""
