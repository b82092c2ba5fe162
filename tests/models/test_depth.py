"""Depth allocation and contexts against loops."""

import numpy as np
import torch

from channelvq.models.depth import allocate, cell_energy, context_numbers, spread_cells


def test_allocation_is_the_cheapest_depth():
    energy = torch.rand(2, 3, 4, 6, generator=torch.Generator().manual_seed(0)).cumsum(-1).flip(-1)
    price = torch.tensor([0.01, 0.2])
    chosen = allocate(energy, price, 3)
    for b, y, x in np.ndindex(2, 3, 4):
        cost = [float(energy[b, y, x, n]) + float(price[b]) * 3 * n for n in range(6)]
        assert int(chosen[b, y, x]) == int(np.argmin(cost))


def test_higher_price_never_buys_more():
    energy = torch.rand(1, 8, 8, 9, generator=torch.Generator().manual_seed(1)).cumsum(-1).flip(-1)
    bought = [int(allocate(energy, torch.tensor([p]), 10).sum()) for p in np.geomspace(1e-4, 1, 20)]
    assert bought == sorted(bought, reverse=True)


def test_cells_sum_their_positions():
    energy = torch.arange(2 * 4 * 4 * 3, dtype=torch.float32).view(2, 4, 4, 3)
    cells = cell_energy(energy, 2)
    assert torch.allclose(cells[1, 0, 1], energy[1, 0:2, 2:4].sum((0, 1)))
    depth = torch.tensor([[[1, 2], [3, 4]]])
    assert spread_cells(depth, 2)[0].tolist() == [[1, 1, 2, 2]] * 2 + [[3, 3, 4, 4]] * 2


def test_contexts_are_the_three_neighbours():
    depth = np.random.default_rng(0).integers(0, 5, (4, 5))
    numbers = context_numbers(depth, 4)
    for y, x in np.ndindex(4, 5):
        left = depth[y, x - 1] if x else 5
        up = depth[y - 1, x] if y else 5
        right = depth[y - 1, x + 1] if y and x < 4 else 5
        assert numbers[y, x] == (left * 6 + up) * 6 + right
