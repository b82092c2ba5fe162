"""What a codec says it goes by is what its decoder goes by: equal essences, equal pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import photo_like

from channelvq.bits import bits_to_llrs
from channelvq.codecs.base import Codec, Decisive, Decoded
from channelvq.codecs.jpeg import Jpeg
from channelvq.codecs.vqvae import VqvaeCodec
from channelvq.concealment import CONCEALMENTS
from channelvq.models.posterior import SURE
from channelvq.models.prior import ContextPrior

PICTURE = photo_like(48, 64)
BUDGET = 4000


def same(one: Decoded, other: Decoded) -> bool:
    indices = one.indices is other.indices is None or np.array_equal(one.indices, other.indices)
    return bool(
        indices
        and np.array_equal(one.picture, other.picture)
        and (one.status, one.notes) == (other.status, other.notes)
    )


@pytest.fixture(scope="module", params=["jpeg", *CONCEALMENTS.members])
def codec(request: pytest.FixtureRequest, small_weights: str) -> Codec:
    if request.param == "jpeg":
        return Jpeg()
    codec = VqvaeCodec(small_weights, concealment="soft")
    shape = codec.model.network.shape
    torch.manual_seed(0)
    prior = ContextPrior(shape.stages, shape.codes, shape.dim, width=8, rank=4, sight=8, blocks=1).eval()
    codec.model = replace(codec.model, prior=prior)
    codec.concealment = CONCEALMENTS.build(request.param)
    return codec


def test_how_sure_a_known_bit_is_does_not_matter(codec: Codec) -> None:
    assert isinstance(codec, Decisive)
    bits = codec.encode(PICTURE, BUDGET).bits

    @settings(max_examples=15)
    @given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-3, 0.02, 0.3]))
    def check(seed: int, wrong: float) -> None:
        rng = np.random.default_rng(seed)
        received = bits ^ (rng.random(bits.size) < wrong)
        one, other = (
            bits_to_llrs(received) / 50 * rng.uniform(SURE, 60, bits.size).astype(np.float32)
            for _ in range(2)
        )
        one[0] = np.copysign(np.float32(SURE), one[0])
        assert codec.essence(one) == codec.essence(other)
        assert same(codec.decode(one, PICTURE.shape), codec.decode(other, PICTURE.shape))

    check()


def test_doubt_of_one_bit_counts(small_weights: str) -> None:
    codec = VqvaeCodec(small_weights)
    llrs = bits_to_llrs(codec.encode(PICTURE, BUDGET).bits)
    known = codec.essence(llrs)
    for value in (
        np.float32(np.nextafter(np.float32(SURE), np.float32(0))),
        np.float32(0),
        np.float32("nan"),
    ):
        doubted = llrs.copy()
        doubted[1234] = value
        assert codec.essence(doubted) != known
        stronger = doubted * np.float32(0.9)
        assert codec.essence(stronger) != codec.essence(doubted)


def test_jpeg_goes_by_the_bits_before_the_first_doubtful_one() -> None:
    codec = Jpeg()
    bits = codec.encode(PICTURE, BUDGET).bits
    trusted = np.ones(bits.size, np.bool_)
    trusted[3600:3700] = False
    llrs = bits_to_llrs(bits)
    rest = llrs.copy()
    rest[3600:] = np.random.default_rng(0).normal(size=bits.size - 3600)
    assert codec.essence(llrs, trusted) == codec.essence(rest, trusted)
    decoded = codec.decode(llrs, PICTURE.shape, trusted)
    assert decoded.status == "concealed"
    assert same(decoded, codec.decode(rest, PICTURE.shape, trusted))
    for place in (0, 3599):
        other = llrs.copy()
        other[place] *= -1
        assert codec.essence(other, trusted) != codec.essence(llrs, trusted)
