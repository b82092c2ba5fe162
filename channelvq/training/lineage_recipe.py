"""The recipe of the lineage on MNIST: a validated TOML file, `kind = "mnist-lineage"`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from channelvq.models.lineage import LineageShape
from channelvq.sweep.toml import read_toml, validate

__all__ = ["LineageRecipe", "Network", "load_lineage"]

Network = Literal["ae", "vae", "vqvae"]


def _tuple(value: object) -> object:
    """TOML has lists; a frozen recipe has tuples."""
    return tuple(value) if isinstance(value, list) else value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelPart(_Part):
    """Sizes that the networks share, and their latents; see `channelvq.models.lineage.LineageShape`."""

    width: int = Field(default=64, ge=2, le=512, multiple_of=2)
    blocks: int = Field(default=1, ge=0, le=16)
    analog_latents: int = Field(default=4, ge=2, le=64, multiple_of=2)
    code_dim: int = Field(default=8, ge=1, le=64)
    stages: int = Field(default=2, ge=1, le=8)
    codes: Literal[2, 4, 8, 16, 32, 64, 128, 256] = 16


class OptimiserPart(_Part):
    """AdamW; the learning rate rises over `warmup` steps and falls to zero as a cosine."""

    steps: int = Field(default=2000, ge=1)
    batch: int = Field(default=64, ge=1, le=4096)
    learning_rate: float = Field(default=2e-3, gt=0, le=0.1)
    warmup: int = Field(default=50, ge=0)
    clip: float = Field(default=1.0, gt=0)


class ChannelPart(_Part):
    """AWGN with an SNR (Es/N0) drawn for each digit, uniformly in dB.

    Analog latents always cross it. Indices do from the share `start` of all steps on, when their codes have
    labels, and then only those of `share` of the digits.
    """

    lowest_snr_db: float = Field(default=-5, ge=-30, le=60)
    highest_snr_db: float = Field(default=20, ge=-30, le=60)
    start: float = Field(default=0.4, ge=0, le=1)
    share: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> ChannelPart:
        if self.lowest_snr_db > self.highest_snr_db:
            raise ValueError(f"lowest_snr_db, {self.lowest_snr_db}, is above {self.highest_snr_db}")
        return self


class QuantizerPart(_Part):
    """How codebooks follow the latents, and the latents the codes; see `ResidualQuantizer`."""

    decay: float = Field(default=0.99, gt=0, lt=1)
    commitment: float = Field(default=0.25, ge=0)
    restart_every: int = Field(default=30, ge=1)
    restart_until: float = Field(default=0.7, ge=0, le=1)


class LogPart(_Part):
    """How often to look and to save, in steps."""

    validate_every: int = Field(default=500, ge=1)
    checkpoint_every: int = Field(default=250, ge=1)


class LineageRecipe(_Part):
    """A run: one network after the other, each a file of weights NAME-NETWORK."""

    kind: Literal["mnist-lineage"]
    name: str = Field(default="mnist", pattern=r"^[a-z0-9][a-z0-9.-]*$")
    seed: int = Field(default=0, ge=0)
    networks: Annotated[tuple[Network, ...], BeforeValidator(_tuple), Field(min_length=1)] = (
        "ae",
        "vae",
        "vqvae",
    )
    model: ModelPart = ModelPart()
    optimiser: OptimiserPart = OptimiserPart()
    channel: ChannelPart = ChannelPart()
    quantizer: QuantizerPart = QuantizerPart()
    log: LogPart = LogPart()

    def shape(self, network: Network) -> LineageShape:
        """Sizes of one of the networks."""
        part = self.model
        if network == "vqvae":
            return LineageShape(network, part.width, part.blocks, part.code_dim, part.stages, part.codes)
        return LineageShape(network, part.width, part.blocks, part.analog_latents)


def load_lineage(path: Path) -> LineageRecipe:
    """Read and check a recipe.

    Raises
    ------
    UsageError
        File missing, not TOML, or a key that is unknown or has a wrong value; names line and key.
    """
    table, text = read_toml(path)
    return validate(LineageRecipe, table, path, text)
