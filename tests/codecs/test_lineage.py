"""The codecs of the lineage: digits as symbols of unit power and as bits, within what the link has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from channelvq.bits import bits_to_llrs
from channelvq.codecs import CODECS
from channelvq.codecs.analog import Observation, normalised
from channelvq.codecs.lineage import MnistAe, MnistVae, MnistVqvae
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.metrics import psnr
from channelvq.link import Link
from channelvq.models.lineage import LineageShape, VqAutoEncoder, as_rows, build_network
from channelvq.models.lineage_weights import save_lineage
from channelvq.snr import Snr
from channelvq.sweep.identity import case_content

SHAPES = {
    "ae": LineageShape("ae", width=8),
    "vae": LineageShape("vae", width=8),
    "vqvae": LineageShape("vqvae", width=8, latents=3, stages=2, codes=16),
}
CODECS_OF = {"ae": MnistAe, "vae": MnistVae, "vqvae": MnistVqvae}
SNR = Snr.from_esn0_db(10)


def digit(seed: int = 0) -> np.ndarray:
    y, x = np.mgrid[0:28, 0:28]
    away = np.hypot(y - 14, x - 13 - seed) - 8
    return np.exp(-((away / 1.5) ** 2)).astype(np.float32)[None]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Untrained networks, the VQ-VAE's codebooks from k-means."""
    folder, paths = tmp_path_factory.mktemp("lineage"), {}
    for kind, shape in SHAPES.items():
        torch.manual_seed(0)
        network = build_network(shape)
        prior = None
        if isinstance(network, VqAutoEncoder):
            latents = as_rows(network.encode(torch.rand(20, 1, 28, 28)).detach())
            network.quantizer.start(latents, np.random.default_rng(0))
            prior = torch.full((2, 16), 1 / 16).log()
        paths[kind] = str(folder / f"{kind}.safetensors")
        save_lineage(Path(paths[kind]), network, prior, kind, {})
    return paths


def observed(symbols: np.ndarray, n0: float, rng: np.random.Generator | None = None) -> Observation:
    """What comes of symbols that the link has scaled to unit power."""
    noise = np.zeros(len(symbols), np.complex64)
    if rng is not None:
        noise = (
            (rng.normal(size=(len(symbols), 2)) * np.sqrt(n0 / 2)).astype(np.float32).view(np.complex64)[:, 0]
        )
    variance = np.full(len(symbols), n0, np.float32)
    return Observation(normalised(symbols) + noise, variance, SNR)


@pytest.mark.parametrize("kind", ["ae", "vae"])
def test_symbols_are_the_latents_at_unit_power(weights: dict[str, str], kind: str) -> None:
    codec = CODECS_OF[kind](weights[kind])
    symbols = codec.modulate(digit(), 98, SNR)
    assert symbols.shape == (98,) and symbols.dtype == np.complex64
    assert np.mean(np.abs(symbols) ** 2) == pytest.approx(1, rel=1e-5)
    network = codec.model.network
    with torch.no_grad():
        latents = network.encode(torch.from_numpy(digit())[None])
        unit = latents / latents.square().mean().sqrt()
        wanted = network.decode(unit / 1.5, torch.full((1, 1, 7, 7), 1 / 3))[0].clamp(0, 1)
    got = codec.demodulate(observed(symbols, 0.5), (1, 28, 28))
    np.testing.assert_allclose(got.picture, wanted.numpy(), atol=1e-5)
    assert got.status == "ok"


@pytest.mark.parametrize("uses", [98, 99, 150, 196])
def test_more_channel_uses_than_latents_give_their_power_to_them(weights: dict[str, str], uses: int) -> None:
    codec = MnistAe(weights["ae"])
    symbols = codec.modulate(digit(), uses, SNR)
    assert symbols.shape == (uses,)
    n0 = 0.25 * uses / 98  # what makes it as good as 98 uses with 0.25
    got = codec.demodulate(observed(symbols, n0), (1, 28, 28))
    wanted = codec.demodulate(observed(codec.modulate(digit(), 98, SNR), 0.25), (1, 28, 28))
    np.testing.assert_allclose(got.picture, wanted.picture, atol=1e-5)


def test_lost_symbols_are_survived(weights: dict[str, str]) -> None:
    codec, rng = MnistAe(weights["ae"]), np.random.default_rng(0)
    seen = observed(codec.modulate(digit(), 98, SNR), 0.1, rng)
    lost = rng.random(98) < 0.5
    part = Observation(
        np.where(lost, 0, seen.symbols).astype(np.complex64),
        np.where(lost, np.inf, seen.noise_variance).astype(np.float32),
        SNR,
    )
    decoded = codec.demodulate(part, (1, 28, 28))
    assert decoded.status == "concealed"
    assert np.isfinite(decoded.picture).all()


