"""Codebooks compared: what start, update, restart and kind of quantizer do, on one fixed transform.

Latents are the first coordinates of 8×8×3 blocks in their KLT, so that only the quantizer differs. Every
variant is a residual quantizer whose stages learn from what the stages before left over; as no stage hears of
the later ones, the first stages of a run are what a run of so few stages gives.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from scipy.special import stdtrit
from torch.nn import functional

from channelvq.errors import UsageError
from channelvq.models.network import BLOCK, Shape, TransformPair
from channelvq.models.quantizer import StageUse
from channelvq.models.quantizer_variants import (
    CodebookStage,
    FactorisedStage,
    ScalarStage,
    SimStage,
    Stage,
)
from channelvq.randomness import generator
from channelvq.sweep.toml import read_toml, validate
from channelvq.training.photos import Photos

__all__ = [
    "AblationRow",
    "AblationSpec",
    "Latents",
    "Variant",
    "load_ablation",
    "make_latents",
    "run_ablation",
]

_SIDE = 256
"""Side of the middle of each validation photograph that is coded."""

_SAMPLE = 24
"""Vectors a code that a start is made of."""


def _tuple(value: object) -> object:
    """TOML has lists; a frozen spec has tuples."""
    return tuple(value) if isinstance(value, list) else value


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Variant(_Table):
    """One quantizer: `[[variant]]`.

    Attributes
    ----------
    name : str
        What table and figure call it.
    quantizer : {"codebook", "factorised", "scalar", "sim"}
        See `channelvq.models.quantizer_variants`.
    start, update, restart
        Of a "codebook".
    code_dim : int
        Of a "factorised" quantizer.
    levels : tuple of int
        Of a "scalar" quantizer; their product is its number of codes.
    learning_rate : float
        Of what is learned by gradient.
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    quantizer: Literal["codebook", "factorised", "scalar", "sim"] = "codebook"
    start: Literal["random", "k-means"] = "k-means"
    update: Literal["ema", "gradient"] = "ema"
    restart: bool = False
    code_dim: Annotated[int, Field(ge=1, le=192)] = 8
    levels: Annotated[
        tuple[Annotated[int, Field(ge=2, le=64)], ...], BeforeValidator(_tuple), Field(min_length=1)
    ] = (8, 8, 8)
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 1e-3

    def build(self, codes: int, dim: int, decay: float) -> Stage:
        """Make one stage."""
        if self.quantizer == "factorised":
            return FactorisedStage(codes, dim, self.code_dim, rate=self.learning_rate, decay=decay)
        if self.quantizer == "scalar":
            return ScalarStage(self.levels, dim, rate=self.learning_rate)
        if self.quantizer == "sim":
            return SimStage(codes, dim, rate=self.learning_rate)
        return CodebookStage(
            codes,
            dim,
            start=self.start,
            update=self.update,
            restart=self.restart,
            rate=self.learning_rate,
            decay=decay,
        )


class AblationSpec(_Table):
    """The whole file.

    Attributes
    ----------
    kind : {"ablation"}
        Tells it from a training recipe.
    name : str
        Title of the figure.
    seeds : tuple of int
        Each variant is trained once with each; intervals are over them.
    dim, codes, stages : int
        Dimensions of the latents; codes a stage; stages.
    steps, batch : int
        Every run sees steps × batch vectors, each once.
    decay : float
        Of running means, a step.
    variants : tuple of Variant
        `[[variant]]`.
    """

    kind: Literal["ablation"]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    seeds: Annotated[tuple[int, ...], BeforeValidator(_tuple), Field(min_length=2)] = (0, 1, 2)
    dim: Annotated[int, Field(ge=4, le=192)] = 64
    codes: Annotated[int, Field(ge=2, le=4096)] = 512
    stages: Annotated[int, Field(ge=1, le=8)] = 4
    steps: Annotated[int, Field(ge=1, le=10**6)] = 256
    batch: Annotated[int, Field(ge=16, le=2**20)] = 2048
    decay: Annotated[float, Field(gt=0, lt=1)] = 0.98
    variants: Annotated[tuple[Variant, ...], BeforeValidator(_tuple), Field(alias="variant", min_length=1)]

    @model_validator(mode="after")
    def _comparable(self) -> AblationSpec:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"two variants are called {twice!r}, names must differ")
        for variant in self.variants:
            if variant.quantizer == "scalar" and math.prod(variant.levels) > self.codes:
                raise UsageError(
                    f"{variant.name!r} has {math.prod(variant.levels)} codes, at most {self.codes} are"
                    " comparable"
                )
            if variant.quantizer == "factorised" and variant.code_dim > self.dim:
                raise UsageError(
                    f"{variant.name!r} has code_dim = {variant.code_dim}, above dim = {self.dim}"
                )
        return self


