"""Interleavers: permutations that part neighbours, so that a burst becomes scattered errors."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError
from channelvq.randomness import generator

__all__ = ["BlockInterleaver", "Interleaver", "RandomInterleaver"]

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
