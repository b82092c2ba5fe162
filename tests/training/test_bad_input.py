"""Training on what is no training set, and training that goes astray: one line that says what and where."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from samples import photo_like

from channelvq.cli import main
from channelvq.errors import UsageError
from channelvq.models.quantizer import ResidualQuantizer
from channelvq.training.checkpoint import load_checkpoint, save_checkpoint
from channelvq.training.photos import load_photos

CPU = torch.device("cpu")
RECIPE = """
name = "tiny"
seed = 3
precision = "float32"
[model]
dim = 16
width = 8
encoder_blocks = 1
decoder_blocks = 1
stages = 2
codes = 16
[data]
crop = 32
batch = 2
[optimiser]
steps = {steps}
warmup = 0
[log]
checkpoint_every = 2
validate_every = 1000
[finish]
settle_steps = 0
assignment_effort = 0
"""


def fill(folder: Path, count: int = 18, side: int = 64) -> Path:
    folder.mkdir(exist_ok=True)
    for seed in range(count):
        pixels = (photo_like(side, side + 8, seed) * 255).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(pixels).save(folder / f"{seed:02}.png")
    return folder


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "photos")


def refusal(source, smallest=64):
    with pytest.raises(UsageError) as caught:
        load_photos(source, smallest, CPU)
    text = str(caught.value)
    assert "\n" not in text
    assert str(source) in text
    return text


def test_some_bad_files_are_left_out_and_told(folder):
    (folder / "00.png").write_bytes(b"no picture")
    (folder / "01.png").write_bytes((folder / "02.png").read_bytes()[:2000])
    (folder / "03.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    Image.new("RGB", (40, 300)).save(folder / "04.png")
    told = []
    training, held_out = load_photos(folder, 64, CPU, say=told.append)
    assert (len(training), len(held_out)) == (14, 1)
    assert told == ["4 of 19 photographs: 3 unreadable, 1 with a side below 64 px"]


def test_nothing_is_told_where_nothing_is_left_out(folder):
    told = []
    load_photos(folder, 64, CPU, say=told.append)
    assert told == []


def test_a_picture_of_too_many_pixels_is_unreadable_not_a_crash(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert "18 unreadable" in refusal(folder)


def test_empty_and_foreign_places(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no photographs in" in refusal(tmp_path / "empty")
    (tmp_path / "notes.txt").write_text("no photographs")
    assert "is no .zip of photographs" in refusal(tmp_path / "notes.txt")
    assert "expected a folder or a .zip" in refusal(tmp_path / "absent")
    assert "no photographs in" in refusal(fill(tmp_path / "none", 0))


def test_all_smaller_than_the_crop(folder):
    assert "18 files, 0 unreadable, 18 with a side below 128 px" in refusal(folder, 128)


def test_damaged_archives(tmp_path, folder):
    archive = tmp_path / "train.zip"
    with zipfile.ZipFile(archive, "w") as out:
        for path in sorted(folder.iterdir()):
            out.write(path, path.name)
    data = archive.read_bytes()
    assert [len(part) for part in load_photos(archive, 64, CPU)] == [17, 1]
    archive.write_bytes(data[: len(data) // 2])
    assert "is no .zip of photographs, or a damaged one" in refusal(archive)
    broken = bytearray(data)
    place = broken.index(b"05.png") + 400  # inside of one member: its CRC no longer holds
    broken[place] ^= 0xFF
    archive.write_bytes(bytes(broken))
    told = []
    training, _ = load_photos(archive, 64, CPU, say=told.append)
    assert len(training) == 16
    assert told == ["1 of 18 photographs: 1 unreadable, 0 with a side below 64 px"]
    listing = bytearray(data)
    listing[data.rindex(b"PK\x01\x02")] ^= 0xFF  # its table of contents
    archive.write_bytes(bytes(listing))
    assert "cannot read" in refusal(archive)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "must have columns 'file' and 'split'"),
        (b"name,part\n00.png,train\n", "must have columns 'file' and 'split'"),
        (b"file,split\n", "and a row for each photograph"),
        (b"\xff\xfe\x00", "cannot read manifest.csv"),
        (b"file,split\n00.png,train\n", "no usable photographs for 'val'"),
        (b"file,split\nx.png,train\ny.png,val\n", "18 files, 0 of them in manifest.csv"),
        (b"file,split\n00.png\n", "no usable photographs for 'train'"),
    ],
)
def test_bad_manifests(folder, content, says):
    (folder / "manifest.csv").write_bytes(content)
    assert says in refusal(folder)


def run(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    return result.exit_code, result.stderr.strip().splitlines()


def test_the_command_says_it_in_one_line(tmp_path):
    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE.format(steps=2))
    for name, says in (("absent", "no training photographs at"), ("empty", "no photographs in")):
        if name == "empty":
            (tmp_path / name).mkdir()
        code, lines = run("train", recipe, "--images", tmp_path / name, "--out", tmp_path / "out")
        assert code == 2
        assert says in lines[-1]
        assert not any("Traceback" in line for line in lines)
    small = fill(tmp_path / "small")
    code, lines = run("train", recipe, "--images", small, "--out", tmp_path / "out")
    assert code == 2
    assert "18 with a side below 256 px" in lines[-1]


@pytest.mark.parametrize(("step", "says"), [(2, "the loss is not a number at step 3"), (3, " at step 4")])
def test_a_training_that_diverges_keeps_the_last_good_checkpoint_and_says_where(
    tmp_path, step, says, monkeypatch
):
    # weights become infinite in a step whose own loss was finite: the next loss, or the checkpoint that
    # is due before it, must notice
    photos, out, recipe = fill(tmp_path / "photos", 17, 256), tmp_path / "out", tmp_path / "r.toml"
    recipe.write_text(RECIPE.format(steps=400))
    steps, descend = [], torch.optim.AdamW.step

    def explode(optimiser, *arguments, **options):
        descend(optimiser, *arguments, **options)
        if len(steps) == step:
            with torch.no_grad():
                optimiser.param_groups[0]["params"][-1].fill_(float("inf"))
        steps.append(1)

    monkeypatch.setattr(torch.optim.AdamW, "step", explode)
    code, lines = run("train", recipe, "--images", photos, "--out", out, "--threads", 1)
    assert code == 2
    assert says in lines[-1]
    assert "not a number" in lines[-1]
    assert f"the last checkpoint is kept in {out}" in lines[-1]
    with safe_open(out / "checkpoint.safetensors", "pt") as file:
        assert json.loads(file.metadata()["about"])["step"] == 2
        assert all(bool(torch.isfinite(file.get_tensor(key)).all()) for key in file.keys())  # noqa: SIM118
    monkeypatch.undo()
    code, _ = run("train", recipe, "--images", photos, "--out", out, "--threads", 1, "--minutes", 1e-9)
    assert code == 0  # what was kept can be gone on from


class TestCheckpoint:
    @pytest.fixture
    def saved(self, tmp_path):
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 2)
        optimiser = torch.optim.AdamW(model.parameters())
        model(torch.ones(1, 3)).sum().backward()
        optimiser.step()
        save_checkpoint(tmp_path / "c.safetensors", model, optimiser, {"step": 7})
        return tmp_path / "c.safetensors", model, optimiser

    def test_what_is_no_number_is_not_saved(self, saved):
        path, model, optimiser = saved
        kept = path.read_bytes()
        with torch.no_grad():
            model.weight[0, 0] = float("nan")
        with pytest.raises(
            UsageError, match=r"model\.weight is not a number at step 8; the last checkpoint is kept"
        ):
            save_checkpoint(path, model, optimiser, {"step": 8})
        assert path.read_bytes() == kept
        assert [file.name for file in path.parent.iterdir()] == [path.name]

    def test_a_momentum_that_is_no_number_is_not_saved(self, saved):
        path, model, optimiser = saved
        next(iter(optimiser.state.values()))["exp_avg"].fill_(float("inf"))
        with pytest.raises(UsageError, match=r"optimiser\.0\.exp_avg is not a number at step 8"):
            save_checkpoint(path, model, optimiser, {"step": 8})

    @pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
    def test_cut_short(self, saved, share):
        path, model, optimiser = saved
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(UsageError, match="is no checkpoint of this recipe: ") as caught:
            load_checkpoint(path, model, optimiser)
        assert "\n" not in str(caught.value)

    def test_of_another_model(self, saved):
        path, _, _ = saved
        with pytest.raises(UsageError, match=r"no checkpoint of this recipe: size mismatch for weight"):
            load_checkpoint(path, torch.nn.Linear(4, 2), None)
        with pytest.raises(UsageError, match="no checkpoint of this recipe: Missing key"):
            load_checkpoint(path, ResidualQuantizer(1, 4, 2), None)

    @pytest.mark.parametrize("meta", [None, {}, {"about": "{"}])
    def test_without_what_it_must_say(self, saved, meta):
        path, model, optimiser = saved
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        save_file(tensors, path, metadata=meta)
        with pytest.raises(UsageError, match="is no checkpoint of this recipe: "):
            load_checkpoint(path, model, optimiser)
