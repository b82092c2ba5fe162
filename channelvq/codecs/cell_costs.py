"""What each stage of each cell costs and saves, for a coder that finds out only by coding."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

__all__ = ["CellCosts"]

_HALVINGS = 24
_LOG_PRICES = (-20.0, 6.0)


class CellCosts:
    """Squared error and bits of every cell, the bits as far as they are known.

    Parameters
    ----------
    energy : float tensor [ch, cw, stages + 1]
        Squared error that is left after 0, 1, ... stages.
    usual : float tensor [stages]
        Bits that a stage of a cell costs, before more is known.

    Examples
    --------
    >>> costs = CellCosts(torch.tensor([[[9.0, 1.0, 0.0], [4.0, 3.0, 0.0]]]), torch.tensor([4.0, 4.0]))
    >>> costs.fill(9.0, lambda depth: 0.0).tolist()
    [[1, 0]]
    >>> costs.learn(torch.tensor([[1, 0]]), torch.tensor([[[2.0, 0.0], [0.0, 0.0]]]))
    >>> costs.fill(9.0, lambda depth: 0.0).tolist()
    [[1, 2]]
    """

    def __init__(self, energy: torch.Tensor, usual: torch.Tensor) -> None:
        self._energy = energy.double()
        self._bits = usual.double().expand(*energy.shape[:2], -1).clone()
        self._known = torch.zeros(self._bits.shape, dtype=torch.bool)

    def learn(self, depth: torch.Tensor, bits: torch.Tensor) -> None:
        """Take in what the stages of depth [ch, cw] cost: bits [ch, cw, stages].

        A stage that a cell never sent is thought to cost what it does on average where it was sent.
        """
        sent = depth[..., None] > torch.arange(bits.shape[-1])
        self._bits = torch.where(sent, bits.double(), self._bits)
        self._known |= sent
        count = sent.sum((0, 1))
        mean = (bits.double() * sent).sum((0, 1)) / count.clamp(min=1)
        unknown = ~self._known & (count > 0)
        self._bits = torch.where(unknown, mean, self._bits)

    def fill(self, room: float, overhead: Callable[[torch.Tensor], float]) -> torch.Tensor:
        """Find depths [ch, cw] of the lowest price of a bit at which all takes `room` bits at most.

        Parameters
        ----------
        room : float
            Bits; where nothing fits, the depths are those of the highest price.
        overhead : callable
            Bits that given depths take besides the stages.
        """
        ends = torch.cat([torch.zeros(*self._bits.shape[:2], 1), self._bits.cumsum(2)], 2)

        def at(log_price: float) -> torch.Tensor:
            return (self._energy + math.exp(log_price) * ends).argmin(2)

        low, high = _LOG_PRICES
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            depth = at(middle)
            taken = float(ends.gather(2, depth[..., None]).sum()) + overhead(depth)
            low, high = (low, middle) if taken <= room else (middle, high)
        return at(high)
