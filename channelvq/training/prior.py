"""Training the context prior: what the neighbours of an index say of it, clean, doubtful or not there yet."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from channelvq.errors import UsageError
from channelvq.models.posterior import index_likelihood
from channelvq.models.prior import ContextPrior, Known, sent_rows
from channelvq.models.weights import TrainedModel
from channelvq.randomness import generator
from channelvq.training.checkpoint import load_checkpoint, save_checkpoint
from channelvq.training.device import adamw
from channelvq.training.fields import IndexField, crops
from channelvq.training.noise import noisy_llrs
from channelvq.training.prior_recipe import PriorRecipe

__all__ = ["PriorStep", "PriorTrainer"]


@dataclass(frozen=True)
class PriorStep:
    """Bits that the index costs after the prior, all sent stages: coded in order, and received over noise."""

    coded: float
    received: float


class PriorTrainer:
    """Trains one prior on the index fields of photographs.

    Each step takes crops of fields and lowers two cross-entropies: of indices of which an entropy coder
    knows all that come before, and of indices received over a channel drawn at random, in two rounds
    (the second sees what the first made of the neighbours).

    Parameters
    ----------
    recipe : PriorRecipe
        What to train.
    trained : TrainedModel
        Whose indices they are.
    fields : list of IndexField
        Training part.
    folder : Path
        Where `checkpoint.safetensors` and `log.jsonl` are kept; a checkpoint there is resumed.
    device : torch.device
        CPU or CUDA.
    """

    def __init__(
        self,
        recipe: PriorRecipe,
        trained: TrainedModel,
        fields: list[IndexField],
        folder: Path,
        device: torch.device,
    ) -> None:
        self.recipe, self.folder, self.device = recipe, folder, device
        self.fields = [field.to(device) for field in fields]
        torch.manual_seed(recipe.seed)
        shape = trained.network.shape
        self.codebooks = trained.network.quantizer.codebooks.to(device)
        self.log_prior = trained.log_prior.to(device)
        self.spread = trained.network.pair.spread[: shape.dim].to(device)
        self.prior = ContextPrior(shape.stages, shape.codes, shape.dim, **recipe.model.model_dump())
        self.prior.start(trained.log_prior)
        self.prior.to(device)
        part = recipe.optimiser
        self.optimiser = adamw(self.prior.parameters(), part.learning_rate, device)
        self.step, self.seconds = 0, 0.0

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint lies."""
        return self.folder / "checkpoint.safetensors"

    def prepare(self) -> None:
        """Resume from the checkpoint, if there is one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            about = load_checkpoint(self.checkpoint, self.prior, self.optimiser)
            self.step, self.seconds = int(about["step"]), float(about["seconds"])

    def save(self) -> None:
        """Write the checkpoint."""
        about: dict[str, Any] = {"step": self.step, "seconds": self.seconds}
        save_checkpoint(self.checkpoint, self.prior, self.optimiser, about)

    def known(self, positions: int) -> Known:
        """Nothing known of `positions`."""
        return Known(self.codebooks, self.log_prior, self.spread, positions)

    def train_step(self) -> PriorStep:
        """Take one step of gradient descent.

        Raises
        ------
        UsageError
            The loss is no number; the last checkpoint stays as it was.
        """
        recipe = self.recipe
        rng = generator(recipe.seed, "fields", trial=self.step)
        batch = crops(self.fields, rng, recipe.data.batch, recipe.data.crop)
        coded = self.coded_losses(batch)
        causal = torch.stack(list(coded.values())).sum() / int(batch.depth.sum())
        sent = batch.first(recipe.channel.crops)
        losses = torch.stack(self.received_losses(sent, rng)) / int(sent.depth.sum())
        loss = causal + losses.mean()
        if not torch.isfinite(loss):
            raise UsageError(
                f"the loss is not a number at step {self.step}; the last checkpoint is kept in {self.folder}"
            )
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.prior.parameters(), recipe.optimiser.clip)
        self.optimiser.step()
        self.step += 1
        return PriorStep(causal.item() / math.log(2), losses[-1].item() / math.log(2))

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then linear down to zero."""
        part = self.recipe.optimiser
        rise = min(1.0, (step + 1) / max(1, part.warmup))
        return part.learning_rate * min(rise, (part.steps - step) / max(1, part.steps - part.warmup))

    def coded_losses(self, batch: IndexField) -> dict[int, torch.Tensor]:
        """Cross-entropy (nats, summed) a stage, of indices of which all that come before are known."""
        known, below = self._exact(batch)
        around = self.prior.before(_grid(known, batch), batch.depth).flatten(0, 2)
        indices = batch.indices.view(-1, batch.indices.shape[-1])
        losses = {}
        for (stage, rows), features in below:
            logits = self.prior.logits(stage, around[rows], features)
            losses[stage] = functional.cross_entropy(logits, indices[rows, stage], reduction="sum")
        return losses

    def _exact(
        self, batch: IndexField
    ) -> tuple[torch.Tensor, list[tuple[tuple[int, torch.Tensor], torch.Tensor]]]:
        """Features of fully known positions [n, dim + 2], and for each stage those of the stages before."""
        depth = batch.depth.view(-1)
        indices = batch.indices.view(len(depth), -1)
        known, below = self.known(len(depth)), []
        for stage, rows in sent_rows(depth, indices.shape[1]):
            below.append(((stage, rows), known.features(rows)))
            code = self.codebooks[stage][indices[rows, stage]]
            known.add(stage, rows, code, torch.zeros(len(rows), device=self.device))
        return known.features(), below

    def received_losses(self, batch: IndexField, rng: np.random.Generator) -> list[torch.Tensor]:
        """Cross-entropies (nats, summed) of indices received over noise, of each round."""
        depth = batch.depth.view(-1)
        indices = batch.indices.view(len(depth), -1)
        likelihood = self._likelihood(batch, rng)
        known, losses = self.known(len(depth)), []
        for stage, (rows, told) in likelihood.items():  # what the channel alone says
            self._believe(known, stage, rows, torch.softmax(told + self.log_prior[stage], 1))
        for _ in range(self.recipe.channel.rounds):
            around = self.prior.neighbours(_grid(known.features(), batch), batch.depth).flatten(0, 2)
            known, loss = self.known(len(depth)), torch.zeros((), device=self.device)
            for stage, (rows, told) in likelihood.items():
                scores = told + self.prior.logits(stage, around[rows], known.features(rows))
                loss = loss + functional.cross_entropy(scores, indices[rows, stage], reduction="sum")
                self._believe(known, stage, rows, torch.softmax(scores.detach(), 1))
            losses.append(loss)
        return losses

    def _likelihood(
        self, batch: IndexField, rng: np.random.Generator
    ) -> dict[int, tuple[torch.Tensor, torch.Tensor]]:
        """Send each crop over a channel of its own; a stage's positions and log-likelihoods [m, codes]."""
        codes = self.codebooks.shape[1]
        llrs = torch.cat(
            [noisy_llrs(crop.flatten(0, 1), codes, self.recipe.channel.noise, rng) for crop in batch.indices]
        )
        return {
            stage: (rows, index_likelihood(llrs[rows, stage]))
            for stage, rows in sent_rows(batch.depth.view(-1), llrs.shape[1])
        }

    @torch.no_grad()
    def _believe(self, known: Known, stage: int, rows: torch.Tensor, share: torch.Tensor) -> None:
        book = self.codebooks[stage]
        mean = share @ book
        variance = (share @ book.square().sum(1) - mean.square().sum(1)).clamp(min=0)
        known.add(stage, rows, mean, variance)

    @torch.no_grad()
    def validate(self, fields: list[IndexField]) -> list[float]:
        """Bits that an index of each stage takes, coded in order, over whole fields it was not trained on."""
        stages = len(self.codebooks)
        bits, count = torch.zeros(stages), torch.zeros(stages)
        for field in fields:
            batch = IndexField(field.indices[None].long(), field.depth[None].long()).to(self.device)
            for stage, loss in self.coded_losses(batch).items():
                bits[stage] += float(loss) / math.log(2)
                count[stage] += int((batch.depth > stage).sum())
        return (bits / count.clamp(min=1)).tolist()

    def run(self, go_on: Callable[[int, PriorStep], bool]) -> None:
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
                self.save()


def _grid(features: torch.Tensor, batch: IndexField) -> torch.Tensor:
    """[b·h·w, channels] -> [b, channels, h, w]."""
    return features.view(*batch.depth.shape, -1).permute(0, 3, 1, 2).contiguous()
