"""The tail of the standard normal distribution, and its inverse."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["Floats", "q_function", "q_inverse"]

Floats = npt.NDArray[np.float64]


def q_function(x: npt.ArrayLike) -> Floats:
    r"""Give the tail of the standard normal, Q(x) = ½ erfc(x / √2); same shape.

    Examples
    --------
    >>> q_function(0.0).item()
    0.5
    """
    return np.asarray(special.ndtr(-np.asarray(x, dtype=np.float64)))


def q_inverse(p: npt.ArrayLike) -> Floats:
    """Give the x with Q(x) = p; ±infinity for p = 0 and 1; same shape.

    Examples
    --------
    >>> q_inverse(1e-3).round(4).item()
    3.0902
    """
    return np.asarray(-special.ndtri(np.asarray(p, dtype=np.float64)))
