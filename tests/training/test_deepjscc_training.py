"""Training `deepjscc` on made pictures: it learns, resumes exactly, and stops with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from samples import photo_like

from channelvq.codecs.deepjscc import DeepJscc
from channelvq.errors import UsageError
from channelvq.models.analog_weights import load_analog_model
from channelvq.models.weights import load_model
from channelvq.training import deepjscc
from channelvq.training.analog_channel import Crossing, draw_crossing, relay
from channelvq.training.deepjscc import Trainer, train, validate
from channelvq.training.deepjscc_recipe import AnalogChannelPart, AnalogRatePart, DeepJsccRecipe
from channelvq.training.photos import Photos
from channelvq.training.recipe import read_recipe

CPU = torch.device("cpu")
RECIPE = """
kind = "deepjscc"
name = "tiny"
seed = 3
precision = "float32"
[model]
width = 8
encoder_blocks = 1
decoder_blocks = 1
[data]
crop = 32
photographs = 2
crops = 2
[optimiser]
steps = {steps}
learning_rate = 3e-3
warmup = 2
[log]
validate_every = {validate}
checkpoint_every = 3
"""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deepjscc, "_SIDE", 64)


def recipe(**changes: Any) -> DeepJsccRecipe:
    parts: dict[str, Any] = {
        "kind": "deepjscc",
        "name": "tiny",
        "precision": "float32",
        "model": {"width": 8, "encoder_blocks": 1, "decoder_blocks": 1},
        "data": {"crop": 32, "photographs": 2, "crops": 2},
        "optimiser": {"steps": 4, "learning_rate": 3e-3, "warmup": 2},
    }
    return DeepJsccRecipe.model_validate({**parts, **changes})


@pytest.fixture(scope="module")
def photos() -> Photos:
    pictures = [torch.from_numpy((photo_like(72, 80, seed) * 255).astype(np.uint8)) for seed in range(6)]
    return Photos(pictures)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    for seed in range(12):
        pixels = (photo_like(72, 80, seed) * 255).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(pixels).save(images / f"{seed:02d}.png")
    return images


def test_it_learns_on_both_sides_of_the_channel(photos: Photos, tmp_path: Path) -> None:
    steps = {"steps": 1000, "learning_rate": 5e-3, "warmup": 0}
    trainer = Trainer(recipe(optimiser=steps), photos, photos, tmp_path, CPU)
    trainer.prepare()
    before = {name: value.clone() for name, value in trainer.network.named_parameters()}
    found = []
    for _ in range(40):
        trainer.step = 0  # the same crops and the same noise again
        found.append(trainer.train_step().psnr_db)
    assert found[-1] > found[0] + 0.5
    for name, value in trainer.network.named_parameters():
        assert not torch.equal(value, before[name]), name


def test_validation_is_over_the_settings_and_repeats(photos: Photos, tmp_path: Path) -> None:
    trainer = Trainer(recipe(), photos, photos, tmp_path, CPU)
    trainer.prepare()
    found = validate(trainer.network, photos, torch.float32)
    assert list(found) == [f"CBR 1/16, {snr} dB" for snr in (1, 4, 7, 10, 13)] + ["CBR 1/12, 7 dB"]
    rising = list(found.values())[:5]
    assert rising == sorted(rising)
    assert validate(trainer.network, photos, torch.float32) == found


def test_a_run_that_is_stopped_goes_on_exactly(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(steps=6, validate=4))
    whole = train(path, folder, tmp_path / "whole", device="cpu", threads=1)
    count = iter(range(100))
    assert train(path, folder, tmp_path / "parts", device="cpu", stop=lambda: next(count) == 3) is None
    parts = train(path, folder, tmp_path / "parts", device="cpu")
    assert whole is not None
    assert parts is not None
    one, two = (load_analog_model(weights).network.state_dict() for weights in (whole, parts))
    assert all((one[name] == two[name]).all() for name in one)
    about = load_analog_model(parts).about
    assert about["steps"] == 6
    assert about["photos"]["train"] == 11
    assert "CBR 1/16, 7 dB" in about["validation"]["psnr_db"]
    card = parts.with_suffix(".md").read_text(encoding="utf-8")
    assert "dB at CBR 1/12, 7 dB" in card
    assert "crops of 32×32 a second of a core" in card
    assert DeepJscc(str(parts)).model.name == "tiny"


def test_a_run_may_be_ended_sooner_than_was_planned(folder: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "recipe.toml", tmp_path / "out"
    path.write_text(RECIPE.format(steps=1000, validate=1000))
    assert train(path, folder, out, device="cpu", stop=lambda: True) is None
    path.write_text(RECIPE.format(steps=2, validate=1000))
    weights = train(path, folder, out, device="cpu")
    assert weights is not None
    assert load_analog_model(weights).about["steps"] == 2


def test_it_starts_from_the_vq_codecs_networks(photos: Photos, small_weights: str, tmp_path: Path) -> None:
    sizes = {"channels": 16, "width": 8, "encoder_blocks": 1, "decoder_blocks": 1}
    few = {"start": {"weights": small_weights}, "rate": {"main": 8, "lowest": 4}}
    trainer = Trainer(recipe(model=sizes, **few), photos, photos, tmp_path, CPU)
    trainer.prepare()
    theirs, own = load_model(small_weights).network.pair.state_dict(), trainer.network.state_dict()
    for name in ("basis", "spread", "encoder.0.first.weight", "decoder_out.weight"):
        assert torch.equal(own[name], theirs[name])
    assert torch.equal(own["encoder_out.weight"][:16], theirs["encoder_out.weight"])
    assert (own["encoder_out.weight"][16:] == 0).all()
    assert trainer.train_step().psnr_db > 10
    for change, reason in (({"width": 16}, "is of shape"), ({"channels": 32}, "fewer than 32 latents")):
        other = Trainer(recipe(model={**sizes, **change}, **few), photos, photos, tmp_path, CPU)
        with pytest.raises(UsageError, match=reason):
            other.prepare()


def test_a_loss_that_is_no_number_stops_it(photos: Photos, tmp_path: Path) -> None:
    trainer = Trainer(recipe(), photos, photos, tmp_path, CPU)
    trainer.prepare()
    with torch.no_grad():
        trainer.network.decoder_out.bias[0] = torch.nan
    with pytest.raises(UsageError, match="loss is not a number at step 0; the last checkpoint is kept in"):
        trainer.train_step()


def test_crops_of_a_photograph_lie_together_and_follow_the_step(photos: Photos) -> None:
    plain = Photos([torch.full((3, 40, 40), value, dtype=torch.uint8) for value in range(0, 200, 10)])
    crops = plain.grouped_crops(seed=1, step=5, count=8, crops=3, side=32)
    values = crops[:, 0, 0, 0].view(8, 3)
    assert (values == values[:, :1]).all()
    assert len(values[:, 0].unique()) > 3
    again, other = (photos.grouped_crops(1, step, 2, 2, 32) for step in (5, 6))
    assert torch.equal(again, photos.grouped_crops(1, 5, 2, 2, 32))
    assert not torch.equal(again, other)


def test_draws_are_those_of_the_recipe() -> None:
    rate = AnalogRatePart(main=24, main_share=0.5, all_share=0.25, lowest=4)
    channel = AnalogChannelPart(lowest_snr_db=-2, highest_snr_db=20, fading=0.3)
    drawn = draw_crossing(rate, channel, np.random.default_rng(0), 2000, (4000, 32, 2, 2))
    counts = drawn.counts.numpy()
    # 2000 draws: a share of one half is known to 1.1 %, four deviations are 4.5 %
    assert (counts == 24).mean() == pytest.approx(0.5, abs=0.045)
    assert (counts == 32).mean() == pytest.approx(0.25, abs=0.04)
    rest = counts[(counts != 24) & (counts != 32)]
    assert np.log(rest).mean() == pytest.approx((np.log(4) + np.log(32)) / 2, abs=0.11)
    assert -2 <= drawn.snr_db.min() < 0
    assert 18 < drawn.snr_db.max() <= 20
    power = drawn.power.view(2000, -1)
    faded = power.std(1) > 0
    block = ~faded & (power[:, 0] != 1)
    assert float(faded.float().mean()) == pytest.approx(0.15, abs=0.035)
    assert float(block.float().mean()) == pytest.approx(0.15, abs=0.035)
    assert float(power[faded].mean()) == pytest.approx(1, abs=0.05)
    assert float(drawn.noise.var()) == pytest.approx(1, abs=0.01)


def test_power_is_shared_by_a_photographs_crops_alone(tmp_path: Path, photos: Photos) -> None:
    # a second photograph in the batch changes nothing for the first
    trainer = Trainer(recipe(), photos, photos, tmp_path, CPU)
    trainer.prepare()
    pictures = photos.grouped_crops(0, 0, 2, 2, 32)
    rng = np.random.default_rng(0)
    both = draw_crossing(AnalogRatePart(), AnalogChannelPart(fading=0), rng, 2, (4, 32, 4, 4))
    first = Crossing(both.counts[:1], both.snr_db[:1], both.noise[:2], both.power[:2])
    with torch.no_grad():
        alone = relay(trainer.network, pictures[:2], first, torch.float32)
        together = relay(trainer.network, pictures, both, torch.float32)[:2]
        other = relay(trainer.network, torch.cat([pictures[:1], pictures[3:]]), first, torch.float32)[:1]
    np.testing.assert_allclose(alone, together, atol=1e-5)
    assert (other - alone[:1]).abs().max() > 1e-4  # but another crop of its own does


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("[channel]\nlowest_snr_db = 9\nhighest_snr_db = 3", "lowest_snr_db, 9.0, is above 3.0"),
        ("[rate]\nmain = 40", "more than model.channels, 32"),
        ("[rate]\nmost = 40", "rate.most"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, change: str, reason: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(steps=1, validate=1) + change)
    with pytest.raises(UsageError, match=reason):
        read_recipe(path, DeepJsccRecipe)
