"""Training the weights of the `deepjscc` codec, from a recipe and photographs to files that ship."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from channelvq.errors import UsageError
from channelvq.models.analog import AnalogShape, AnalogTransform
from channelvq.models.analog_weights import save_analog_model
from channelvq.models.network import BLOCK
from channelvq.models.spectrum import fit_spectrum
from channelvq.models.weights import load_model
from channelvq.provenance import commit
from channelvq.randomness import generator
from channelvq.training.analog_channel import Crossing, draw_crossing, relay
from channelvq.training.card import write_card
from channelvq.training.checkpoint import load_checkpoint, save_checkpoint
from channelvq.training.deepjscc_recipe import DeepJsccRecipe
from channelvq.training.device import adamw, hardware, pick_device
from channelvq.training.photos import Photos, load_photos
from channelvq.training.recipe import read_recipe

__all__ = ["SETTINGS", "Trainer", "train", "validate"]

SETTINGS = (("1/16", 24, 1.0), ("1/16", 24, 4.0), ("1/16", 24, 7.0), ("1/16", 24, 10.0), ("1/16", 24, 13.0),
            ("1/12", 32, 7.0))  # fmt: skip
"""What is validated: CBR, numbers a position, SNR in dB."""

_SIDE = 256
_STAGES_SENT = 3
_CROPS_A_PIXEL = 2  # of a crop's side, for KLT and spectrum
_FEWEST = 1e-5  # squared error below which a picture is good enough, so that flat crops do not rule
_WHAT = """\
Weights of the `deepjscc` codec: KLT and spectrum of the linear path, residual networks that are told the SNR.
One network for SNRs from -2 to 20 dB and channel bandwidth ratios up to 1/12."""

Report = Callable[[str, int, int, str], None]
"""Told what is being done, how much of it, of how much, and how it goes."""


@dataclass(frozen=True)
class StepResult:
    """What one step showed: mean PSNR of the photographs' crops in dB."""

    psnr_db: float


