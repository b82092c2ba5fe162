"""The depth map's coder: round trips, its promised length, and garbage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from channelvq.codecs.depth_map import MapCoder


def coder(seed=0, stages=5):
    shares = np.random.default_rng(seed).dirichlet(np.full(stages + 1, 0.4), (stages + 2) ** 3)
    return MapCoder(np.maximum(1, shares * 65000).astype(np.uint16))


shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))


@given(shapes.flatmap(lambda size: arrays(np.int64, size, elements=st.integers(0, 5))))
def test_round_trip(depth):
    made = coder()
    data = made.encode(depth)
    assert (made.decode(data, depth.shape) == depth).all()
    assert 8 * len(data) <= made.bits(depth) + 64


def test_a_likely_map_is_short():
    stages = 5
    table = np.full(((stages + 2) ** 3, stages + 1), 1, np.uint16)
    table[:, 2] = 60000
    made = MapCoder(table)
    assert len(made.encode(np.full((40, 50), 2))) <= 4


@given(st.binary(max_size=60), shapes)
def test_garbage_is_a_map_or_a_value_error(data, size):
    try:
        depth = coder().decode(data, size)
    except ValueError:
        return
    assert depth.shape == size
    assert depth.min() >= 0
    assert depth.max() <= 5


def test_table_of_the_shipped_model_fits_its_stages():
    from channelvq.models.weights import load_model

    model = load_model()
    made = MapCoder(model.map_table)
    assert made.stages == model.network.shape.stages
    with pytest.raises(KeyError):
        made.encode(np.full((2, 2), made.stages + 1))