@dataclass(frozen=True)
class AblationRow:
    """A variant after some stages: means over the seeds, with 95 % intervals.

    Attributes
    ----------
    variant : str
        Its name.
    stages : int
        How many were used for the picture; `used` and `perplexity` are of the last of them.
    bpp : float
        Bits of its indices a pixel.
    psnr_db : float
        Mean over validation photographs of each one's PSNR, 8-bit RGB.
    used : float
        Share of the stage's codes that validation photographs use at all.
    perplexity : float
        2 to the entropy of their use.
    vectors, seeds : int
        How many were seen in training; how many runs.
    """

    variant: str
    stages: int
    bpp: float
    psnr_db: float
    psnr_db_low: float
    psnr_db_high: float
    used: float
    used_low: float
    used_high: float
    perplexity: float
    perplexity_low: float
    perplexity_high: float
    vectors: int
    seeds: int


@dataclass(frozen=True)
class Latents:
    """Training vectors [n, dim], validation vectors [photos · positions, dim], and the way back to pixels.

    Latents are divided by `scale`, their root mean square; `basis` [192, 192] and `mean` [192] are those of
    the KLT, `pixels` [photos · positions, 192] the validation photographs' own, 0 to 255.
    """

    training: torch.Tensor
    held_out: torch.Tensor
    pixels: torch.Tensor
    photos: int
    basis: torch.Tensor
    mean: torch.Tensor
    scale: float

    def psnr_db(self, coded: torch.Tensor) -> float:
        """Mean PSNR of the validation photographs, if `coded` are their latents."""
        dim = self.held_out.shape[1]
        shown = torch.addmm(self.mean, coded * self.scale, self.basis[:dim]).mul_(255).round_().clamp_(0, 255)
        error = (shown - self.pixels).square().view(self.photos, -1).mean(1)
        return float((10 * torch.log10(255**2 / error)).mean())


def load_ablation(path: Path) -> AblationSpec:
    """Read and validate a TOML file.

    Raises
    ------
    UsageError
        If it cannot be read or something in it is wrong; says where.
    """
    content, text = read_toml(path)
    return validate(AblationSpec, content, path, text)


