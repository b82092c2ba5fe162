"""The transform pair: its linear path is the KLT, its stripes are the whole."""

import numpy as np
import torch
from samples import photo_like, small_network

from channelvq.models import vqvae
from channelvq.models.network import Shape, TransformPair


def test_linear_path_with_all_axes_is_lossless():
    pair = TransformPair(Shape(dim=192, width=8, encoder_blocks=1, decoder_blocks=1))
    pictures = torch.from_numpy(np.stack([photo_like(128, 128, s) for s in range(4)]))
    blocks = torch.nn.functional.pixel_unshuffle(pictures, 8).permute(0, 2, 3, 1).reshape(-1, 192)
    pair.fit_klt(blocks)
    with torch.no_grad():
        shown = pair.synthesise(pair.analyse(pictures), torch.zeros(4, 16, 16, dtype=torch.int64))
    assert (shown - pictures).abs().max() < 1e-5


def test_klt_is_that_of_numpy():
    pair = TransformPair(Shape(dim=8, width=8))
    blocks = torch.randn(4000, 192, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.1, 1, 192)
    pair.fit_klt(blocks)
    values = np.linalg.eigvalsh(np.cov(blocks.double().numpy().T))[::-1]
    assert np.allclose(pair.spread.double() ** 2 - (1 / 255) ** 2, values, rtol=1e-4, atol=1e-6)
    gram = pair.basis @ pair.basis.T
    assert torch.allclose(gram, torch.eye(192), atol=1e-5)


def test_no_doubt_changes_nothing():
    pair = small_network().pair
    torch.nn.init.normal_(pair.doubt_in.weight)
    latents = torch.randn(1, 16, 6, 6, generator=torch.Generator().manual_seed(0))
    depth = torch.ones(1, 6, 6, dtype=torch.int64)
    with torch.no_grad():
        sure = pair.synthesise(latents, depth, torch.zeros(1, 2, 6, 6))
        assert torch.equal(sure, pair.synthesise(latents, depth))


def test_stripes_are_the_whole(monkeypatch):
    network = small_network()
    for layer in (network.pair.encoder_out, network.pair.decoder_out):
        torch.nn.init.normal_(layer.weight, std=0.02)
    picture = torch.from_numpy(photo_like(512, 64))
    whole = network.describe(picture)
    depth = torch.full((64, 8), 5)
    latents = network.quantizer.assemble(whole.indices, depth.reshape(-1))
    shown = network.show(latents, depth, torch.zeros(512, 2))
    monkeypatch.setattr(vqvae, "STRIPE", 16)
    striped = network.describe(picture)
    # rounding may differ between shapes, and may then tip a choice between equally near codes
    assert torch.allclose(striped.cells, whole.cells, rtol=1e-3, atol=1e-5)
    assert (striped.indices == whole.indices).float().mean() > 0.999
    assert torch.allclose(network.show(latents, depth, torch.zeros(512, 2)), shown, atol=1e-5)
