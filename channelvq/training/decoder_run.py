"""Tuning the decoder of a model, from a recipe and photographs to weights that read the same indices."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch

from channelvq.models.weights import VQVAE, load_model, load_prior, save_model, save_prior
from channelvq.provenance import commit
from channelvq.training.card import write_card
from channelvq.training.decoder import DecoderStep, DecoderTuner
from channelvq.training.decoder_recipe import DecoderRecipe
from channelvq.training.device import hardware
from channelvq.training.fields import index_fields
from channelvq.training.photos import load_photos
from channelvq.training.prior_run import PRIOR_CARD
from channelvq.training.recipe import read_recipe
from channelvq.training.validation import validate

__all__ = ["tune_decoder"]

_SMALLEST = 256

Report = Callable[[str, int, int, str], None]


def tune_decoder(
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
    """Tune, or go on with what `out` holds, and write the weights and the prior that belongs to them.

    Parameters and errors are those of `channelvq.training.vqvae.train`; it runs on the CPU whatever
    `device` says, for it conceals crop by crop.
    """
    recipe = read_recipe(recipe_path, DecoderRecipe)
    if threads is not None:
        torch.set_num_threads(threads)
    trained = load_model(recipe.weights)
    out.mkdir(parents=True, exist_ok=True)
    report("photos", 0, 0, str(images))
    photos, held_out = load_photos(
        images, _SMALLEST, torch.device("cpu"), lambda n: report("photos", n, 0, "")
    )
    fields = index_fields(
        trained.network, photos, recipe.data.coding, recipe.data.passes, recipe.seed, report
    )
    tuner = DecoderTuner(recipe, trained, photos, fields, out)
    before = {name: weight.clone() for name, weight in trained.network.pair.state_dict().items()}
    tuner.prepare()
    began, steps = time.monotonic(), recipe.optimiser.steps

    def show(step: int, result: DecoderStep) -> bool:
        report("training", step, steps, f"mse {result.clean:.5f} clean, {result.noisy:.5f} noisy")
        return not stop() and (minutes is None or time.monotonic() - began < 60 * minutes)

    tuner.run(show)
    if tuner.step < steps:
        return None
    tuner.blend(before)
    health = validate(trained.network, held_out, torch.float32)
    about = dict(trained.about)
    about["validation"] = {**dict(about["validation"]), "psnr_db": health.psnr_db}  # type: ignore[call-overload]
    about["decoder"] = {
        "recipe": recipe.model_dump(),
        "command": f"channelvq train sims/{recipe_path.name} --images DIR",
        "steps": tuner.step,
        "hours": round(tuner.seconds / 3600, 2),
        "hardware": hardware(torch.device("cpu")),
        "commit": commit() or "unknown",
        "from": trained.id,
    }
    path = out / f"{trained.name}.safetensors"
    save_model(path, trained.network, trained.log_prior, trained.map_table, trained.name, about)
    write_card(path, about)
    if (prior := load_prior(recipe.weights)) is not None:
        name, of = f"{trained.name}-prior", VQVAE.load(str(path)).id
        beside = out / f"{name}.safetensors"
        save_prior(beside, prior.network, name, of, prior.about)
        write_card(beside, prior.about, PRIOR_CARD)
    return path
