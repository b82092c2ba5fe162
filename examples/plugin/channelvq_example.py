"""A codec and a channel of one's own: `channelvq transmit PHOTO --codec thumbnail --channel z:0.1`."""

from __future__ import annotations

import math

import numpy as np
import torch

from channelvq.bits import CERTAIN_LLR
from channelvq.channels.base import Seeding
from channelvq.channels.draws import uniforms
from channelvq.codecs.base import Decoded, Message, Picture
from channelvq.components import real
from channelvq.errors import BudgetError


class Thumbnail:
    """Sends a small copy of the picture, 8 bits a sample; the receiver takes each sample's expected value."""

    spec = usage = "thumbnail"

    @classmethod
    def from_args(cls) -> Thumbnail:
        return cls()

    def encode(self, picture: Picture, budget_bits: int) -> Message:
        _, rows, columns = self._grid(picture.shape, budget_bits)
        small = np.rint(255 * picture[:, rows][:, :, columns]).astype(np.uint8)
        bits = np.unpackbits(small.reshape(-1))
        return Message(bits, {"samples": bits.size})

    def decode(self, llrs: np.ndarray, shape: tuple[int, int, int], trusted: object = None) -> Decoded:
        (h, w), _, _ = self._grid(shape, llrs.size)
        ones = 1 / (1 + np.exp(llrs[: 8 * shape[0] * h * w].reshape(-1, 8)))  # p(bit = 1), from its LLR
        small = (ones @ (2.0 ** np.arange(7, -1, -1)) / 255).reshape(shape[0], h, w)
        rows, columns = np.arange(shape[1]) * h // shape[1], np.arange(shape[2]) * w // shape[2]
        return Decoded(small[:, rows][:, :, columns].astype(np.float32), "ok")

    def _grid(self, shape: tuple[int, ...], bits: int) -> tuple[tuple[int, int], np.ndarray, np.ndarray]:
        """Size of the copy, which both sides know, and which rows and columns it takes."""
        channels, height, width = shape
        scale = min(math.sqrt(bits / (8 * channels * height * width)), 1)
        h, w = int(height * scale), int(width * scale)
        if not h * w:
            raise BudgetError(f"a budget of {bits} bits is too small for a sample of each row and column")
        return (h, w), (np.arange(h) * 2 + 1) * height // (2 * h), (np.arange(w) * 2 + 1) * width // (2 * w)


class ZChannel:
    """The Z-channel: a 1 becomes a 0 with probability p, a 0 stays."""

    usage = "z:P"

    def __init__(self, p: float) -> None:
        self.p, self.spec = p, f"z:{p:g}"

    @classmethod
    def from_args(cls, p: str) -> ZChannel:
        return cls(real(p, "p", 1e-6, 1))

    def transmit(self, bits: torch.Tensor, seed_of: Seeding) -> torch.Tensor:
        lost = torch.from_numpy(uniforms(seed_of("lost"), *bits.shape) < self.p)
        # LLRs, log p(0) - log p(1): a 1 that arrives is certain, a 0 may have been a 1.
        return torch.where(bits.bool() & ~lost, -CERTAIN_LLR, -math.log(self.p)).float()
