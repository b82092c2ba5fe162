"""The comparison of codebooks, on a handful of made pictures."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from samples import photo_like
from scipy import stats

from channelvq.cli import main
from channelvq.errors import UsageError
from channelvq.evaluation.metrics import psnr
from channelvq.training import ablation
from channelvq.training.ablation import load_ablation, make_latents, run_ablation, to_csv
from channelvq.training.photos import Photos

SPEC = """
kind = "ablation"
name = "Tiny"
seeds = [0, 1, 2]
dim = 12
codes = 16
stages = 2
steps = 40
batch = 128
[[variant]]
name = "random"
start = "random"
[[variant]]
name = "k-means"
[[variant]]
name = "gradient"
update = "gradient"
learning_rate = 0.02
[[variant]]
name = "few dimensions"
quantizer = "factorised"
code_dim = 3
[[variant]]
name = "FSQ"
quantizer = "scalar"
levels = [5, 3]
[[variant]]
name = "SimVQ"
quantizer = "sim"
"""


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "a.toml").write_text(SPEC)
    return load_ablation(tmp_path / "a.toml")


@pytest.fixture(scope="module")
def photos():
    made = [torch.from_numpy((photo_like(256, 256, s) * 255).astype(np.uint8)) for s in range(6)]
    return Photos(made[:4]), Photos(made[4:])


def test_latents_are_an_orthonormal_transform_of_the_photographs(spec, photos):
    whole = make_latents(spec.model_copy(update={"dim": 192}), *photos)
    # all 192 coordinates give the photographs back
    assert whole.psnr_db(whole.held_out) > 80
    assert float(whole.training.square().mean()) == pytest.approx(1, rel=1e-4)
    few = make_latents(spec, *photos)
    assert few.training.shape == (40 * 128, 12)
    assert few.held_out.shape == (2 * 32 * 32, 12)
    assert torch.allclose(few.held_out * few.scale, whole.held_out[:, :12] * whole.scale, atol=1e-4)


def test_psnr_is_the_one_of_the_pictures(spec, photos):
    latents = make_latents(spec, *photos)
    coded = latents.held_out.round()
    shown = (coded * latents.scale) @ latents.basis[:12] + latents.mean
    field = shown.view(2, 32, 32, 192).permute(0, 3, 1, 2)
    pictures = torch.nn.functional.pixel_shuffle(field, 8).clamp(0, 1).numpy()
    wanted = np.mean([psnr(p.numpy() / 255, q) for p, q in zip(photos[1].pictures, pictures, strict=True)])
    assert latents.psnr_db(coded) == pytest.approx(wanted, abs=1e-3)


def test_rows_say_what_was_found(spec, photos):
    told = []
    rows = run_ablation(spec, make_latents(spec, *photos), lambda name, done: told.append(done))
    assert told == list(range(1, 19))
    assert [(row.variant, row.stages) for row in rows] == [(v.name, s) for v in spec.variants for s in (1, 2)]
    for row in rows:
        bits = math.log2(15 if row.variant == "FSQ" else 16)
        assert row.bpp == pytest.approx(row.stages * bits / 64)
        assert row.psnr_db_low <= row.psnr_db <= row.psnr_db_high
        assert 0 < row.used <= 1
        assert 1 <= row.perplexity <= 16
        assert (row.vectors, row.seeds) == (40 * 128, 3)
    by = {(row.variant, row.stages): row for row in rows}
    for variant in spec.variants:
        assert by[variant.name, 2].psnr_db > by[variant.name, 1].psnr_db
    assert by["random", 1].psnr_db < by["k-means", 1].psnr_db
    assert by["random", 1].perplexity < by["k-means", 1].perplexity


def test_a_run_can_be_repeated_and_stages_do_not_hear_of_later_ones(spec, photos):
    two = spec.model_copy(update={"variants": spec.variants[2:4], "steps": 10, "seeds": (0, 1)})
    rows = run_ablation(two, make_latents(two, *photos))
    assert to_csv(run_ablation(two, make_latents(two, *photos))) == to_csv(rows)
    one = two.model_copy(update={"stages": 1})
    assert run_ablation(one, make_latents(one, *photos)) == [row for row in rows if row.stages == 1]


def test_intervals_are_students():
    values = [30.0, 30.5, 30.3]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert ablation._interval(values) == pytest.approx((np.mean(values), low, high))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('[[variant]]\nname = "k-means"', "two variants are called 'k-means', names must differ"),
        ('[[variant]]\nname = "x"\nquantizer = "scalar"\nlevels = [8, 8]', "'x' has 64 codes, at most 16"),
        ('[[variant]]\nname = "x"\nquantizer = "factorised"\ncode_dim = 13', "code_dim = 13, above dim = 12"),
        ('[[variant]]\nname = "x"\nquantizer = "vqgan"', "'codebook', 'factorised', 'scalar' or 'sim'"),
        ('[[variant]]\nname = "x"\nrestarts = true', "unknown key 'restarts'"),
    ],
)
def test_bad_specs_say_where(tmp_path, line, says):
    path = tmp_path / "a.toml"
    path.write_text(SPEC + line)
    with pytest.raises(UsageError, match=says) as caught:
        load_ablation(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_writes_table_figure_and_provenance(tmp_path):
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    for seed in range(17):
        pixels = (photo_like(256, 256, seed) * 255).astype(np.uint8).transpose(1, 2, 0)
        Image.fromarray(pixels).save(folder / f"{seed:02}.png")
    (tmp_path / "a.toml").write_text(SPEC.replace("steps = 40", "steps = 4"))
    threads = torch.get_num_threads()
    arguments = ["train", tmp_path / "a.toml", "--images", folder, "--out", out, "--threads", 1]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    torch.set_num_threads(threads)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((out / "table.csv").read_text().splitlines()))
    assert len(rows) == 12
    assert f"{rows[0]['variant']:30s} stage 1: {float(rows[0]['psnr_db']):.2f} dB" in result.stdout
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["photos"] == {"train": 16, "val": 1}
    assert provenance["spec"]["variant"][0]["start"] == "random"
    assert "commit" in provenance["made_by"]
    for name in ("figure.png", "figure.svg"):
        assert (out / name).stat().st_size > 5000
    assert "few dimensions" in (out / "figure.svg").read_text()
