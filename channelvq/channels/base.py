"""What a channel is: symbols or bits go in, something noisy comes out, and it ends as LLRs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from channelvq.snr import Snr

__all__ = ["BitChannel", "Received", "SymbolChannel"]


@dataclass(frozen=True)
class Received:
    """What a receiver with perfect channel knowledge has: y = gain · x + noise.

    Attributes
    ----------
    symbols : complex tensor [batch, uses]
        y, not equalised.
    gain : complex tensor [batch, uses]
        h, as the receiver knows it.
    noise_variance : float tensor, broadcastable to [batch, uses]
        N0: variance of the complex noise, N0/2 per real dimension.
    """

    symbols: torch.Tensor
    gain: torch.Tensor
    noise_variance: torch.Tensor


@runtime_checkable
class SymbolChannel(Protocol):
    """A channel for complex symbols of unit mean power; takes an SNR."""

    @property
    def spec(self) -> str: ...

    def transmit(self, symbols: torch.Tensor, snr: Snr, seed_of: Seeding) -> Received:
        """Send symbols [batch, uses] (complex64); differentiable with respect to `symbols`."""
        ...


@runtime_checkable
class BitChannel(Protocol):
    """A channel for bits; takes no SNR."""

    @property
    def spec(self) -> str: ...

    def transmit(self, bits: torch.Tensor, seed_of: Seeding) -> torch.Tensor:
        """Send bits [batch, n] of 0 and 1 (uint8); returns LLRs [batch, n], float32."""
        ...


class Seeding(Protocol):
    """Gives the generator of a named stream ("noise", "fading", ...) of the current trial."""

    def __call__(self, stream: str) -> np.random.Generator: ...
