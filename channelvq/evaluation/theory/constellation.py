"""The levels of a modulation as plain numbers: all that a formula needs of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from channelvq.evaluation.theory.normal import Floats

__all__ = ["Constellation", "constellation"]


@dataclass(frozen=True, eq=False)
class Constellation:
    """One or two equal axes of Gray-labelled levels; E|x|² = 1.

    Attributes
    ----------
    levels : ndarray of float64 [2^axis_bits]
        Amplitudes of an axis by label, its first bit most significant. Labels that differ in the first bit
        alone have levels of opposite sign.
    axes : int
        1 (BPSK: the real axis) or 2.
    """

    levels: Floats
    axes: int

    @property
    def axis_bits(self) -> int:
        """Bits that an axis carries."""
        return int(self.levels.size).bit_length() - 1

    @property
    def bits_per_symbol(self) -> int:
        """Bits that one channel use carries."""
        return self.axes * self.axis_bits

    @property
    def half_distance(self) -> float:
        """Half the distance between neighbouring levels."""
        return float(np.abs(self.levels).min())


@lru_cache(maxsize=16)
def constellation(name: str) -> Constellation:
    """Take the levels from the modulation of that name.

    Raises
    ------
    UsageError
        If there is no such modulation.

    Examples
    --------
    >>> (constellation("qam16").levels * 10**0.5).round(9)
    array([ 1.,  3., -1., -3.])
    """
    from channelvq.modulation import MODULATIONS, Modulation  # slow to import: it brings torch

    scheme: Modulation = MODULATIONS.build(name)
    levels = scheme.levels.numpy()
    levels.flags.writeable = False  # it is shared by all callers
    return Constellation(levels, scheme.axes)
