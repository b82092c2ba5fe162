"""Index posteriors to the picture's latents: what is done about indices that arrived broken."""

from __future__ import annotations

from channelvq.components import Family

__all__ = ["BEST", "BEST_ALONE", "CONCEALMENTS"]

CONCEALMENTS = Family(
    "concealment",
    {
        "none": ("channelvq.concealment.none:NoConcealment", "none"),
        "neighbour": ("channelvq.concealment.neighbour:NeighbourConcealment", "neighbour"),
        "soft": ("channelvq.concealment.soft:SoftConcealment", "soft"),
        "context": (
            "channelvq.concealment.context:ContextConcealment",
            "context or context:ESTIMATE,rounds=N with ESTIMATE mean, map or sample",
        ),
    },
)
"""Every concealment by its name."""

BEST, BEST_ALONE = "context", "soft"
"""What is used when none is named: with a model that has a context prior, and without."""
