"""Training on a handful of made pictures: it learns, resumes exactly, and stops with a reason."""

import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from samples import photo_like

from channelvq.codecs.vqvae import VqvaeCodec
from channelvq.errors import UsageError
from channelvq.models.quantizer import ResidualQuantizer
from channelvq.models.weights import load_model, save_model
from channelvq.training.loop import Trainer
from channelvq.training.noise import noisy_latents, noisy_llrs
from channelvq.training.photos import Photos, load_photos
from channelvq.training.recipe import ChannelPart, StartPart, load_recipe
from channelvq.training.vqvae import train

CPU = torch.device("cpu")
RECIPE = """
name = "tiny"
seed = 3
precision = "float32"
[model]
dim = 16
width = 16
encoder_blocks = 1
decoder_blocks = 1
stages = 3
codes = 16
[data]
crop = 64
batch = 4
[optimiser]
steps = {steps}
warmup = 2
[quantizer]
restart_every = 3
[channel]
start = 4
share = 0.5
[log]
validate_every = 4
checkpoint_every = 4
[finish]
settle_steps = 3
assignment_effort = 1000
"""


def recipe(steps=8):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.toml"
        path.write_text(RECIPE.format(steps=steps))
        return load_recipe(path)


def photos(n=6, side=256):
    made = [torch.from_numpy((photo_like(side, side, s) * 255).astype(np.uint8)) for s in range(n)]
    return Photos(made)


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "photos"
    target.mkdir()
    for seed in range(18):
        pixels = (photo_like(256, 280, seed) * 255).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(pixels).save(target / f"{seed:02}.png")
    return target


def state(trainer):
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def test_resume_is_exact(tmp_path):
    def trainer(name, steps=8):
        made = Trainer(recipe(steps), photos(), photos(2), tmp_path / name, CPU)
        made.prepare()
        return made

    torch.set_num_threads(1)
    whole = trainer("whole")
    whole.run(lambda *_: True)
    first = trainer("parts")
    first.run(lambda step, *_: step < 5)
    assert first.step == 5
    second = trainer("parts")
    assert second.step == 5
    second.run(lambda *_: True)
    for name, value in state(whole).items():
        assert torch.equal(value, state(second)[name]), name


def test_it_learns(tmp_path):
    made = Trainer(recipe(60), photos(), photos(2), tmp_path, CPU)
    made.prepare()
    crops = made.photos.crops(99, 0, 8, 64)

    def error():
        with torch.no_grad():
            latents = made.model.pair.analyse(crops)
            rows = latents.permute(0, 2, 3, 1).reshape(-1, 16)
            indices, _ = made.model.quantizer.search(rows)
            depth = torch.full((len(rows),), 3)
            quantized = made.model.quantizer.assemble(indices, depth).view(8, 8, 8, 16).permute(0, 3, 1, 2)
            shown = made.model.pair.synthesise(quantized, depth.view(8, 8, 8))
            return float((shown - crops).square().mean())

    before = error()
    made.run(lambda *_: True)
    assert error() < 0.97 * before
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 60
    assert set(rows[-1]) >= {"psnr_db", "used", "perplexity", "mse", "bpp"}


def test_a_loss_that_is_no_number_stops_with_the_checkpoint_kept(tmp_path):
    made = Trainer(recipe(), photos(), photos(2), tmp_path, CPU)
    made.prepare()
    made.run(lambda step, *_: step < 4)
    kept = made.checkpoint.read_bytes()
    with torch.no_grad():
        made.model.pair.decoder_out.bias.fill_(float("nan"))
    with pytest.raises(UsageError, match=r"not a number at step 4; the last checkpoint is kept"):
        made.run(lambda *_: True)
    assert made.checkpoint.read_bytes() == kept


def test_whole_run_gives_weights_that_code(tmp_path, folder):
    (tmp_path / "r.toml").write_text(RECIPE.format(steps=6))
    told = []
    path = train(tmp_path / "r.toml", folder, tmp_path / "out", report=lambda *a: told.append(a[0]))
    assert set(told) >= {"photos", "training", "labels", "statistics"}
    codec = VqvaeCodec(str(path))
    assert codec.model.about["steps"] == 6
    assert codec.encode(photo_like(64, 64), 3000).indices is not None
    card = (tmp_path / "out" / "tiny.md").read_text()
    assert "17 training and 1 validation" in card
    assert train(tmp_path / "r.toml", folder, tmp_path / "out") == path  # nothing left to do, done again


def test_a_stop_between_steps_is_resumed_exactly(tmp_path, folder):
    (tmp_path / "r.toml").write_text(RECIPE.format(steps=6))
    whole = train(tmp_path / "r.toml", folder, tmp_path / "whole", threads=1)
    asked = iter([False, False, True])
    ended = train(tmp_path / "r.toml", folder, tmp_path / "parts", threads=1, stop=lambda: next(asked))
    assert ended is None
    resumed = train(tmp_path / "r.toml", folder, tmp_path / "parts", threads=1)
    one, other = (load_model(path).network.state_dict() for path in (whole, resumed))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_time_limit_leaves_a_checkpoint(tmp_path, folder):
    (tmp_path / "r.toml").write_text(RECIPE.format(steps=500))
    assert train(tmp_path / "r.toml", folder, tmp_path / "out", minutes=0) is None
    assert (tmp_path / "out" / "checkpoint.safetensors").exists()


