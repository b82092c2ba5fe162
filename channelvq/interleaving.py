"""Interleavers: permutations that part neighbours, so that a burst becomes scattered errors."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from channelvq.components import Family, integer
from channelvq.errors import UsageError
from channelvq.randomness import generator

__all__ = [
    "INTERLEAVINGS",
    "BlockInterleaver",
    "ConvolutionalInterleaver",
    "Interleaver",
    "Interleaving",
    "RandomInterleaver",
    "spread",
]

_Scalar = TypeVar("_Scalar", bound=np.generic)


class Interleaver:
    """A permutation of the last axis, and its inverse.

    Parameters
    ----------
    order : array of int [size]
        A permutation of 0..size-1: place i of the output takes element `order[i]` of the input.

    Examples
    --------
    >>> Interleaver([2, 0, 1]).interleave(np.array([10, 11, 12]))
    array([12, 10, 11])
    """

    def __init__(self, order: npt.ArrayLike) -> None:
        forward = np.asarray(order, dtype=np.intp)
        if forward.ndim != 1 or not np.array_equal(np.sort(forward), np.arange(forward.size)):
            raise UsageError(f"order of shape {forward.shape} is no permutation of 0..{forward.size - 1}")
        backward = np.empty_like(forward)
        backward[forward] = np.arange(forward.size)
        self._forward, self._backward = forward, backward

    @property
    def size(self) -> int:
        """Length of the axis that it permutes."""
        return self._forward.size

    def interleave(self, array: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        """Permute the last axis [..., size]; any type of element."""
        return self._take(array, self._forward)

    def deinterleave(self, array: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        """Undo `interleave` [..., size]."""
        return self._take(array, self._backward)

    def _take(self, array: npt.NDArray[Any], order: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        if array.ndim == 0 or array.shape[-1] != self.size:
            raise UsageError(f"array has shape {array.shape}, its last axis must be {self.size} long")
        return np.take(array, order, axis=-1)


class BlockInterleaver(Interleaver):
    """Write row by row, read column by column.

    Neighbours on the channel lie `columns` symbols apart in the code: with one code word a row, a burst as
    long as there are full rows hits each word once at most.

    Parameters
    ----------
    size : int
        Length of the axis, any multiple of `symbol_bits`; the last row may be short.
    columns : int
        Symbols in a row (the length of a code word).
    symbol_bits : int
        Elements that stay together (8 keeps the bytes of a Reed-Solomon code whole).

    Raises
    ------
    UsageError
        If `columns` or `symbol_bits` is below 1, or `size` is negative or no multiple of `symbol_bits`.

    Examples
    --------
    >>> block = BlockInterleaver(size=7, columns=3)
    >>> block.interleave(np.arange(7))
    array([0, 3, 6, 1, 4, 2, 5])
    >>> block.deinterleave(block.interleave(np.arange(7)))
    array([0, 1, 2, 3, 4, 5, 6])
    """

    def __init__(self, size: int, columns: int, symbol_bits: int = 1) -> None:
        symbols = _symbols(size, symbol_bits)
        if columns < 1:
            raise UsageError(f"columns is {columns}, must be at least 1")
        # A stable sort by column keeps the rows in order within each.
        order = np.argsort(np.arange(symbols) % columns, kind="stable")
        super().__init__(_expand(order, symbol_bits))


class RandomInterleaver(Interleaver):
    """A permutation drawn from a seed: sender and receiver know it, so that nothing is sent.

    It is the order that sorts `size` raw 64-bit words of the stream "interleaver". NumPy promises raw words
    for all versions (unlike `Generator.permutation`), so that a seed means the same permutation for ever.

    Parameters
    ----------
    size : int
        Length of the axis, any multiple of `symbol_bits`.
    seed : int
        The interleaver's own seed: part of the scheme, not of the experiment.
    symbol_bits : int
        Elements that stay together.

    Raises
    ------
    UsageError
        If `symbol_bits` is below 1, or `size` is negative or no multiple of `symbol_bits`.

    Examples
    --------
    >>> shuffled = RandomInterleaver(size=16, seed=0, symbol_bits=8)
    >>> bits = np.arange(16)
    >>> bool((shuffled.deinterleave(shuffled.interleave(bits)) == bits).all())
    True
    """

    def __init__(self, size: int, seed: int = 0, symbol_bits: int = 1) -> None:
        words = generator(seed, "interleaver").bit_generator.random_raw(_symbols(size, symbol_bits))
        super().__init__(_expand(np.argsort(words, kind="stable"), symbol_bits))


class ConvolutionalInterleaver(Interleaver):
    """Delay every branch of a commutator by its own number of symbols, round the frame.

    Symbols go in turn to `branches` branches; branch b delays its symbols by b · `depth` turns, that is
    b · `depth` · `branches` symbols [1]_. In a stream the delays cost a filled and a flushed register; in a
    frame they wrap round, so that nothing is added: it is a permutation. A burst of up to `branches` symbols
    hits each code word of depth · branches symbols once at most (in frames of at least branches - 1 such
    words more than it hits). Symbols left over by a size that is no multiple of
    `branches` stay where they are.

    Parameters
    ----------
    size : int
        Length of the axis, any multiple of `symbol_bits`.
    branches : int
        I, branches of the commutator (12 in DVB).
    depth : int
        M, turns by which each branch lags behind the one before it (17 in DVB).
    symbol_bits : int
        Elements that stay together.

    Raises
    ------
    UsageError
        If `branches` or `symbol_bits` is below 1, `depth` is negative, or `size` is negative or no multiple
        of `symbol_bits`.

    References
    ----------
    .. [1] G. D. Forney, "Burst-correcting codes for the classic bursty channel", IEEE Trans. Commun. Technol.
       19(5), 1971; J. L. Ramsey, "Realization of optimum interleavers", IEEE Trans. Inf. Theory 16(3), 1970.

    Examples
    --------
    >>> forney = ConvolutionalInterleaver(size=9, branches=3, depth=1)
    >>> forney.interleave(np.arange(9))
    array([0, 7, 5, 3, 1, 8, 6, 4, 2])
    """

    def __init__(self, size: int, branches: int, depth: int, symbol_bits: int = 1) -> None:
        symbols = _symbols(size, symbol_bits)
        if branches < 1:
            raise UsageError(f"branches is {branches}, must be at least 1")
        if depth < 0:
            raise UsageError(f"depth is {depth}, must be at least 0")
        places = np.arange(symbols)
        whole = symbols // branches * branches
        turn = places[:whole]
        order = places.copy()
        order[:whole] = (turn - turn % branches * depth * branches) % max(whole, 1)
        super().__init__(_expand(order, symbol_bits))


class Interleaving(Protocol):
    """A way of interleaving, by name, for frames of any length."""

    @property
    def spec(self) -> str:
        """Canonical text."""
        ...

    def over(self, size: int, word: int, symbol_bits: int, seed: int) -> Interleaver:
        """Make the interleaver of a frame of `size` bits in code words of `word` bits."""
        ...


class _None:
    """`none`: code words follow one another."""

    spec = "none"

    @classmethod
    def from_args(cls) -> _None:
        return cls()

    def over(self, size: int, word: int, symbol_bits: int, seed: int) -> Interleaver:
        return Interleaver(np.arange(size))


class _Random:
    """`random`: a permutation of the code symbols."""

    spec = "random"

    @classmethod
    def from_args(cls) -> _Random:
        return cls()

    def over(self, size: int, word: int, symbol_bits: int, seed: int) -> Interleaver:
        return RandomInterleaver(size, seed, symbol_bits)


class _Block:
    """`block`: written a code word a row, read column by column; `block:COLUMNS` has rows of other length."""

    def __init__(self, columns: int | None) -> None:
        self.columns = columns
        self.spec = "block" if columns is None else f"block:{columns}"

    @classmethod
    def from_args(cls, columns: str | None = None) -> _Block:
        return cls(None if columns is None else integer(columns, "columns", 1, 10**9))

    def over(self, size: int, word: int, symbol_bits: int, seed: int) -> Interleaver:
        return BlockInterleaver(size, self.columns or max(1, word // symbol_bits), symbol_bits)


class _Convolutional:
    """`convolutional:12,17`: branches and depth."""

    def __init__(self, branches: int, depth: int) -> None:
        self.branches, self.depth = branches, depth
        self.spec = f"convolutional:{branches},{depth}"

    @classmethod
    def from_args(cls, branches: str, depth: str) -> _Convolutional:
        return cls(integer(branches, "branches", 1, 10**6), integer(depth, "depth", 0, 10**6))

    def over(self, size: int, word: int, symbol_bits: int, seed: int) -> Interleaver:
        return ConvolutionalInterleaver(size, self.branches, self.depth, symbol_bits)


INTERLEAVINGS = Family(
    "interleaver",
    {
        "none": ("channelvq.interleaving:_None", "none"),
        "random": ("channelvq.interleaving:_Random", "random"),
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


def _symbols(size: int, symbol_bits: int) -> int:
    """Count the symbols in `size` elements."""
    if symbol_bits < 1:
        raise UsageError(f"symbol_bits is {symbol_bits}, must be at least 1")
    if size < 0 or size % symbol_bits:
        raise UsageError(f"size is {size}, must be a multiple of {symbol_bits}, the bits of a symbol")
    return size // symbol_bits


def _expand(order: npt.NDArray[np.intp], symbol_bits: int) -> npt.NDArray[np.intp]:
    """Turn an order of symbols into an order of their elements."""
    return (order[:, None] * symbol_bits + np.arange(symbol_bits)).reshape(-1)
