"""The integer prior: near its original, and the same whatever the order of its sums."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from channelvq.models.integer_prior import TAPS, IntegerPrior
from channelvq.models.prior import ContextPrior, Known, sent_rows

STAGES, CODES, DIM, WIDTH = 3, 32, 6, 20


def make(scale=1.0, seed=0, order=None):
    """A prior, its hidden units in another order if one is given, and what belongs to it."""
    torch.manual_seed(seed)
    prior = ContextPrior(STAGES, CODES, DIM, WIDTH, 8, sight=4, blocks=1).requires_grad_(False)
    for layer in prior.codes:
        layer.weight.normal_(0, 0.5 * scale)
    prior.hidden.weight.mul_(scale)
    if order is not None:
        for layer in (prior.around, prior.around_depth, *prior.here, prior.hidden):
            layer.weight.copy_(layer.weight[order])
            if layer.bias is not None:
                layer.bias.copy_(layer.bias[order])
        for layer in (prior.hidden, *prior.out):
            layer.weight.copy_(layer.weight[:, order])
    log_prior = torch.log_softmax(torch.randn(STAGES, CODES), 1)
    return prior, torch.randn(STAGES, CODES, DIM), log_prior, torch.rand(DIM) + 0.5


def field(seed, height=7, width=9):
    rng = np.random.default_rng(seed)
    depth = torch.from_numpy(rng.integers(0, STAGES + 1, (height, width)))
    return torch.from_numpy(rng.integers(0, CODES, (height, width, STAGES))), depth


def all_frequencies(whole, indices, depth):
    """Frequencies of every index that is sent, stage by stage, as an encoder has them."""
    height, width = depth.shape
    flat, sent = indices.flatten(0, 1), depth.flatten()
    below, total = [], torch.zeros(len(flat), whole.features)
    for stage, rows in sent_rows(sent, STAGES):
        below.append((stage, rows, total[rows]))
        total[rows] += whole.vectors[stage][flat[rows, stage]]
    framed = torch.zeros(height + 2, width + 4, whole.features)
    framed[2:, 2:-2] = total.view(height, width, -1)
    taps = [framed[2 + y : 2 + y + height, 2 + x : 2 + x + width] for y, x in TAPS]
    near = torch.full((height + 2, width + 2), STAGES + 1)
    near[1:-1, 1:-1] = depth
    depths = [near[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    around = whole.around(torch.cat(taps, 2).flatten(0, 1), torch.stack(depths, 2).flatten(0, 1))
    return [(stage, rows, whole.frequencies(stage, around[rows], part)) for stage, rows, part in below]


def test_near_the_original():
    prior, books, log_prior, spread = parts = make()
    indices, depth = field(1)
    known, flat = Known(books, log_prior, spread, depth.numel()), indices.flatten(0, 1)
    below = []
    for stage, rows in sent_rows(depth.flatten(), STAGES):
        below.append(known.features(rows))
        known.add(stage, rows, books[stage][flat[rows, stage]], torch.zeros(len(rows)))
    seen = known.features().view(*depth.shape, -1).permute(2, 0, 1)[None]
    around = prior.before(seen, depth[None]).flatten(0, 2)
    for (stage, rows, frequencies), part in zip(
        all_frequencies(IntegerPrior(*parts), indices, depth), below, strict=True
    ):
        expected = torch.softmax(prior.logits(stage, around[rows], part), 1).numpy()
        share = frequencies / frequencies.sum(1, keepdims=True)
        divergence = (expected * np.log2(expected / share)).sum(1)
        assert divergence.max() < 0.01
        assert divergence.mean() < 0.001


@pytest.mark.parametrize("scale", [1.0, 20.0])  # the larger the weights, the coarser, not less exact
@given(seed=st.integers(0, 100))
def test_the_order_of_sums_does_not_matter(scale, seed):
    order = torch.from_numpy(np.random.default_rng(seed).permutation(WIDTH))
    indices, depth = field(seed)
    whole, shuffled = IntegerPrior(*make(scale, seed)), IntegerPrior(*make(scale, seed, order))
    for (_, _, one), (_, _, other) in zip(
        all_frequencies(whole, indices, depth), all_frequencies(shuffled, indices, depth), strict=True
    ):
        assert (one == other).all()


def test_one_by_one_and_in_double_precision():
    whole, double = IntegerPrior(*make()), IntegerPrior(*make())
    for layer in (double._hidden, double._out, double._scores):
        layer._weights = [weight.double() for weight in layer._weights]
        layer._bias = [bias.double() for bias in layer._bias]
    rng = np.random.default_rng(3)
    around = torch.from_numpy(np.rint(rng.normal(0, 2.0**18, (40, WIDTH))))
    below = torch.from_numpy(np.rint(rng.normal(0, 2.0**6, (40, whole.features)))).float()
    together = whole.frequencies(1, around, below)
    assert (
        np.concatenate([whole.frequencies(1, around[i : i + 1], below[i : i + 1]) for i in range(40)])
        == together
    ).all()
    float_call = torch.Tensor.float
    try:
        torch.Tensor.float = torch.Tensor.double
        assert (double.frequencies(1, around, below) == together).all()
    finally:
        torch.Tensor.float = float_call


def test_every_code_is_to_be_expected():
    whole = IntegerPrior(*make(scale=50.0))
    around = torch.full((1, WIDTH), 2.0**24, dtype=torch.float64)
    frequencies = whole.frequencies(0, around, torch.zeros(1, whole.features))
    assert frequencies.min() == 1
    assert frequencies.max() == 1 << 30
    assert (frequencies == np.rint(frequencies)).all()
