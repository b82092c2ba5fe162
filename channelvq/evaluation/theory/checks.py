"""What goes into a formula: probabilities, counts, Rician factors."""

from __future__ import annotations

import math
import operator

from channelvq.errors import UsageError

__all__ = ["check_count", "check_probability", "check_rice_factor"]


def check_probability(value: float, name: str, top: float = 1.0) -> float:
    """Give a number from 0 to `top` as a float.

    Raises
    ------
    UsageError
        If it is none.

    Examples
    --------
    >>> check_probability(0.25, "p")
    0.25
    """
    number = float(value)
    if not 0 <= number <= top:
        raise UsageError(f"{name} is {value}, must be from 0 to {top:g}")
    return number


def check_count(value: int, name: str, low: int, high: int | None = None) -> int:
    """Give a whole number from `low` to `high` (or without end) as an int.

    Raises
    ------
    UsageError
        If it is out of range.
    TypeError
        If it is no whole number.

    Examples
    --------
    >>> check_count(3, "n", 1)
    3
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}, must be a whole number") from None
    if number < low or (high is not None and number > high):
        raise UsageError(
            f"{name} is {value}, must be " + (f"at least {low}" if high is None else f"from {low} to {high}")
        )
    return number


def check_rice_factor(value: float) -> float:
    """Give K, linear: from 0 (Rayleigh) to infinity (no fading).

    Raises
    ------
    UsageError
        If it is negative or not a number.

    Examples
    --------
    >>> check_rice_factor(0)
    0.0
    """
    if not value >= 0:
        raise UsageError(f"K is {value}, must be from 0 on, or infinity for AWGN")
    return float(value) if math.isfinite(value) else math.inf