@torch.no_grad()
def validate(
    network: AnalogTransform, photos: Photos, dtype: torch.dtype, every: int = 1
) -> dict[str, float]:
    """Send the middle of photographs over AWGN: mean PSNR in dB by setting ("CBR 1/16, 7 dB").

    Parameters
    ----------
    network : AnalogTransform
        The network.
    photos : Photos
        Of which every `every`-th is taken.
    dtype : torch.dtype
        Precision of the networks.
    """
    found: dict[str, float] = {}
    centres = photos.centres(_SIDE)[::every]
    for cbr, numbers, snr_db in SETTINGS:
        psnr = []
        for start in range(0, len(centres), 4):
            pictures = centres[start : start + 4]
            count = len(pictures)
            size = (count, network.shape.channels, _SIDE // BLOCK, _SIDE // BLOCK)
            rng = generator(0, "validation", trial=start)
            noise = torch.from_numpy(rng.standard_normal(size, dtype="float32"))
            sent = torch.full((count,), float(min(numbers, network.shape.channels)))
            crossing = Crossing(sent, torch.full((count,), snr_db), noise, torch.ones(count, 1, 1, 1))
            shown = relay(network, pictures, crossing, dtype)
            psnr.append(_psnr(shown.clamp(0, 1), pictures))
        found[f"CBR {cbr}, {snr_db:g} dB"] = float(torch.cat(psnr).mean())
    return found


class Trainer:
    """Trains one recipe on one set of photographs.

    Parameters
    ----------
    recipe : DeepJsccRecipe
        What to train.
    photos, held_out : Photos
        Training and validation part.
    folder : Path
        Where `checkpoint.safetensors` and `log.jsonl` are kept; a checkpoint there is resumed.
    device : torch.device
        CPU or CUDA.
    """

    def __init__(
        self, recipe: DeepJsccRecipe, photos: Photos, held_out: Photos, folder: Path, device: torch.device
    ) -> None:
        self.recipe, self.photos, self.held_out = recipe, photos, held_out
        self.folder, self.device = folder, device
        torch.manual_seed(recipe.seed)
        self.network = AnalogTransform(AnalogShape(**recipe.model.model_dump())).to(device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = adamw(self.network.parameters(), recipe.optimiser.learning_rate, device)
        self.dtype = _precision(recipe, device)
        self.step = 0
        self.seconds = self.busy = 0.0  # by the clock, and of a core
        self.origin: str | None = None
        self.analyse: Callable[..., torch.Tensor] = self.network.analyse
        self.synthesise: Callable[..., torch.Tensor] = self.network.synthesise
        if device.type == "cuda":
            self.analyse, self.synthesise = torch.compile(self.analyse), torch.compile(self.synthesise)

    @property
    def checkpoint(self) -> Path:
        """Where the checkpoint lies."""
        return self.folder / "checkpoint.safetensors"

    @torch.no_grad()
    def prepare(self) -> None:
        """Resume from the checkpoint, or start from the linear path, or from the VQ codec's networks."""
        if self.checkpoint.exists():
            about = load_checkpoint(self.checkpoint, self.network, self.optimiser)
            self.step = int(about["step"])
            self.seconds, self.busy = float(about["seconds"]), float(about["busy"])
            self.origin = about["origin"]
            return
        side = self.recipe.data.crop
        crops = self.photos.crops(self.recipe.seed, -1, _CROPS_A_PIXEL * side, side)
        blocks = torch.nn.functional.pixel_unshuffle(crops, BLOCK).permute(0, 2, 3, 1)
        self.network.fit_klt(blocks.reshape(-1, 3 * BLOCK * BLOCK))
        if self.recipe.start.weights is not None:
            self._take_over(self.recipe.start.weights)
        told = torch.full((len(crops),), 10.0, device=self.device)
        latents = [
            self.network.analyse(part, told[: len(part)], torch.ones_like(told[: len(part)]))
            for part in torch.split(crops, 32)
        ]
        fit_spectrum(self.network.spectrum, torch.cat(latents))

    def _take_over(self, weights: str) -> None:
        """Start from the networks of a VQ codec: its blocks, and what they read and write of the latents."""
        model = load_model(weights)
        self.origin = f"{model.name} {model.id}"
        own = self.network.state_dict()
        theirs = {name: part.to(self.device) for name, part in model.network.pair.state_dict().items()}
        channels, outer = self.network.shape.channels, ("encoder_out", "decoder_in")
        for name in (name for name in own if name in theirs and not name.startswith(outer)):
            if own[name].shape != theirs[name].shape:
                sizes = f"{list(theirs[name].shape)}, must be {list(own[name].shape)}"
                raise UsageError(f"start.weights: {name!r} of {weights!r} is of shape {sizes}")
            own[name].copy_(theirs[name])
        if len(theirs["encoder_out.bias"]) < channels:
            raise UsageError(f"start.weights: {weights!r} has fewer than {channels} latents a position")
        own["encoder_out.weight"][:channels] = theirs["encoder_out.weight"][:channels]
        own["encoder_out.bias"][:channels] = theirs["encoder_out.bias"][:channels]
        own["decoder_in.weight"].copy_(theirs["decoder_in.weight"][:, :channels])
        own["decoder_in.bias"].copy_(theirs["decoder_in.bias"])
        if "depth_code.weight" in theirs:  # as if some stages had been sent
            own["decoder_in.bias"] += theirs["depth_code.weight"][_STAGES_SENT]

    def learning_rate(self, step: int) -> float:
        """Warm-up, constant, linear cooldown."""
        part = self.recipe.optimiser
        rise = min(1.0, (step + 1) / max(1, part.warmup))
        fall = (part.steps - step) / max(1.0, part.cooldown * part.steps)
        return part.learning_rate * min(rise, max(fall, 0.0))

    def train_step(self) -> StepResult:
        """Take one step of gradient descent on the logarithm of each photograph's squared error.

        Raises
        ------
        UsageError
            If the loss is not a number.
        """
        recipe, data = self.recipe, self.recipe.data
        rng = generator(recipe.seed, "channel", trial=self.step)
        side, field = data.crop, data.crop // BLOCK
        pictures = self.photos.grouped_crops(recipe.seed, self.step, data.photographs, data.crops, side)
        size = (len(pictures), self.network.shape.channels, field, field)
        crossing = draw_crossing(recipe.rate, recipe.channel, rng, data.photographs, size, self.device)
        shown = relay(self.network, pictures, crossing, self.dtype, self.analyse, self.synthesise)
        error = (shown - pictures).square().mean((1, 2, 3)).view(data.photographs, -1).mean(1)
        loss = torch.log(error + _FEWEST).mean()
        if not torch.isfinite(loss):
            raise UsageError(
                f"the loss is not a number at step {self.step}; the last checkpoint is kept in {self.folder}"
            )
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(self.step)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), recipe.optimiser.clip)
        self.optimiser.step()
        self.step += 1
        return StepResult(float((-10 * torch.log10(error.detach())).mean()))

    def run(self, go_on: Callable[[int, StepResult, dict[str, float] | None], bool]) -> None:
        """Train to the last step, or until `go_on` (told of every step) says no; validate on the way.

        Either leaves a checkpoint.
        """
        log, going = self.recipe.log, True
        while going and self.step < self.recipe.optimiser.steps:
            begun, worked = time.perf_counter(), time.process_time()
            result, found = self.train_step(), None
            ended = self.step == self.recipe.optimiser.steps
            if self.step % log.validate_every == 0 or ended:
                found = validate(self.network, self.held_out, self.dtype, every=2)
                self._write_log(result, found)
            self.seconds += time.perf_counter() - begun
            self.busy += time.process_time() - worked
            going = go_on(self.step, result, found)
            if not going or ended or self.step % log.checkpoint_every == 0:
                self.save()

    def save(self) -> None:
        """Write the checkpoint."""
        about: dict[str, Any] = {
            "step": self.step,
            "seconds": self.seconds,
            "busy": self.busy,
            "origin": self.origin,
            "recipe": self.recipe.model_dump(),
        }
        save_checkpoint(self.checkpoint, self.network, self.optimiser, about)

    def _write_log(self, result: StepResult, found: dict[str, float]) -> None:
        row = {"step": self.step, "seconds": round(self.seconds, 1), "train": result.psnr_db, **found}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


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

    Takes and raises what `channelvq.training.vqvae.train` does, with a recipe of kind "deepjscc". The number
    of steps may be another when a run is resumed: learning rate and end follow the recipe that is given.

    Returns
    -------
    Path or None
        The weights; None if the run was ended before the last step.
    """
    recipe = read_recipe(recipe_path, DeepJsccRecipe)
    where = pick_device(device)
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {out}: {error.strerror}") from None
    report("photos", 0, 0, str(images))
    photos, held_out = load_photos(
        images,
        max(recipe.data.crop, _SIDE),
        where,
        report=lambda n: report("photos", n, 0, ""),
        say=lambda text: report("left out", 0, 0, text),
    )
    trainer = Trainer(recipe, photos, held_out, out, where)
    report("start", 0, 0, "linear path, or the checkpoint")
    trainer.prepare()
    steps, began = recipe.optimiser.steps, time.monotonic()

    def show(step: int, result: StepResult, found: dict[str, float] | None) -> bool:
        report("training", step, steps, _line(result, found))
        return not stop() and (minutes is None or time.monotonic() - began < 60 * minutes)

    trainer.run(show)
    return None if trainer.step < steps else _finish(trainer, images, out)


def _finish(trainer: Trainer, images: Path, out: Path) -> Path:
    """Figures, weights, card."""
    recipe, network = trainer.recipe, trainer.network.eval()
    found = validate(network, trainer.held_out, torch.float32)
    about: dict[str, Any] = {
        "recipe": recipe.model_dump(),
        "steps": trainer.step,
        "origin": trainer.origin or "the linear path",
        "hours": round(trainer.seconds / 3600, 2),
        "photos": {"train": len(trainer.photos), "val": len(trainer.held_out), "from": images.name},
        "hardware": hardware(trainer.device),
        "precision": str(trainer.dtype).removeprefix("torch."),
        "throughput": _throughput(trainer),
        "memory": _memory(trainer.device),
        "commit": commit() or "unknown",
        "command": "channelvq train sims/train_deepjscc.toml --images DIR",
        "validated_on": "middle 256×256 of each validation photograph, over AWGN",
        "validation": {"psnr_db": found},
    }
    path = out / f"{recipe.name}.safetensors"
    save_analog_model(path, network.cpu(), recipe.name, about)
    write_card(path, about, f"{_WHAT} Training started from {about['origin']}.")
    return path


def _precision(recipe: DeepJsccRecipe, device: torch.device) -> torch.dtype:
    """bf16 where the hardware is fast at it, unless the recipe says otherwise."""
    if recipe.precision != "auto":
        return torch.bfloat16 if recipe.precision == "bf16" else torch.float32
    names = "_is_amx_tile_supported", "_is_avx512_bf16_supported"
    fast = any(getattr(torch.cpu, name, lambda: False)() for name in names)
    return torch.bfloat16 if device.type == "cuda" or fast else torch.float32


def _throughput(trainer: Trainer) -> str:
    """Crops a second; of a core's time, for other work may share it."""
    data, cuda = trainer.recipe.data, trainer.device.type == "cuda"
    crops = trainer.step * data.photographs * data.crops
    seconds = max(trainer.seconds if cuda else trainer.busy, 1e-9)
    return f"{crops / seconds:.1f} crops of {data.crop}×{data.crop} a second{'' if cuda else ' of a core'}"


def _memory(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated(device) / 1e9:.1f} GB of the GPU at most"
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB at most, photographs included"


def _psnr(shown: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
    return -10 * torch.log10((shown - pictures).square().mean((1, 2, 3)) + 1e-10)


def _line(result: StepResult, found: dict[str, float] | None) -> str:
    line = f"{result.psnr_db:.2f} dB"
    if found is None:
        return line
    return f"{line}; validation " + ", ".join(f"{value:.2f} dB at {name}" for name, value in found.items())
