"""Residual quantization against brute force."""

import numpy as np
import torch

from channelvq.models.quantizer import ResidualQuantizer, StageUse


def quantizer(stages=3, codes=16, dim=4, seed=0):
    made = ResidualQuantizer(stages, codes, dim)
    draw = torch.Generator().manual_seed(seed)
    for stage in range(stages):
        made.codebooks[stage] = torch.randn(codes, dim, generator=draw) * 0.5**stage
    return made, torch.randn(200, dim, generator=draw)


def test_search_is_the_nearest_code_of_each_stage():
    made, points = quantizer()
    indices, energy = made.search(points, chunk=64)
    rest = points.double()
    for stage in range(3):
        book = made.codebooks[stage].double()
        distance = (rest[:, None] - book).square().sum(2)
        assert torch.equal(indices[:, stage], distance.argmin(1))
        rest = rest - book[indices[:, stage]]
        assert torch.allclose(energy[:, stage + 1].double(), rest.square().sum(1), rtol=1e-4, atol=1e-6)


def test_assemble_sums_as_many_stages_as_were_sent():
    made, points = quantizer()
    indices, _ = made.search(points)
    depth = torch.arange(200) % 4
    total = made.assemble(indices, depth)
    for row in range(200):
        parts = [made.codebooks[s, indices[row, s]] for s in range(int(depth[row]))]
        expected = torch.stack(parts).sum(0) if parts else torch.zeros(4)
        assert torch.allclose(total[row], expected, atol=1e-6)


def test_codebooks_move_to_the_mean_of_what_chose_them():
    made, points = quantizer(stages=1)
    made.start(points, np.random.default_rng(0))
    for _ in range(400):
        indices, _ = made.search(points)
        made.follow(points, indices, torch.ones(200, dtype=torch.int64), decay=0.9)
    for code in range(16):
        members = points[indices[:, 0] == code]
        if len(members):
            assert torch.allclose(made.codebooks[0, code], members.mean(0), atol=1e-3)


def test_k_means_start_beats_random_codes():
    made, points = quantizer(stages=2)
    before = made.search(points)[1][:, -1].mean()
    made.start(points, np.random.default_rng(0))
    assert made.search(points)[1][:, -1].mean() < 0.7 * before


def test_dead_codes_are_put_on_data():
    made, points = quantizer(stages=1)
    made.codebooks[0, 5] = 1e3
    made.counts[0] = 10.0
    made.counts[0, 5] = 0.0
    indices, _ = made.search(points)
    one = torch.ones(200, dtype=torch.int64)
    assert made.restart_dead(points, indices, one, np.random.default_rng(0)) == 1
    assert (points == made.codebooks[0, 5]).all(1).any()
    again, _ = made.search(points)
    assert (again[:, 0] == 5).any()


def test_perplexity_of_known_shares():
    use = StageUse(torch.tensor([[1.0, 1, 1, 1], [8, 0, 0, 0]]))
    assert use.used() == [1.0, 0.25]
    assert np.allclose(use.perplexity(), [4.0, 1.0])


def test_beam_search_over_everything_is_exhaustive():
    made, points = quantizer(stages=2, codes=8)
    depth = torch.arange(200) % 3
    found = made.refine(points, depth, beams=8, chunk=50)
    error = (points - made.assemble(found, depth)).square().sum(1)
    pairs = (made.codebooks[0][:, None] + made.codebooks[1]).reshape(64, 4)
    best = [
        points.square().sum(1),
        (points[:, None] - made.codebooks[0]).square().sum(2).amin(1),
        (points[:, None] - pairs).square().sum(2).amin(1),
    ]
    assert torch.allclose(error, torch.stack(best, 1)[torch.arange(200), depth], rtol=1e-4, atol=1e-5)


def test_one_beam_is_the_greedy_search_and_more_are_better():
    made, points = quantizer(stages=3)
    greedy, _ = made.search(points)
    depth = torch.full((200,), 3)
    assert torch.equal(made.refine(points, depth, beams=1), greedy)
    error = [
        float((points - made.assemble(made.refine(points, depth, beams), depth)).square().sum())
        for beams in (1, 2, 4)
    ]
    assert error[2] < error[1] < error[0]
