"""The quantizers of the ablation: each reaches optima that are known, and shows its known fault."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from channelvq.models.quantizer_variants import (
    CodebookStage,
    FactorisedStage,
    ScalarStage,
    SimStage,
    k_means,
    nearest,
)

CODES, DIM = 16, 6


def clusters(n=2048, spread=0.05, seed=0):
    """Points in tight clusters of equal size: [n, DIM], and their centres [CODES, DIM]."""
    draw = torch.Generator().manual_seed(seed)
    centres = 3 * torch.randn(CODES, DIM, generator=draw)
    member = torch.arange(n) % CODES
    return centres[member] + spread * torch.randn(n, DIM, generator=draw), centres


def train(stage, points, steps=300, batch=256, seed=0):
    rng = np.random.default_rng(seed)
    stage.start(points[:512], rng)
    for step in range(steps):
        rows = torch.from_numpy(rng.integers(0, len(points), batch))
        stage.learn(points[rows], step / steps)
    return stage


def error(stage, points):
    return float((points - stage.encode(points)[1]).square().sum(1).mean())


def used(stage, points):
    return len(stage.encode(points)[0].unique())


def test_nearest_is_the_nearest():
    draw = torch.Generator().manual_seed(0)
    points, book = torch.randn(300, 5, generator=draw), torch.randn(40, 5, generator=draw)
    assert torch.equal(nearest(points, book), torch.cdist(points.double(), book.double()).argmin(1))


def test_k_means_stands_still_at_means():
    points, _ = clusters()
    book = k_means(points, CODES, np.random.default_rng(0), rounds=30)
    index = nearest(points, book)
    for code in index.unique():
        assert torch.allclose(book[code], points[index == code].mean(0), atol=1e-4)


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_codes_reach_the_means_of_what_chose_them(update):
    points, _ = clusters()
    stage = train(CodebookStage(CODES, DIM, start="k-means", update=update, rate=0.02, decay=0.9), points)
    index, _ = stage.encode(points)
    for code in index.unique():
        # batches are samples: means of some hundred points at a spread of 0.05 a dimension, or several
        # clusters that share a code
        members = points[index == code]
        assert torch.allclose(
            stage.book[code], members.mean(0), atol=0.15 * float(members.std(0).max()) + 0.01
        )


def test_a_random_start_collapses_and_restarts_mend_it():
    points, _ = clusters()
    alone = train(CodebookStage(CODES, DIM, start="random", decay=0.9), points)
    restarted = train(CodebookStage(CODES, DIM, start="random", restart=True, decay=0.9), points)
    assert used(alone, points) < CODES
    assert used(restarted, points) > used(alone, points)
    assert error(restarted, points) < error(alone, points)
    assert torch.isfinite(restarted.book).all()


def test_what_is_learned_from_is_coded_before_it_is_learned():
    points, _ = clusters()
    stage = CodebookStage(CODES, DIM)
    stage.start(points[:512], np.random.default_rng(0))
    before = stage.encode(points)[1].clone()
    assert torch.equal(stage.learn(points, 0.0), before)
    assert not torch.equal(stage.encode(points)[1], before)


def test_few_dimensions_are_enough_for_data_that_have_few():
    draw = torch.Generator().manual_seed(0)
    flat = torch.randn(2048, 2, generator=draw) @ torch.randn(2, DIM, generator=draw)
    whole = train(CodebookStage(CODES, DIM, restart=True), flat)
    few = train(FactorisedStage(CODES, DIM, 2), flat)
    assert error(few, flat) == pytest.approx(error(whole, flat), rel=0.1)  # local optima differ
    # and one dimension cannot hold what lies outside of its line
    line = train(FactorisedStage(CODES, DIM, 1), flat)
    outside = float(torch.linalg.eigvalsh(torch.cov(flat.T))[-2])
    assert error(line, flat) > 0.95 * outside


@pytest.mark.parametrize("levels", [(8, 8), (5, 3), (2, 4, 7)])
def test_scalar_codes_are_levels_in_mixed_radix(levels):
    draw = torch.Generator().manual_seed(0)
    points = torch.randn(4096, DIM, generator=draw)
    stage = train(ScalarStage(levels, DIM, rate=0.01), points, steps=100)
    index, value = stage.encode(points)
    assert stage.codes == np.prod(levels)
    assert int(index.min()) >= 0
    assert int(index.max()) < stage.codes
    # one code vector for each index, on a grid: the levels of a projection lie in equal steps on a line
    for code in index.unique():
        assert (value[index == code] - value[index == code][0]).abs().max() < 1e-4
    far, _ = stage.encode(1e4 * torch.cat([points, -points]))
    places = np.cumprod([1, *levels])
    for axis, count in enumerate(levels):
        digits = far // int(places[axis]) % count
        assert {int(digits.min()), int(digits.max())} == {0, count - 1}


def test_scalar_learning_lowers_the_error():
    points, _ = clusters(spread=1.0)
    stage = ScalarStage((4, 4), DIM, rate=0.01)
    stage.start(points[:512], np.random.default_rng(0))
    before = error(stage, points)
    train_on = train(ScalarStage((4, 4), DIM, rate=0.01), points)
    assert error(train_on, points) < 0.97 * before


def test_sim_codes_are_random_ones_times_one_matrix_that_learns():
    points, _ = clusters(spread=1.0)
    stage = SimStage(CODES, DIM, rate=0.01)
    stage.start(points[:512], np.random.default_rng(0))
    before, fixed = error(stage, points), stage._fixed.clone()
    stage = train(stage, points)
    assert error(stage, points) < 0.9 * before
    assert torch.linalg.matrix_rank(torch.cat([stage._fixed, stage._fixed @ stage._matrix], 1)) == DIM
    assert torch.equal(stage._fixed, fixed)
