"""Training the context prior of a model, from a recipe and photographs to weights that hold both."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

from channelvq.errors import UsageError
from channelvq.models.weights import load_model, save_prior
from channelvq.provenance import commit
from channelvq.training.card import write_card
from channelvq.training.device import hardware, pick_device
from channelvq.training.fields import IndexField, index_fields
from channelvq.training.photos import Photos, load_photos
from channelvq.training.prior import PriorStep, PriorTrainer
from channelvq.training.prior_recipe import PriorRecipe
from channelvq.training.recipe import read_recipe

__all__ = ["PRIOR_CARD", "train_prior"]

_SMALLEST = 256
PRIOR_CARD = "Context prior of the `vqvae` codec: what the neighbours of an index say of it."

Report = Callable[[str, int, int, str], None]


def train_prior(
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
    """Train, or go on with what `out` holds, and write the model's weights with the prior in them.

    Parameters and errors are those of `channelvq.training.vqvae.train`.
    """
    recipe = read_recipe(recipe_path, PriorRecipe)
    where = pick_device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    trained = load_model(recipe.weights)
    out.mkdir(parents=True, exist_ok=True)
    report("photos", 0, 0, str(images))
    photos, held_out = load_photos(
        images, _SMALLEST, torch.device("cpu"), lambda n: report("photos", n, 0, "")
    )

    def coded(part: Photos, passes: int) -> list[IndexField]:
        return index_fields(trained.network, part, recipe.data.coding, passes, recipe.seed, report)

    trainer = PriorTrainer(recipe, trained, coded(photos, recipe.data.passes), out, where)
    trainer.prepare()
    began, steps = time.monotonic(), recipe.optimiser.steps

    def show(step: int, result: PriorStep) -> bool:
        report("training", step, steps, f"{result.coded:.2f} bits coded, {result.received:.2f} received")
        return not stop() and (minutes is None or time.monotonic() - began < 60 * minutes)

    trainer.run(show)
    if trainer.step < steps:
        return None
    bits = trainer.validate(coded(held_out, 1))
    if any(value != value for value in bits):
        raise UsageError(f"the prior gives NaN on the validation photographs; its checkpoint is in {out}")
    about: dict[str, object] = {
        "recipe": recipe.model_dump(),
        "command": f"channelvq train sims/{recipe_path.name} --images DIR",
        "photos": {"train": len(photos), "val": len(held_out), "from": images.name},
        "precision": "float32",
        "steps": trainer.step,
        "hours": round(trainer.seconds / 3600, 2),
        "hardware": hardware(where),
        "commit": commit() or "unknown",
        "bits_per_index": [round(value, 3) for value in bits],
    }
    path = out / f"{trained.name}-prior.safetensors"
    save_prior(path, trainer.prior.cpu(), f"{trained.name}-prior", trained.id, about)
    write_card(path, about, PRIOR_CARD)
    return path
