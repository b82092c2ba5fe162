"""Coded index fields: round trips whatever the batches, slices that stand alone, garbage."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from channelvq.codecs import index_coder
from channelvq.codecs.index_coder import IndexCoder
from channelvq.models.integer_prior import IntegerPrior
from channelvq.models.prior import ContextPrior

STAGES, CODES = 3, 32


def make_coder():
    torch.manual_seed(0)
    prior = ContextPrior(STAGES, CODES, 6, 20, 8, sight=4, blocks=1).requires_grad_(False)
    for layer in prior.codes:
        layer.weight.normal_(0, 2.0)  # some codes are very unlikely
    uniform = torch.full((STAGES, CODES), -np.log(CODES))
    return IndexCoder(IntegerPrior(prior, torch.randn(STAGES, CODES, 6), uniform, torch.ones(6)))


CODER = make_coder()


def field(seed, height, width):
    rng = np.random.default_rng(seed)
    depth = torch.from_numpy(rng.integers(0, STAGES + 1, (height, width)))
    return torch.from_numpy(rng.integers(0, CODES, (height, width, STAGES))), depth


def same(found, indices, depth):
    sent = torch.arange(STAGES) < depth[..., None]
    return found is not None and torch.equal(found * sent, indices * sent)


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 12))
def test_round_trip(seed, height, width):
    indices, depth = field(seed, height, width)
    coded = CODER.encode(indices, depth)
    found = CODER.decode([part.data for part in coded], depth)
    assert len(found) == index_coder.slice_count(height)
    assert same(torch.cat(found), indices, depth)
    for part in coded:
        assert 8 * len(part.data) <= float(part.bits.sum()) + 72
        assert 8 * len(part.data) >= float(part.bits.sum()) - 32


def test_all_codes_can_be_coded():
    indices = torch.arange(CODES)[None, :, None].expand(20, -1, STAGES).contiguous()
    depth = torch.full((20, CODES), STAGES)
    found = CODER.decode([part.data for part in CODER.encode(indices, depth)], depth)
    assert same(torch.cat(found), indices, depth)


def test_threads_and_batches_change_nothing(monkeypatch):
    indices, depth = field(5, 37, 11)
    coded = [part.data for part in CODER.encode(indices, depth)]
    monkeypatch.setattr(index_coder, "_CHUNK", 7)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 - min(threads, 2))  # 2 if it was 1, else 1
        assert [part.data for part in CODER.encode(indices, depth)] == coded
        monkeypatch.setattr(index_coder, "_BATCH", 1)  # slice after slice
        assert same(torch.cat(CODER.decode(coded, depth)), indices, depth)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_slices_stand_alone(lost):
    indices, depth = field(6, 40, 9)
    coded = [part.data for part in CODER.encode(indices, depth)]
    without = [None if number == lost else data for number, data in enumerate(coded)]
    spoilt = [data[::-1] if number == lost else data for number, data in enumerate(coded)]
    for found in (CODER.decode(without, depth), CODER.decode(spoilt, depth)):
        for number, part in enumerate(found):
            rows = slice(16 * number, 16 * number + 16)
            assert same(part, indices[rows], depth[rows]) == (number != lost)


@settings(max_examples=20)
@given(st.lists(st.none() | st.binary(max_size=80), min_size=2, max_size=2), st.integers(0, 99))
def test_garbage_gives_indices_or_nothing(data, seed):
    _, depth = field(seed, 20, 5)
    for part, rows in zip(CODER.decode(data, depth), (16, 4), strict=True):
        assert part is None or (part.shape == (rows, 5, STAGES) and 0 <= part.min() <= part.max() < CODES)
