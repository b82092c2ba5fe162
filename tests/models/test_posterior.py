"""The posterior of an index against brute force, and its calibration on real channels."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from channelvq.models.posterior import expected_code, index_labels, llrs_to_indices


def book(codes=16, dim=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    prior = torch.randn(codes, generator=draw)
    return torch.randn(codes, dim, generator=draw), torch.log_softmax(prior, 0)


@given(st.lists(st.floats(-12, 12, width=32), min_size=4, max_size=4))
def test_mean_and_variance_are_those_of_bayes(llrs):
    codebook, prior = book()
    mean, variance = expected_code(torch.tensor([llrs]), codebook, prior)
    weight = np.exp(prior.double().numpy())
    for index in range(16):
        for bit in range(4):
            one = index >> (3 - bit) & 1
            weight[index] *= 1 / (1 + np.exp(llrs[bit])) if one else 1 / (1 + np.exp(-llrs[bit]))
    weight /= weight.sum()
    codes = codebook.double().numpy()
    centre = weight @ codes
    assert np.allclose(mean[0].numpy(), centre, atol=1e-4)
    assert np.isclose(float(variance[0]), weight @ np.square(codes - centre).sum(1), atol=1e-4)


def test_sure_bits_give_the_code_itself():
    codebook, prior = book()
    labels = index_labels(16)
    mean, variance = expected_code(50.0 * (1 - 2 * labels), codebook, prior)
    assert torch.equal(mean, codebook)
    assert torch.equal(variance, torch.zeros(16))
    assert llrs_to_indices(1 - 2 * labels).tolist() == list(range(16))


def test_on_a_bsc_it_beats_hard_decision_and_knows_its_error():
    codebook, prior = book(codes=64, dim=4)
    rng = np.random.default_rng(0)
    p, n = 0.08, 40_000
    sent = torch.from_numpy(rng.choice(64, n, p=np.exp(prior.double().numpy())))
    bits = index_labels(64)[sent]
    flips = torch.from_numpy(rng.random(bits.shape) < p)
    llrs = (1 - 2 * torch.where(flips, 1 - bits, bits)) * float(np.log((1 - p) / p))
    mean, variance = expected_code(llrs, codebook, prior)
    soft = (mean - codebook[sent]).square().sum(1)
    hard = (codebook[llrs_to_indices(llrs)] - codebook[sent]).square().sum(1)
    gain = (hard - soft).double()
    assert float(gain.mean()) > 6 * float(gain.std()) / n**0.5  # false alarm below 1e-9
    # the variance that it states is the squared error that it makes, to 6 standard errors
    excess = (soft - variance).double()
    assert abs(float(excess.mean())) < 6 * float(excess.std()) / n**0.5


def test_infinite_bits_are_certain_and_what_is_no_number_says_nothing():
    codebook, prior = book()
    inf, nan = float("inf"), float("nan")
    odd = torch.tensor([[inf, -inf, nan, 0.7], [-inf, inf, inf, inf], [nan, nan, nan, nan]])
    plain = torch.tensor([[50.0, -50.0, 0.0, 0.7], [-50.0, 50.0, 50.0, 50.0], [0.0, 0.0, 0.0, 0.0]])
    for found, wanted in zip(
        expected_code(odd, codebook, prior), expected_code(plain, codebook, prior), strict=True
    ):
        assert torch.equal(found, wanted)
