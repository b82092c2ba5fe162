"""The training loop of the VQ codec: depth allocation inside, exact resume, health of the codebooks."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from channelvq.errors import UsageError
from channelvq.models.assignment import assign_labels
from channelvq.models.depth import allocate, cell_energy, spread_cells
from channelvq.models.network import BLOCK, Shape
from channelvq.models.vqvae import VqVae
from channelvq.models.weights import TrainedModel, load_model
from channelvq.randomness import generator
from channelvq.training.checkpoint import load_checkpoint, save_checkpoint
from channelvq.training.device import adamw
from channelvq.training.noise import noisy_latents, noisy_llrs
from channelvq.training.photos import Photos
from channelvq.training.recipe import Recipe
from channelvq.training.validation import Health, validate

__all__ = ["StepResult", "Trainer", "precision_of"]


@dataclass(frozen=True)
class StepResult:
    """What one step showed: mean squared error of the crops and bits per pixel of their indices."""

    mse: float
    bpp: float


@dataclass(frozen=True)
class _Coded:
    """A batch's latents by row [n, dim], indices [n, stages], depth [b, h, w], quantized [b, dim, h, w]."""

    rows: torch.Tensor
    indices: torch.Tensor
    depth: torch.Tensor
    latents: torch.Tensor


def precision_of(recipe: Recipe, device: torch.device) -> torch.dtype:
    """bf16 where the hardware is fast at it (CUDA, a CPU with AMX), unless the recipe says otherwise."""
    if recipe.precision != "auto":
        return torch.bfloat16 if recipe.precision == "bf16" else torch.float32
    amx = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return torch.bfloat16 if device.type == "cuda" or amx() else torch.float32


