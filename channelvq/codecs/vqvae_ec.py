"""The entropy-coded profile of the VQ codec: the same indices, range-coded by what came before them.

A message: header (as in `channelvq.codecs.layout`, but of version 2), the first two bytes of the context
prior's id, and a CRC-16 of both; a table, the depth map, and a CRC-16 of both; the slices, each followed by
its CRC-16. The table says how many bytes each slice takes: seven bits a byte, the least significant first,
the top bit set in all bytes but the last. Zeros fill up the budget.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from channelvq.bits import CERTAIN_LLR, hard_bits, pack_bits, unpack_bits
from channelvq.codecs.base import Decoded, Message, Picture, grey_picture
from channelvq.codecs.cell_costs import CellCosts
from channelvq.codecs.coded_layout import (
    CRC,
    HEAD,
    ID,
    header_bytes,
    parse_header,
    read_numbers,
    unchecked,
    with_check,
    write_number,
)
from channelvq.codecs.index_coder import SLICE, CodedSlice, IndexCoder, slice_count
from channelvq.codecs.layout import Header
from channelvq.codecs.vqvae import _LARGEST, _SMALLEST, VqvaeCodec
from channelvq.errors import BudgetError, UsageError
from channelvq.images import check_picture
from channelvq.models.depth import spread_cells
from channelvq.models.integer_prior import IntegerPrior
from channelvq.models.posterior import index_labels
from channelvq.models.vqvae import Refined

__all__ = ["VqvaeEcCodec"]

_NAME = "vqvae-ec"
_BEAMS = 16
_TRIALS = 4  # codings of the picture in search of the price; more only until one fits
_MOST_TRIALS = 24
_CLOSE = 0.002  # of the budget may be left over
_SLICE_BYTES = 7  # besides its indices: length, CRC, and what the coder rounds up
_START = 0.85  # of a stage's entropy is what its indices cost, before more is known


@dataclass(frozen=True)
class _Coded:
    """A picture, coded at one price."""

    depth: torch.Tensor
    chosen: torch.Tensor
    map: bytes
    slices: list[CodedSlice]

    @property
    def block(self) -> bytes:
        """Table and map."""
        return b"".join(write_number(len(part.data)) for part in self.slices) + self.map

    @property
    def bits(self) -> int:
        """All that is sent."""
        body = sum(len(part.data) + CRC for part in self.slices)
        return 8 * (HEAD + len(self.block) + CRC + body)


class VqvaeEcCodec(VqvaeCodec):
    """Codes a picture as entropy-coded indices of a residual vector quantizer, for links that deliver clean.

    What each index costs depends on what came before it in its slice of 16 rows of positions; a cell's depth
    minimises squared error + price · bits of just its indices. The message holds no error correction of its
    own: a slice whose CRC fails is lost as a whole, and the concealment makes up for it; the others are
    decoded all the same. Encoder and decoder agree to the last bit on any machine (`IntegerPrior`).

    Parameters
    ----------
    model : str, optional
        Name of a shipped model or path of a .safetensors file; it must hold a context prior.
    concealment : str, optional
        What to do about lost slices; the best there is by default.
    beams : int
        Width of the encoder's search for indices.

    Raises
    ------
    UsageError
        No such model, or one without a context prior.
    """

    def __init__(
        self, model: str | None = None, concealment: str | None = None, beams: int | str = _BEAMS
    ) -> None:
        super().__init__(model, concealment, beams, "ranked")
        if self.model.prior is None:
            raise UsageError(
                f"model {self.model.name!r} holds no context prior, which {_NAME} needs: use vqvae"
            )

    @classmethod
    def from_args(  # type: ignore[override]  # there is one layout
        cls, model: str | None = None, concealment: str | None = None, beams: str = str(_BEAMS)
    ) -> VqvaeEcCodec:
        """Make the codec from text: `vqvae-ec`, `vqvae-ec:MODEL`, `vqvae-ec:beams=8`."""
        return cls(model, concealment, beams)

    @property
    def spec(self) -> str:
        """What makes the message, as text (the concealment is the receiver's)."""
        parts = [self._named] if self._named else []
        if self.beams != _BEAMS:
            parts.append(f"beams={self.beams}")
        return ":".join([_NAME, ",".join(parts)]) if parts else _NAME

    @cached_property
    def _coder(self) -> IndexCoder:
        network, prior = self.model.network, self.model.prior
        assert prior is not None
        spread = network.pair.spread[: network.shape.dim]
        return IndexCoder(IntegerPrior(prior, network.quantizer.codebooks, self.model.log_prior, spread))

    @property
    def _prior_id(self) -> bytes:
        return bytes.fromhex(self.model.prior_id)[:ID]

    @torch.inference_mode()
    def encode(self, picture: Picture, budget_bits: int) -> Message:
        """Describe a picture [3 or 1, H, W] in at most `budget_bits` bits.

        Raises
        ------
        UsageError
            Sides below 16 px or above 65536.
        BudgetError
            Too few bits for header and map.
        """
        channels, height, width = check_picture(picture).shape
        if min(height, width) < _SMALLEST or max(height, width) > _LARGEST:
            raise UsageError(f"picture is {width}×{height}, sides must be from {_SMALLEST} to {_LARGEST} px")
        network = self.model.network
        described = network.describe(self._padded(picture))
        limit = torch.full(described.cells.shape[1:3], network.shape.stages)
        coded = self._search(network.refine(described, limit, self.beams), budget_bits)
        header = header_bytes(Header(channels == 1, width, height, len(coded.block)))
        data = with_check(header + self._prior_id) + with_check(coded.block)
        data += b"".join(with_check(part.data) for part in coded.slices)
        bits = np.zeros(budget_bits, dtype=np.uint8)
        bits[: coded.bits] = unpack_bits(data)
        parts = {"header": 8 * HEAD, "map": 8 * (len(coded.block) + CRC)}
        parts["indices"] = coded.bits - sum(parts.values())
        parts["padding"] = budget_bits - coded.bits
        rows = self._rows(coded.depth)
        indices = torch.cat([coded.chosen[places, stage] for stage, places in enumerate(rows)])
        return Message(bits, parts, indices.numpy())

    @torch.inference_mode()
    def decode(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Make a picture of message LLRs [n], of which the signs count; see `Codec.decode`.

        The picture is mid-grey ("failed") if header or map cannot be read, or if they do not fit `shape`.
        """
        read = self._read(self.essence(llrs, trusted), shape)
        if isinstance(read, str):
            return Decoded(grey_picture(shape), "failed", notes={"failure": read})
        cells, coded = read
        depth = spread_cells(cells[None], self.model.network.shape.cell)[0]
        slices = self._coder.decode(coded, depth)
        lost = sum(part is None for part in slices)
        indices, received = self._received(cells, slices)
        latents = self.concealment.conceal(self._field(depth, received))
        shown = self.model.network.show(latents.mean, depth, latents.variance).numpy()
        shown = shown[:, : shape[1], : shape[2]]
        if shape[0] == 1:
            shown = shown.mean(0, keepdims=True)
        notes = {"slices": f"{lost} of {len(slices)} slices lost"} if lost else {}
        return Decoded(np.ascontiguousarray(shown), "concealed" if lost else "ok", indices.numpy(), notes)

    def essence(self, llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None = None) -> bytes:
        """Give the message's whole bytes, hard-decided; see `Decisive.essence`."""
        del trusted  # the CRCs say it all
        return pack_bits(hard_bits(llrs[: len(llrs) // 8 * 8])).tobytes()

    def _search(self, refined: Refined, budget_bits: int) -> _Coded:
        """Find the lowest price at which the picture fits, by coding it a few times."""
        shape = self.model.network.shape
        entropy = -(self.model.log_prior.exp() * self.model.log_prior).sum(1) / np.log(2)
        costs = CellCosts(refined.cells[0], _START * shape.cell**2 * entropy)
        best, before, slack, step = None, None, 0, 8
        for trial in range(_MOST_TRIALS):
            depth = costs.fill(budget_bits - slack, self._overhead)
            if before is not None and torch.equal(depth, before):
                if best is not None or not depth.any():
                    break  # all that there is to send, or as little as there can be
                slack, step = slack + step, 2 * step  # the plan is too long by what no price knows of
                continue
            coded, before = self._code(refined, depth), depth
            left = budget_bits - coded.bits
            if left >= 0 and (best is None or coded.bits > best.bits):
                best = coded
            if 0 <= left <= _CLOSE * budget_bits or (best and trial + 1 >= _TRIALS):
                break
            costs.learn(depth, _cell_sums(torch.cat([part.bits for part in coded.slices]), shape.cell))
            if trial:
                slack += max(-left, 0) // 4 + 8  # most of what was too much has been learnt
        best = best or self._code(refined, torch.zeros_like(depth))
        if best.bits > budget_bits:
            reason = f"{best.bits} bits would"
            raise BudgetError(f"a budget of {budget_bits} bits does not hold header and map, {reason}")
        return best

    def _overhead(self, depth: torch.Tensor) -> float:
        """Bits besides the indices, about."""
        slices = slice_count(depth.shape[0] * self.model.network.shape.cell)
        return self._map_coder.bits(depth.numpy()) + 8 * (HEAD + CRC + slices * _SLICE_BYTES)

    def _code(self, refined: Refined, depth: torch.Tensor) -> _Coded:
        positions = spread_cells(depth[None], self.model.network.shape.cell)[0]
        chosen = refined.at(positions.reshape(-1))
        slices = self._coder.encode(chosen.view(*positions.shape, -1), positions)
        return _Coded(depth, chosen, self._map_coder.encode(depth.numpy()), slices)

    def _read(
        self, data: bytes, shape: tuple[int, int, int]
    ) -> tuple[torch.Tensor, list[bytes | None]] | str:
        """Depth of cells and the bytes of each slice (None: lost), or why they cannot be read."""
        found = unchecked(data[:HEAD])
        header = parse_header(found) if found else None
        if found is None or header is None:
            return "header lost"
        if found[-ID:] != self._prior_id:
            return "message of another context prior"
        if (header.height, header.width, header.grey) != (shape[1], shape[2], shape[0] == 1):
            return "header of another picture"
        start = HEAD + header.map_bytes + CRC
        block = unchecked(data[HEAD:start])
        if block is None or start > len(data):
            return "depth map lost"
        cells = self._cells(shape)
        sizes, rest = read_numbers(block, slice_count(cells[0] * self.model.network.shape.cell))
        try:
            depth = torch.from_numpy(self._map_coder.decode(rest, cells))
        except ValueError as error:
            return str(error)
        coded: list[bytes | None] = []
        for size in sizes:
            coded.append(unchecked(data[start : start + size + CRC], size))
            start += size + CRC
        return depth, coded

    def _received(
        self, cells: torch.Tensor, slices: list[torch.Tensor | None]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Give indices [m] in the order of a `vqvae` message, and LLRs [m, bits]: sure, or 0 where lost."""
        shape = self.model.network.shape
        width = cells.shape[1] * shape.cell
        rows = cells.shape[0] * shape.cell
        field = torch.zeros(rows, width, shape.stages, dtype=torch.int64)
        known = torch.zeros(rows, width, dtype=torch.bool)
        for number, part in enumerate(slices):
            if part is not None:
                span = slice(number * SLICE, number * SLICE + len(part))
                field[span], known[span] = part, True
        flat, sure = field.flatten(0, 1), known.flatten()
        places = self._rows(cells)
        indices = torch.cat([flat[place, stage] for stage, place in enumerate(places)])
        labels = (1 - 2 * index_labels(shape.codes)) * CERTAIN_LLR
        return indices, labels[indices] * sure[torch.cat(places)][:, None]


def _cell_sums(values: torch.Tensor, cell: int) -> torch.Tensor:
    """Sum over the positions of each cell: [h, w, n] -> [h/cell, w/cell, n]."""
    height, width, count = values.shape
    return values.view(height // cell, cell, width // cell, cell, count).sum((1, 3))
