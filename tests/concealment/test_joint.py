"""Codes and context prior, decoded together: more is mended than by either alone, and nothing is harmed."""

import numpy as np
import torch
from waving import flipped, received

from channelvq.bits import bits_to_llrs, hard_bits
from channelvq.codecs.stage_protection import StageProtection
from channelvq.concealment.context import ContextConcealment
from channelvq.concealment.joint import decode_jointly
from channelvq.models.prior import ContextPrior

BITS = 4


def sent_bits(prior):
    """Bits of the first stage of a field, and the field as it would be received without noise."""
    field, truth = received(prior, lambda sign, stage: 50 * sign)
    return hard_bits(field.llrs[0].numpy().reshape(-1)), field, truth


def over_noise(prior, rate, p, seed=3):
    """The first stage protected by a code of some rate, over a BSC; the second unprotected, over the same."""
    bits, clean, truth = sent_bits(prior)
    noisy, _ = received(prior, lambda sign, stage: flipped(sign, stage, p))
    protection = StageProtection(rate, stages=2)
    coded = protection.protect(0, bits)
    wrong = np.random.default_rng(seed).random(coded.size) < p
    llrs = bits_to_llrs(coded ^ wrong.astype(np.uint8), float(np.log((1 - p) / p)))
    stages = [
        protection.receive(0, llrs, bits.size),
        protection.receive(1, noisy.llrs[1].numpy().reshape(-1), noisy.llrs[1].numel()),
    ]
    field = with_llrs(clean, [torch.from_numpy(stage.llrs).view(-1, BITS) for stage in stages])
    return field, stages, bits, truth


def with_llrs(field, llrs):
    return type(field)(**{**vars(field), "llrs": llrs})


def test_a_code_too_weak_for_the_channel_is_mended_by_what_is_around(trained):
    field, stages, bits, truth = over_noise(trained.prior, "2/3", 0.05)
    assert not stages[0].settled
    before = (hard_bits(stages[0].llrs) != bits).mean()
    assert before > 0.03
    settled = ContextConcealment().settle(field, stages)
    assert stages[0].settled
    assert (hard_bits(stages[0].llrs) == bits).all()
    assert torch.equal(settled.llrs[0], torch.from_numpy(stages[0].llrs).view(-1, BITS))
    concealment = ContextConcealment()
    errors = [(concealment.conceal(f).mean - truth).square().sum().item() for f in (field, settled)]
    assert errors[1] < 0.5 * errors[0]


def test_what_a_code_vouches_for_is_left_alone(trained):
    field, stages, _, _ = over_noise(trained.prior, "1/2", 0.03)
    assert all(stage.settled for stage in stages)
    assert ContextConcealment().settle(field, stages) is field


def test_settled_blocks_stay_settled(trained):
    """A source that is told to the decoder all wrong undoes nothing that a CRC vouches for."""
    _, stages, bits, _ = over_noise(trained.prior, "1/2", 0.03)
    kept = stages[0].llrs.copy()
    stages[0].hear(np.where(bits == 1, np.float32(20), np.float32(-20)))
    assert stages[0].settled
    assert (stages[0].llrs == kept).all()


class Listener:
    """A stage that is never settled and keeps what it is told."""

    settled = False

    def __init__(self, llrs):
        self.llrs, self.told = llrs, []

    def hear(self, told):
        self.told.append(told)


def test_a_prior_that_knows_nothing_tells_nothing():
    """However sure the channel is: what comes back is what the bits' own LLRs do not say, here nothing."""
    prior = ContextPrior(2, 16, 4, width=8, rank=4, sight=8).requires_grad_(requires_grad=False)
    for layer in prior.codes:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    field, _ = received(prior, lambda sign, stage: sign * 16 * torch.rand(sign.shape) ** 2)
    stage = Listener(field.llrs[0].numpy().reshape(-1))
    decode_jointly(field, prior, [stage])
    assert len(stage.told) > 1
    assert np.abs(np.concatenate(stage.told)).max() < 0.15


def test_llrs_that_are_no_numbers_say_nothing(trained):
    field, stages, _, _ = over_noise(trained.prior, "9/10", 0.05)
    broken = field.llrs[1].clone()
    broken[::7] = torch.tensor([torch.nan, torch.inf, -torch.inf, 0.0])
    settled = ContextConcealment().settle(with_llrs(field, [field.llrs[0], broken]), stages)
    assert torch.isfinite(settled.llrs[0]).all()
    assert torch.isfinite(ContextConcealment().conceal(settled).mean).all()
