"""Training the lineage on MNIST, from a recipe and digits to files that ship: one loop, three losses."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from channelvq.errors import UsageError
from channelvq.models.assignment import assign_labels
from channelvq.models.lineage import (
    LineageShape,
    VariationalAutoEncoder,
    VqAutoEncoder,
    as_rows,
    build_network,
)
from channelvq.models.lineage_weights import save_lineage
from channelvq.models.quantizer import StageUse
from channelvq.provenance import commit, cpu
from channelvq.randomness import generator
from channelvq.training.card import write_card
from channelvq.training.checkpoint import load_checkpoint, save_checkpoint
from channelvq.training.digits import Digits, as_floats, load_digits
from channelvq.training.lineage_loss import ae_loss, vae_loss, vqvae_loss
from channelvq.training.lineage_recipe import LineageRecipe, Network, load_lineage
from channelvq.training.lineage_validation import validate

__all__ = ["Trainer", "train"]

_WATCHED, _VALIDATED = 1000, 2000  # held-out digits looked at while training, and in the end
_COUNTED = 10_000  # digits that tell how often each code is sent
_EFFORT = 1_000_000

Report = Callable[[str, int, int, str], None]
"""Told what is being done, how much of it, of how much, and how it goes."""


class Trainer:
    """Trains one network of a recipe.

    Parameters
    ----------
    recipe : LineageRecipe
        What to train.
    network : {"ae", "vae", "vqvae"}
        Which of its networks.
    digits : Digits
        What to train on.
    folder : Path
        Where checkpoint and log are kept; a checkpoint there is resumed.
    """

    def __init__(self, recipe: LineageRecipe, network: Network, digits: Digits, folder: Path) -> None:
        self.recipe, self.digits, self.folder = recipe, digits, folder
        self.name = f"{recipe.name}-{network}"
        torch.manual_seed(recipe.seed)
        self.shape: LineageShape = recipe.shape(network)
        self.network = build_network(self.shape)
        part = recipe.optimiser
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=part.learning_rate, betas=(0.9, 0.98), weight_decay=1e-4
        )
        self.step, self.seconds, self.cpu_seconds = 0, 0.0, 0.0

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint lies."""
        return self.folder / f"{self.name}.checkpoint"

    def prepare(self) -> None:
        """Resume from the checkpoint, or start; a VQ-VAE with codebooks from k-means."""
        if self.checkpoint.exists():
            about = load_checkpoint(self.checkpoint, self.network, self.optimiser)
            self.step = int(about["step"])
            self.seconds, self.cpu_seconds = float(about["seconds"]), float(about["cpu_seconds"])
        elif isinstance(self.network, VqAutoEncoder):
            rng = generator(self.recipe.seed, "k-means")
            with torch.no_grad():
                latents = as_rows(self.network.encode(as_floats(self.digits.training[:1000])))
            self.network.quantizer.start(latents, rng)

    def learning_rate(self) -> float:
        """Rise linearly, fall as a cosine."""
        part = self.recipe.optimiser
        fall = 0.5 + 0.5 * math.cos(math.pi * self.step / part.steps)
        return part.learning_rate * min(1.0, (self.step + 1) / max(1, part.warmup)) * fall

    def train_step(self) -> float:
        """Take one step of gradient descent; returns the loss in nats a sample.

        What it draws depends on seed and step alone, so that a resumed run is the run that was not stopped.

        Raises
        ------
        UsageError
            The loss is no number; the last checkpoint stays as it was.
        """
        recipe, part = self.recipe, self.recipe.optimiser
        rng = generator(recipe.seed, self.shape.network, trial=self.step)
        draw = torch.Generator().manual_seed(int(rng.integers(2**62)))
        picked = torch.from_numpy(rng.integers(len(self.digits.training), size=part.batch))
        snr_db = rng.uniform(recipe.channel.lowest_snr_db, recipe.channel.highest_snr_db, part.batch)
        n0 = torch.from_numpy(10 ** (-snr_db / 10)).float()
        loss = self._loss(as_floats(self.digits.training[picked]), n0, draw)
        if not torch.isfinite(loss):
            raise UsageError(
                f"the loss is not a number at step {self.step}; the last checkpoint is kept in {self.folder}"
            )
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), part.clip)
        self.optimiser.step()
        self.step += 1
        return float(loss.detach())

    def _loss(self, digits: torch.Tensor, n0: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        """Give the loss of a batch; codebooks take their step on the way."""
        if isinstance(self.network, VqAutoEncoder):
            return self._vq_loss(self.network, digits, n0, draw)
        if isinstance(self.network, VariationalAutoEncoder):
            return vae_loss(self.network, digits, n0, draw)
        return ae_loss(self.network, digits, n0, draw)

    def _vq_loss(
        self, network: VqAutoEncoder, digits: torch.Tensor, n0: torch.Tensor, draw: torch.Generator
    ) -> torch.Tensor:
        recipe, steps = self.recipe, self.recipe.optimiser.steps
        part, start = recipe.quantizer, round(recipe.channel.start * steps)
        if self.step == start:
            assign_labels(network.quantizer, recipe.seed, _EFFORT)
        noisy = round(recipe.channel.share * len(digits)) if self.step >= start else 0
        loss, coded = vqvae_loss(network, digits, n0, draw, noisy=noisy, commitment=part.commitment)
        network.quantizer.follow(coded.rows, coded.indices, coded.depth, part.decay)
        if self.step < part.restart_until * steps and (self.step + 1) % part.restart_every == 0:
            rng = generator(recipe.seed, "restart", trial=self.step)
            network.quantizer.restart_dead(coded.rows, coded.indices, coded.depth, rng)
        return loss

    def run(self, go_on: Callable[[int, float, str], bool]) -> bool:
        """Train to the last step, or until `go_on` (told of every step) says no; says whether it is done.

        Either leaves a checkpoint.
        """
        log, steps = self.recipe.log, self.recipe.optimiser.steps
        while self.step < steps:
            begun, worked = time.perf_counter(), time.process_time()
            loss, seen = self.train_step(), ""
            if self.step % log.validate_every == 0 or self.step == steps:
                seen = self._validate(loss)
            self.seconds += time.perf_counter() - begun
            self.cpu_seconds += time.process_time() - worked
            going = go_on(self.step, loss, seen)
            if not going or self.step % log.checkpoint_every == 0 or self.step == steps:
                self.save()
            if not going:
                break
        return self.step >= steps

    def _validate(self, loss: float) -> str:
        """Look at held-out digits, and write it down."""
        found = validate(self.network, as_floats(self.digits.held_out[:_WATCHED]), self.log_prior())
        row = {"network": self.shape.network, "step": self.step, "loss": loss, "psnr_db": found}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        return ", ".join(f"{value:.2f} dB at {where}" for where, value in found.items())

    def save(self) -> None:
        """Write the checkpoint."""
        about = {
            "step": self.step,
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "recipe": self.recipe.model_dump(mode="json"),
        }
        save_checkpoint(self.checkpoint, self.network, self.optimiser, about)

    def log_prior(self) -> torch.Tensor | None:
        """How often each code is sent, as far as running means tell; None for networks without codes."""
        if not isinstance(self.network, VqAutoEncoder):
            return None
        counts = self.network.quantizer.counts + 1e-3
        return (counts / counts.sum(1, keepdim=True)).log()

    @torch.no_grad()
    def finish(self, command: str) -> Path:
        """Write weights and card."""
        recipe, network = self.recipe, self.network.eval()
        prior, codes = None, {}
        if isinstance(network, VqAutoEncoder):
            assign_labels(network.quantizer, recipe.seed, _EFFORT)
            counts = count_codes(network, self.digits.training[:_COUNTED])
            prior = ((counts + 0.5) / (counts + 0.5).sum(1, keepdim=True)).log()
            use = StageUse(counts)
            codes = {"used": use.used(), "perplexity": use.perplexity(), "sent": counts.sum(1).tolist()}
        seen = validate(network, as_floats(self.digits.held_out[:_VALIDATED]), prior)
        about: dict[str, Any] = {
            "recipe": recipe.model_dump(mode="json"),
            "steps": self.step,
            "hours": round(self.seconds / 3600, 3),
            "data": f"MNIST, the first {len(self.digits.training)} digits of its training part; validation on"
            f"\n  {_VALIDATED} of the last {len(self.digits.held_out)}; its test part was not used",
            "command": command,
            "hardware": f"{torch.get_num_threads()} threads of {cpu()}",
            "precision": "float32",
            "commit": commit() or "unknown",
            "throughput": f"{self.step * recipe.optimiser.batch / self.cpu_seconds:.0f} digits a second of"
            f" CPU time, of which it took {self.cpu_seconds:.0f} s",
            "validation": {"psnr_db": seen},
            "validated_on": "AWGN, 98 channel uses a digit"
            if prior is None
            else "first stage over AWGN by uncoded QPSK, soft; 98 channel uses a digit",
            "codes": codes,
            "counted_over": f"{_COUNTED} training digits",
        }
        path = self.folder / f"{self.name}.safetensors"
        save_lineage(path, network, prior, self.name, about)
        write_card(path, about, _WHAT[self.shape.network])
        return path


_WHAT = {
    "ae": "Weights of the `mnist-ae` codec: an autoencoder whose latents are sent as analog symbols.",
    "vae": "Weights of the `mnist-vae` codec: a variational autoencoder whose latents are sent as analog\n"
    "symbols.",
    "vqvae": "Weights of the `mnist-vqvae` codec: a VQ-VAE whose indices are sent as bits.",
}


@torch.no_grad()
def count_codes(network: VqAutoEncoder, digits: torch.Tensor) -> torch.Tensor:
    """Count how often each code of each stage is chosen for digits [n, 28, 28]: [stages, codes]."""
    counts = torch.zeros(network.shape.stages, network.shape.codes)
    for part in torch.split(digits, 1000):
        indices, _ = network.quantizer.search(as_rows(network.encode(as_floats(part))))
        for stage, chosen in enumerate(indices.T):
            counts[stage] += torch.bincount(chosen, minlength=network.shape.codes)
    return counts


def train(
    recipe_path: Path,
    images: Path,
    out: Path,
    *,
    device: str = "auto",
    minutes: float | None = None,
    threads: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    report: Report = lambda doing, done, total, how: None,
) -> Path | None:
    """Train the networks of a recipe, or go on with what `out` holds, and write weights and cards.

    Parameters
    ----------
    recipe_path : Path
        TOML; see `channelvq.training.lineage_recipe.LineageRecipe`.
    images : Path
        Folder of MNIST's files.
    out : Path
        Folder of checkpoints, log and results; an interrupted run in it is resumed exactly.
    device : {"auto", "cpu"}
        The networks are too small for anything but the CPU.
    minutes : float, optional
        Stop after so long, with a checkpoint.
    threads : int, optional
        Of the CPU; all cores by default.
    stop : callable
        Asked after every step; True ends the run there, with a checkpoint.
    report : callable
        Progress.

    Returns
    -------
    Path or None
        Folder of the weights; None if the run was ended before the last step.

    Raises
    ------
    UsageError
        Bad recipe, no digits, a folder that cannot be written, a loss that is no number.
    """
    recipe = load_lineage(recipe_path)
    if device not in ("auto", "cpu"):
        raise UsageError(f"device {device!r}: these networks are trained on the CPU; use auto or cpu")
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from None
    digits, began = load_digits(images), time.monotonic()
    for network in recipe.networks:
        trainer = Trainer(recipe, network, digits, out)
        trainer.prepare()

        def show(step: int, loss: float, seen: str, name: str = trainer.name) -> bool:
            how = f"loss {loss:.3f} nats a sample" + (f"; validation {seen}" if seen else "")
            report(name, step, recipe.optimiser.steps, how)
            return not stop() and (minutes is None or time.monotonic() - began < 60 * minutes)

        if not trainer.run(show):
            return None
        trainer.finish(f"channelvq train {recipe_path} --images mnist")
    return out
