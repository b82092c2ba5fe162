"""What goes into a channel, checked, and what leaves a bit channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from channelvq.bits import CERTAIN_LLR
from channelvq.errors import UsageError

__all__ = ["bit_llrs", "check_bits", "check_symbols", "error_llr", "number"]


def check_symbols(symbols: torch.Tensor) -> None:
    """Raise UsageError unless these are complex symbols [batch, uses].

    Examples
    --------
    >>> check_symbols(torch.zeros(1, 4, dtype=torch.complex64))
    """
    if symbols.ndim != 2 or not symbols.is_complex():
        raise UsageError(
            f"symbols have shape {tuple(symbols.shape)} of {symbols.dtype}, must be complex [batch, uses]"
        )


def check_bits(bits: torch.Tensor) -> None:
    """Raise UsageError unless these are bits [batch, n], 0 and 1.

    Examples
    --------
    >>> check_bits(torch.zeros(1, 4, dtype=torch.uint8))
    """
    if bits.ndim != 2 or bits.is_floating_point() or bits.is_complex():
        raise UsageError(
            f"bits have shape {tuple(bits.shape)} of {bits.dtype}, must be whole numbers [batch, n]"
        )
    if bits.numel() and bool((bits.long() >> 1).any()):
        raise UsageError("bits hold something other than 0 and 1")


def bit_llrs(bits: torch.Tensor, magnitudes: npt.NDArray[np.float64]) -> torch.Tensor:
    """Give signed LLRs to received bits [batch, n]: +magnitude for 0, -magnitude for 1; float32.

    Examples
    --------
    >>> bit_llrs(torch.tensor([[0, 1]]), np.array([[2.0, 3.0]]))
    tensor([[ 2., -3.]])
    """
    signs = 1 - 2 * bits.to(torch.float32)
    # Adding 0 makes +0.0 of -0.0, which would print as if it leant to 1.
    return signs * torch.from_numpy(np.asarray(magnitudes, dtype=np.float32)).to(bits.device) + 0.0


def error_llr(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Give the LLR magnitude of a bit that is wrong with probability p: log((1-p)/p), at most CERTAIN_LLR.

    Examples
    --------
    >>> error_llr([0.0, 0.5]).tolist()
    [50.0, 0.0]
    """
    probability = np.asarray(p, dtype=np.float64)
    with np.errstate(divide="ignore"):
        llr = np.log1p(-probability) - np.log(probability)
    return np.asarray(llr.clip(-CERTAIN_LLR, CERTAIN_LLR))


def number(value: float) -> str:
    """Write a number as a component's argument, so that reading it gives the same number.

    Examples
    --------
    >>> number(0.01), number(4.0)
    ('0.01', '4')
    """
    return repr(float(value)).removesuffix(".0")