def test_bits_are_the_indices_of_as_many_stages_as_fit(weights: dict[str, str]) -> None:
    codec = MnistVqvae(weights["vqvae"])
    network = codec.network
    with torch.no_grad():
        rows = as_rows(network.encode(torch.from_numpy(digit())[None]))
        found, _ = network.quantizer.search(rows)
    for budget, stages in ((196, 1), (391, 1), (392, 2), (1000, 2)):
        message = codec.encode(digit(), budget)
        assert message.bits.size == 196 * stages == message.parts["indices"]
        np.testing.assert_array_equal(message.indices, found[:, :stages].T.reshape(-1))
        padded = np.concatenate([message.bits, np.zeros(budget - message.bits.size, np.uint8)])
        decoded = codec.decode(bits_to_llrs(padded), (1, 28, 28))
        assert decoded.status == "ok"
        np.testing.assert_array_equal(decoded.indices, message.indices)
        with torch.no_grad():
            codes = network.quantizer.assemble(found, torch.full((49,), stages))
            field = codes.T.reshape(1, 3, 7, 7)
            wanted = network.decode(field, torch.zeros(1, 1, 7, 7))[0].clamp(0, 1)
        np.testing.assert_allclose(decoded.picture, wanted.numpy(), atol=1e-5)


@pytest.mark.parametrize("concealment", ["soft", "none", "neighbour"])
def test_any_llrs_are_survived(weights: dict[str, str], concealment: str) -> None:
    codec, rng = MnistVqvae(weights["vqvae"], concealment), np.random.default_rng(0)
    for llrs in (rng.normal(0, 3, 392), np.zeros(392), np.full(392, np.nan), np.full(200, -np.inf)):
        decoded = codec.decode(llrs.astype(np.float32), (1, 28, 28))
        assert decoded.picture.shape == (1, 28, 28)
        assert np.isfinite(decoded.picture).all()
        assert decoded.status == ("ok" if np.isinf(llrs).all() else "concealed")


def test_what_does_not_fit_is_refused(weights: dict[str, str]) -> None:
    analog, coded = MnistAe(weights["ae"]), MnistVqvae(weights["vqvae"])
    with pytest.raises(BudgetError, match="97 channel uses do not hold the latents of a digit, 98 would"):
        analog.modulate(digit(), 97, SNR)
    with pytest.raises(BudgetError, match="195 bits does not hold one stage, 196 bits would"):
        coded.encode(digit(), 195)
    for picture in (np.zeros((3, 28, 28), np.float32), np.zeros((1, 32, 28), np.float32)):
        for send in (lambda p: analog.modulate(p, 98, SNR), lambda p: coded.encode(p, 196)):
            with pytest.raises(UsageError, match="take grey ones of 1 x 28 x 28"):
                send(picture)
    with pytest.raises(UsageError, match="has no context prior; use soft, none or neighbour"):
        MnistVqvae(weights["vqvae"], "context")
    with pytest.raises(UsageError, match="are of the network 'ae', must be of 'vae'"):
        MnistVae(weights["ae"])


def test_names(weights: dict[str, str]) -> None:
    for kind, made in CODECS_OF.items():
        codec = CODECS.build(f"mnist-{kind}:{weights[kind]}")
        assert type(codec) is made
        assert codec.spec == f"mnist-{kind}:{weights[kind]}"


def test_links_send_digits_over_equal_channel_uses(weights: dict[str, str]) -> None:
    analog = Link(codec="mnist-ae", channel="awgn", cbr="1/8", model=weights["ae"])
    plain = {"channel": "awgn", "cbr": "1/8", "model": weights["vqvae"], "codec": "mnist-vqvae"}
    links = [
        analog,
        Link(code="uncoded", modulation="qpsk", **plain),
        Link(code="polar:1/2", modulation="qam16", **plain),
        Link(code="uncoded", modulation="qam16", **plain),
    ]
    received = [link.transmit(digit(), snr_db=25, seed=1) for link in links]
    assert {one.channel_uses for one in received} == {98}
    assert [one.account.source_bits for one in received] == [0, 196, 196, 392]
    assert [one.index_error_rate for one in received] == [None, 0, 0, 0]
    np.testing.assert_array_equal(received[1].image, received[2].image)
    hard = Link(code="uncoded", modulation="qpsk", concealment="none", **plain)
    contents = [case_content(link, link.cbr, 0.0, 0) for link in (links[1], hard)]
    assert [content["concealment"] for content in contents] == ["soft", "none"]
    assert contents[0]["model"] == links[1].codec.model.id


@pytest.mark.parametrize(("kind", "lowest"), [("ae", 19), ("vae", 19), ("vqvae", 15)])
def test_what_ships_knows_what_digits_look_like(kind: str, lowest: float) -> None:
    """A ring is near enough to a zero; an untrained network is at 11 dB or below."""
    code = {"code": "uncoded"} if kind == "vqvae" else {}
    link = Link(codec=f"mnist-{kind}", channel="awgn", cbr="1/8", **code)
    values = [link.transmit(digit(seed), snr_db=20, seed=seed).psnr_db for seed in range(3)]
    assert np.mean(values) > lowest
    assert psnr(digit(), np.zeros_like(digit())) < 11
