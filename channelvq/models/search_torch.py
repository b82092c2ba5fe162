"""Search for the codes of a residual vector quantizer by torch: on a GPU, or as a reference."""

from __future__ import annotations

import torch

__all__ = ["beam_search", "greedy_search", "nearest"]


def greedy_search(
    latents: torch.Tensor, codebooks: torch.Tensor, chunk: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the nearest code of every stage, one after the other.

    Parameters
    ----------
    latents : float32 tensor [n, dim]
        What to quantize.
    codebooks : float32 tensor [stages, codes, dim]
        Code vectors.
    chunk : int
        Positions at a time, which bounds the memory.

    Returns
    -------
    indices : int64 tensor [n, stages]
    energy : float tensor [n, stages + 1]
        Squared norm of what is left after 0, 1, ... stages.
    """
    n, stages = len(latents), len(codebooks)
    indices = torch.empty(n, stages, dtype=torch.int64, device=latents.device)
    energy = torch.empty(n, stages + 1, device=latents.device)
    half_norms = 0.5 * codebooks.square().sum(2)
    for start in range(0, n, chunk):
        rest = latents[start : start + chunk].clone()
        span = slice(start, start + rest.shape[0])
        energy[span, 0] = rest.square().sum(1)
        for stage, book in enumerate(codebooks):
            best = nearest(rest, book, half_norms[stage])
            rest -= book[best]
            indices[span, stage] = best
            energy[span, stage + 1] = rest.square().sum(1)
    return indices, energy


def beam_search(
    latents: torch.Tensor, codebooks: torch.Tensor, depth: torch.Tensor, beams: int, chunk: int
) -> torch.Tensor:
    """Find good indices [n, stages] for positions that send `depth` [n] stages; see `greedy_search`."""
    indices = torch.zeros(len(latents), len(codebooks), dtype=torch.int64, device=latents.device)
    order = torch.argsort(depth, descending=True, stable=True)  # a chunk's rows end together
    half_norms = 0.5 * codebooks.square().sum(2)
    for rows in torch.split(order, chunk):
        stages = int(depth[rows[0]]) if len(rows) else 0
        rest = latents[rows][:, None]  # [n, beams, dim]
        lead = -0.5 * rest.square().sum(2)  # the larger, the nearer
        paths = torch.zeros(len(rows), 1, len(codebooks), dtype=torch.int64, device=rows.device)
        for stage, book in enumerate(codebooks[:stages]):
            live = int((depth[rows] > stage).sum())
            if live < len(rows):
                indices[rows[live:]] = paths[live:, 0]
                rows, rest, lead, paths = rows[:live], rest[:live], lead[:live], paths[:live]
            scores = torch.addmm(half_norms[stage], rest.flatten(0, 1), book.T, beta=-1)
            keep = beams if stage + 1 < stages else 1
            flat = scores.view(live, -1, len(book)).add_(lead[..., None]).flatten(1)
            lead, place = flat.topk(min(keep, flat.shape[1]))
            parent, code = place // len(book), place % len(book)
            rest = torch.gather(rest, 1, parent[..., None].expand(-1, -1, rest.shape[2])) - book[code]
            paths = torch.gather(paths, 1, parent[..., None].expand(-1, -1, len(codebooks)))
            paths[..., stage] = code
        indices[rows] = paths[:, 0]
    return indices


def nearest(points: torch.Tensor, book: torch.Tensor, half_norm: torch.Tensor) -> torch.Tensor:
    """Nearest code [n] of points [n, dim]: the largest of <point, code> - |code|²/2, of equals the first."""
    scores = torch.addmm(half_norm, points, book.T, beta=-1)
    if scores.device.type == "cpu":  # NumPy's argmax is vectorised, torch's is not
        return torch.from_numpy(scores.numpy().argmax(1))
    return scores.argmax(1)