def test_photos_from_zip_with_manifest(tmp_path, folder):
    archive = tmp_path / "train.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(folder.iterdir()):
            out.write(path, path.name)
        rows = [f"{i:02}.png,{'val' if i < 3 else 'train'}" for i in range(18)]
        out.writestr("manifest.csv", "file,split\n" + "\n".join(rows))
    training, held_out = load_photos(archive, 64, CPU)
    assert (len(training), len(held_out)) == (15, 3)


def test_unusable_photos_are_told(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no photographs in"):
        load_photos(tmp_path / "empty", 64, CPU)
    with pytest.raises(UsageError, match="18 with a side below 300 px"):
        load_photos(folder, 300, CPU)
    for path in folder.iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(UsageError, match="18 unreadable"):
        load_photos(folder, 64, CPU)
    with pytest.raises(UsageError, match=r"expected a folder or a \.zip"):
        load_photos(tmp_path / "absent", 64, CPU)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[model]\nwidht = 3", "model.widht"),
        ("[optimiser]\nsteps = 0", "optimiser.steps = 0"),
        ("[model]\ncodes = 1000", "model.codes = 1000"),
        ("x = ", "not TOML"),
    ],
)
def test_bad_recipes_name_the_key(tmp_path, line, says):
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\n' + line)
    with pytest.raises(UsageError, match=says):
        load_recipe(path)


def test_noise_has_the_error_rate_it_draws():
    part = ChannelPart(lowest_error_rate=0.05, highest_error_rate=0.0500001)
    indices = torch.zeros(20_000, 2, dtype=torch.int64)
    seen = set()
    for seed in range(8):
        llrs = noisy_llrs(indices, 16, part, np.random.default_rng(seed))
        assert llrs.shape == (20_000, 2, 4)
        wrong = float((llrs < 0).float().mean())
        if bool((llrs == 0).any()):
            seen.add("lost")
            assert wrong == 0
        else:
            seen.add("hard" if llrs.abs().std() < 1e-3 else "soft")
            # 160 000 bits: 6 standard deviations are 0.0033
            assert abs(wrong - 0.05) < 0.0033
    assert seen == {"hard", "soft", "lost"}


def test_noisy_latents_without_noise_are_the_codes():
    quantizer = ResidualQuantizer(3, 16, 4)
    quantizer.codebooks.normal_(generator=torch.Generator().manual_seed(0))
    quantizer.counts.fill_(1)
    indices = torch.randint(0, 16, (50, 3), generator=torch.Generator().manual_seed(1))
    depth = torch.arange(50) % 4
    from channelvq.models.posterior import index_labels

    got = noisy_latents(quantizer, indices, depth, 50.0 * (1 - 2 * index_labels(16)[indices]))
    assert torch.allclose(got.mean, quantizer.assemble(indices, depth), atol=1e-6)
    assert torch.equal(got.variance, torch.zeros(50, 2))


def test_crops_gathered_at_once_are_those_cut_one_by_one():
    # what a GPU does, on a CPU
    rng = np.random.default_rng(3)
    shapes = [(3, 40, 70), (3, 64, 33), (3, 50, 50)]
    some = Photos([torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8)) for shape in shapes])
    one_by_one = some.grouped_crops(seed=2, step=7, count=30, crops=2, side=32)
    some._joined = torch.cat([picture.reshape(-1) for picture in some.pictures])
    assert torch.equal(some.grouped_crops(seed=2, step=7, count=30, crops=2, side=32), one_by_one)


def test_training_starts_from_a_model_with_fewer_blocks(tmp_path):
    made = Trainer(recipe(), photos(), photos(2), tmp_path / "small", CPU)
    made.prepare()
    made.run(lambda step, *_: step < 2)
    path, table = tmp_path / "small.safetensors", np.ones((5**3, 4), np.uint16)
    save_model(path, made.model, torch.zeros(3, 16), table, "small", {})
    given = recipe()
    larger = given.model_copy(
        update={
            "model": given.model.model_copy(update={"decoder_blocks": 3}),
            "start": StartPart(weights=str(path)),
        }
    )
    trainer = Trainer(larger, made.photos, made.held_out, tmp_path / "large", CPU)
    trainer.prepare()
    with torch.no_grad():
        latents, depth = made.model.pair.analyse(made.photos.crops(5, 0, 1, 64)), torch.full((1, 8, 8), 2)
        before, after = (model.pair.synthesise(latents, depth) for model in (made.model, trainer.model))
    assert not torch.equal(before, torch.zeros_like(before))
    assert torch.allclose(before, after, atol=2e-3)  # half precision in between
    shallow = larger.model_copy(update={"model": given.model.model_copy(update={"decoder_blocks": 0})})
    with pytest.raises(UsageError, match="does not fit"):
        Trainer(shallow, made.photos, made.held_out, tmp_path / "shallow", CPU).prepare()
