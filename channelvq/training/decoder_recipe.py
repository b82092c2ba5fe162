"""The recipe of a decoder's tuning: a validated TOML file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from channelvq.training.prior_recipe import PriorLogPart
from channelvq.training.recipe import ChannelPart, CodingPart, RecipePart

__all__ = ["DecoderRecipe"]


class CropsPart(RecipePart):
    """What a batch is made of: `noisy` crops cross a channel, of which the share `soft` has no context."""

    passes: int = Field(default=1, ge=1, le=16)
    coding: CodingPart = CodingPart()
    crop: int = Field(default=128, ge=32, le=512, multiple_of=32)
    batch: int = Field(default=12, ge=2, le=1024)
    noisy: int = Field(default=5, ge=1, le=1024)
    soft: float = Field(default=0.25, ge=0, le=1)


class TuningPart(RecipePart):
    """AdamW, linear warm-up, then linear down to zero."""

    steps: int = Field(default=1000, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0, le=0.1)
    warmup: int = Field(default=50, ge=0)
    clip: float = Field(default=1.0, gt=0)


class DecoderRecipe(RecipePart):
    """A whole run; what comes out is `blend` parts of the tuned weights and the rest of those before [1]_.

    References
    ----------
    .. [1] M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """

    kind: Literal["decoder"]
    weights: str
    seed: int = 0
    data: CropsPart = CropsPart()
    optimiser: TuningPart = TuningPart()
    noise: ChannelPart = ChannelPart()
    blend: float = Field(default=0.75, gt=0, le=1)
    log: PriorLogPart = PriorLogPart()
