"""The context prior: what it may look at, and what it knows."""

import pytest
import torch

from channelvq.models.prior import ContextPrior, Known, sent_rows

DIM, STAGES, CODES = 4, 3, 8


@pytest.fixture
def prior():
    torch.manual_seed(0)
    return ContextPrior(STAGES, CODES, DIM, width=16, rank=4, sight=12).requires_grad_(requires_grad=False)


def grid(seed=0, h=9, w=11):
    draw = torch.Generator().manual_seed(seed)
    known = torch.randn(1, DIM + 2, h, w, generator=draw)
    return known, torch.randint(0, STAGES + 1, (1, h, w), generator=draw)


def test_a_belief_is_seen_all_around(prior):
    known, depth = grid(h=21, w=21)
    for layer in prior.sight:
        torch.nn.init.normal_(layer.second.weight, std=0.1)
    before = prior.neighbours(known, depth)
    known[:, :, 10, 10] += 3
    changed = (prior.neighbours(known, depth) - before).abs().amax(3)[0] > 0
    far = 1 + 2 * 3  # a convolution, and two in each of three blocks
    inside = torch.zeros_like(changed)
    inside[10 - far : 11 + far, 10 - far : 11 + far] = True
    assert changed[10, 10]
    assert not (changed & ~inside).any()
    assert changed[10, 10 - far]


def test_causal_sees_only_what_comes_before(prior):
    known, depth = grid()
    before = prior.before(known, depth)
    known[:, :, 4, 5] += 3
    changed = (prior.before(known, depth) - before).abs().amax(3)[0] > 0
    late = torch.zeros_like(changed)
    late[4, 6:8] = True
    late[5:7, 3:8] = True
    assert torch.equal(changed, late)


def test_causal_equals_a_field_of_which_the_rest_is_unknown(prior):
    known, depth = grid()
    flat = torch.arange(9 * 11).view(9, 11)
    only = torch.where(flat < flat[4, 5], known, torch.zeros(()))
    here = prior.before(only, depth)[0, 4, 5]
    assert torch.allclose(here, prior.before(known, depth)[0, 4, 5], atol=1e-5)


def test_it_starts_at_how_often_codes_are_sent(prior):
    log_prior = torch.log_softmax(torch.randn(STAGES, CODES), 1)
    prior.start(log_prior)
    for layer in prior.codes:
        layer.weight.zero_()
    scores = prior.logits(1, torch.randn(5, 16), torch.randn(5, DIM + 2))
    assert torch.equal(scores, log_prior[1].expand(5, -1))


def books():
    draw = torch.Generator().manual_seed(1)
    return torch.randn(STAGES, CODES, DIM, generator=draw), torch.log_softmax(
        torch.randn(STAGES, CODES, generator=draw), 1
    )


def test_nothing_known_is_zero_and_lost_is_nearly_so():
    codebooks, log_prior = books()
    known = Known(codebooks, log_prior, torch.ones(DIM), 6)
    assert torch.equal(known.features(), torch.zeros(6, DIM + 2))
    share = log_prior.exp()
    for stage in range(STAGES):  # lost: the belief is the prior
        mean = share[stage] @ codebooks[stage]
        variance = share[stage] @ (codebooks[stage] - mean).square().sum(1)
        known.add(stage, torch.arange(6), mean.expand(6, -1), variance.expand(6))
    assert torch.allclose(known.features(), torch.zeros(6, DIM + 2), atol=1e-5)


def test_exact_stages_are_certain_and_add_up():
    codebooks, log_prior = books()
    known = Known(codebooks, log_prior, torch.full((DIM,), 2.0), 6)
    usual = (log_prior.exp()[..., None] * codebooks).sum(1)
    rows = torch.tensor([1, 4])
    for stage in range(2):
        known.add(stage, rows, codebooks[stage][:2], torch.zeros(2))
    features = known.features(rows)
    assert torch.equal(known.mean[rows], codebooks[0][:2] + codebooks[1][:2])
    assert torch.allclose(features[:, :DIM], (known.mean[rows] - usual[:2].sum(0)) / 2, atol=1e-6)
    assert torch.equal(features[:, DIM:], torch.ones(2, 2))
    assert torch.equal(known.features()[[0, 2, 3, 5]], torch.zeros(4, DIM + 2))


def test_sent_rows_end_with_the_deepest():
    depth = torch.tensor([2, 0, 1])
    assert [(stage, rows.tolist()) for stage, rows in sent_rows(depth, 12)] == [(0, [0, 2]), (1, [0])]
