"""Positions that are known to be lost take what their neighbours have."""

from __future__ import annotations

import torch
from torch.nn import functional

from channelvq.concealment.base import Field, Latents

__all__ = ["NeighbourConcealment"]

_LAST_STAGE = 1
"""Residuals from this stage on have no likeness between neighbours: a lost one is left out."""


class NeighbourConcealment:
    """Hard decision, but an index with an erased bit (LLR 0) is filled from its neighbours.

    A lost first-stage code vector becomes the mean of those of the 3×3 neighbours that arrived, in rounds
    from the edge of a hole to its middle; with no neighbour at all it becomes the mean of the prior. A lost
    index of a later stage is left out. Wrong bits that nobody knows of stay as they are.

    Examples
    --------
    >>> NeighbourConcealment().spec
    'neighbour'
    """

    spec = "neighbour"

    @classmethod
    def from_args(cls) -> NeighbourConcealment:
        """Take no arguments."""
        return cls()

    def conceal(self, field: Field) -> Latents:
        """Sum the code vectors that arrived, and fill holes in the first stage."""
        out = Latents.zero(field)
        for stage, rows in enumerate(field.rows):
            lost = (field.llrs[stage] == 0).any(1)
            kept = rows[~lost]
            code = field.hard(stage)
            out.mean.index_add_(0, kept, code[~lost])
            if stage < _LAST_STAGE and bool(lost.any()):
                sent = torch.zeros_like(out.mean).index_add_(0, kept, code[~lost])
                filled = self._fill(sent, kept, rows[lost], field)
                out.mean.index_add_(0, rows[lost], filled)
        return out

    @staticmethod
    def _fill(code: torch.Tensor, kept: torch.Tensor, lost: torch.Tensor, field: Field) -> torch.Tensor:
        """First-stage code vectors [len(lost), dim], from those at `kept` in `code` [h·w, dim]."""
        h, w = field.depth.shape
        dim = code.shape[1]
        known = torch.zeros(h * w)
        known[kept] = 1
        grid = code.T.reshape(1, dim, h, w).clone()
        have = known.view(1, 1, h, w)
        hole = torch.zeros(h * w, dtype=torch.bool)
        hole[lost] = True
        open_ = hole.view(1, 1, h, w)
        while bool(open_.any()):
            near = functional.avg_pool2d(functional.pad(have, (1, 1, 1, 1)), 3, 1) * 9
            total = functional.avg_pool2d(functional.pad(grid * have, (1, 1, 1, 1)), 3, 1) * 9
            now = open_ & (near > 0.5)
            if not bool(now.any()):
                prior = torch.softmax(field.log_prior[0], 0) @ field.codebooks[0]
                grid = torch.where(open_, prior[None, :, None, None], grid)
                break
            grid = torch.where(now, total / near.clamp(min=1), grid)
            have = torch.where(now, torch.ones_like(have), have)
            open_ = open_ & ~now
        return grid[0].reshape(dim, h * w).T[lost]