def make_latents(spec: AblationSpec, photos: Photos, held_out: Photos) -> Latents:
    """Draw blocks from the training photographs, as many of each, and turn them into latents."""
    wanted = spec.steps * spec.batch
    share = -(-wanted // len(photos))
    drawn = [_draw(picture, share, number) for number, picture in enumerate(photos.pictures)]
    order = torch.from_numpy(generator(0, "ablation pool").permutation(share * len(photos))[:wanted])
    blocks = torch.cat(drawn)[order]
    pair = TransformPair(Shape(dim=spec.dim, width=8, encoder_blocks=0, decoder_blocks=0))
    pair.fit_klt(blocks[: 1 << 17].float() / 255)
    pixels = _blocks(held_out.centres(_SIDE)) * 255
    axes = pair.basis[: spec.dim].T

    def project(rows: torch.Tensor) -> torch.Tensor:
        return (rows.float() / 255 - pair.mean) @ axes

    training = torch.cat([project(part) for part in torch.split(blocks, 1 << 16)])
    scale = float(training.square().mean().sqrt())
    return Latents(
        training / scale, project(pixels) / scale, pixels, len(held_out), pair.basis, pair.mean, scale
    )


def run_ablation(
    spec: AblationSpec, latents: Latents, report: Callable[[str, int], None] = lambda name, done: None
) -> list[AblationRow]:
    """Train and measure every variant; `report` is told of each run that is done, and how many are."""
    rows: list[AblationRow] = []
    for number, variant in enumerate(spec.variants):
        runs = []
        for seed in spec.seeds:
            runs.append(list(_run(spec, variant, seed, latents)))
            report(variant.name, number * len(spec.seeds) + len(runs))
        codes = variant.build(spec.codes, spec.dim, spec.decay).codes
        for stages, found in enumerate(zip(*runs, strict=True), start=1):
            psnr, used, perplexity = (_interval([one[i] for one in found]) for i in range(3))
            bpp = stages * math.log2(codes) / BLOCK**2
            seen = spec.steps * spec.batch
            rows.append(
                AblationRow(variant.name, stages, bpp, *psnr, *used, *perplexity, seen, len(spec.seeds))
            )
    return rows


def to_csv(rows: list[AblationRow]) -> str:
    """Write rows as CSV, floats in full."""
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(AblationRow.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return file.getvalue()


def _run(
    spec: AblationSpec, variant: Variant, seed: int, latents: Latents
) -> Iterator[tuple[float, float, float]]:
    """Train once; give PSNR, use and perplexity after each stage."""
    torch.manual_seed(seed)
    order = torch.from_numpy(generator(seed, "ablation order").permutation(len(latents.training)))
    stages = [variant.build(spec.codes, spec.dim, spec.decay) for _ in range(spec.stages)]
    rest = latents.training[order[: _SAMPLE * spec.codes]]
    for number, stage in enumerate(stages):
        stage.start(rest, generator(seed, f"ablation stage {number}"))
        rest = rest - stage.encode(rest)[1]
    for step, rows in enumerate(torch.split(order, spec.batch)):
        rest = latents.training[rows]
        for stage in stages:
            rest = rest - stage.learn(rest, step / spec.steps)
    rest = latents.held_out.clone()
    for stage in stages:
        parts = [stage.encode(part) for part in torch.split(rest, spec.batch)]
        rest -= torch.cat([value for _, value in parts])
        use = StageUse(torch.bincount(torch.cat([index for index, _ in parts]), minlength=stage.codes)[None])
        yield latents.psnr_db(latents.held_out - rest), use.used()[0], use.perplexity()[0]


def _interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval of independent runs (Student's t)."""
    array = np.asarray(values)
    mean, n = float(array.mean()), len(array)
    margin = float(stdtrit(n - 1, 0.975)) * float(array.std(ddof=1)) / math.sqrt(n)
    return mean, mean - margin, mean + margin


def _blocks(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures [b, 3, H, W] -> blocks [b · positions, 192], picture by picture."""
    return functional.pixel_unshuffle(pictures, BLOCK).permute(0, 2, 3, 1).reshape(-1, 3 * BLOCK * BLOCK)


def _draw(picture: torch.Tensor, count: int, number: int) -> torch.Tensor:
    """Draw blocks of a photograph [3, H, W] at any place: uint8 [count, 192]."""
    rng = generator(0, "ablation blocks", trial=number)
    top = rng.integers(0, picture.shape[1] - BLOCK + 1, count)
    left = rng.integers(0, picture.shape[2] - BLOCK + 1, count)
    windows = picture.unfold(1, BLOCK, 1).unfold(2, BLOCK, 1)  # [3, H - 7, W - 7, 8, 8], no copy
    return windows[:, torch.from_numpy(top), torch.from_numpy(left)].permute(1, 0, 2, 3).reshape(count, -1)
