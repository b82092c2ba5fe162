"""`channelvq encode`, `decode`, `models`: with small weights made for the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result

from channelvq.images import load_image
from channelvq.models.network import Shape
from channelvq.models.vqvae import VqVae
from channelvq.models.weights import save_model

Run = Callable[..., Result]
Wrong = Callable[..., str]


def make_weights(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    shape = Shape(dim=8, width=8, encoder_blocks=1, decoder_blocks=1, stages=3, codes=16, cell=2)
    prior = torch.full((shape.stages, shape.codes), 1 / shape.codes).log()
    table = np.ones(((shape.stages + 2) ** 3, shape.stages + 1), dtype=np.uint16)
    save_model(path, VqVae(shape).eval(), prior, table, path.stem, {})
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return make_weights(tmp_path / "small.safetensors", seed=1)


@pytest.fixture
def cvq(cli: Run, photo: Path, weights: Path, tmp_path: Path) -> Path:
    out = tmp_path / "photo.cvq"
    result = cli("encode", photo, out, "--bpp", 2, "--model", weights)
    assert result.exit_code == 0, result.output
    return out


def test_a_file_comes_back_as_a_picture(cli: Run, cvq: Path, weights: Path, tmp_path: Path) -> None:
    assert 8 * cvq.stat().st_size <= 2 * 64 * 96
    result = cli("decode", cvq, tmp_path / "back.png", "--model", weights)
    assert result.exit_code == 0, result.output
    assert "96 × 64 pixels, ok" in result.stdout
    assert load_image(tmp_path / "back.png").shape == (3, 64, 96)


def test_concealment_does_not_matter_on_an_intact_file(
    cli: Run, cvq: Path, weights: Path, tmp_path: Path
) -> None:
    pictures = []
    for concealment in ("none", "neighbour", "soft"):
        out = tmp_path / f"{concealment}.png"
        result = cli("decode", cvq, out, "--model", weights, "--concealment", concealment)
        assert result.exit_code == 0, result.output
        pictures.append(load_image(out))
    assert (pictures[0] == pictures[1]).all()
    assert (pictures[0] == pictures[2]).all()


def test_damage_is_concealed_and_said(cli: Run, cvq: Path, weights: Path, tmp_path: Path) -> None:
    data = bytearray(cvq.read_bytes())
    data[len(data) // 2] ^= 0x10
    cvq.write_bytes(data)
    result = cli("decode", cvq, tmp_path / "back.png", "--model", weights)
    assert result.exit_code == 0, result.output
    assert "the file is damaged" in result.stdout
    assert (tmp_path / "back.png").exists()


def test_files_that_cannot_be_decoded(
    wrong: Wrong, cvq: Path, weights: Path, photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "back.png"
    other = make_weights(tmp_path / "other.safetensors", seed=2)
    assert "was made by model" in wrong("decode", cvq, out, "--model", other)
    assert "give its weights with --model" in wrong("decode", cvq, out)
    assert "unknown concealment 'magic'; allowed: none, neighbour, soft" in wrong(
        "decode", cvq, out, "--model", weights, "--concealment", "magic"
    )
    assert "is no .cvq file" in wrong("decode", photo, out)
    assert "cannot read" in wrong("decode", tmp_path / "none.cvq", out)
    assert "there is no folder" in wrong("decode", cvq, tmp_path / "none" / "back.png", "--model", weights)
    cvq.write_bytes(cvq.read_bytes()[:-3])
    assert "is cut short" in wrong("decode", cvq, out, "--model", weights)
    assert not out.exists()


def test_pictures_that_cannot_be_encoded(wrong: Wrong, weights: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.cvq"
    model = ("--model", weights)
    assert "do not hold" in wrong("encode", photo, out, "--bpp", 0.01, *model)
    assert "does not hold header and map" in wrong("encode", photo, out, "--bpp", 0.05, *model)
    assert "--bpp is 0, must be above 0" in wrong("encode", photo, out, "--bpp", 0, *model)
    assert "unknown model 'none'" in wrong("encode", photo, out, "--model", "none")
    assert "it is a folder" in wrong("encode", photo, tmp_path, *model)
    assert not out.exists()


def test_transmit_with_own_weights(cli: Run, photo: Path, weights: Path) -> None:
    options = ("--code", "uncoded", "--cbr", "1/2", "--snr-db", 20, "--model", weights, "--json")
    result = cli("transmit", photo, *options)
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert (shown["status"], shown["index_error_rate"]) == ("ok", 0.0)


def test_models_are_listed(cli: Run) -> None:
    listed = json.loads(cli("models", "--json").stdout)
    shown = cli("models")
    assert shown.exit_code == 0
    for info in listed:
        assert len(info["id"]) == 16
        assert f"{info['name']}  {info['id']}  {info['kind']}" in shown.stdout


def test_every_listed_model_can_be_asked_for(cli: Run) -> None:
    for info in json.loads(cli("models", "--json").stdout):
        result = cli("models", info["name"], "--json")
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout)
        assert {key: told[key] for key in info} == info
        text = cli("models", info["name"]).stdout
        assert info["id"] in text
        if info["kind"] == "vqvae":
            assert len(told["stages"]) == info["shape"]["stages"]
            for row in told["stages"]:
                assert 0 < row["used"] <= 1
                assert 1 <= row["perplexity"] <= info["shape"]["codes"]
                assert f"{row['used']:.1%}" in text
                assert f" {row['perplexity']:.0f} " in text


def test_a_file_of_weights_can_be_asked_for(cli: Run, wrong: Wrong, tmp_path: Path, weights: Path) -> None:
    result = cli("models", weights)
    assert result.exit_code == 0, result.output
    assert "small  " in result.stdout
    assert "  vqvae  " in result.stdout
    assert json.loads(cli("models", weights, "--json").stdout)["stages"] == []
    assert "unknown model 'nope'; allowed: " in wrong("models", "nope")
    data = bytearray(weights.read_bytes())
    data[-20] ^= 1
    weights.write_bytes(data)
    assert "no usable weights: it is damaged" in wrong("models", weights)
    assert "no usable weights: it is damaged" in wrong("models", weights, "--json")


def test_a_file_of_the_entropy_coded_profile(cli: Run, wrong: Wrong, photo: Path, tmp_path: Path) -> None:
    cvq, back = tmp_path / "photo.cvq", tmp_path / "back.png"
    result = cli("encode", photo, cvq, "--bpp", 2, "--codec", "vqvae-ec")
    assert result.exit_code == 0, result.output
    result = cli("decode", cvq, back)
    assert result.exit_code == 0, result.output
    assert "96 × 64 pixels, ok" in result.stdout
    assert "allowed: vqvae, vqvae-ec" in wrong("encode", photo, cvq, "--codec", "jpeg")
