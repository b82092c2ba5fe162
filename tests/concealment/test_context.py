"""Concealment by context, on fields whose neighbours are alike."""

import pytest
import torch
from waving import PRIOR, flipped, lost, model, received

from channelvq.concealment import CONCEALMENTS
from channelvq.concealment.context import ContextConcealment
from channelvq.errors import UsageError
from channelvq.models.prior import ContextPrior
from channelvq.training.prior import PriorTrainer


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
