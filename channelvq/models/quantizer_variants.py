"""Quantizers to compare: one stage each, that codes what the stages before it left over, and learns from it.

They are for the ablation only (`channelvq.training.ablation`); the codec's own is
`channelvq.models.quantizer.ResidualQuantizer`. Learning rates fall to zero over the last half of the run.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional

__all__ = ["CodebookStage", "FactorisedStage", "ScalarStage", "SimStage", "Stage", "k_means", "nearest"]

_RESTART_EVERY = 16
_RESTART_UNTIL = 0.8
_RESTART_SHARE = 0.03


class Stage(Protocol):
    """One stage of a residual quantizer, with `codes` code vectors."""

    codes: int

    def start(self, sample: torch.Tensor, rng: np.random.Generator) -> None:
        """Set the code vectors from a sample of residuals [n, dim], or at random."""

    def learn(self, rest: torch.Tensor, progress: float) -> torch.Tensor:
        """Give what a batch [n, dim] is coded as, then adapt; `progress` is 0 to 1 of the run."""
        ...

    def encode(self, rest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Give indices [n] and code vectors [n, dim]."""
        ...


def nearest(points: torch.Tensor, book: torch.Tensor) -> torch.Tensor:
    """Nearest code of each point: [n, dim] and [codes, dim] -> int64 [n].

    Examples
    --------
    >>> nearest(torch.tensor([[0.9], [-4.0]]), torch.tensor([[0.0], [1.0]])).tolist()
    [1, 0]
    """
    scores = torch.addmm(0.5 * book.square().sum(1), points, book.T, beta=-1)
    return torch.from_numpy(scores.numpy().argmax(1))  # NumPy's is vectorised, torch's is not


def k_means(sample: torch.Tensor, codes: int, rng: np.random.Generator, rounds: int = 12) -> torch.Tensor:
    """Lloyd's algorithm from `codes` points of the sample [n, dim] -> [codes, dim]."""
    book = sample[torch.from_numpy(rng.choice(len(sample), codes, replace=len(sample) < codes))].clone()
    for _ in range(rounds):
        count, total = _gather(nearest(sample, book), sample, codes)
        book = torch.where(count[:, None] > 0, total / count.clamp(min=1)[:, None], book)
    return book


