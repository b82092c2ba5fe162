"""The binary erasure channel."""

from __future__ import annotations

import numpy as np
import torch

from channelvq.bits import CERTAIN_LLR
from channelvq.channels.base import Seeding
from channelvq.channels.draws import uniforms
from channelvq.channels.inputs import bit_llrs, check_bits, number
from channelvq.components import real
from channelvq.errors import UsageError

__all__ = ["BinaryErasure"]


class BinaryErasure:
    r"""The binary erasure channel (BEC): each bit is lost with probability p, and never flipped.

    The LLR of an erased bit is 0; of a bit b that arrives [1]_

    .. math:: L = (1 - 2b) \cdot \infty ,

    which is held at ±``CERTAIN_LLR``. A bit is erased where a uniform draw of the stream "flips" is below p.

    Parameters
    ----------
    p : float
        Probability of an erasure, from 0 to 1.

    References
    ----------
    .. [1] T. Richardson, R. Urbanke, "Modern Coding Theory", Cambridge 2008, section 3.1.

    Examples
    --------
    >>> from channelvq.randomness import generator
    >>> ones = torch.ones(1, 100_000, dtype=torch.uint8)
    >>> llrs = BinaryErasure(0.25).transmit(ones, lambda stream: generator(0, stream))
    >>> llrs.unique()
    tensor([-50.,   0.])
    >>> round((llrs == 0).double().mean().item(), 2)
    0.25
    """

    def __init__(self, p: float) -> None:
        if not 0 <= p <= 1:
            raise UsageError(f"p is {p}, must be from 0 to 1")
        self.p = p

    def __repr__(self) -> str:
        return f"BinaryErasure({self.p!r})"

    @classmethod
    def from_args(cls, p: str) -> BinaryErasure:
        """Build it from the erasure probability."""
        return cls(real(p, "p", 0.0, 1.0))

    @property
    def spec(self) -> str:
        """The component's name."""
        return f"bec:{number(self.p)}"

    def transmit(self, bits: torch.Tensor, seed_of: Seeding) -> torch.Tensor:
        """Send bits [batch, n] of 0 and 1; returns LLRs [batch, n], float32.

        Raises
        ------
        UsageError
            If these are not bits [batch, n].
        """
        check_bits(bits)
        erased = uniforms(seed_of("flips"), *bits.shape) < self.p
        return bit_llrs(bits, np.where(erased, 0.0, CERTAIN_LLR))
