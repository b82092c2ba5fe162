"""The recipe of a training run of the `deepjscc` codec: a validated TOML file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from channelvq.training.recipe import LogPart, OptimiserPart, RecipePart, StartPart

__all__ = ["DeepJsccRecipe"]


class AnalogModelPart(RecipePart):
    """Sizes of the model; see `channelvq.models.analog.AnalogShape`."""

    channels: int = Field(default=32, ge=2, le=192, multiple_of=2)
    width: int = Field(default=192, ge=8, le=1024)
    encoder_blocks: int = Field(default=3, ge=0, le=32)
    decoder_blocks: int = Field(default=4, ge=0, le=32)


class AnalogDataPart(RecipePart):
    """What a batch is made of: crops of one photograph share their power, as the parts of a picture do."""

    crop: int = Field(default=128, ge=32, le=512, multiple_of=32)
    photographs: int = Field(default=4, ge=1, le=256)
    crops: int = Field(default=3, ge=1, le=64)


class AnalogChannelPart(RecipePart):
    """The channel of each photograph: SNR uniform in dB; of a share of them gains are Rayleigh."""

    lowest_snr_db: float = Field(default=-2.0, ge=-20, le=40)
    highest_snr_db: float = Field(default=20.0, ge=-20, le=40)
    fading: float = Field(default=0.15, ge=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> AnalogChannelPart:
        if self.lowest_snr_db > self.highest_snr_db:
            raise ValueError(f"lowest_snr_db, {self.lowest_snr_db}, is above {self.highest_snr_db}")
        return self


class AnalogRatePart(RecipePart):
    """Numbers that a position is sent with: of a photograph 24, 32, or any number, log-uniform from `lowest`.

    24 real numbers for 8×8×3 samples are CBR 1/16, 32 are 1/12.
    """

    main: int = Field(default=24, ge=1, le=192)
    main_share: float = Field(default=0.6, ge=0, le=1)
    all_share: float = Field(default=0.25, ge=0, le=1)
    lowest: float = Field(default=8.0, gt=0, le=192)


class DeepJsccRecipe(RecipePart):
    """A whole run."""

    kind: Literal["deepjscc"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    seed: int = 0
    precision: Literal["auto", "float32", "bf16"] = "auto"
    model: AnalogModelPart = AnalogModelPart()
    start: StartPart = StartPart()
    data: AnalogDataPart = AnalogDataPart()
    optimiser: OptimiserPart = OptimiserPart()
    rate: AnalogRatePart = AnalogRatePart()
    channel: AnalogChannelPart = AnalogChannelPart()
    log: LogPart = LogPart()

    @model_validator(mode="after")
    def _fits(self) -> DeepJsccRecipe:
        if max(self.rate.main, self.rate.lowest) > self.model.channels:
            raise ValueError(
                f"rate asks for more than model.channels, {self.model.channels} numbers a position"
            )
        return self
