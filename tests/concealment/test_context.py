"""Concealment by context, on fields whose neighbours are alike."""

import numpy as np
import pytest
import torch

from channelvq.concealment import CONCEALMENTS
from channelvq.concealment.base import Field
from channelvq.concealment.context import ContextConcealment
from channelvq.errors import UsageError
from channelvq.models.network import Shape
from channelvq.models.posterior import index_labels
from channelvq.models.prior import ContextPrior
from channelvq.models.vqvae import VqVae
from channelvq.models.weights import TrainedModel
from channelvq.training.fields import IndexField
from channelvq.training.prior import PriorTrainer
from channelvq.training.prior_recipe import PriorRecipe

SHAPE = Shape(dim=4, width=8, encoder_blocks=0, decoder_blocks=0, stages=2, codes=16)
PRIOR = torch.full((2, 16), -float(np.log(16)))


def model():
    """Sixteen first-stage codes on a line, small second-stage ones."""
    draw = torch.Generator().manual_seed(0)
    network = VqVae(SHAPE)
    network.quantizer.codebooks[0] = torch.linspace(-2, 2, 16)[:, None].repeat(1, 4)
    network.quantizer.codebooks[1] = 0.1 * torch.randn(16, 4, generator=draw)
    return TrainedModel("line", "0" * 16, network, PRIOR, np.zeros((64, 3), np.uint16), {})


def waves(rng, h=24, w=24):
    """First-stage indices that wander smoothly, second-stage ones at random; depth 1 or 2."""
    y, x = np.mgrid[:h, :w]
    angle, phase = rng.uniform(0, 2 * np.pi, 2)
    wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) / 4 + phase)
    first = np.clip(np.round(7.5 + 7.5 * wave + rng.normal(0, 0.3, (h, w))), 0, 15)
    indices = np.stack([first, rng.integers(0, 16, (h, w))], 2)
    return IndexField(
        torch.from_numpy(indices.astype(np.int16)), torch.from_numpy(rng.integers(1, 3, (h, w)))
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    rng = np.random.default_rng(0)
    recipe = PriorRecipe(
        kind="prior",
        weights="line",
        model={"width": 32, "rank": 8, "sight": 24, "blocks": 1},
        data={"crop": 16, "batch": 4},
        optimiser={"steps": 80, "learning_rate": 1e-2, "warmup": 5},
    )
    fields = [waves(rng) for _ in range(16)]
    trainer = PriorTrainer(recipe, model(), fields, tmp_path_factory.mktemp("prior"), torch.device("cpu"))
    trainer.run(lambda step, result: True)
    return trainer


def received(prior, llrs_of, seed=5):
    sent = waves(np.random.default_rng(seed), 32, 32)
    depth, books = sent.depth.long(), model().network.quantizer.codebooks
    flat, labels = depth.reshape(-1), index_labels(16)
    rows = [torch.nonzero(flat > stage)[:, 0] for stage in range(2)]
    chosen = [sent.indices.view(-1, 2)[places, stage].long() for stage, places in enumerate(rows)]
    truth = torch.zeros(len(flat), 4)
    for stage in range(2):
        truth.index_add_(0, rows[stage], books[stage][chosen[stage]])
    llrs = [llrs_of(1 - 2 * labels[index], stage) for stage, index in enumerate(chosen)]
    return Field(depth, rows, llrs, books, PRIOR, torch.ones(4), prior), truth


def flipped(sign, stage, p=0.05):
    draw = torch.Generator().manual_seed(stage)
    hit = torch.rand(sign.shape, generator=draw) < p
    return torch.where(hit, -sign, sign) * float(np.log((1 - p) / p))


def lost(sign, stage):
    draw = torch.Generator().manual_seed(stage)
    return 50 * sign * (torch.rand(len(sign), 1, generator=draw) < 0.7)


def error(concealment, field, truth):
    return (concealment.conceal(field).mean - truth).square().sum(1)


def test_clean_is_a_bypass(trained):
    field, truth = received(trained.prior, lambda sign, stage: 50 * sign)
    out = ContextConcealment().conceal(field)
    assert torch.equal(out.mean, truth)
    assert torch.equal(out.variance, torch.zeros(len(truth), 2))


def test_without_neighbours_to_learn_from_it_is_soft():
    prior = ContextPrior(2, 16, 4, width=8, rank=4, sight=8)
    prior.start(PRIOR)
    for layer in prior.codes:
        torch.nn.init.zeros_(layer.weight)
    field, _ = received(prior.requires_grad_(requires_grad=False), flipped)
    soft, context = CONCEALMENTS.build("soft").conceal(field), ContextConcealment().conceal(field)
    assert torch.allclose(soft.mean, context.mean, atol=1e-5)
    assert torch.allclose(soft.variance, context.variance, atol=1e-4)


@pytest.mark.parametrize("channel", [flipped, lost])
def test_neighbours_help(trained, channel):
    field, truth = received(trained.prior, channel)
    gain = error(CONCEALMENTS.build("soft"), field, truth) - error(ContextConcealment(), field, truth)
    assert float(gain.mean()) > 4 * float(gain.std()) / len(gain) ** 0.5  # false alarm below 1e-4


def test_the_mean_errs_least(trained):
    field, truth = received(trained.prior, flipped)
    mean, likeliest, drawn = (
        float(error(ContextConcealment(estimate=name), field, truth).mean())
        for name in ("mean", "map", "sample")
    )
    assert mean < likeliest < drawn


def test_doubt_is_honest(trained):
    """The stated variance is the squared error met, within 40 %: a short training, 32 × 32 positions."""
    field, truth = received(trained.prior, flipped)
    out = ContextConcealment().conceal(field)
    met = (out.mean - truth).square().sum(1).mean()
    assert float(out.variance.sum(1).mean() / met) == pytest.approx(1, abs=0.4)


def test_training_is_resumed_where_it_stopped(trained, tmp_path):
    recipe, fields = trained.recipe, trained.fields

    def run(folder, *until):
        for last in until:
            trainer = PriorTrainer(recipe, model(), fields, folder, torch.device("cpu"))
            trainer.prepare()
            trainer.run(lambda step, result, last=last: step < last)
        return trainer.prior.state_dict()

    whole, resumed = run(tmp_path / "a", 4), run(tmp_path / "b", 2, 4)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_model_without_a_prior_is_refused():
    field, _ = received(None, flipped)
    with pytest.raises(UsageError, match="no context prior; use concealment 'soft'"):
        ContextConcealment().conceal(field)


def test_words():
    assert CONCEALMENTS.build("context:map,rounds=3").spec == "context:map,rounds=3"
    with pytest.raises(UsageError, match="unknown estimate 'best'; allowed: mean, map, sample"):
        CONCEALMENTS.build("context:best")
    with pytest.raises(UsageError, match="rounds is 9, must be from 1 to 8"):
        CONCEALMENTS.build("context:rounds=9")
