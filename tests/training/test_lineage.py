"""Training of the lineage: losses against closed forms, and runs of some steps on made digits."""

from __future__ import annotations

import gzip
import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from channelvq.channels import CHANNELS
from channelvq.cli import main
from channelvq.errors import UsageError
from channelvq.models.lineage import LineageShape, VqAutoEncoder, as_field, as_rows
from channelvq.models.lineage_weights import load_lineage_model
from channelvq.modulation import MODULATIONS
from channelvq.randomness import generator
from channelvq.snr import Snr
from channelvq.training import lineage
from channelvq.training.digits import Digits, load_digits
from channelvq.training.lineage import Trainer, train
from channelvq.training.lineage_loss import misfit, send_indices, send_latents, vqvae_loss
from channelvq.training.lineage_recipe import LineageRecipe, load_lineage

SMALL = """
kind = "mnist-lineage"
name = "small"
[model]
width = 8
codes = 4
code_dim = 3
[optimiser]
steps = 6
batch = 8
[channel]
start = 0.5
[quantizer]
restart_every = 2
[log]
validate_every = 3
checkpoint_every = 4
"""


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made_digits(count: int) -> torch.Tensor:
    """Rings and bars, bright on black: uint8 [count, 28, 28]."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:28, 0:28]
    digits = []
    for number in range(count):
        cy, cx, size = rng.uniform(11, 17), rng.uniform(11, 17), rng.uniform(5, 9)
        away = np.hypot(y - cy, x - cx) - size if number % 2 else (x - cx) + rng.uniform(-1, 1) * (y - cy)
        digits.append(255 * np.exp(-((away / 1.5) ** 2)))
    return torch.from_numpy(np.array(digits).astype(np.uint8))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little to validate on, little effort for labels."""
    monkeypatch.setattr(lineage, "_WATCHED", 16)
    monkeypatch.setattr(lineage, "_VALIDATED", 16)
    monkeypatch.setattr(lineage, "_EFFORT", 1000)


@pytest.fixture
def digits() -> Digits:
    return Digits(made_digits(64), made_digits(16))


def recipe(**changes: object) -> LineageRecipe:
    return LineageRecipe.model_validate({"kind": "mnist-lineage", "name": "small", **changes})


def test_misfit_is_the_likelihood_under_the_best_variance() -> None:
    digits, shown = torch.rand(3, 1, 28, 28, generator=draws()), torch.rand(3, 1, 28, 28, generator=draws(1))
    got = misfit(digits, shown)
    for digit, other, value in zip(digits, shown, got, strict=True):
        spreads = torch.linspace(0.2, 0.8, 601)
        likelihoods = torch.distributions.Normal(other, spreads.view(-1, 1, 1, 1)).log_prob(digit)
        best = -likelihoods.mean((1, 2, 3)).max()
        assert value + 0.5 * (1 + math.log(2 * math.pi)) == pytest.approx(best.item(), abs=2e-3)


def test_noise_of_latents_is_that_of_the_channel() -> None:
    """As complex symbols of unit power they meet what `awgn` does, and are then scaled back."""
    latents, n0 = torch.randn(400, 4, 7, 7, generator=draws()), torch.full((400,), 0.3)
    expected, doubt = send_latents(latents, n0, draws(1))
    pairs = latents.reshape(1, -1, 2)
    symbols = torch.complex(pairs[..., 0], pairs[..., 1]) / 2**0.5
    assert symbols.abs().square().mean().item() == pytest.approx(1, rel=0.02)
    snr = Snr.from_esn0_db(-10 * math.log10(0.3))
    sent = CHANNELS.build("awgn").transmit(symbols, snr, lambda stream: generator(0, stream))
    received = torch.view_as_real(sent.symbols).reshape(latents.shape) * 2**0.5
    ours, theirs = 1.3 * expected - latents, received - latents
    assert ours.var().item() == pytest.approx(theirs.var().item(), rel=0.02)
    # the mean of the posterior, and its variance, are right on average
    assert (expected - latents).square().mean().item() == pytest.approx(doubt[0, 0, 0, 0].item(), rel=0.02)


def test_llrs_of_indices_are_those_of_qpsk() -> None:
    indices, n0 = torch.zeros(49 * 200, 1, dtype=torch.int64), torch.full((200,), 0.5)
    ours = send_indices(indices, 16, n0, draws())
    qpsk = MODULATIONS.build("qpsk")
    symbols = qpsk.map(torch.zeros(1, ours.numel(), dtype=torch.uint8))
    received = CHANNELS.build("awgn").transmit(
        symbols, Snr.from_esn0_db(-10 * math.log10(0.5)), lambda stream: generator(0, stream)
    )
    theirs = qpsk.demap(received)
    for moment in (torch.mean, torch.std):
        assert moment(ours).item() == pytest.approx(moment(theirs).item(), rel=0.02)


