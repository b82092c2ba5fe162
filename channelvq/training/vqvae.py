"""Training the VQ codec's weights, from a recipe and photographs to files that ship."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from channelvq.errors import UsageError
from channelvq.models.assignment import assign_labels
from channelvq.models.quantizer import StageUse
from channelvq.models.weights import save_model
from channelvq.provenance import commit
from channelvq.training.card import write_card
from channelvq.training.device import hardware, pick_device
from channelvq.training.finish import depth_statistics
from channelvq.training.loop import StepResult, Trainer
from channelvq.training.photos import load_photos
from channelvq.training.recipe import load_recipe
from channelvq.training.validation import Health, validate

__all__ = ["Report", "train"]

_VALIDATION_SIDE = 256

Report = Callable[[str, int, int, str], None]
"""Told what is being done, how much of it, of how much, and how it goes."""


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
    """Train, or go on with what `out` holds, and write the weights and their card.

    Parameters
    ----------
    recipe_path : Path
        TOML; see `channelvq.training.recipe.Recipe`.
    images : Path
        Folder or zip of photographs; see `channelvq.training.photos.load_photos`.
    out : Path
        Folder of checkpoint, log and result; an interrupted run in it is resumed exactly.
    device : {"auto", "cpu", "cuda"}
        "auto" takes a GPU where there is one.
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
        The weights; None if the run was ended before the last step.

    Raises
    ------
    UsageError
        Bad recipe, no usable photographs, a folder that cannot be written, a loss that is no number.
    """
    recipe = load_recipe(recipe_path)
    where = pick_device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from None
    report("photos", 0, 0, str(images))
    smallest = max(recipe.data.crop, _VALIDATION_SIDE)
    photos, held_out = load_photos(
        images,
        smallest,
        where,
        report=lambda n: report("photos", n, 0, ""),
        say=lambda text: report("left out", 0, 0, text),
    )
    trainer = Trainer(recipe, photos, held_out, out, where)
    report("start", 0, 0, "KLT and k-means, or the checkpoint")
    trainer.prepare()
    steps, began = recipe.optimiser.steps, time.monotonic()

    def show(step: int, result: StepResult, health: Health | None) -> bool:
        report("training", step, steps, _line(result, health))
        return not stop() and (minutes is None or time.monotonic() - began < 60 * minutes)

    trainer.run(show)
    if trainer.step < steps:
        return None
    return _finish(trainer, images, out, report)


def _finish(trainer: Trainer, images: Path, out: Path, report: Report) -> Path:
    """Labels, statistics, figures, weights, card."""
    recipe, network = trainer.recipe, trainer.model.eval()
    stages = recipe.model.stages
    settle, effort = recipe.finish.settle_steps, recipe.finish.assignment_effort
    trainer.settle(settle, lambda n: report("codebooks", n, settle, ""))
    health = validate(network, trainer.held_out, torch.float32)
    assign_labels(network.quantizer, recipe.seed, effort, lambda n: report("labels", n, stages, ""))
    found = depth_statistics(network, trainer.photos, recipe, lambda n: report("statistics", n, 0, ""))
    network.cpu()
    share = (found.counts + 0.5) / (found.counts + 0.5).sum(1, keepdim=True)
    use = StageUse(found.counts)
    about: dict[str, object] = {
        "recipe": recipe.model_dump(),
        "steps": trainer.step,
        "hours": round(trainer.seconds / 3600, 2),
        "photos": {"train": len(trainer.photos), "val": len(trainer.held_out), "from": images.name},
        "hardware": hardware(trainer.device),
        "precision": str(trainer.dtype).removeprefix("torch."),
        "commit": commit() or "unknown",
        "validation": asdict(health),
        "codes": {"used": use.used(), "perplexity": use.perplexity(), "sent": found.counts.sum(1).tolist()},
    }
    path = out / f"{recipe.name}.safetensors"
    save_model(path, network, share.log(), found.map_table, recipe.name, about)
    write_card(path, about)
    return path


def _line(result: StepResult, health: Health | None) -> str:
    line = f"mse {result.mse:.5f} at {result.bpp:.2f} bpp"
    if health is None:
        return line
    psnr = ", ".join(f"{value:.2f} dB at {rate} bpp" for rate, value in health.psnr_db.items())
    used = " ".join(f"{100 * value:.0f}" for value in health.used)
    perplexity = " ".join(f"{value:.0f}" for value in health.perplexity)
    return f"{line}; validation {psnr}; codes used {used} %; perplexity {perplexity}"
