"""Tuning the decoder alone: on clean latents, and on what concealment makes of noisy ones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from channelvq.concealment.base import Concealment, Field, Latents
from channelvq.concealment.context import ContextConcealment
from channelvq.concealment.soft import SoftConcealment
from channelvq.errors import UsageError
from channelvq.models.network import BLOCK
from channelvq.models.prior import sent_rows
from channelvq.models.weights import TrainedModel
from channelvq.randomness import generator
from channelvq.training.checkpoint import load_checkpoint, save_checkpoint
from channelvq.training.decoder_recipe import DecoderRecipe
from channelvq.training.device import adamw
from channelvq.training.fields import IndexField
from channelvq.training.noise import noisy_llrs
from channelvq.training.photos import Photos

__all__ = ["DecoderStep", "DecoderTuner"]


@dataclass(frozen=True)
class DecoderStep:
    """Mean squared errors of the clean crops of a step, and of those received over noise."""

    clean: float
    noisy: float


class DecoderTuner:
    """Trains the decoder network of a model; encoder, codes and labels stay, and so do streams.

    Parameters
    ----------
    recipe : DecoderRecipe
        What to train.
    trained : TrainedModel
        Whose decoder.
    photos : Photos
        Training part.
    fields : list of IndexField
        Field i is of photograph i modulo their number, from its upper left corner.
    folder : Path
        Where `checkpoint.safetensors` and `log.jsonl` are kept; a checkpoint there is resumed.
    """

    def __init__(
        self,
        recipe: DecoderRecipe,
        trained: TrainedModel,
        photos: Photos,
        fields: list[IndexField],
        folder: Path,
    ) -> None:
        self.recipe, self.trained, self.photos, self.fields = recipe, trained, photos, fields
        self.folder = folder
        self.network = trained.network
        self.pair = self.network.pair
        for name, weight in self.pair.named_parameters():
            weight.requires_grad_(name.startswith(("decoder", "depth_code", "doubt_in")))
        self.weights = [weight for weight in self.pair.parameters() if weight.requires_grad]
        self.optimiser = adamw(self.weights, recipe.optimiser.learning_rate, torch.device("cpu"))
        self.soft = SoftConcealment()
        self.best: Concealment = self.soft if trained.prior is None else ContextConcealment()
        self.step, self.seconds = 0, 0.0

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint lies."""
        return self.folder / "checkpoint.safetensors"

    def prepare(self) -> None:
        """Resume from the checkpoint, if there is one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            about = load_checkpoint(self.checkpoint, self.pair, self.optimiser)
            self.step, self.seconds = int(about["step"]), float(about["seconds"])

    def train_step(self) -> DecoderStep:
        """Take one step of gradient descent.

        Raises
        ------
        UsageError
            The loss is no number; the last checkpoint stays as it was.
        """
        data = self.recipe.data
        rng = generator(self.recipe.seed, "decoder crops", trial=self.step)
        crops = [self._crop(rng, data.crop // BLOCK) for _ in range(data.batch)]
        latents = [
            self._latents(field, rng if number < data.noisy else None)
            for number, (_, field) in enumerate(crops)
        ]
        pictures = torch.stack([picture for picture, _ in crops])
        depth = torch.stack([field.depth for _, field in crops])
        shown = self.pair.synthesise(
            _grid([part.mean for part in latents], depth),
            depth,
            _grid([part.variance for part in latents], depth),
        )
        error = (shown - pictures).square().mean((1, 2, 3))
        loss = (error / (error.detach() + 5e-4)).mean()  # decibels count alike, as in the first training
        if not torch.isfinite(loss):
            raise UsageError(
                f"the loss is not a number at step {self.step}; the last checkpoint is kept in {self.folder}"
            )
        part = self.recipe.optimiser
        rise, fall = (self.step + 1) / max(1, part.warmup), (part.steps - self.step) / part.steps
        for group in self.optimiser.param_groups:
            group["lr"] = part.learning_rate * min(1.0, rise, fall)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.weights, part.clip)
        self.optimiser.step()
        self.step += 1
        found = error.detach()
        return DecoderStep(float(found[data.noisy :].mean()), float(found[: data.noisy].mean()))

    def _crop(self, rng: np.random.Generator, side: int) -> tuple[torch.Tensor, IndexField]:
        """Draw a square of `side` positions: its pixels [3, 8·side, 8·side] and its indices."""
        number = int(rng.integers(len(self.fields)))
        field, photo = self.fields[number], self.photos.pictures[number % len(self.photos)]
        top = int(rng.integers(field.depth.shape[0] - side + 1))
        left = int(rng.integers(field.depth.shape[1] - side + 1))
        span = slice(top, top + side), slice(left, left + side)
        pixels = photo[:, BLOCK * top : BLOCK * (top + side), BLOCK * left : BLOCK * (left + side)]
        return pixels.float() / 255, IndexField(field.indices[span].long(), field.depth[span].long())

    @torch.no_grad()
    def _latents(self, field: IndexField, rng: np.random.Generator | None) -> Latents:
        """Receive a crop: over a channel drawn with `rng`, or clean."""
        quantizer, flat = self.network.quantizer, field.depth.reshape(-1)
        indices = field.indices.view(len(flat), -1)
        if rng is None:
            return Latents(quantizer.assemble(indices, flat), torch.zeros(len(flat), 2))
        llrs = noisy_llrs(indices, self.network.shape.codes, self.recipe.noise, rng)
        sent = list(sent_rows(flat, self.network.shape.stages))
        received = Field(
            field.depth,
            [rows for _, rows in sent],
            [llrs[rows, stage] for stage, rows in sent],
            quantizer.codebooks,
            self.trained.log_prior,
            self.pair.spread[: self.network.shape.dim],
            self.trained.prior,
        )
        soft = rng.random() < self.recipe.data.soft
        return (self.soft if soft else self.best).conceal(received)

    @torch.no_grad()
    def blend(self, before: dict[str, torch.Tensor]) -> None:
        """Mix the tuned weights with those `before`: keeps most of the gain, costs less when clean."""
        share = self.recipe.blend
        for name, weight in self.pair.state_dict().items():
            weight.copy_(share * weight + (1 - share) * before[name])

    def run(self, go_on: Callable[[int, DecoderStep], bool]) -> None:
        """Train to the last step, or until `go_on` (told of every step) says no; leave a checkpoint."""
        part, going = self.recipe.log, True
        while going and self.step < self.recipe.optimiser.steps:
            begun = time.perf_counter()
            result = self.train_step()
            self.seconds += time.perf_counter() - begun
            if self.step % part.every == 0:
                row = {"step": self.step, "seconds": round(self.seconds, 1), **vars(result)}
                with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
            going = go_on(self.step, result)
            if (
                not going
                or self.step == self.recipe.optimiser.steps
                or self.step % part.checkpoint_every == 0
            ):
                about: dict[str, Any] = {"step": self.step, "seconds": self.seconds}
                save_checkpoint(self.checkpoint, self.pair, self.optimiser, about)


def _grid(rows: list[torch.Tensor], depth: torch.Tensor) -> torch.Tensor:
    """Rows [h·w, channels] of each crop -> [b, channels, h, w]."""
    return torch.stack(rows).view(*depth.shape, -1).permute(0, 3, 1, 2).contiguous()
