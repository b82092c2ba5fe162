"""Residual vector quantization with codebooks that follow the data (exponential moving averages)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from channelvq.models.search import CodeSearch
from channelvq.models.search_torch import beam_search, greedy_search, nearest

__all__ = ["ResidualQuantizer", "StageUse"]

_CHUNK = 16384  # positions that a GPU searches at a time: 64 MB of scores a beam


class StageUse:
    """How often each code of each stage was chosen: `counts` [stages, codes]."""

    def __init__(self, counts: torch.Tensor) -> None:
        self.counts = counts.double()

    def used(self) -> list[float]:
        """Share of the codes that were chosen at all, a stage."""
        return [float((row > 0).double().mean()) for row in self.counts]

    def perplexity(self) -> list[float]:
        """2 to the entropy of the choices, a stage."""
        share = self.counts / self.counts.sum(1, keepdim=True).clamp(min=1e-12)
        entropy = -(share * torch.log2(share.clamp(min=1e-300))).sum(1)
        return [float(2**bits) for bits in entropy]


class ResidualQuantizer(nn.Module):
    """Each stage quantizes what the stages before left over.

    Codebooks are running means of the residuals assigned to each code [1]_, started by k-means; a code
    that is hardly used is put on a residual of the current batch [2]_.

    Parameters
    ----------
    stages, codes, dim : int
        Number of stages, code vectors a stage, dimensions.

    References
    ----------
    .. [1] A. van den Oord, O. Vinyals, K. Kavukcuoglu, "Neural discrete representation learning", 2017.
    .. [2] P. Dhariwal et al., "Jukebox: a generative model for music", 2020, section 3.
    """

    codebooks: torch.Tensor
    sums: torch.Tensor
    counts: torch.Tensor

    def __init__(self, stages: int, codes: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("codebooks", torch.zeros(stages, codes, dim))
        self.register_buffer("sums", torch.zeros(stages, codes, dim))
        self.register_buffer("counts", torch.zeros(stages, codes))
        self._searches: CodeSearch | None = None

    @property
    def stages(self) -> int:
        """Number of stages."""
        return int(self.codebooks.shape[0])

    @torch.no_grad()
    def search(self, latents: torch.Tensor, chunk: int = _CHUNK) -> tuple[torch.Tensor, torch.Tensor]:
        """Find the nearest code of every stage, one after the other.

        Parameters
        ----------
        latents : float tensor [n, dim]
            What to quantize.
        chunk : int
            Positions at a time on a GPU, which bounds the memory.

        Returns
        -------
        indices : int64 tensor [n, stages]
        energy : float tensor [n, stages + 1]
            Squared norm of what is left after 0, 1, ... stages.
        """
        if latents.device.type == "cpu":
            indices, energy = self._code_search().greedy(latents.detach().float().numpy())
            return torch.from_numpy(indices), torch.from_numpy(energy)
        with torch.autocast(
            latents.device.type, enabled=False
        ):  # scores of near codes differ in the last bits
            return greedy_search(latents.float(), self.codebooks, chunk)

    @torch.no_grad()
    def refine_every(
        self, latents: torch.Tensor, depth: torch.Tensor, beams: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Do what `refine` does for every depth up to `depth` [n], in one search, on the CPU.

        Returns
        -------
        indices : int64 tensor [n, stages, stages]
            Row d - 1 holds the codes for depth d.
        energy : float tensor [n, stages + 1]
            Squared norm of what they leave, at depth 0, 1, ...; infinite beyond `depth`.
        """
        rows = latents.detach().float().cpu().numpy()
        indices, energy = self._code_search().beam_every(rows, depth.cpu().numpy(), beams)
        return torch.from_numpy(indices), torch.from_numpy(energy)

    @torch.no_grad()
    def refine(
        self, latents: torch.Tensor, depth: torch.Tensor, beams: int, chunk: int = _CHUNK
    ) -> torch.Tensor:
        """Find better indices than `search` for positions that send `depth` stages: a beam search [1]_.

        The `beams` best beginnings of each position are kept from stage to stage, and the best end wins.

        Parameters
        ----------
        latents : float tensor [n, dim]
            What to quantize.
        depth : int64 tensor [n]
            Stages that each position sends.
        beams : int
            How many beginnings are kept.
        chunk : int
            Positions at a time on a GPU.

        Returns
        -------
        int64 tensor [n, stages]
            Only the first `depth` of a row mean anything.

        References
        ----------
        .. [1] A. Babenko, V. Lempitsky, "Additive quantization for extreme vector compression", 2014.
        """
        if latents.device.type == "cpu":
            return torch.from_numpy(
                self._code_search().beam(latents.detach().float().numpy(), depth.numpy(), beams)
            )
        with torch.autocast(latents.device.type, enabled=False):
            return beam_search(latents.float(), self.codebooks, depth, beams, chunk)

    def _code_search(self) -> CodeSearch:
        """Give the search on the CPU for the codebooks as they are now."""
        codebooks = self.codebooks.numpy()
        if self._searches is None or not self._searches.serves(codebooks):
            self._searches = CodeSearch(codebooks)
        return self._searches

    def assemble(self, indices: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
        """Sum the first `depth` [n] code vectors of each row of `indices` [n, stages] -> [n, dim]."""
        total = torch.zeros(indices.shape[0], self.codebooks.shape[2], device=indices.device)
        for stage in range(self.stages):
            rows = torch.nonzero(depth > stage)[:, 0]
            if len(rows):
                total.index_add_(0, rows, self.codebooks[stage][indices[rows, stage]])
        return total

    @torch.no_grad()
    def relabel(self, stage: int, order: torch.Tensor) -> None:
        """Reorder the codes of one stage: row `order[i]` becomes code i."""
        for tensor in (self.codebooks, self.sums, self.counts):
            tensor[stage] = tensor[stage][order]

    @torch.no_grad()
    def follow(self, latents: torch.Tensor, indices: torch.Tensor, depth: torch.Tensor, decay: float) -> None:
        """Move each codebook towards the residuals that chose it."""
        rest = latents.clone()
        for stage in range(self.stages):
            rows = torch.nonzero(depth > stage)[:, 0]
            if not len(rows):
                continue
            index = indices[rows, stage]
            chosen = torch.bincount(index, minlength=self.counts.shape[1]).float()
            batch_sum = torch.zeros_like(self.sums[stage]).index_add_(0, index, rest[rows])
            old = self.codebooks[stage][index]
            weight = 1 - decay
            self.counts[stage] += weight * (chosen - self.counts[stage])
            self.sums[stage] += weight * (batch_sum - self.sums[stage])
            mean = self.sums[stage] / self.counts[stage].clamp(min=1e-6)[:, None]
            alive = self.counts[stage] > 1e-3
            self.codebooks[stage] = torch.where(alive[:, None], mean, self.codebooks[stage])
            rest[rows] -= old

    @torch.no_grad()
    def restart_dead(
        self,
        latents: torch.Tensor,
        indices: torch.Tensor,
        depth: torch.Tensor,
        rng: np.random.Generator,
        share: float = 0.03,
    ) -> int:
        """Put codes chosen less than `share` of the average on residuals of this batch; returns how many."""
        rest, restarted = latents.clone(), 0
        for stage in range(self.stages):
            rows = torch.nonzero(depth > stage)[:, 0]
            if not len(rows):
                continue
            total = self.counts[stage].sum()
            dead = torch.nonzero(self.counts[stage] < share * total / self.counts.shape[1])[:, 0]
            old = self.codebooks[stage][indices[rows, stage]]
            if len(dead) and len(rows) > len(dead):
                pick = rows[torch.from_numpy(rng.choice(len(rows), len(dead), replace=False)).to(rows.device)]
                fresh = total / self.counts.shape[1]
                self.codebooks[stage, dead] = rest[pick]
                self.sums[stage, dead] = rest[pick] * fresh
                self.counts[stage, dead] = fresh
                restarted += len(dead)
            rest[rows] -= old
        return restarted

    @torch.no_grad()
    def start(
        self, latents: torch.Tensor, rng: np.random.Generator, rounds: int = 12, per_code: float = 8.0
    ) -> None:
        """Start every codebook by k-means on latents [n, dim], n well above the number of codes."""
        rest = latents.clone()
        codes = self.codebooks.shape[1]
        for stage in range(self.stages):
            pick = torch.from_numpy(rng.choice(len(rest), codes, replace=len(rest) < codes))
            book = rest[pick.to(rest.device)].clone()
            for _ in range(rounds):
                index = nearest(rest, book, 0.5 * book.square().sum(1))
                count = torch.bincount(index, minlength=codes).float()
                total = torch.zeros_like(book).index_add_(0, index, rest)
                book = torch.where(count[:, None] > 0, total / count.clamp(min=1)[:, None], book)
            index = nearest(rest, book, 0.5 * book.square().sum(1))
            self.codebooks[stage] = book
            self.counts[stage] = per_code
            self.sums[stage] = book * per_code
            rest -= book[index]
