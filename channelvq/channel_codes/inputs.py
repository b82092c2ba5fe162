"""What goes into a code, checked: a wrong shape, type or value is named, never decoded."""

from __future__ import annotations

import numpy as np

from channelvq.channel_codes.base import Bits, Llrs
from channelvq.errors import UsageError

__all__ = ["check_bits", "check_finite", "check_llrs"]


def check_bits(bits: Bits, length: int | None, name: str = "bits") -> None:
    """Raise unless these are bits [blocks, length] of 0 and 1, uint8; `length` None lets any pass.

    Raises
    ------
    TypeError
        If it is no array of uint8.
    UsageError
        If the shape is another, or something other than 0 and 1 is in it.

    Examples
    --------
    >>> check_bits(np.zeros((2, 8), np.uint8), 8)
    """
    _check_array(bits, np.dtype(np.uint8), length, name)
    if bits.size and bits.max() > 1:
        raise UsageError(f"{name} hold {int(bits.max())}, must be 0 and 1")


def check_llrs(llrs: Llrs, length: int | None, name: str = "llrs") -> None:
    """Raise unless these are finite LLRs [blocks, length], float32; `length` None lets any pass.

    Raises
    ------
    TypeError
        If it is no array of float32.
    UsageError
        If the shape is another, or a value is NaN or infinite.

    Examples
    --------
    >>> check_llrs(np.zeros((2, 8), np.float32), 8)
    """
    _check_array(llrs, np.dtype(np.float32), length, name)
    check_finite(llrs, name)


def check_finite(llrs: Llrs, name: str = "llrs") -> None:
    """Raise UsageError if a value is NaN or infinite, and say where the first one stands."""
    # A sum of squares of finite LLRs overflows only above 1e18: one pass without a temporary in most cases.
    with np.errstate(over="ignore"):
        suspect = llrs.size and not np.isfinite(np.dot(llrs.reshape(-1), llrs.reshape(-1)))
    if suspect:
        wrong = np.argwhere(~np.isfinite(llrs))
        if len(wrong):
            block, place = wrong[0].tolist()
            value = llrs[block, place]
            raise UsageError(
                f"{name} hold {value} at [{block}, {place}], must be finite (0 is an erased bit)"
            )


def _check_array(array: np.ndarray, dtype: np.dtype, length: int | None, name: str) -> None:
    wanted = f"{dtype} [blocks, {'n' if length is None else length}]"
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} is a {type(array).__name__}, must be an array {wanted}")
    if array.dtype != dtype:
        raise TypeError(f"{name} has dtype {array.dtype}, must be {wanted}")
    if array.ndim != 2 or (length is not None and array.shape[1] != length):
        raise UsageError(f"{name} has shape {array.shape}, must be {wanted}")
