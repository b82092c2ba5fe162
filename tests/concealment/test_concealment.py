"""Concealments on a known field of indices."""

import numpy as np
import pytest
import torch

from channelvq.concealment import BEST, CONCEALMENTS
from channelvq.concealment.base import Concealment, Field
from channelvq.errors import UsageError
from channelvq.models.posterior import index_labels

BITS = 4


def field(llrs_of, h=8, w=8, seed=0):
    """Two stages of 16 codes, first stage smooth over the picture; and the true latents."""
    draw = torch.Generator().manual_seed(seed)
    line = torch.linspace(-1, 1, 16)[:, None].repeat(1, 3)
    books = torch.stack([line, torch.randn(16, 3, generator=draw) / 9])
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    first = ((y + x) * 15 // (h + w - 2)).reshape(-1)
    second = torch.randint(0, 16, (h * w,), generator=draw)
    rows = [torch.randperm(h * w, generator=draw) for _ in range(2)]
    labels = index_labels(16)
    sent = [labels[first[rows[0]]], labels[second[rows[1]]]]
    truth = books[0][first] + books[1][second]
    llrs = [llrs_of(bits, stage) for stage, bits in enumerate(sent)]
    prior = torch.full((2, 16), -float(np.log(16)))
    return Field(torch.full((h, w), 2), rows, llrs, books, prior, torch.ones(3)), truth


def clean(bits, stage):
    return 50.0 * (1 - 2 * bits)


@pytest.mark.parametrize("name", ["none", "neighbour", "soft"])
def test_clean_is_a_bypass(name):
    concealment = CONCEALMENTS.build(name)
    assert isinstance(concealment, Concealment)
    assert concealment.spec == name
    received, truth = field(clean)
    out = concealment.conceal(received)
    assert torch.equal(out.mean, truth)
    assert torch.equal(out.variance, torch.zeros(64, 2))


def test_best_is_known_and_others_are_refused():
    assert BEST in CONCEALMENTS.members
    with pytest.raises(
        UsageError, match="unknown concealment 'magic'; allowed: none, neighbour, soft, context"
    ):
        CONCEALMENTS.build("magic")


def test_neighbours_fill_what_is_lost():
    lost = torch.rand(64, 1, generator=torch.Generator().manual_seed(1)) < 0.3

    def erased(bits, stage):
        return torch.where(lost, 0.0, clean(bits, stage))

    received, truth = field(erased)
    error = {
        name: (CONCEALMENTS.build(name).conceal(received).mean - truth).square().sum(1)
        for name in ("none", "neighbour", "soft")
    }
    assert error["neighbour"].mean() < 0.2 * error["none"].mean()
    whole = torch.ones(64, dtype=torch.bool)
    for stage in range(2):
        whole[received.rows[stage][lost[:, 0]]] = False
    assert torch.equal(error["neighbour"][whole], torch.zeros(int(whole.sum())))


def test_neighbour_with_nothing_at_all_is_the_prior_mean():
    received, _ = field(lambda bits, stage: torch.zeros_like(bits))
    out = CONCEALMENTS.build("neighbour").conceal(received)
    assert torch.allclose(out.mean, received.codebooks[0].mean(0).expand(64, 3), atol=1e-6)


def test_soft_is_nearer_and_says_how_near():
    p = 0.05

    def flipped(bits, stage):
        draw = torch.Generator().manual_seed(stage)
        hit = torch.rand(bits.shape, generator=draw) < p
        return (1 - 2 * torch.where(hit, 1 - bits, bits)) * float(np.log((1 - p) / p))

    received, truth = field(flipped, 40, 40)
    soft = CONCEALMENTS.build("soft").conceal(received)
    hard = CONCEALMENTS.build("none").conceal(received)
    gain = (hard.mean - truth).square().sum(1) - (soft.mean - truth).square().sum(1)
    assert float(gain.mean()) > 4 * float(gain.std()) / 40  # false alarm below 1e-4
    assert bool((soft.variance > 0).all())
    assert bool((soft.variance[:, 0] > soft.variance[:, 1]).float().mean() > 0.9)
