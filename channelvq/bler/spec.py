"""What a run of block error rates is asked to do: the TOML file, validated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from channelvq.channel_codes import CHANNEL_CODES
from channelvq.channel_codes.base import BlockCode
from channelvq.channels import CHANNELS
from channelvq.components import Family
from channelvq.errors import UsageError
from channelvq.modulation import MODULATIONS
from channelvq.snr import Snr
from channelvq.sweep.spec import read_snrs
from channelvq.sweep.toml import read_toml, validate

__all__ = ["BlerSpec", "Curve", "load_bler_spec"]


def _component(family: Family) -> Any:
    """Make a validator that checks a component by building it."""

    def check(text: object) -> object:
        if isinstance(text, str):
            family.build(text)
        return text

    return BeforeValidator(check)


def _tuple(value: object) -> object:
    """TOML has lists; a frozen spec has tuples."""
    return tuple(value) if isinstance(value, list) else value


class _Table(BaseModel):
    """A table of the spec: unknown keys are errors, nothing is silently converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Curve(_Table):
    """One code over SNR: `[[curve]]`.

    Attributes
    ----------
    name : str
        What table and figure call it.
    code : str
        The channel code.
    coded_bits : int
        Length of the block: the code is asked to fill so many bits with one block.
    ebn0_db : tuple of float
        Where, Eb/N0 in dB, with Eb the energy a message bit.
    modulation, channel : str
        Components.
    reference : {"sionna"} or None
        Another implementation that decodes the same LLRs, drawn beside ours.
    reference_blocks : int
        Blocks that it decodes at each point at most.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    code: Annotated[str, _component(CHANNEL_CODES)]
    coded_bits: Annotated[int, Field(ge=1, le=10**7)]
    ebn0_db: Annotated[tuple[Annotated[float, Field(ge=-100, le=100)], ...], BeforeValidator(read_snrs)]
    modulation: Annotated[str, _component(MODULATIONS)] = "qpsk"
    channel: Annotated[str, _component(CHANNELS)] = "awgn"
    reference: Literal["sionna"] | None = None
    reference_blocks: Annotated[int, Field(ge=1)] = 1000

    @model_validator(mode="after")
    def _one_block(self) -> Curve:
        self.block_code()
        return self

    def block_code(self) -> BlockCode:
        """Make the code of one block.

        Raises
        ------
        UsageError
            If the code does not fill the bits with exactly one block.
        """
        runs = CHANNEL_CODES.build(self.code).fill(self.coded_bits)
        blocks = sum(run.blocks for run in runs)
        if blocks != 1:
            raise UsageError(
                f"code {self.code!r} fills {self.coded_bits} coded bits with {blocks} blocks, must be 1"
            )
        code: BlockCode = runs[0].code
        return code

    def snr(self, ebn0_db: float) -> Snr:
        """Es/N0 at this Eb/N0."""
        code = self.block_code()
        bits = MODULATIONS.build(self.modulation).bits_per_symbol
        return Snr.from_ebn0_db(ebn0_db, bits_per_symbol=bits, code_rate=code.k_bits / code.n_bits)


class BlerSpec(_Table):
    """The whole file.

    Attributes
    ----------
    name : str
        Title of the figure.
    curves : tuple of Curve
        `[[curve]]`.
    block_errors, most_blocks : int
        A point ends with so many block errors, or so many blocks.
    floor : float
        No SNR higher than the first whose upper limit falls below this is simulated.
    seed : int
        Key of all draws.
    """

    name: Annotated[str, Field(min_length=1, max_length=120)]
    curves: Annotated[tuple[Curve, ...], BeforeValidator(_tuple), Field(alias="curve", min_length=1)]
    block_errors: Annotated[int, Field(ge=1)] = 100
    most_blocks: Annotated[int, Field(ge=1)] = 100_000
    floor: Annotated[float, Field(ge=0, lt=1)] = 1e-5
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _distinct(self) -> BlerSpec:
        names = [curve.name for curve in self.curves]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"two curves are called {twice!r}, names must differ")
        return self


def load_bler_spec(path: Path | str) -> BlerSpec:
    """Read and validate a TOML file of block error rates.

    Raises
    ------
    UsageError
        If it cannot be read or something in it is wrong; says where.
    """
    content, text = read_toml(Path(path))
    return validate(BlerSpec, content, Path(path), text)
