"""What `channelvq tune` is asked to choose from: the TOML file, validated."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from channelvq.sweep.axis import Point, Snr, points_of, read_snrs
from channelvq.sweep.scheme import Cbr, Channel, Code, Codec, Interleaving, Modulation, Table, as_tuple
from channelvq.sweep.toml import read_toml, validate

__all__ = ["TuneSpec", "Tuning", "load_tune_spec"]

DEFAULT_BLOCK_ERROR_RATE = 1e-3


def _one_or_more(value: object) -> object:
    """Take one value for a list of one."""
    return as_tuple(value) if isinstance(value, list | tuple) else (value,)


Names = Field(min_length=1)


class Tuning(Table):
    """What may be chosen: `[tune]`.

    Attributes
    ----------
    codecs : tuple of str
        `codec`, one or a list of such as differ in their options ("jpeg", "jpeg:444").
    codes, modulations : tuple of str
        Every code is tried with every modulation.
    concealments : tuple of str
        `concealment`, one or a list; none takes the codec's best.
    model, interleaver : str or None
        As for a scheme.
    criterion : {"block_error_rate", "psnr"} or None
        Which candidates may be chosen at all: those that lose few blocks, or all; the best mean PSNR decides
        among them. None: the block error rate where noise is new in every symbol and the codec does not make
        up for losses, else the PSNR, which then pays for losses itself.
    block_error_rate : float or None
        What counts as few; 1e-3 if only the criterion says so.
    most_images : int or None
        Take no more than the first so many images.
    """

    codecs: Annotated[tuple[Codec, ...], BeforeValidator(_one_or_more), Field(alias="codec"), Names]
    codes: Annotated[tuple[Code, ...], BeforeValidator(as_tuple), Names]
    modulations: Annotated[tuple[Modulation, ...], BeforeValidator(as_tuple), Names]
    concealments: Annotated[tuple[str, ...], BeforeValidator(_one_or_more), Field(alias="concealment")] = ()
    model: str | None = None
    interleaver: Interleaving | None = None
    criterion: Literal["block_error_rate", "psnr"] | None = None
    block_error_rate: Annotated[float, Field(gt=0, lt=1)] | None = None
    most_images: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Tuning:
        from channelvq.codecs import is_analog

        for codec in self.codecs:
            if is_analog(codec):
                raise ValueError(f"codec {codec!r} sends symbols: there is no code or modulation to choose")
        for what in ("codecs", "codes", "modulations", "concealments"):
            values = getattr(self, what)
            if repeated := [value for i, value in enumerate(values) if value in values[:i]]:
                raise ValueError(f"{what}: {repeated[0]!r} is given twice")
        if self.criterion == "psnr" and self.block_error_rate is not None:
            raise ValueError('criterion is "psnr", which has no block_error_rate: leave one of them out')
        return self


class TuneSpec(Table):
    """The whole file: a sweep's axis, and what to choose from.

    Attributes
    ----------
    name, description : str
        For people.
    images : str
        "builtin", "gb82" or a folder. Not the images that the choice will be tested on.
    cbr, channel, snr_db, channels, seed
        As in a sweep; where to choose.
    trials : int
        Transmissions of each image.
    tune : Tuning
        `[tune]`.

    Examples
    --------
    >>> spec = TuneSpec.model_validate({"name": "quick", "channel": "awgn", "snr_db": [2, 8], "tune": {
    ...     "codec": "jpeg", "codes": ["ldpc:1/2", "ldpc:3/4"], "modulations": ["qpsk", "qam16"]}})
    >>> [point.label for point in spec.points], spec.tune.codecs
    (['awgn 2 dB', 'awgn 8 dB'], ('jpeg',))
    """

    name: Annotated[str, Field(min_length=1, max_length=120)]
    description: str = ""
    images: Annotated[str, Field(min_length=1)] = "builtin"
    cbr: Cbr = Fraction(1, 12)
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    trials: Annotated[int, Field(ge=1, le=10_000)] = 1
    channel: Channel | None = None
    snr_db: Annotated[tuple[Snr, ...], BeforeValidator(read_snrs)] = ()
    channels: Annotated[tuple[Channel, ...], BeforeValidator(as_tuple)] = ()
    tune: Tuning

    @model_validator(mode="after")
    def _one_axis(self) -> TuneSpec:
        if (self.channel is None) == (not self.channels) or (self.channel is None) != (not self.snr_db):
            raise ValueError('give either channel = "awgn" with snr_db, or channels = ["bsc:0.01", ...]')
        if len(set(self.points)) < len(self.points):
            raise ValueError("an snr_db or a channel is given twice")
        return self

    @property
    def points(self) -> tuple[Point, ...]:
        """The axis, in order."""
        return points_of(self.channel, self.snr_db, self.channels)


def load_tune_spec(path: Path | str) -> TuneSpec:
    """Read and validate a TOML file.

    Raises
    ------
    UsageError
        If it cannot be read or something in it is wrong; says where.
    """
    path = Path(path)
    content, text = read_toml(path)
    return validate(TuneSpec, content, path, text)
