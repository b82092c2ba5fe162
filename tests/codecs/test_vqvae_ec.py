"""The entropy-coded profile: budgets kept, slices that stand alone, any input survived."""

import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import photo_like

from channelvq.bits import bits_to_llrs
from channelvq.codecs.container import CvqFile, read_cvq, write_cvq
from channelvq.codecs.vqvae import VqvaeCodec
from channelvq.codecs.vqvae_ec import VqvaeEcCodec
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.metrics import psnr
from channelvq.link import Link
from channelvq.models.prior import ContextPrior
from channelvq.models.weights import load_model, save_prior


@pytest.fixture(scope="session")
def weights(small_weights, tmp_path_factory):
    """The small model, with an untrained prior beside it."""
    path = tmp_path_factory.mktemp("with-prior") / "small.safetensors"
    shutil.copy(small_weights, path)
    add_prior(path, seed=0)
    return str(path)


def add_prior(path, seed):
    model = load_model(str(path))
    torch.manual_seed(seed)
    prior = ContextPrior(5, 64, 16, 20, 8, sight=4, blocks=1)
    prior.start(model.log_prior)
    save_prior(path.with_name("small-prior.safetensors"), prior, "small", model.id, {})


@pytest.fixture
def codec(weights):
    return VqvaeEcCodec(weights, "soft")


@settings(max_examples=15)
@given(height=st.integers(16, 150), width=st.integers(16, 60), grey=st.booleans(), bpp=st.floats(0.2, 4))
def test_any_size_within_the_budget(weights, height, width, grey, bpp):
    codec, picture = VqvaeEcCodec(weights, "soft"), photo_like(height, width)[: 1 if grey else 3]
    budget = max(int(bpp * height * width), 800)
    message = codec.encode(picture, budget)
    assert len(message.bits) == budget == sum(message.parts.values())
    assert min(message.parts.values()) >= 0
    decoded = codec.decode(bits_to_llrs(message.bits), picture.shape)
    assert decoded.status == "ok"
    assert decoded.picture.shape == picture.shape
    assert (decoded.indices == message.indices).all()


def test_the_budget_is_used(codec, picture):
    shown = []
    for budget in (1600, 2500, 4000):
        message = codec.encode(picture, budget)
        assert message.parts["padding"] < 0.05 * budget
        shown.append(psnr(picture, codec.decode(bits_to_llrs(message.bits), picture.shape).picture))
    assert shown == sorted(shown)
    assert shown[-1] > 22


def test_same_indices_same_picture_as_the_other_profile(weights, picture):
    one, other = VqvaeEcCodec(weights, "soft"), VqvaeCodec(weights, "soft", beams=16)
    budget = 40_000  # both send all that there is
    shown = [
        (message.indices, codec.decode(bits_to_llrs(message.bits), picture.shape).picture)
        for codec in (one, other)
        for message in [codec.encode(picture, budget)]
    ]
    assert (shown[0][0] == shown[1][0]).all()
    assert (shown[0][1] == shown[1][1]).all()


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_damaged_slice_harms_no_other(codec, lost):
    picture = photo_like(300, 48)  # 38 rows of positions: slices of 16, 16 and 6
    message = codec.encode(picture, 20_000)
    clean = codec.decode(bits_to_llrs(message.bits), picture.shape)
    end = message.parts["header"] + message.parts["map"] + message.parts["indices"]
    start = message.parts["header"] + message.parts["map"]
    bits = message.bits.copy()
    bits[(start + 40, (start + end) // 2, end - 40)[lost]] ^= 1
    decoded = codec.decode(bits_to_llrs(bits), picture.shape)
    assert decoded.status == "concealed"
    assert decoded.notes == {"slices": "1 of 3 slices lost"}
    harm = np.abs(decoded.picture - clean.picture).max((0, 2)) > 1e-6
    far = np.ones(300, dtype=bool)  # the decoder network looks a few positions further
    far[max(0, 128 * lost - 40) : 128 * lost + 168] = False
    assert harm.any()
    assert not harm[far].any()


@pytest.mark.parametrize(("at", "why"), [(5, "header lost"), (95, "depth map lost")])
def test_without_header_or_map_there_is_no_picture(codec, picture, at, why):
    bits = codec.encode(picture, 3000).bits.copy()
    bits[at] ^= 1
    decoded = codec.decode(bits_to_llrs(bits), picture.shape)
    assert (decoded.status, decoded.notes) == ("failed", {"failure": why})
    assert np.allclose(decoded.picture, 128 / 255)


def test_a_message_of_another_prior_is_not_read(codec, weights, small_weights, tmp_path, picture):
    shutil.copy(small_weights, tmp_path / "small.safetensors")
    add_prior(tmp_path / "small.safetensors", seed=1)
    message = codec.encode(picture, 3000)
    other = VqvaeEcCodec(str(tmp_path / "small.safetensors"), "soft")
    decoded = other.decode(bits_to_llrs(message.bits), picture.shape)
    assert decoded.notes == {"failure": "message of another context prior"}


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.floats(0, 1), st.sampled_from([0, 1e-4, 1e-2, 0.5]))
def test_broken_messages_give_a_picture(weights, seed, kept, flipped):
    codec, picture = VqvaeEcCodec(weights, "soft"), photo_like(64, 48)
    bits = codec.encode(picture, 3000).bits
    rng = np.random.default_rng(seed)
    broken = bits ^ (rng.random(len(bits)) < flipped).astype(np.uint8)
    llrs = bits_to_llrs(broken[: int(kept * len(bits))])
    llrs[rng.random(len(llrs)) < flipped] = np.nan
    decoded = codec.decode(llrs, picture.shape)
    assert decoded.picture.shape == picture.shape
    assert np.isfinite(decoded.picture).all()
    assert decoded.status in ("ok", "concealed", "failed")


def test_refusals(codec, picture, small_weights):
    with pytest.raises(BudgetError, match=r"100 bits does not hold header and map, \d+ bits would"):
        codec.encode(picture, 100)
    with pytest.raises(UsageError, match="holds no context prior, which vqvae-ec needs"):
        VqvaeEcCodec(small_weights, "soft")


def test_files_and_links(codec, weights, picture, tmp_path):
    message = codec.encode(picture, 4000)
    write_cvq(tmp_path / "a.cvq", CvqFile(codec.model.id, picture.shape, message.bits))
    decoded = codec.decode(read_cvq(tmp_path / "a.cvq").llrs, picture.shape)
    assert decoded.status == "ok"
    link = Link(codec="vqvae-ec", model=weights, code="conv:1/2", channel="bsc:0.01", cbr="1/4")
    assert link.transmit(picture, seed=1).status == "ok"  # the code delivers clean


def test_no_budget_falls_to_the_empty_plan():
    """At these budgets the plan that the search settles on is some bits too long; it must not give up."""
    from channelvq.images import image_set

    cat = next(image for image in image_set("builtin") if image.name == "chelsea").load()
    picture = np.ascontiguousarray(cat[:, 100:177, 120:213].mean(0, keepdims=True))
    codec = VqvaeEcCodec()
    for budget in (3104, 4000, 6592, 8128):
        message = codec.encode(picture, budget)
        assert message.parts["padding"] < 0.02 * budget
