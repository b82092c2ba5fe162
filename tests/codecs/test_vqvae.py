"""The VQ codec: budgets kept, any picture taken, any input survived."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import photo_like

from channelvq.bits import bits_to_llrs
from channelvq.codecs.vqvae import VqvaeCodec
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.metrics import psnr


@pytest.fixture
def codec(small_weights):
    return VqvaeCodec(small_weights)


@given(height=st.integers(16, 70), width=st.integers(16, 70), grey=st.booleans(), bpp=st.floats(0.9, 3.0))
def test_any_size_within_the_budget(small_weights, height, width, grey, bpp):
    codec = VqvaeCodec(small_weights)
    picture = photo_like(height, width)[: 1 if grey else 3]
    budget = max(int(bpp * height * width), 1500)
    message = codec.encode(picture, budget)
    assert len(message.bits) == budget == sum(message.parts.values())
    decoded = codec.decode(bits_to_llrs(message.bits), picture.shape)
    assert decoded.status == "ok"
    assert decoded.picture.shape == picture.shape
    assert decoded.picture.dtype == np.float32
    assert (decoded.indices == message.indices).all()


def test_more_bits_are_no_worse(codec, picture):
    shown = []
    for budget in (1600, 2500, 4000, 6000):
        message = codec.encode(picture, budget)
        assert message.parts["padding"] < 24 + 32 * 3  # a stage of a cell, and the map's last word
        decoded = codec.decode(bits_to_llrs(message.bits), picture.shape)
        shown.append(psnr(picture, decoded.picture))
    assert shown == sorted(shown)
    assert shown[-1] > 22


def test_budget_too_small_says_how_much_it_takes(codec, picture):
    with pytest.raises(BudgetError, match=r"100 bits does not hold header and map, \d+ bits would"):
        codec.encode(picture, 100)


def test_too_small_a_picture_is_refused(codec):
    with pytest.raises(UsageError, match="15×40, sides must be from 16"):
        codec.encode(photo_like(40, 15), 4000)


def test_concealments_agree_on_a_clean_channel(small_weights, picture):
    message = VqvaeCodec(small_weights).encode(picture, 5000)
    shown = [
        VqvaeCodec(small_weights, name).decode(bits_to_llrs(message.bits), picture.shape).picture
        for name in ("none", "neighbour", "soft")
    ]
    assert (shown[0] == shown[1]).all()
    assert (shown[0] == shown[2]).all()


@given(st.integers(0, 2**32), st.sampled_from([0, 100, 246, 300, 5000]), st.floats(0.01, 60))
def test_noise_never_raises(small_weights, seed, n, scale):
    llrs = np.random.default_rng(seed).normal(0, scale, n).astype(np.float32)
    decoded = VqvaeCodec(small_weights).decode(llrs, (3, 96, 128))
    assert decoded.picture.shape == (3, 96, 128)
    assert decoded.status == "failed"
    assert np.allclose(decoded.picture, 128 / 255)


@given(st.integers(0, 2**32), st.floats(0, 0.3), st.floats(0, 0.3))
def test_broken_messages_give_a_picture(small_weights, seed, flipped, erased):
    codec, picture = VqvaeCodec(small_weights), photo_like(64, 80)
    message = codec.encode(picture, 4000)
    rng = np.random.default_rng(seed)
    bits = message.bits ^ (rng.random(4000) < flipped).astype(np.uint8)
    llrs = bits_to_llrs(bits, 3.0)
    llrs[rng.random(4000) < erased] = 0
    decoded = codec.decode(llrs, picture.shape)
    assert decoded.picture.shape == picture.shape
    assert np.isfinite(decoded.picture).all()
    assert decoded.status in ("concealed", "failed")


def test_llrs_that_are_no_numbers_are_no_certainty(codec, picture):
    message = codec.encode(picture, 5000)
    llrs = bits_to_llrs(message.bits)
    indices = codec.layout.slots(len(llrs), message.parts["header"], message.parts["map"])[2]
    llrs[indices[0]] = np.nan
    decoded = codec.decode(llrs, picture.shape)
    assert decoded.status == "concealed"
    assert np.isfinite(decoded.picture).all()


def test_a_header_of_another_size_is_a_failure(codec, picture):
    message = codec.encode(picture, 5000)
    decoded = codec.decode(bits_to_llrs(message.bits), (3, 96, 112))
    assert decoded.status == "failed"
    assert decoded.notes["failure"] == "header of another picture"


def test_grey_is_the_same_in_every_channel(codec):
    grey = photo_like(64, 64)[:1]
    message = codec.encode(grey, 4000)
    decoded = codec.decode(bits_to_llrs(message.bits), (1, 64, 64))
    assert decoded.picture.shape == (1, 64, 64)
    assert psnr(grey, decoded.picture) > 20


def test_threads_do_not_matter(codec, picture):
    messages, pictures = [], []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            messages.append(codec.encode(picture, 5000))
            pictures.append(codec.decode(bits_to_llrs(messages[0].bits), picture.shape))
    finally:
        torch.set_num_threads(before)
    assert (messages[0].indices == messages[1].indices).all()
    assert (pictures[0].indices == pictures[1].indices).all()
    assert np.abs(pictures[0].picture - pictures[1].picture).max() < 1e-5


def test_wider_search_is_nearer(small_weights, picture):
    shown = []
    for beams in (1, 4):
        codec = VqvaeCodec(small_weights, beams=beams)
        message = codec.encode(picture, 4000)
        shown.append(psnr(picture, codec.decode(bits_to_llrs(message.bits), picture.shape).picture))
    assert shown[1] > shown[0]


def test_spec_is_what_makes_the_message(small_weights):
    assert VqvaeCodec(small_weights, "none").spec == f"vqvae:{small_weights}"
    assert VqvaeCodec(small_weights, beams=8).spec == f"vqvae:{small_weights},beams=8"
    with pytest.raises(UsageError, match="beams is 0, must be from 1 to 64"):
        VqvaeCodec.from_args(small_weights, beams="0")


class TestShippedModel:
    """What ships does what the README says, on a photograph that is in every installation."""

    def photo(self):
        from channelvq.images import image_set

        return next(image for image in image_set("builtin") if image.name == "coffee").load()

    def test_beats_jpeg_at_half_a_bit(self):
        from channelvq.codecs.jpeg import Jpeg

        picture = self.photo()
        budget = picture.shape[1] * picture.shape[2] // 2
        values = {}
        for codec in (VqvaeCodec(), Jpeg()):
            message = codec.encode(picture, budget)
            decoded = codec.decode(bits_to_llrs(message.bits), picture.shape)
            values[codec.spec] = psnr(picture, decoded.picture)
        assert values["vqvae"] > values["jpeg"] + 0.3

    def test_soft_decoding_bends_where_others_break(self):
        picture = self.photo()
        budget = picture.shape[1] * picture.shape[2] // 2
        message = VqvaeCodec().encode(picture, budget)
        p = 0.01
        hit = np.random.default_rng(0).random(budget) < p
        llrs = bits_to_llrs(message.bits ^ hit.astype(np.uint8), float(np.log((1 - p) / p)))
        clean, soft, none = (
            psnr(picture, VqvaeCodec(concealment=name).decode(given, picture.shape).picture)
            for name, given in (("soft", bits_to_llrs(message.bits)), ("soft", llrs), ("none", llrs))
        )
        assert none < soft < clean
        assert clean - soft < 6
