"""The small networks of the lineage: closed forms, and what holds for each image by itself."""

from __future__ import annotations

import json

import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as kl_of_torch

from channelvq.concealment.digits import conceal_indices
from channelvq.concealment.none import NoConcealment
from channelvq.concealment.soft import SoftConcealment
from channelvq.errors import UsageError
from channelvq.models.lineage import (
    LineageShape,
    VqAutoEncoder,
    as_field,
    as_rows,
    belief,
    build_network,
    kl_divergence,
    unit_power,
)
from channelvq.models.lineage_weights import LINEAGE, load_lineage_model, save_lineage
from channelvq.models.posterior import index_labels
from channelvq.models.registry import model_info, open_model

SHAPES = {
    "ae": LineageShape("ae", width=8),
    "vae": LineageShape("vae", width=8),
    "vqvae": LineageShape("vqvae", width=8, latents=3, stages=2, codes=4),
}


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(kind: str) -> torch.nn.Module:
    torch.manual_seed(0)
    made = build_network(SHAPES[kind])
    if isinstance(made, VqAutoEncoder):
        made.quantizer.codebooks.copy_(torch.randn(2, 4, 3, generator=draws()))
    return made


def test_kl_is_that_of_torch() -> None:
    mean, log_variance = 2 * torch.randn(5, 3, 7, 7, generator=draws()), torch.randn(5, 3, 7, 7)
    normal, standard = Normal(mean, (0.5 * log_variance).exp()), Normal(torch.zeros(()), torch.ones(()))
    torch.testing.assert_close(
        kl_divergence(mean, log_variance), kl_of_torch(normal, standard).flatten(1).sum(1)
    )
    assert kl_divergence(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_power_is_each_images_own() -> None:
    latents = torch.randn(3, 4, 7, 7, generator=draws()) * torch.tensor([0.01, 1.0, 100.0]).view(3, 1, 1, 1)
    scaled = unit_power(latents)
    torch.testing.assert_close(scaled.square().mean((1, 2, 3)), torch.ones(3))
    torch.testing.assert_close(unit_power(latents[1:2]), scaled[1:2], rtol=0, atol=0)
    assert unit_power(torch.zeros(1, 4)).isfinite().all()


def test_belief_is_the_posterior_of_a_standard_normal() -> None:
    """Against numerical integration of prior times likelihood."""
    z = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    for received, noise in ((0.7, 0.1), (-2.0, 1.0), (3.0, 10.0)):
        weight = torch.softmax(-z.square() / 2 - (received - z).square() / (2 * noise), 0)
        mean = (weight * z).sum()
        variance = (weight * (z - mean).square()).sum()
        got = belief(torch.tensor(received), torch.tensor(noise))
        torch.testing.assert_close(
            torch.stack(got).double(), torch.stack([mean, variance]), rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("kind", SHAPES)
def test_digits_go_in_and_come_out(kind: str) -> None:
    made = network(kind).eval()
    digits = torch.rand(2, 1, 28, 28, generator=draws())
    latents = made.encode(digits)
    assert latents.shape == (2, SHAPES[kind].latents, 7, 7)
    doubt = torch.zeros(2, 1, 7, 7)
    shown = made.decode(latents, doubt)
    assert shown.shape == digits.shape
    assert not torch.equal(shown, made.decode(latents, doubt + 0.5))  # the decoder listens to doubt
    torch.testing.assert_close(made.decode(latents[:1], doubt[:1]), shown[:1], rtol=1e-4, atol=1e-5)


def test_rows_and_fields_are_inverse() -> None:
    field = torch.randn(2, 3, 7, 7, generator=draws())
    rows = as_rows(field)
    assert torch.equal(as_field(rows), field)
    assert torch.equal(rows[49 + 7 * 2 + 5], field[1, :, 2, 5])


def test_indices_that_are_sure_are_their_codes() -> None:
    made = network("vqvae")
    indices = torch.randint(4, (98, 2), generator=draws())
    depth = torch.tensor([1, 2]).repeat_interleave(49)
    llrs = 30 * (1 - 2 * index_labels(4)[indices])
    for concealment in (SoftConcealment(), NoConcealment()):
        expected, doubt = conceal_indices(made, concealment, llrs, torch.zeros(2, 4), depth)
        torch.testing.assert_close(expected, as_field(made.quantizer.assemble(indices, depth)))
        assert (doubt == 0).all()


def test_indices_that_are_lost_leave_the_prior() -> None:
    made, share = network("vqvae"), torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]])
    depth = torch.full((49,), 2)
    expected, doubt = conceal_indices(made, SoftConcealment(), torch.zeros(49, 2, 2), share.log(), depth)
    means = [row @ book for row, book in zip(share, made.quantizer.codebooks, strict=True)]
    spreads = [
        row @ (book - mean).square().sum(1)
        for row, book, mean in zip(share, made.quantizer.codebooks, means, strict=True)
    ]
    torch.testing.assert_close(expected[0, :, 3, 3], sum(means))
    torch.testing.assert_close(doubt[0, 0, 3, 3], sum(spreads) / 3)


@pytest.mark.parametrize("kind", SHAPES)
def test_weights_come_back(tmp_path, kind: str) -> None:
    made, path = network(kind).half().float().eval(), tmp_path / "mine.safetensors"
    prior = torch.full((2, 4), 0.25).log() if kind == "vqvae" else None
    save_lineage(path, made, prior, "mine", {"steps": 3})
    model = load_lineage_model(path, kind)
    digits = torch.rand(2, 1, 28, 28, generator=draws())
    assert torch.equal(model.network.encode(digits), made.encode(digits))
    assert (model.name, model.about) == ("mine", {"steps": 3})
    assert open_model(model_info(str(path))).id == model.id
    if kind == "vqvae":
        assert torch.equal(model.network.quantizer.codebooks, made.quantizer.codebooks)
    other = "vae" if kind == "ae" else "ae"
    with pytest.raises(UsageError, match=f"are of the network '{kind}', must be of '{other}'"):
        load_lineage_model(path, other)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"network": "gan"}, "its network is 'gan', must be one of ae, vae, vqvae"),
        ({"codes": 5}, "its quantizer has 5 codes, must be a power of two"),
        ({"codes": 8}, r"is of shape \[2, 4.*, must be \[2, 8"),
        ({"network": "vae"}, "must be|of no use|is missing"),
        ({"depth": 3}, "unexpected keyword argument 'depth'"),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, change: dict, reason: str) -> None:
    made, path = network("vqvae"), tmp_path / "mine.safetensors"
    tensors = {k: v for k, v in made.state_dict().items() if k not in ("quantizer.sums", "quantizer.counts")}
    shape = json.loads(json.dumps({**vars(made.shape), **change}))
    LINEAGE.save(path, tensors | {"log_prior": torch.zeros(2, 4)}, name="mine", shape=shape, about={})
    with pytest.raises(UsageError, match=reason) as caught:
        LINEAGE.load(path)
    assert "\n" not in str(caught.value)
