"""Index assignment: known optima, and never anything but an order."""

import numpy as np
import pytest

from channelvq.models.assignment import assign, bit_error_cost


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_finds_the_labels_of_a_shuffled_cube(seed):
    cube = np.stack(np.meshgrid(*[[0.0, 1.0]] * 6), -1).reshape(64, 6)
    shuffled = cube[np.random.default_rng(seed).permutation(64)]
    even = np.full(64, 1 / 64)
    order = assign(shuffled, even, seed, effort=200_000)
    assert sorted(order) == list(range(64))
    assert bit_error_cost(shuffled[order], even) == pytest.approx(1.0)  # every flip moves along one edge


def test_frequent_codes_come_first():
    rng = np.random.default_rng(0)
    book, weight = rng.normal(size=(128, 8)), rng.dirichlet(np.full(128, 0.3))
    order = assign(book, weight, seed=0, effort=500_000)
    found = bit_error_cost(book[order], weight[order])
    random = np.mean([bit_error_cost(book[o], weight[o]) for o in (rng.permutation(128) for _ in range(20))])
    assert found < 0.75 * random


def test_same_seed_same_labels():
    book = np.random.default_rng(0).normal(size=(32, 4))
    even = np.full(32, 1 / 32)
    assert (assign(book, even, 3, 50_000) == assign(book, even, 3, 50_000)).all()
