"""Interleavers: permutations that part neighbours, so that a burst becomes scattered errors."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError
from channelvq.randomness import generator

__all__ = [
    "BlockInterleaver",
    "ConvolutionalInterleaver",
    "Interleaver",
    "RandomInterleaver",
    "StrongFirstInterleaver",
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


class StrongFirstInterleaver(Interleaver):
    """Put the first bits of each code word rather on the strong bits of symbols, and all anywhere in time.

    Of the bits of a QAM symbol some are better known to the receiver than others, and of the bits of a code
    word some are better used: in the codes of 5G NR the first, those of the message. A code bit at the part
    p of its word (0 to 1) is sorted by u + slope · p, with u uniform in [0, 1), and the sorted ones go to the
    places from the strongest on, at random among equally strong ones. Slope 0 is a random interleaver, a
    large one the bit interleaver of 5G NR [1]_ spread over the frame. At 1.5, LDPC codes of NR lose fewer
    blocks than behind a random interleaver over 16-QAM to 256-QAM at all rates from 1/4 to 0.88, worth 0.1 to
    0.3 dB of SNR at rates of 1/3 to 3/4; NR's own is better still over 64-QAM and 256-QAM at rates of 0.45 to
    0.6, and much worse over 16-QAM at 1/2.

    Parameters
    ----------
    words : tuple of int
        Bits of each code word, in order.
    weakness : array of int [size]
        Of each place on the channel: 0 is the strongest.
    seed : int
        The interleaver's own seed: part of the scheme, not of the experiment.
    slope : float
        How strongly the first are preferred, from 0 on.

    Raises
    ------
    UsageError
        If the words do not fill the places, or the slope is negative.

    References
    ----------
    .. [1] 3GPP TS 38.212, clause 5.4.2.2.

    Examples
    --------
    >>> shuffled = StrongFirstInterleaver((60, 60), np.tile([0, 0, 1, 1], 30), slope=100)
    >>> sent = shuffled.interleave(np.arange(120)).reshape(30, 4) % 60
    >>> int(sent[:, :2].max()), int(sent[:, 2:].min())
    (29, 30)
    """

    def __init__(
        self, words: tuple[int, ...], weakness: npt.ArrayLike, seed: int = 0, slope: float = 1.5
    ) -> None:
        weak = np.asarray(weakness)
        if weak.shape != (sum(words),):
            raise UsageError(f"words of {sum(words)} bits in all do not fill {weak.shape} places")
        if not slope >= 0:
            raise UsageError(f"slope is {slope}, must be a number from 0 on")
        part = np.concatenate([(np.arange(word) + 0.5) / word for word in words])
        drawn = generator(seed, "interleaver").bit_generator.random_raw(2 * weak.size)
        uniform = (drawn >> np.uint64(11)).reshape(2, -1) * 2.0**-53
        order = np.empty(weak.size, np.intp)
        order[np.argsort(weak + uniform[1], kind="stable")] = np.argsort(
            uniform[0] + slope * part, kind="stable"
        )
        super().__init__(order)


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
