"""The recipe of a context prior's training: a validated TOML file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from channelvq.training.recipe import ChannelPart, CodingPart, RecipePart

__all__ = ["PriorRecipe"]


class PriorModelPart(RecipePart):
    """Sizes of the prior; see `channelvq.models.prior.ContextPrior`."""

    width: int = Field(default=224, ge=8, le=1024)
    rank: int = Field(default=48, ge=4, le=256)
    sight: int = Field(default=128, ge=8, le=1024)
    blocks: int = Field(default=3, ge=0, le=16)


class FieldsPart(RecipePart):
    """How often each photograph is coded, and the squares of positions that make a batch."""

    passes: int = Field(default=1, ge=1, le=16)
    coding: CodingPart = CodingPart()
    crop: int = Field(default=24, ge=8, le=128)
    batch: int = Field(default=6, ge=1, le=1024)


class PriorOptimiserPart(RecipePart):
    """AdamW, linear warm-up, then linear down to zero."""

    steps: int = Field(default=3000, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0, le=0.1)
    warmup: int = Field(default=50, ge=0)
    clip: float = Field(default=1.0, gt=0)


class PriorChannelPart(RecipePart):
    """The crops of a batch that are also sent over channels, and how often beliefs are handed round."""

    crops: int = Field(default=3, ge=1, le=1024)
    rounds: int = Field(default=2, ge=1, le=8)
    noise: ChannelPart = ChannelPart()


class PriorLogPart(RecipePart):
    """How often to log and to save, in steps."""

    every: int = Field(default=50, ge=1)
    checkpoint_every: int = Field(default=200, ge=1)


class PriorRecipe(RecipePart):
    """A whole run."""

    kind: Literal["prior"]
    weights: str
    seed: int = 0
    model: PriorModelPart = PriorModelPart()
    data: FieldsPart = FieldsPart()
    optimiser: PriorOptimiserPart = PriorOptimiserPart()
    channel: PriorChannelPart = PriorChannelPart()
    log: PriorLogPart = PriorLogPart()
