"""The depth map: how many stages each cell got, range-coded with tables learned from photographs."""

from __future__ import annotations

from functools import lru_cache

import constriction
import numpy as np
import numpy.typing as npt

from channelvq.models.depth import context_numbers

__all__ = ["MapCoder"]

Ints = npt.NDArray[np.int64]


class MapCoder:
    """Codes depth maps.

    A cell's distribution depends on three neighbours that are known before it when cells are taken in
    slanted wavefronts (column + 2 · row constant), so that a whole wavefront is coded in one call. The
    range coder is constriction's [1]_.

    Parameters
    ----------
    table : ndarray of uint16 [(stages + 2)³, stages + 1]
        How often each depth follows each context, out of 65535; every entry at least 1.

    References
    ----------
    .. [1] R. Bamler, "Understanding entropy coding with asymmetric numeral systems", 2022.

    Examples
    --------
    >>> table = np.ones((5**3, 4), np.uint16)
    >>> depth = np.array([[0, 1, 3], [2, 2, 1]])
    >>> coder = MapCoder(table)
    >>> bool((coder.decode(coder.encode(depth), (2, 3)) == depth).all())
    True
    """

    def __init__(self, table: npt.NDArray[np.uint16]) -> None:
        self.stages = table.shape[1] - 1
        share = table.astype(np.float64)
        self.share = share / share.sum(1, keepdims=True)
        self.cost = -np.log2(self.share)

    def bits(self, depth: Ints) -> float:
        """Bits that the map takes, but for the coder's rounding to words (at most 64)."""
        return float(self.cost[context_numbers(depth, self.stages), depth].sum())

    def encode(self, depth: Ints) -> bytes:
        """Code a map of depths [ch, cw]."""
        coder = constriction.stream.queue.RangeEncoder()
        family = constriction.stream.model.Categorical(perfect=False)
        contexts = context_numbers(depth, self.stages).reshape(-1)
        flat = depth.reshape(-1).astype(np.int32)
        order = np.concatenate(_wavefronts(*depth.shape))
        coder.encode(flat[order], family, self.share[contexts[order]])
        words: bytes = coder.get_compressed().astype("<u4").tobytes()
        return words.rstrip(b"\0")  # the decoder reads zeros past the end

    def decode(self, data: bytes, size: tuple[int, int]) -> Ints:
        """Decode a map of `size` cells.

        Raises
        ------
        ValueError
            The bytes are no such map.
        """
        words = np.frombuffer(data + bytes(-len(data) % 4), dtype="<u4").astype(np.uint32)
        decoder = constriction.stream.queue.RangeDecoder(words)
        family = constriction.stream.model.Categorical(perfect=False)
        rows, columns = size
        base = self.stages + 2
        framed = np.full((rows + 1, columns + 2), self.stages + 1, dtype=np.int64)
        try:
            for front in _wavefronts(rows, columns):
                i, j = front // columns, front % columns
                context = (framed[i + 1, j] * base + framed[i, j + 1]) * base + framed[i, j + 2]
                framed[i + 1, j + 1] = decoder.decode(family, self.share[context])
        except AssertionError:
            raise ValueError("the depth map's bytes are no depth map") from None
        return framed[1:, 1:-1].copy()


@lru_cache(maxsize=16)
def _wavefronts(rows: int, columns: int) -> list[Ints]:
    """Raster numbers of the cells of each wavefront, column + 2 · row constant."""
    number = np.arange(rows * columns)
    wave = number % columns + 2 * (number // columns)
    order = np.argsort(wave, kind="stable")
    cuts = np.nonzero(np.diff(wave[order]))[0] + 1
    return np.split(order, cuts)
