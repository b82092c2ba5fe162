"""The recipe of a training run: a validated TOML file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from channelvq.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["ChannelPart", "CodingPart", "Recipe", "RecipePart", "load_recipe", "read_recipe"]

R = TypeVar("R", bound="RecipePart")


class RecipePart(BaseModel):
    """A table of a recipe: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelPart(RecipePart):
    """Sizes of the model; see `channelvq.models.network.Shape`."""

    dim: int = Field(default=64, ge=4, le=192)
    width: int = Field(default=192, ge=8, le=1024)
    encoder_blocks: int = Field(default=3, ge=0, le=32)
    decoder_blocks: int = Field(default=4, ge=0, le=32)
    stages: int = Field(default=12, ge=1, le=15)
    codes: Literal[4, 16, 64, 256, 512, 1024, 2048, 4096] = 1024
    cell: Literal[1, 2, 4] = 2


class StartPart(RecipePart):
    """Trained weights to start from, a model's name or path, of the recipe's sizes; none: from the KLT."""

    weights: str | None = None


class DataPart(RecipePart):
    """What a batch is made of."""

    crop: int = Field(default=128, ge=32, le=512, multiple_of=32)
    batch: int = Field(default=12, ge=1, le=1024)


class OptimiserPart(RecipePart):
    """AdamW, linear warm-up, constant, then a linear way down to zero over the last `cooldown` share."""

    steps: int = Field(default=20000, ge=1)
    learning_rate: float = Field(default=4e-4, gt=0, le=0.1)
    warmup: int = Field(default=300, ge=0)
    cooldown: float = Field(default=0.35, ge=0, le=1)
    clip: float = Field(default=1.0, gt=0)


class RatePart(RecipePart):
    """Price of a bit (squared error that it must save), log-uniform a crop."""

    lowest_price: float = Field(default=3e-4, gt=0)
    highest_price: float = Field(default=3e-2, gt=0)


class QuantizerPart(RecipePart):
    """How codebooks follow the data; from step `beams_from` on, indices are found by beam search."""

    decay: float = Field(default=0.99, gt=0, lt=1)
    commitment: float = Field(default=0.25, ge=0)
    restart_every: int = Field(default=50, ge=1)
    restart_until: float = Field(default=0.8, ge=0, le=1)
    beams: int = Field(default=3, ge=1, le=64)
    beams_from: int = Field(default=1000, ge=0)


class ChannelPart(RecipePart):
    """Crops whose indices are sent over a noisy channel, so that the decoder learns to repair.

    From step `start` on, codes carry assigned labels (anew every `assign_every` steps) and `share` of the
    crops is noisy.
    """

    start: int = Field(default=2000, ge=0)
    share: float = Field(default=0.25, ge=0, le=1)
    assign_every: int = Field(default=5000, ge=1)
    lowest_error_rate: float = Field(default=5e-4, gt=0, lt=0.5)
    highest_error_rate: float = Field(default=0.1, gt=0, lt=0.5)


class CodingPart(RecipePart):
    """How photographs become index fields: prices of a bit, log-uniform, and the width of the search."""

    lowest_price: float = Field(default=3e-4, gt=0)
    highest_price: float = Field(default=3e-2, gt=0)
    beams: int = Field(default=8, ge=1, le=64)


class LogPart(RecipePart):
    """How often to look and to save, in steps."""

    validate_every: int = Field(default=1000, ge=1)
    checkpoint_every: int = Field(default=500, ge=1)


class FinishPart(RecipePart):
    """What is made of the trained network: settled codebooks, labels, priors, the depth map's tables."""

    settle_steps: int = Field(default=600, ge=0)
    assignment_effort: int = Field(default=60_000_000, ge=0)


class Recipe(RecipePart):
    """A whole run."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    seed: int = 0
    precision: Literal["auto", "float32", "bf16"] = "auto"
    model: ModelPart = ModelPart()
    start: StartPart = StartPart()
    data: DataPart = DataPart()
    optimiser: OptimiserPart = OptimiserPart()
    rate: RatePart = RatePart()
    quantizer: QuantizerPart = QuantizerPart()
    channel: ChannelPart = ChannelPart()
    log: LogPart = LogPart()
    finish: FinishPart = FinishPart()


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe of the VQ codec; see `read_recipe`."""
    return read_recipe(path, Recipe)


def read_recipe(path: Path, kind: type[R]) -> R:
    """Read and check a recipe of some kind.

    Raises
    ------
    UsageError
        File missing, not TOML, or a key that is unknown or has a wrong value; names the key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read recipe {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: {key} = {first['input']!r}: {first['msg']}") from None
