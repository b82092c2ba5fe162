"""What the neighbourhood says of an index: a small network over the index field."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional

from channelvq.models.convolution import Conv3x3
from channelvq.models.network import ResidualBlock

__all__ = ["ContextPrior", "Known", "sent_rows"]

WINDOW = 5
"""Side in positions of the window of which an entropy coder has seen the first half."""

_DEPTH_CODE = 8
_CERTAINTIES = 2


class ContextPrior(nn.Module):
    """P(index of stage s | what is known of the neighbours, and of the stages before s at the same place).

    What is known of a position is a vector of features (`Known.features`), all 0 where nothing is. There are
    two ways of looking around: `before`, exact and causal, for an entropy coder, sees a window of what has
    been decoded; `neighbours`, for a concealer, sees doubtful beliefs further around, the position's own
    among them. Both end in the same scores of codes, to which the receiver adds what the channel says of
    the index. Trained by cross-entropy of that sum, they are calibrated by construction. Markov chains of
    the first order served before [1]_ [2]_.

    Parameters
    ----------
    stages, codes, dim : int
        As in the quantizer.
    width : int
        Hidden channels.
    rank : int
        Dimensions in which codes are scored.
    sight : int
        Channels of the network that sees doubtful neighbours.
    blocks : int
        Its residual blocks; each sees two positions further.

    References
    ----------
    .. [1] N. Phamdo, N. Farvardin, "Optimal detection of discrete Markov sources over discrete memoryless
       channels - applications to combined source-channel coding", IEEE Trans. Inf. Theory 40(1), 1994.
    .. [2] R. Link, S. Kallel, "Optimal use of Markov models for DPCM picture transmission over noisy
       channels", IEEE Trans. Commun. 48(10), 2000.
    """

    def __init__(
        self,
        stages: int,
        codes: int,
        dim: int,
        width: int = 224,
        rank: int = 48,
        sight: int = 128,
        blocks: int = 3,
    ) -> None:
        super().__init__()
        features = dim + _CERTAINTIES
        self.width = width
        self.sizes = {
            "stages": stages,
            "codes": codes,
            "dim": dim,
            "width": width,
            "rank": rank,
            "sight": sight,
            "blocks": blocks,
        }
        self.depth_code = nn.Embedding(stages + 1, _DEPTH_CODE)
        self.around = nn.Conv2d(features, width, WINDOW, bias=False)
        self.around_depth = nn.Conv2d(_DEPTH_CODE, width, 3, padding=1)
        self.sight_in = Conv3x3(features + _DEPTH_CODE, sight)
        self.sight = nn.Sequential(*(ResidualBlock(sight) for _ in range(blocks)))
        self.sight_out = nn.Conv2d(sight, width, 1)
        self.here = nn.ModuleList(nn.Linear(features, width) for _ in range(stages))
        self.hidden = nn.Linear(width, width)
        self.out = nn.ModuleList(nn.Linear(width, rank, bias=False) for _ in range(stages))
        self.codes = nn.ModuleList(_gentle(rank, codes) for _ in range(stages))

    @torch.no_grad()
    def start(self, log_prior: torch.Tensor) -> None:
        """Begin with how often each code is sent, whatever the neighbours: log of it [stages, codes]."""
        for layer, row in zip(self.codes, log_prior, strict=True):
            layer.get_parameter("bias").copy_(row)

    def before(self, known: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
        """See the window of what comes before each position in raster order.

        Parameters
        ----------
        known : float tensor [b, dim + 2, h, w]
            Features of every position.
        depth : int64 tensor [b, h, w]
            Stages sent (known everywhere: the map comes first).

        Returns
        -------
        float tensor [b, h, w, width]
        """
        tap = torch.arange(WINDOW * WINDOW, device=known.device)
        causal = (tap < WINDOW * WINDOW // 2).view(WINDOW, WINDOW)
        seen = functional.conv2d(known, self.around.weight * causal, padding=WINDOW // 2)
        seen = seen + self.around_depth(self.depth_code(depth).permute(0, 3, 1, 2))
        around: torch.Tensor = seen.permute(0, 2, 3, 1)
        return around

    def neighbours(self, known: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
        """See doubtful beliefs all around, and at the position itself; takes and gives what `before` does."""
        seen = torch.cat([known, self.depth_code(depth).permute(0, 3, 1, 2)], 1)
        around: torch.Tensor = self.sight_out(functional.silu(self.sight(self.sight_in(seen))))
        return around.permute(0, 2, 3, 1)

    def logits(self, stage: int, around: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
        """Score every code of a stage.

        Parameters
        ----------
        stage : int
            From 0.
        around : float tensor [n, width]
            From `before` or `neighbours`.
        below : float tensor [n, dim + 2]
            Features of the stages before, at the same positions.

        Returns
        -------
        float tensor [n, codes]
            Logarithm of the probability, up to a constant.
        """
        first = functional.relu(around + self.here[stage](below))
        second = functional.relu(first + self.hidden(first))
        scores: torch.Tensor = self.codes[stage](self.out[stage](second))
        return scores


class Known:
    """What a receiver believes of the latents at n positions, built up stage by stage.

    Parameters
    ----------
    codebooks : float tensor [stages, codes, dim]
        Code vectors.
    log_prior : float tensor [stages, codes]
        Logarithm of how often each is sent.
    spread : float tensor [dim]
        Standard deviation of the latents.
    positions : int
        How many.

    Attributes
    ----------
    mean : float tensor [n, dim]
        Expected sum of the code vectors so far.
    variance : float tensor [n, 2]
        Expected squared distance from it, of the first stage and of the others.
    """

    def __init__(
        self, codebooks: torch.Tensor, log_prior: torch.Tensor, spread: torch.Tensor, positions: int
    ) -> None:
        share = log_prior.exp()[..., None]
        self._usual = (share * codebooks).sum(1)  # what each stage says on average ...
        around = codebooks - self._usual[:, None]
        self._usual_variance = (share * around.square()).sum((1, 2))  # ... and how far it strays
        self._scale = 1 / spread
        dim, device = codebooks.shape[2], codebooks.device
        self.mean = torch.zeros(positions, dim, device=device)
        self.variance = torch.zeros(positions, _CERTAINTIES, device=device)
        self._expected = torch.zeros_like(self.mean)
        self._possible = torch.zeros_like(self.variance)

    def add(self, stage: int, rows: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Add a stage: at positions `rows` [m], code vectors `mean` [m, dim] give or take `variance` [m]."""
        part = min(stage, _CERTAINTIES - 1)
        self.mean.index_add_(0, rows, mean)
        self.variance[:, part].index_add_(0, rows, variance)
        self._expected[rows] += self._usual[stage]
        self._possible[rows, part] += self._usual_variance[stage]

    def features(self, rows: torch.Tensor | None = None) -> torch.Tensor:
        """Give what the prior sees [n, dim + 2]: the latents less their average, and how certain they are."""
        pick: slice | torch.Tensor = slice(None) if rows is None else rows
        possible = self._possible[pick]
        doubt = self.variance[pick] / possible.clamp(min=1e-12)
        certainty = torch.where(possible > 0, 1 - doubt, torch.zeros_like(doubt))
        return torch.cat([(self.mean[pick] - self._expected[pick]) * self._scale, certainty], 1)


def _gentle(rank: int, codes: int) -> nn.Linear:
    """Make a layer that at first scores all codes nearly alike."""
    layer = nn.Linear(rank, codes)
    nn.init.normal_(layer.weight, std=0.02)
    return layer


def sent_rows(depth: torch.Tensor, stages: int) -> Iterator[tuple[int, torch.Tensor]]:
    """Give each stage that any of the positions `depth` [n] sends, and which do."""
    for stage in range(stages):
        rows = torch.nonzero(depth > stage)[:, 0]
        if not len(rows):
            return
        yield stage, rows
