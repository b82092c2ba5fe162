"""Ways of interleaving a frame, by name, and what they have to place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from channelvq.components import Family, integer, real
from channelvq.errors import UsageError
from channelvq.interleavers import (
    BlockInterleaver,
    ConvolutionalInterleaver,
    Interleaver,
    RandomInterleaver,
    StrongFirstInterleaver,
)

__all__ = ["INTERLEAVINGS", "Interleaving", "Slots", "spread"]


@dataclass(frozen=True)
class Slots:
    """What a frame's interleaver has to place, and where.

    Attributes
    ----------
    words : tuple of int
        Bits of each code word, in order.
    symbol_bits : int
        Elements that stay together.
    weakness : ndarray of uint8 [size], or None
        Of each place on the channel: 0 that of a symbol's strongest bits, 1 that of the next, and so on. None
        where all are equally strong.
    """

    words: tuple[int, ...]
    symbol_bits: int = 1
    weakness: npt.NDArray[np.uint8] | None = None

    @property
    def size(self) -> int:
        """Bits."""
        return sum(self.words)


class Interleaving(Protocol):
    """A way of interleaving, by name, for frames of any length."""

    @property
    def spec(self) -> str:
        """Canonical text."""
        ...

    def over(self, slots: Slots, seed: int) -> Interleaver:
        """Make the interleaver of a frame."""
        ...


class _None:
    """`none`: code words follow one another."""

    spec = "none"

    @classmethod
    def from_args(cls) -> _None:
        return cls()

    def over(self, slots: Slots, seed: int) -> Interleaver:
        return Interleaver(np.arange(slots.size))


class _Random:
    """`random`: a permutation of the code symbols."""

    spec = "random"

    @classmethod
    def from_args(cls) -> _Random:
        return cls()

    def over(self, slots: Slots, seed: int) -> Interleaver:
        return RandomInterleaver(slots.size, seed, slots.symbol_bits)


class _StrongFirst:
    """`strong-first`, or `strong-first:SLOPE`; where all places are equally strong, `random`."""

    def __init__(self, slope: float = 1.5) -> None:
        self.slope = slope
        self.spec = "strong-first" if slope == 1.5 else f"strong-first:{slope:g}"

    @classmethod
    def from_args(cls, slope: str = "1.5") -> _StrongFirst:
        return cls(real(slope, "slope", 0, 1e6))

    def over(self, slots: Slots, seed: int) -> Interleaver:
        if slots.weakness is None or not slots.weakness.any():
            return RandomInterleaver(slots.size, seed, slots.symbol_bits)
        if slots.symbol_bits > 1:
            raise UsageError(
                f"strong-first places single bits, the code keeps {slots.symbol_bits} together: take random"
            )
        return StrongFirstInterleaver(slots.words, slots.weakness, seed, self.slope)


class _Block:
    """`block`: written a code word a row, read column by column; `block:COLUMNS` has rows of other length."""

    def __init__(self, columns: int | None) -> None:
        self.columns = columns
        self.spec = "block" if columns is None else f"block:{columns}"

    @classmethod
    def from_args(cls, columns: str | None = None) -> _Block:
        return cls(None if columns is None else integer(columns, "columns", 1, 10**9))

    def over(self, slots: Slots, seed: int) -> Interleaver:
        word = max(1, slots.words[0] // slots.symbol_bits)
        return BlockInterleaver(slots.size, self.columns or word, slots.symbol_bits)


class _Convolutional:
    """`convolutional:12,17`: branches and depth."""

    def __init__(self, branches: int, depth: int) -> None:
        self.branches, self.depth = branches, depth
        self.spec = f"convolutional:{branches},{depth}"

    @classmethod
    def from_args(cls, branches: str, depth: str) -> _Convolutional:
        return cls(integer(branches, "branches", 1, 10**6), integer(depth, "depth", 0, 10**6))

    def over(self, slots: Slots, seed: int) -> Interleaver:
        return ConvolutionalInterleaver(slots.size, self.branches, self.depth, slots.symbol_bits)


INTERLEAVINGS = Family(
    "interleaver",
    {
        "none": ("channelvq.interleaving:_None", "none"),
        "random": ("channelvq.interleaving:_Random", "random"),
        "strong-first": ("channelvq.interleaving:_StrongFirst", "strong-first or strong-first:SLOPE"),
        "block": ("channelvq.interleaving:_Block", "block or block:COLUMNS"),
        "convolutional": ("channelvq.interleaving:_Convolutional", "convolutional:12,17"),
    },
)
"""The interleavers of a frame by name."""


def spread(places: npt.NDArray[np.intp], count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Part `count` evenly spaced places from the others.

    Examples
    --------
    >>> [part.tolist() for part in spread(np.arange(8), 2)]
    [[2, 6], [0, 1, 3, 4, 5, 7]]
    """
    chosen = (2 * np.arange(count) + 1) * len(places) // (2 * count) if count else np.arange(0)
    taken = np.zeros(len(places), dtype=bool)
    taken[chosen] = True
    return places[taken], places[~taken]
