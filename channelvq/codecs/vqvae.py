"""The VQ codec: a VQ-VAE whose indices have fixed length, with depth where it pays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from channelvq.bits import bits_to_llrs, hard_bits
from channelvq.codecs.base import Decoded, Message, Picture, grey_picture
from channelvq.codecs.depth_map import MapCoder
from channelvq.codecs.layout import GUARD_RATE, Header, Layout, position_order
from channelvq.codecs.stage_protection import CodedStage, StageProtection
from channelvq.components import integer
from channelvq.concealment import BEST, BEST_ALONE, CONCEALMENTS
from channelvq.concealment.base import Concealment, Field
from channelvq.concealment.context import ContextConcealment
from channelvq.errors import BudgetError, UsageError
from channelvq.interleaving import spread
from channelvq.models.depth import allocate, spread_cells
from channelvq.models.posterior import SURE, index_labels, llrs_to_indices
from channelvq.models.weights import load_model

__all__ = ["VqvaeCodec"]

Places = npt.NDArray[np.int64]

_SMALLEST, _LARGEST = 16, 65536
_BEAMS = 32


@dataclass(frozen=True)
class _Plan:
    """A depth a cell, the coded map, and what they take together."""

    depth: torch.Tensor
    map: bytes
    bits: int


class VqvaeCodec:
    """Codes a picture as indices of a residual vector quantizer.

    Each cell of positions gets the number of stages that minimises squared error + price · bits; the price
    is searched so that header, guarded depth map and indices fill the budget.

    Parameters
    ----------
    model : str, optional
        Name of a shipped model or path of a .safetensors file.
    concealment : str, optional
        What to do about broken indices: "none", "neighbour", "soft", "context"; the best that the model can
        by default.
    beams : int
        Width of the encoder's search for indices: more take longer and give a little more.
    layout : {"strewn", "ranked"}
        How the message is laid out, see `Layout`; a link of unequal protection asks for "ranked".
    protect : str
        Rates of the LDPC codes of the first stages, see `StageProtection`: "1/2+3/4"; "none" by default. Part
        of the scheme, as the layout is: the receiver knows it.
    guard : str
        Rate of the code of the depth map, see `Layout`: "2/5" by default, "none" for a clean channel.

    Raises
    ------
    UsageError
        No such model, concealment or layout; a number out of range; protection of a ranked message, which
        the link protects.
    """

    def __init__(
        self,
        model: str | None = None,
        concealment: str | None = None,
        beams: int | str = _BEAMS,
        layout: str = "strewn",
        protect: str = "none",
        guard: str = GUARD_RATE,
    ) -> None:
        self.layout = Layout(layout, guard)
        self.model = load_model(model)
        self.protection = StageProtection(protect, self.model.network.shape.stages)
        if self.protection.rates and layout == "ranked":
            raise UsageError(f"protect={protect} does not go with layout=ranked, which the link protects")
        self.concealment: Concealment = CONCEALMENTS.build(
            concealment or (BEST_ALONE if self.model.prior is None else BEST)
        )
        if self.model.prior is None and isinstance(self.concealment, ContextConcealment):
            raise UsageError(f"model {self.model.name} has no context prior; use concealment 'soft'")
        self._named, self.beams = model, integer(str(beams), "beams", 1, 64)
        self._map_coder = MapCoder(self.model.map_table)

    @classmethod
    def from_args(
        cls,
        model: str | None = None,
        concealment: str | None = None,
        beams: str = str(_BEAMS),
        layout: str = "strewn",
        protect: str = "none",
        guard: str = GUARD_RATE,
    ) -> VqvaeCodec:
        """Make the codec from text: `vqvae`, `vqvae:MODEL`, `vqvae:protect=1/2+3/4`, `vqvae:guard=none`."""
        return cls(model, concealment, beams, layout, protect, guard)

    @property
    def spec(self) -> str:
        """What makes the message, as text (the concealment is the receiver's)."""
        parts = [self._named] if self._named else []
        if self.beams != _BEAMS:
            parts.append(f"beams={self.beams}")
        if self.layout.name != "strewn":
            parts.append(f"layout={self.layout.name}")
        if self.protection.rates:
            parts.append(f"protect={self.protection.spec}")
        if self.layout.guard != GUARD_RATE:
            parts.append(f"guard={self.layout.guard}")
        return ":".join(["vqvae", ",".join(parts)]) if parts else "vqvae"

    def encode(self, picture: Picture, budget_bits: int) -> Message:
        """Describe a picture [3 or 1, H, W] in at most `budget_bits` bits.

        Raises
        ------
        UsageError
            Sides below 16 px or above 65536.
        BudgetError
            Too few bits for header and map.
        """
        channels, height, width = picture.shape
        if min(height, width) < _SMALLEST or max(height, width) > _LARGEST:
            raise UsageError(f"picture is {width}×{height}, sides must be from {_SMALLEST} to {_LARGEST} px")
        described = self.model.network.describe(self._padded(picture))
        rough = self._plan(described.cells, budget_bits)
        deeper = (rough.depth + 1).clamp(max=self.model.network.shape.stages)
        refined = self.model.network.refine(described, deeper, self.beams)
        plan = self._plan(refined.cells, budget_bits)  # depths by what the better indices leave
        header = Header(channels == 1, width, height, len(plan.map))
        rows = self._rows(plan.depth)
        chosen = refined.at(spread_cells(plan.depth[None], self.model.network.shape.cell).reshape(-1))
        indices = [chosen[places, stage] for stage, places in enumerate(rows)]
        guarded = self.layout.protect(header.to_bytes()), self.layout.protect(plan.map)
        bits = np.zeros(budget_bits, dtype=np.uint8)
        *places, index_place = self.layout.slots(budget_bits, *map(len, guarded))
        for place, part in zip(places, guarded, strict=True):
            bits[place] = part
        self._lay(bits, index_place, indices)
        parts = {"header": len(guarded[0]), "map": len(guarded[1]), **self._index_parts(rows)}
        parts["padding"] = budget_bits - sum(parts.values())
        return Message(bits, parts, torch.cat(indices).numpy())

    def _lay(self, message: npt.NDArray[np.uint8], place: Places, indices: list[torch.Tensor]) -> None:
        """Put the labels of all stages' indices, protected or not, into their places of a message."""
        labels = index_labels(self.model.network.shape.codes).to(torch.uint8)
        stages = [labels[part].reshape(-1).numpy() for part in indices]
        for stage, there in enumerate(self._stage_places(place, [part.size for part in stages])):
            message[there] = self.protection.protect(stage, stages[stage])

    def _stage_places(self, place: Places, bits: list[int]) -> list[Places]:
        """Places of each stage, of those left for indices: protected ones strewn, the others one by one.

        Raises
        ------
        ValueError
            They are too few.
        """
        counts = [self.protection.coded_bits(stage, count) for stage, count in enumerate(bits)]
        if sum(counts) > len(place):
            raise ValueError("depth map of another message")
        found, start = [], 0
        for stage, count in enumerate(counts):
            if stage < len(self.protection.rates):
                strewn, place = spread(place, count)
                found.append(strewn)
            else:
                found.append(place[start : start + count])
                start += count
        return found

    def _index_parts(self, rows: list[torch.Tensor]) -> dict[str, int]:
        """Bits of the indices and their protection, by stage where the link goes by their importance."""
        index_bits = self.model.network.shape.index_bits
        stages = {f"stage {i}": index_bits * len(places) for i, places in enumerate(rows, 1)}
        if self.layout.name == "ranked":
            return stages
        parts = {"indices": sum(stages.values())}
        if self.protection.rates:
            sent = sum(map(self.protection.coded_bits, range(len(rows)), stages.values()))
            parts["protection"] = sent - parts["indices"]
        return parts

    def decode(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Make a picture of message LLRs [n]; see `Codec.decode`.

        The picture is mid-grey ("failed") if header or map cannot be read, or if they do not fit `shape`.
        """
        del trusted  # the LLRs say it all
        read = self._read_depth(_settled(llrs), shape)
        if isinstance(read, str):
            return Decoded(grey_picture(shape), "failed", notes={"failure": read})
        depth, stages = read
        received = torch.from_numpy(np.concatenate([stage.llrs for stage in stages]))
        field = self._field(depth, received.view(-1, self.model.network.shape.index_bits))
        if isinstance(self.concealment, ContextConcealment):
            field = self.concealment.settle(field, stages)
        latents = self.concealment.conceal(field)
        picture = self.model.network.show(latents.mean, depth, latents.variance).numpy()
        picture = picture[:, : shape[1], : shape[2]]
        if shape[0] == 1:
            picture = picture.mean(0, keepdims=True)
        index_llrs = torch.cat(field.llrs)
        unsure = not bool((index_llrs.abs() >= SURE).all())  # so too if one is no number
        indices = llrs_to_indices(index_llrs).numpy()
        return Decoded(np.ascontiguousarray(picture), "concealed" if unsure else "ok", indices)

    def essence(self, llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None = None) -> bytes:
        """Give the LLRs, or the signs where none is in doubt; see `Decisive.essence`."""
        del trusted
        return _settled(llrs).tobytes()

    def _padded(self, picture: Picture) -> torch.Tensor:
        """Three channels, sides a multiple of the grain, edges repeated."""
        grain = self.model.network.shape.grain
        _, height, width = picture.shape
        room = ((0, 0), (0, -height % grain), (0, -width % grain))
        padded = np.pad(np.asarray(picture, dtype=np.float32), room, mode="edge")
        return torch.from_numpy(np.broadcast_to(padded, (3, *padded.shape[1:])).copy())

    def _cells(self, shape: tuple[int, int, int]) -> tuple[int, int]:
        grain = self.model.network.shape.grain
        return -(-shape[1] // grain), -(-shape[2] // grain)

    def _plan(self, cells: torch.Tensor, budget_bits: int) -> _Plan:
        """Find the lowest price whose plan fits the budget, by bisection on its logarithm."""
        shape = self.model.network.shape
        bits_a_stage = shape.cell**2 * shape.index_bits
        bits_of_stages = bits_a_stage * self.protection.expansion if self.protection.rates else bits_a_stage

        def sent(depth: torch.Tensor) -> int:
            deep = [int((depth > stage).sum()) for stage in range(shape.stages)]
            return sum(self.protection.coded_bits(i, n * bits_a_stage) for i, n in enumerate(deep))

        def at(log_price: float) -> tuple[torch.Tensor, int]:
            depth = allocate(cells, torch.tensor([log_price]).exp(), bits_of_stages)[0]
            map_bytes = math.ceil(self._map_coder.bits(depth.numpy()) / 8)
            return depth, sent(depth) + self.layout.coded_bits(map_bytes)

        low, high = -20.0, 6.0
        room = budget_bits - self.layout.header_bits
        for _ in range(22):
            middle = (low + high) / 2
            low, high = (low, middle) if at(middle)[1] <= room else (middle, high)
        step = 2.0**-10
        for _ in range(40):  # the coded map can be some bits longer than its entropy
            depth, _ = at(high)
            coded = self._map_coder.encode(depth.numpy())
            bits = self.layout.header_bits + self.layout.coded_bits(len(coded)) + sent(depth)
            if bits <= budget_bits:
                return _Plan(depth, coded, bits)
            high, step = high + step, 1.5 * step
        raise BudgetError(f"a budget of {budget_bits} bits does not hold header and map, {bits} bits would")

    def _rows(self, depth: torch.Tensor) -> list[torch.Tensor]:
        """For each stage, the positions that send it, in message order; `depth` is a cell's [ch, cw]."""
        flat = spread_cells(depth[None], self.model.network.shape.cell)[0].reshape(-1)
        order = torch.from_numpy(position_order(len(flat)))
        ordered = flat[order]
        return [order[ordered > stage] for stage in range(self.model.network.shape.stages)]

    def _read_depth(
        self, llrs: npt.NDArray[np.float32], shape: tuple[int, int, int]
    ) -> tuple[torch.Tensor, list[CodedStage]] | str:
        """Depth of positions [h, w] and their stages as received, or why they cannot be read."""
        layout, header_bits = self.layout, self.layout.header_bits
        if len(llrs) < header_bits:
            return "message too short for a header"
        header = layout.read_header(llrs)
        if header is None:
            return "header lost"
        if (header.height, header.width, header.grey) != (shape[1], shape[2], shape[0] == 1):
            return "header of another picture"
        map_bits = layout.coded_bits(header.map_bytes)
        if header_bits + map_bits > len(llrs):
            return "header of another message"
        _, map_place, index_place = layout.slots(len(llrs), header_bits, map_bits)
        coded = layout.recover(llrs[map_place], header.map_bytes)
        if coded is None:
            return "depth map lost"
        sizes = self.model.network.shape
        try:
            cells = torch.from_numpy(self._map_coder.decode(coded, self._cells(shape)))
            counts = [sizes.index_bits * len(places) for places in self._rows(cells)]
            stages = self._stage_places(index_place, counts)
        except ValueError as error:
            return str(error)
        received = [
            self.protection.receive(stage, llrs[there], count)
            for stage, (there, count) in enumerate(zip(stages, counts, strict=True))
        ]
        return spread_cells(cells[None], sizes.cell)[0], received

    def _field(self, depth: torch.Tensor, index_llrs: torch.Tensor) -> Field:
        cell = self.model.network.shape.cell
        rows = self._rows(depth[::cell, ::cell])
        llrs = list(torch.split(index_llrs, [len(part) for part in rows]))
        network = self.model.network
        wide = network.pair.spread[: network.shape.dim]
        books, prior = network.quantizer.codebooks, self.model.prior
        return Field(depth, rows, llrs, books, self.model.log_prior, wide, prior)


def _settled(llrs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Take a message of which every bit is sure for known: how sure does not matter any more."""
    sure = bool((np.abs(llrs) >= SURE).all())  # not so if one is no number
    return bits_to_llrs(hard_bits(llrs)) if sure else llrs