class Trainer:
    """Trains one recipe on one set of photographs.

    Parameters
    ----------
    recipe : Recipe
        What to train.
    photos, held_out : Photos
        Training and validation part.
    folder : Path
        Where `checkpoint.safetensors` and `log.jsonl` are kept; a checkpoint there is resumed.
    device : torch.device
        CPU or CUDA.
    """

    def __init__(
        self, recipe: Recipe, photos: Photos, held_out: Photos, folder: Path, device: torch.device
    ) -> None:
        self.recipe, self.photos, self.held_out = recipe, photos, held_out
        self.folder, self.device = folder, device
        self.shape = Shape(**recipe.model.model_dump())
        torch.manual_seed(recipe.seed)
        self.model = VqVae(self.shape).to(device)
        self.optimiser = adamw(self.model.parameters(), recipe.optimiser.learning_rate, device)
        self.dtype = precision_of(recipe, device)
        self.step = 0
        self.seconds = 0.0
        self.analyse: Callable[..., torch.Tensor] = self.model.pair.analyse
        self.synthesise: Callable[..., torch.Tensor] = self.model.pair.synthesise
        if device.type == "cuda":
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self.analyse = torch.compile(self.analyse)
            self.synthesise = torch.compile(self.synthesise)

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint lies."""
        return self.folder / "checkpoint.safetensors"

    def prepare(self) -> None:
        """Resume from the checkpoint, or start: from weights, or from the KLT and k-means codebooks."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            about = load_checkpoint(self.checkpoint, self.model, self.optimiser)
            self.step, self.seconds = int(about["step"]), float(about["seconds"])
            return
        if self.recipe.start.weights is not None:
            self._start_from(load_model(self.recipe.start.weights))
            return
        side = self.recipe.data.crop
        crops = self.photos.crops(self.recipe.seed, -1, max(64, 2**21 // side**2), side)
        blocks = torch.nn.functional.pixel_unshuffle(crops, BLOCK).permute(0, 2, 3, 1)
        self.model.pair.fit_klt(blocks.reshape(-1, 3 * BLOCK * BLOCK))
        latents = _rows(self.model.pair.analyse(crops).detach())
        rng = generator(self.recipe.seed, "k-means")
        few = torch.from_numpy(rng.permutation(len(latents))[: 24 * self.shape.codes]).to(self.device)
        self.model.quantizer.start(latents[few], rng)

    def _start_from(self, trained: TrainedModel) -> None:
        """Take over a trained network; the codebooks' running means start at what a batch would show."""
        theirs, own = trained.network.shape, self.shape
        blocks = theirs.encoder_blocks, theirs.decoder_blocks
        alike = replace(own, encoder_blocks=blocks[0], decoder_blocks=blocks[1]) == theirs
        if not alike or blocks[0] > own.encoder_blocks or blocks[1] > own.decoder_blocks:
            raise UsageError(f"start.weights: {trained.name} has {theirs}, which does not fit into {own}")
        quantizer, data = self.model.quantizer, self.recipe.data
        # blocks that they do not have change nothing yet
        self.model.pair.load_state_dict(trained.network.pair.state_dict(), strict=False)
        rows = data.batch * (data.crop // BLOCK) ** 2 / self.shape.stages
        quantizer.codebooks.copy_(trained.network.quantizer.codebooks)
        quantizer.counts.copy_(rows * trained.log_prior.exp())
        quantizer.sums.copy_(quantizer.codebooks * quantizer.counts[..., None])

    def learning_rate(self, step: int) -> float:
        """Warm-up, constant, linear cooldown."""
        part = self.recipe.optimiser
        rise = min(1.0, (step + 1) / max(1, part.warmup))
        fall = (part.steps - step) / max(1.0, part.cooldown * part.steps)
        return part.learning_rate * min(rise, max(fall, 0.0))

    @property
    def noisy_crops(self) -> int:
        """How many crops of the current batch are sent over a channel."""
        part = self.recipe.channel
        return round(part.share * self.recipe.data.batch) if self.step >= part.start else 0

    def train_step(self) -> StepResult:
        """Take one step of gradient descent and let the codebooks follow.

        Raises
        ------
        UsageError
            The loss is no number; the last checkpoint stays as it was.
        """
        recipe, quantizer = self.recipe, self.model.quantizer
        since = self.step - recipe.channel.start
        if since >= 0 and since % recipe.channel.assign_every == 0:
            assign_labels(quantizer, recipe.seed, effort=10_000_000)
        pictures = self.photos.crops(recipe.seed, self.step, recipe.data.batch, recipe.data.crop)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32):
            latents = self.analyse(pictures)
        coded = self._quantize(latents, self.step)
        received, variance = self._receive(latents, coded)
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32):
            shown = self.synthesise(received, coded.depth, variance)
        error = (shown - pictures).square().mean((1, 2, 3))
        drift = (latents - coded.latents).square().sum(1).mean((1, 2)) / (3 * BLOCK * BLOCK)
        # dB count alike at every rate, but crops better than 33 dB do not pull ever harder
        weight = 1 / (error.detach() + 5e-4)
        loss = (weight * (error + recipe.quantizer.commitment * drift)).mean()
        if not torch.isfinite(loss):
            raise UsageError(
                f"the loss is not a number at step {self.step}; the last checkpoint is kept in {self.folder}"
            )
        self._descend(loss)
        rows, depth = coded.rows, coded.depth.reshape(-1)
        quantizer.follow(rows, coded.indices, depth, recipe.quantizer.decay)
        until = recipe.quantizer.restart_until * recipe.optimiser.steps
        if self.step < until and (self.step + 1) % recipe.quantizer.restart_every == 0:
            rng = generator(recipe.seed, "restart", trial=self.step)
            quantizer.restart_dead(rows, coded.indices, depth, rng)
        self.step += 1
        bits = float(depth.sum()) * self.shape.index_bits
        return StepResult(float(error.detach()[self.noisy_crops :].mean()), bits / pictures[:, 0].numel())

    @torch.no_grad()
    def settle(self, steps: int, report: Callable[[int], None] = lambda step: None) -> None:
        """Let the codebooks follow a network that stands still, and put codes to use that fell idle."""
        quantizer, recipe = self.model.quantizer, self.recipe
        for number in range(steps):
            step = recipe.optimiser.steps + number
            pictures = self.photos.crops(recipe.seed, step, recipe.data.batch, recipe.data.crop)
            with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32):
                latents = self.model.pair.analyse(pictures.contiguous(memory_format=torch.channels_last))
            coded = self._quantize(latents, step)
            rows, depth = coded.rows, coded.depth.reshape(-1)
            late = number > steps // 2  # then long means: no code is to hang on a few examples
            quantizer.follow(rows, coded.indices, depth, 0.998 if late else recipe.quantizer.decay)
            if not late and number % 20 == 19:
                rng = generator(recipe.seed, "restart", trial=step)
                quantizer.restart_dead(rows, coded.indices, depth, rng, share=0.1)
            report(number + 1)

    def _quantize(self, latents: torch.Tensor, step: int) -> _Coded:
        """Code latents [b, dim, h, w] at a price drawn for each crop."""
        b, dim, h, w = latents.shape
        shape, rate = self.shape, self.recipe.rate
        rng = generator(self.recipe.seed, "price", trial=step)
        low, high = math.log(rate.lowest_price), math.log(rate.highest_price)
        price = torch.from_numpy(np.exp(rng.uniform(low, high, b)).astype(np.float32)).to(self.device)
        rows = _rows(latents.detach())
        indices, energy = self.model.quantizer.search(rows)
        cells = cell_energy(energy.view(b, h, w, -1), shape.cell)
        depth = spread_cells(allocate(cells, price, shape.cell**2 * shape.index_bits), shape.cell)
        part = self.recipe.quantizer
        if part.beams > 1 and step >= part.beams_from:
            indices = self.model.quantizer.refine(rows, depth.reshape(-1), part.beams)
        quantized = self.model.quantizer.assemble(indices, depth.reshape(-1))
        return _Coded(rows, indices, depth, quantized.view(b, h, w, dim).permute(0, 3, 1, 2))

    def _receive(self, latents: torch.Tensor, coded: _Coded) -> tuple[torch.Tensor, torch.Tensor]:
        """Make what the decoder gets: the first crops over a noisy channel, the others clean.

        Gradients pass straight through the quantizer of the clean crops; the noisy ones teach the decoder.
        """
        b, dim, h, w = latents.shape
        received = latents + (coded.latents - latents).detach()
        variance = torch.zeros(b, 2, h, w, device=self.device)
        if noisy := self.noisy_crops:
            n, part = noisy * h * w, self.recipe.channel
            rngs = [generator(self.recipe.seed, f"channel {i}", trial=self.step) for i in range(noisy)]
            crops = torch.split(coded.indices[:n], h * w)
            llrs = [
                noisy_llrs(crop, self.shape.codes, part, rng) for crop, rng in zip(crops, rngs, strict=True)
            ]
            depth = coded.depth[:noisy].reshape(-1)
            got = noisy_latents(self.model.quantizer, coded.indices[:n], depth, torch.cat(llrs))
            mean = got.mean.view(noisy, h, w, dim).permute(0, 3, 1, 2)
            received = torch.cat([mean, received[noisy:]])
            variance[:noisy] = got.variance.view(noisy, h, w, 2).permute(0, 3, 1, 2)
        return received.contiguous(memory_format=torch.channels_last), variance

    def _descend(self, loss: torch.Tensor) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.optimiser.clip)
        self.optimiser.step()

    def run(self, go_on: Callable[[int, StepResult, Health | None], bool]) -> None:
        """Train to the last step, or until `go_on` (told of every step) says no; validate on the way.

        Either leaves a checkpoint. An interrupt in the middle of a step does not: half a step is no state
        to resume from.
        """
        log, going = self.recipe.log, True
        while going and self.step < self.recipe.optimiser.steps:
            begun = time.perf_counter()
            result, health = self.train_step(), None
            if self.step % log.validate_every == 0 or self.step == self.recipe.optimiser.steps:
                health = validate(self.model, self.held_out, self.dtype)
                self._write_log(result, health)
            self.seconds += time.perf_counter() - begun
            going = go_on(self.step, result, health)
            ended = not going or self.step == self.recipe.optimiser.steps
            if ended or self.step % log.checkpoint_every == 0:
                self.save()

    def save(self) -> None:
        """Write the checkpoint."""
        about: dict[str, Any] = {
            "step": self.step,
            "seconds": self.seconds,
            "recipe": self.recipe.model_dump(),
        }
        save_checkpoint(self.checkpoint, self.model, self.optimiser, about)

    def _write_log(self, result: StepResult, health: Health) -> None:
        row = {"step": self.step, "seconds": round(self.seconds, 1), **asdict(result), **asdict(health)}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def _rows(latents: torch.Tensor) -> torch.Tensor:
    """[b, dim, h, w] -> [b·h·w, dim]."""
    return latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1]).contiguous()
