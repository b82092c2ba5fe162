"""The binary symmetric channel."""

from __future__ import annotations

import torch

from channelvq.channels.base import Seeding
from channelvq.channels.draws import uniforms
from channelvq.channels.inputs import bit_llrs, check_bits, error_llr, number
from channelvq.components import real
from channelvq.errors import UsageError

__all__ = ["BinarySymmetric"]


class BinarySymmetric:
    r"""The binary symmetric channel (BSC): each bit is flipped with probability p, independently.

    The receiver knows p. The LLR of a received bit r is [1]_

    .. math:: L = (1 - 2r) \log\frac{1-p}{p} ,

    held within ±``CERTAIN_LLR``: at p = 0 the bit is known, at p = 0.5 the LLR is 0. A bit is flipped where a
    uniform draw of the stream "flips" is below p: a bit that a good channel flips, every worse one flips too.

    Parameters
    ----------
    p : float
        Probability of a flip, from 0 to 0.5.

    References
    ----------
    .. [1] T. Richardson, R. Urbanke, "Modern Coding Theory", Cambridge 2008, section 4.1.

    Examples
    --------
    >>> from channelvq.randomness import generator
    >>> zeros = torch.zeros(1, 100_000, dtype=torch.uint8)
    >>> llrs = BinarySymmetric(0.1).transmit(zeros, lambda stream: generator(0, stream))
    >>> round((llrs < 0).double().mean().item(), 2), round(llrs.max().item(), 4)  # log 9
    (0.1, 2.1972)
    """

    def __init__(self, p: float) -> None:
        if not 0 <= p <= 0.5:
            raise UsageError(f"p is {p}, must be from 0 to 0.5")
        self.p = p

    def __repr__(self) -> str:
        return f"BinarySymmetric({self.p!r})"

    @classmethod
    def from_args(cls, p: str) -> BinarySymmetric:
        """Build it from the flip probability."""
        return cls(real(p, "p", 0.0, 0.5))

    @property
    def spec(self) -> str:
        """The component's name."""
        return f"bsc:{number(self.p)}"

    def transmit(self, bits: torch.Tensor, seed_of: Seeding) -> torch.Tensor:
        """Send bits [batch, n] of 0 and 1; returns LLRs [batch, n], float32.

        Raises
        ------
        UsageError
            If these are not bits [batch, n].
        """
        check_bits(bits)
        flips = torch.from_numpy(uniforms(seed_of("flips"), *bits.shape) < self.p)
        return bit_llrs(bits.bool() ^ flips.to(bits.device), error_llr(self.p))
