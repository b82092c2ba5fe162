"""Index fields, range-coded in slices by what came before in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import constriction
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from channelvq.models.integer_prior import TAPS, IntegerPrior

__all__ = ["SLICE", "CodedSlice", "IndexCoder", "slice_count"]

Ints = npt.NDArray[np.int64]

SLICE = 16
"""Rows of positions that are coded together; nothing outside a slice is needed to decode it."""

_LEAD = 2  # rows above and columns to each side that the window reaches
_SLANT = 3  # columns that a row lags behind the one above, so that its whole window is known
_CHUNK = 2048  # indices whose frequencies are in memory at a time
_BATCH = 1 << 16  # positions that are decoded side by side
_LEAK = 2.0**-24  # probability that constriction gives any code


@dataclass(frozen=True)
class CodedSlice:
    """A slice as bytes, and what its indices cost.

    Attributes
    ----------
    data : bytes
        Range-coded.
    bits : float64 tensor [rows, w, stages]
        Information of each index, 0 where none is sent; the coder rounds the sum up.
    """

    data: bytes
    bits: torch.Tensor


class IndexCoder:
    """Codes the indices of a picture, slice by slice.

    Within a slice, positions are taken in slanted wavefronts (column + 3 · row constant), so that each sees
    its whole window and a wavefront is decoded in one batch, stage by stage; all slices side by side.

    Parameters
    ----------
    prior : IntegerPrior
        How often each index is to be expected.
    """

    def __init__(self, prior: IntegerPrior) -> None:
        self.prior = prior
        self._family = constriction.stream.model.Categorical(perfect=False)

    def encode(self, indices: torch.Tensor, depth: torch.Tensor) -> list[CodedSlice]:
        """Code indices [h, w, stages], of which only the first `depth` [h, w] at a position count."""
        return [self._encode_slice(indices[rows], depth, rows) for rows in _slices(depth.shape[0])]

    def decode(self, coded: Sequence[bytes | None], depth: torch.Tensor) -> list[torch.Tensor | None]:
        """Decode slices; None is one that was lost.

        Returns
        -------
        list of (int64 tensor [rows, w, stages], or None)
            None too if the bytes are no such slice. Meaningless beyond the depth of a position.
        """
        slices = _slices(depth.shape[0])
        found: list[torch.Tensor | None] = [None] * len(slices)
        present = [number for number, data in enumerate(coded) if data is not None]
        batch = max(1, _BATCH // (SLICE * depth.shape[1]))
        for start in range(0, len(present), batch):
            group = present[start : start + batch]
            state = _State(self.prior, depth, [slices[number] for number in group])
            decoded = self._decode_group([coded[number] or b"" for number in group], state)
            for number, indices in zip(group, decoded, strict=True):
                found[number] = indices
        return found

    def _encode_slice(self, indices: torch.Tensor, depth: torch.Tensor, rows: slice) -> CodedSlice:
        state = _State(self.prior, depth, [rows])
        flat = indices.reshape(-1, indices.shape[-1])
        state.know_all(flat)
        encoder = constriction.stream.queue.RangeEncoder()
        bits = np.zeros(flat.shape)
        chosen = flat.numpy()
        for place, stage, frequencies in state.taught(flat):
            symbols = chosen[place, stage]
            encoder.encode(symbols.astype(np.int32), self._family, frequencies)
            share = frequencies[np.arange(len(symbols)), symbols] / frequencies.sum(1)
            bits[place, stage] = -np.log2(share + _LEAK)
        words: bytes = (
            encoder.get_compressed().astype("<u4").tobytes()
        )  # the decoder reads zeros past the end
        return CodedSlice(words.rstrip(b"\0"), torch.from_numpy(bits).view(indices.shape))

    def _decode_group(self, coded: list[bytes], state: _State) -> list[torch.Tensor | None]:
        decoders = [_decoder(data) for data in coded]
        broken = [False] * len(decoders)
        for frequencies, piece in state.waves():
            symbols = np.zeros(len(frequencies), np.int32)
            for number, first, last in piece:
                if broken[number]:
                    continue
                try:
                    symbols[first:last] = decoders[number].decode(self._family, frequencies[first:last])
                except AssertionError:
                    broken[number] = True
            state.tell(torch.from_numpy(symbols.astype(np.int64)))
        return [None if bad else found for bad, found in zip(broken, state.found(), strict=True)]


def slice_count(rows: int) -> int:
    """How many slices `rows` rows of positions make.

    Examples
    --------
    >>> slice_count(64), slice_count(65)
    (4, 5)
    """
    return -(-rows // SLICE)


def _slices(rows: int) -> list[slice]:
    return [slice(start, min(start + SLICE, rows)) for start in range(0, rows, SLICE)]


def _decoder(data: bytes) -> constriction.stream.queue.RangeDecoder:
    words = np.frombuffer(data + bytes(-len(data) % 4), dtype="<u4").astype(np.uint32)
    return constriction.stream.queue.RangeDecoder(words)


class _State:
    """What is known of the positions of some slices, and in which order their indices come.

    Parameters
    ----------
    prior : IntegerPrior
        Model.
    depth : int64 tensor [h, w]
        Stages sent at all positions of the picture.
    rows : list of slice
        The rows of each slice.
    """

    def __init__(self, prior: IntegerPrior, depth: torch.Tensor, rows: list[slice]) -> None:
        self.prior, self._rows = prior, rows
        width = depth.shape[1]
        self._width = width
        framed = width + 2 * _LEAD
        self._depth = np.concatenate([depth[span].reshape(-1).numpy() for span in rows])
        number = np.concatenate([np.full((span.stop - span.start) * width, i) for i, span in enumerate(rows)])
        line = np.concatenate([np.repeat(np.arange(span.start, span.stop), width) for span in rows])
        row, column = line % SLICE, np.tile(np.arange(width), len(line) // width)
        self._map = functional.pad(depth, (1, 1, 1, 1), value=prior.stages + 1).flatten()
        self._map_cell = torch.from_numpy((line + 1) * (width + 2) + column + 1)
        self._nearby = torch.tensor([dy * (width + 2) + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
        self._number = number
        self._cell = torch.from_numpy((number * (SLICE + _LEAD) + row + _LEAD) * framed + column + _LEAD)
        self._known = torch.zeros(len(rows) * (SLICE + _LEAD) * framed, prior.features)
        self._taps = torch.tensor([dy * framed + dx for dy, dx in TAPS])
        wave = column + _SLANT * row
        stage, place = np.nonzero(self._depth > np.arange(prior.stages)[:, None])
        key = ((wave[place] * prior.stages + stage) * len(rows) + number[place]) * SLICE + row[place]
        order = np.argsort(key)
        self._place, self._stage, self._wave = place[order], stage[order], wave[place[order]]

    def know_all(self, indices: torch.Tensor) -> None:
        """Let all indices [n, stages] be known."""
        for stage in range(self.prior.stages):
            rows = torch.from_numpy(np.nonzero(self._depth > stage)[0])
            self._known[self._cell[rows]] += self.prior.vectors[stage][indices[rows, stage]]

    def _around(self, places: torch.Tensor) -> torch.Tensor:
        cells = self._cell[places]
        taps = self._known.index_select(0, (cells[:, None] + self._taps).view(-1))
        depths = self._map[self._map_cell[places][:, None] + self._nearby]
        return self.prior.around(taps.view(len(places), -1), depths)

    def taught(self, indices: torch.Tensor) -> Iterator[tuple[Ints, Ints, npt.NDArray[np.float64]]]:
        """Give places, stages and frequencies [m, codes] of all indices in order, some at a time."""
        for start in range(0, len(self._place), _CHUNK):
            span = slice(start, start + _CHUNK)
            place, stage = self._place[span], self._stage[span]
            here, local = np.unique(place, return_inverse=True)
            here_rows = torch.from_numpy(here)
            around = self._around(here_rows)
            below = torch.zeros(len(here), self.prior.features)
            frequencies = np.empty((len(place), self.prior.codes))
            for number in range(int(stage.max()) + 1):
                mine = np.nonzero(stage == number)[0]
                if len(mine):
                    rows = torch.from_numpy(local[mine])
                    frequencies[mine] = self.prior.frequencies(number, around[rows], below[rows])
                below += self.prior.vectors[number][indices[here_rows, number]]
            yield place, stage, frequencies

    def waves(self) -> Iterator[tuple[npt.NDArray[np.float64], list[tuple[int, int, int]]]]:
        """Give frequencies of the indices that come next, and for each slice its first and last among them.

        `tell` has to say what they were before the next are asked for.
        """
        self._indices = torch.zeros(len(self._depth), self.prior.stages, dtype=torch.int64)
        change = (np.diff(self._wave) != 0) | (np.diff(self._stage) != 0)
        bounds = [0, *(np.nonzero(change)[0] + 1).tolist(), len(self._place)]
        owner = self._number[self._place]
        local = np.zeros(len(self._depth), np.int64)
        wave = -1
        around = torch.zeros(0)
        for first, last in pairwise(bounds):
            if first == last:
                continue
            places = self._place[first:last]
            if self._wave[first] != wave:  # its first stage: all positions of the wave that send anything
                wave = int(self._wave[first])
                around = self._around(torch.from_numpy(places))
                local[places] = np.arange(len(places))
            self._now, self._now_stage = torch.from_numpy(places), int(self._stage[first])
            below = self._known.index_select(0, self._cell[self._now])
            rows = torch.from_numpy(local[places])
            frequencies = self.prior.frequencies(self._now_stage, around[rows], below)
            cuts = np.nonzero(np.diff(owner[first:last]))[0] + 1
            edges = [0, *cuts.tolist(), last - first]
            yield frequencies, [(int(owner[first + a]), a, b) for a, b in pairwise(edges)]

    def tell(self, symbols: torch.Tensor) -> None:
        """Say which codes the last indices were."""
        self._indices[self._now, self._now_stage] = symbols
        self._known.index_add_(0, self._cell[self._now], self.prior.vectors[self._now_stage][symbols])

    def found(self) -> list[torch.Tensor]:
        """All that was told: [rows, w, stages] of each slice."""
        sizes = [(span.stop - span.start) * self._width for span in self._rows]
        parts = torch.split(self._indices, sizes)
        return [part.view(-1, self._width, self.prior.stages) for part in parts]