def test_gradients_pass_straight_through_the_quantizer() -> None:
    """The encoder's gradient is that of a network whose codes are latents plus a constant."""
    torch.manual_seed(0)
    network = VqAutoEncoder(LineageShape("vqvae", width=8, latents=3, stages=1, codes=4))
    pictures = torch.rand(2, 1, 28, 28, generator=draws())
    network.quantizer.start(as_rows(network.encode(pictures).detach()), generator(0, "k-means"))
    loss, coded = vqvae_loss(network, pictures, torch.ones(2), draws(), noisy=0, commitment=0)
    loss.backward()
    got = [parameter.grad.clone() for parameter in network.encoder.parameters()]
    network.zero_grad()
    latents = network.encode(pictures)
    offset = as_field(network.quantizer.assemble(coded.indices, coded.depth)) - latents.detach()
    assert offset.abs().mean() > 1e-3
    misfit(pictures, network.decode(latents + offset, torch.zeros(2, 1, 7, 7))).mean().backward()
    for ours, parameter in zip(got, network.encoder.parameters(), strict=True):
        assert ours.abs().max() > 0
        torch.testing.assert_close(ours, parameter.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("network", ["ae", "vae", "vqvae"])
def test_twenty_steps_help(digits: Digits, tmp_path: Path, network: str) -> None:
    sizes = {
        "model": {"width": 16},
        "optimiser": {"steps": 20, "batch": 16, "learning_rate": 5e-3, "warmup": 2},
    }
    channel = {"lowest_snr_db": 5, "highest_snr_db": 20, "start": 0.5}
    trainer = Trainer(recipe(**sizes, channel=channel), network, digits, tmp_path)
    trainer.prepare()
    losses = [trainer.train_step() for _ in range(20)]
    assert np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.05  # 0.05 nats a sample are 0.4 dB


@pytest.mark.parametrize("network", ["vae", "vqvae"])
def test_a_resumed_run_is_the_run(digits: Digits, tmp_path: Path, network: str) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    for folder, stops in (("once", []), ("twice", [2, 5])):
        (tmp_path / folder).mkdir()
        for stop in [*stops, None]:
            trainer = Trainer(load_lineage(path), network, digits, tmp_path / folder)
            trainer.prepare()
            done = trainer.run(lambda step, loss, seen, stop=stop: step != stop)
            assert done == (stop is None)
        trainer.finish("train")
    once, twice = (
        load_lineage_model(tmp_path / f / f"small-{network}.safetensors", network) for f in ("once", "twice")
    )
    for a, b in zip(once.network.state_dict().values(), twice.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert once.about["validation"] == twice.about["validation"]


def test_a_loss_that_is_no_number_stops(digits: Digits, tmp_path: Path) -> None:
    trainer = Trainer(recipe(model={"width": 8}), "ae", digits, tmp_path)
    trainer.prepare()
    trainer.train_step()
    torch.nn.init.constant_(trainer.network.decoder[0].bias, math.nan)
    with pytest.raises(UsageError, match="the loss is not a number at step 1; the last checkpoint is kept"):
        trainer.train_step()


def write_idx(path: Path, images: torch.Tensor) -> None:
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", *images.shape)
    path.write_bytes(gzip.compress(header + images.numpy().tobytes(), 1))


def test_one_command_trains_all_three(tmp_path: Path) -> None:
    images = made_digits(8).repeat(5016 // 8, 1, 1)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images)
    found = load_digits(tmp_path)
    assert len(found.training) == 16 and len(found.held_out) == 5000
    path = tmp_path / "small.toml"
    path.write_text(SMALL.replace("steps = 6", "steps = 2"))
    out = tmp_path / "out"
    command = ["train", str(path), "--images", str(tmp_path), "--out", str(out), "--threads", "1"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    for network in ("ae", "vae", "vqvae"):
        model = load_lineage_model(out / f"small-{network}.safetensors", network)
        assert model.about["steps"] == 2
        card = (out / f"small-{network}.md").read_text()
        assert "MNIST, the first 16 digits" in card and "dB at 20 dB SNR" in card
        assert ("Health of the codebooks" in card) == (network == "vqvae")
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [row["network"] for row in rows] == ["ae", "vae", "vqvae"]


def test_bad_recipes_and_digits_are_named(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    for content, reason in (
        ('kind = "mnist-lineage"\nnetworks = ["gan"]', "networks"),
        (
            'kind = "mnist-lineage"\n[model]\nwidht = 3',
            "line 3: unknown key 'widht' in model; allowed: width",
        ),
        ('kind = "mnist-lineage"\n[channel]\nlowest_snr_db = 30', "is above 20"),
        ("seed = 1", "key 'kind' is missing"),
    ):
        path.write_text(content)
        with pytest.raises(UsageError, match=reason):
            load_lineage(path)
    path.write_text(SMALL)
    with pytest.raises(UsageError, match="no train-images-idx3-ubyte"):
        train(path, tmp_path, tmp_path / "out")
    with pytest.raises(UsageError, match="device 'cuda': these networks are trained on the CPU"):
        train(path, tmp_path, tmp_path / "out", device="cuda")
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", made_digits(4))
    with pytest.raises(UsageError, match="holds 4 x 28 x 28 samples, must be more than 5000 digits"):
        train(path, tmp_path, tmp_path / "out")