class CodebookStage:
    """Code vectors of their own, as in the VQ-VAE.

    Parameters
    ----------
    codes, dim : int
        Number of code vectors and of dimensions.
    start : {"random", "k-means"}
        "random": uniform in ±1/codes, as in the first VQ-VAE [1]_.
    update : {"gradient", "ema"}
        "gradient": Adam on the squared distance to what chose a code [1]_; "ema": running means [1]_,
        appendix A.
    restart : bool
        Put codes that are hardly used on residuals of the current batch [2]_.
    rate : float
        Adam's learning rate.
    decay : float
        Of the running means.

    References
    ----------
    .. [1] A. van den Oord, O. Vinyals, K. Kavukcuoglu, "Neural discrete representation learning", 2017.
    .. [2] P. Dhariwal et al., "Jukebox: a generative model for music", 2020, section 3.
    """

    def __init__(
        self,
        codes: int,
        dim: int,
        *,
        start: str = "k-means",
        update: str = "ema",
        restart: bool = False,
        rate: float = 0.01,
        decay: float = 0.99,
    ) -> None:
        self.codes, self.dim, self.decay = codes, dim, decay
        self._from_data, self._by_gradient, self._restarts = start == "k-means", update == "gradient", restart
        self.book = torch.zeros(codes, dim)
        self._counts, self._sums = torch.zeros(codes), torch.zeros(codes, dim)
        self._adam, self._rate = torch.optim.Adam([self.book], lr=rate), rate
        self._rng, self._steps = np.random.default_rng(0), 0

    def start(self, sample: torch.Tensor, rng: np.random.Generator) -> None:
        """Set the code vectors."""
        self._rng = rng
        if self._from_data:
            self.book.copy_(k_means(sample, self.codes, rng))
            self._counts.fill_(8.0)
            self._sums.copy_(8.0 * self.book)
        else:
            uniform = rng.uniform(-1 / self.codes, 1 / self.codes, self.book.shape)
            self.book.copy_(torch.from_numpy(uniform.astype(np.float32)))

    def encode(self, rest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Nearest codes."""
        index = nearest(rest, self.book)
        return index, self.book[index]

    def learn(self, rest: torch.Tensor, progress: float) -> torch.Tensor:
        """Let the codes move towards what chose them."""
        index, value = self.encode(rest)
        count, total = _gather(index, rest, self.codes)
        if self._by_gradient:
            self.book.grad = 2 * (count[:, None] * self.book - total) / len(rest)
            _step(self._adam, self._rate, progress)
        else:
            self._counts += (1 - self.decay) * (count - self._counts)
            self._sums += (1 - self.decay) * (total - self._sums)
            mean = self._sums / self._counts.clamp(min=1e-6)[:, None]
            self.book.copy_(torch.where(self._counts[:, None] > 1e-3, mean, self.book))
        self._steps += 1
        if self._restarts and progress < _RESTART_UNTIL and self._steps % _RESTART_EVERY == 0:
            self._restart(rest)
        return value

    def _restart(self, rest: torch.Tensor) -> None:
        fresh = float(self._counts.sum()) / self.codes
        dead = torch.nonzero(self._counts < _RESTART_SHARE * fresh)[:, 0]
        dead = dead[: len(rest)]
        pick = torch.from_numpy(self._rng.choice(len(rest), len(dead), replace=False))
        self.book[dead] = rest[pick]
        self._counts[dead] = fresh
        self._sums[dead] = fresh * rest[pick]


class FactorisedStage:
    """Codes of few dimensions between two learned projections [1]_; they start at the principal axes.

    Parameters
    ----------
    codes, dim, code_dim : int
        Number of code vectors, dimensions of the residuals and of the codes.
    rate : float
        Adam's learning rate for the projections.
    decay : float
        Of the codes, which are running means, started by k-means, restarted.

    References
    ----------
    .. [1] J. Yu et al., "Vector-quantized image modeling with improved VQGAN", ICLR 2022, section 3.2.
    """

    def __init__(
        self, codes: int, dim: int, code_dim: int, *, rate: float = 1e-3, decay: float = 0.99
    ) -> None:
        self.codes = codes
        self._inner = CodebookStage(codes, code_dim, restart=True, decay=decay)
        self._down = nn.Parameter(torch.zeros(code_dim, dim))
        self._up = nn.Parameter(torch.zeros(dim, code_dim))
        self._adam, self._rate = torch.optim.Adam([self._down, self._up], lr=rate), rate

    def start(self, sample: torch.Tensor, rng: np.random.Generator) -> None:
        """Set the projections to the sample's principal axes, the codes by k-means between them."""
        axes, _ = _principal(sample, self._down.shape[0])
        self._down.data.copy_(axes)
        self._up.data.copy_(axes.T)
        self._inner.start(sample @ axes.T, rng)

    @torch.no_grad()
    def encode(self, rest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Nearest codes among the projections."""
        index, code = self._inner.encode(rest @ self._down.T)
        return index, code @ self._up.T

    def learn(self, rest: torch.Tensor, progress: float) -> torch.Tensor:
        """Move projections down the gradient (straight through the codes), codes to their means."""
        point = rest @ self._down.T
        code = self._inner.learn(point.detach(), progress)
        passed = point + (code - point).detach()
        value = passed @ self._up.T
        loss = (rest - value).square().sum(1).mean() + 0.25 * (point - code).square().sum(1).mean()
        _descend(self._adam, self._rate, progress, loss)
        return value.detach()


class ScalarStage:
    """Finite scalar quantization [1]_: a few learned projections, each rounded to a few levels.

    Parameters
    ----------
    levels : sequence of int
        Of each projection; their product is the number of codes.
    dim : int
        Dimensions of the residuals.
    rate : float
        Adam's learning rate.

    References
    ----------
    .. [1] F. Mentzer et al., "Finite scalar quantization: VQ-VAE made simple", ICLR 2024.
    """

    def __init__(self, levels: list[int] | tuple[int, ...], dim: int, *, rate: float = 1e-3) -> None:
        self.codes = math.prod(levels)
        count = torch.tensor(levels)
        self._half, self._middle = (count - 1) / 2 * (1 + 1e-3), count // 2
        self._offset = torch.where(count % 2 == 0, 0.5, 0.0)
        self._place = torch.cumprod(torch.tensor([1, *levels[:-1]]), 0)
        self._down, self._up = nn.Linear(dim, len(levels)), nn.Linear(len(levels), dim)
        parameters = [*self._down.parameters(), *self._up.parameters()]
        self._adam, self._rate = torch.optim.Adam(parameters, lr=rate), rate

    def start(self, sample: torch.Tensor, rng: np.random.Generator) -> None:
        """Set the projections to principal axes of unit variance, the way back by least squares."""
        del rng
        axes, spread = _principal(sample, len(self._half))
        self._down.weight.data.copy_(axes / spread[:, None])
        self._down.bias.data.copy_(-(sample @ axes.T / spread).mean(0))
        with torch.no_grad():
            rounded = functional.pad(self._round(self._down(sample)), (0, 1), value=1.0)
        back = torch.linalg.lstsq(rounded, sample).solution
        self._up.weight.data.copy_(back[:-1].T)
        self._up.bias.data.copy_(back[-1])

    @torch.no_grad()
    def encode(self, rest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Round."""
        rounded = self._round(self._down(rest))
        digits = (rounded * self._middle + self._middle).round().long()
        value: torch.Tensor = self._up(rounded)
        return (digits * self._place).sum(1), value

    def learn(self, rest: torch.Tensor, progress: float) -> torch.Tensor:
        """Move the projections down the gradient, straight through the rounding."""
        value: torch.Tensor = self._up(self._round(self._down(rest)))
        _descend(self._adam, self._rate, progress, (rest - value).square().sum(1).mean())
        return value.detach()

    def _round(self, point: torch.Tensor) -> torch.Tensor:
        """Bound by tanh and round to whole levels, then scale to about ±1."""
        shift = torch.atanh(self._offset / self._half)
        bounded = torch.tanh(point + shift) * self._half - self._offset
        return (bounded + (bounded.round() - bounded).detach()) / self._middle


class SimStage:
    """SimVQ [1]_: fixed random codes times one learned matrix, so that every code moves with every other.

    The matrix starts at a square root of the sample's covariance: codes drawn from a normal distribution like
    the data's.

    Parameters
    ----------
    codes, dim : int
        Number of code vectors and of dimensions.
    rate : float
        Adam's learning rate.

    References
    ----------
    .. [1] Y. Zhu et al., "Addressing representation collapse in vector quantized models with one linear
       layer", 2024.
    """

    def __init__(self, codes: int, dim: int, *, rate: float = 1e-3) -> None:
        self.codes = codes
        self._fixed, self._matrix = torch.zeros(codes, dim), torch.zeros(dim, dim)
        self._adam, self._rate = torch.optim.Adam([self._matrix], lr=rate), rate

    def start(self, sample: torch.Tensor, rng: np.random.Generator) -> None:
        """Draw the codes and set the matrix."""
        self._fixed = torch.from_numpy(rng.standard_normal(self._fixed.shape).astype(np.float32))
        axes, spread = _principal(sample, sample.shape[1])
        self._matrix.copy_(spread[:, None] * axes)

    def encode(self, rest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Nearest codes."""
        book = self._fixed @ self._matrix
        index = nearest(rest, book)
        return index, book[index]

    def learn(self, rest: torch.Tensor, progress: float) -> torch.Tensor:
        """Move the matrix down the gradient of the squared distance."""
        book = self._fixed @ self._matrix
        index = nearest(rest, book)
        count, total = _gather(index, rest, self.codes)
        self._matrix.grad = self._fixed.T @ (2 * (count[:, None] * book - total) / len(rest))
        _step(self._adam, self._rate, progress)
        return book[index]


def _gather(index: torch.Tensor, points: torch.Tensor, codes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """How many points chose each code [codes], and their sums [codes, dim]."""
    count = torch.bincount(index, minlength=codes).float()
    return count, torch.zeros(codes, points.shape[1]).index_add_(0, index, points)


def _principal(sample: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Strongest principal axes [count, dim] of a sample, and the standard deviation along each."""
    variance, vectors = torch.linalg.eigh(torch.cov(sample.double().T))
    order = torch.argsort(variance, descending=True)[:count]
    return vectors.T[order].float(), variance[order].clamp(min=1e-12).sqrt().float()


def _step(adam: torch.optim.Adam, rate: float, progress: float) -> None:
    for group in adam.param_groups:
        group["lr"] = rate * min(1.0, 2 * (1 - progress))
    adam.step()


def _descend(adam: torch.optim.Adam, rate: float, progress: float, loss: torch.Tensor) -> None:
    adam.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    _step(adam, rate, progress)
