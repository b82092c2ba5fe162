"""The codec's own protection of its first stages: paid for, exact when clean, and worth it when not."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import photo_like
from skimage import data

from channelvq.bits import bits_to_llrs
from channelvq.codecs.stage_protection import StageProtection
from channelvq.codecs.vqvae import VqvaeCodec
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.metrics import psnr


@settings(max_examples=40)
@given(st.integers(1, 20_000), st.sampled_from(["1/5", "1/2", "3/5", "5/6", "9/10", "19/20"]))
def test_a_frame_holds_the_stage_and_little_more(bits, rate):
    protection = StageProtection(rate, stages=5)
    coded = protection.coded_bits(0, bits)
    blocks = -(-bits // (3840 if rate == "1/5" else 8448)) + 1
    rate = min(protection.rates[0], Fraction(3, 4)) if bits < 256 else protection.rates[0]
    overhead = coded - bits / rate
    assert 0 < overhead <= (24 * blocks + 8 * blocks + 8) / rate  # CRCs, and whole bytes
    assert protection.coded_bits(1, bits) == bits  # of no rate, not protected


@pytest.mark.parametrize("rate", ["3/4", "9/10", "11/12", "19/20"])
def test_without_noise_every_length_is_recovered(rate):
    protection = StageProtection(rate, stages=1)
    for size in [*range(1, 600, 3), 1200, 5000, 8424, 8425, 20_000]:
        bits = np.random.default_rng(size).integers(0, 2, size).astype(np.uint8)
        stage = protection.receive(0, bits_to_llrs(protection.protect(0, bits), 2.0), size)
        assert stage.settled, size
        assert ((stage.llrs < 0) == bits).all()


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.integers(200, 9000))
def test_what_the_code_can_mend_is_known_again(seed, size):
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, size).astype(np.uint8)
    protection = StageProtection("1/3", stages=1)
    llrs = bits_to_llrs(protection.protect(0, bits), 3.0)
    llrs[rng.random(llrs.size) < 0.3] = 0  # 0.7 of it is more than twice the message
    recovered = protection.receive(0, llrs, size).llrs
    assert recovered.shape == (size,)
    assert ((recovered < 0) == bits).all()
    assert (np.abs(recovered) > 14).all()  # sure: the CRC vouches for them


@settings(max_examples=10)
@given(st.integers(16, 70), st.integers(16, 70), st.sampled_from(["1/2", "3/5+3/4", "1/3+1/2+2/3+3/4+9/10"]))
def test_any_size_within_the_budget_and_exact_when_clean(small_weights, height, width, protect):
    codec, picture = VqvaeCodec(small_weights, protect=protect), photo_like(height, width)
    budget = max(2 * height * width, 2500)
    message = codec.encode(picture, budget)
    assert len(message.bits) == budget == sum(message.parts.values())
    assert message.parts["protection"] > 0
    decoded = codec.decode(bits_to_llrs(message.bits), picture.shape)
    assert decoded.status == "ok"
    assert (decoded.indices == message.indices).all()


def test_protection_is_paid_for(small_weights, picture):
    shown, bits = {}, {}
    for protect in ("none", "3/4", "1/2", "1/2+1/2"):
        codec = VqvaeCodec(small_weights, protect=protect)
        message = codec.encode(picture, 5000)
        bits[protect] = message.parts["indices"]
        shown[protect] = psnr(picture, codec.decode(bits_to_llrs(message.bits), picture.shape).picture)
    assert sorted(bits.values(), reverse=True) == list(bits.values())
    assert sorted(shown.values(), reverse=True) == list(shown.values())


def test_errors_of_protected_stages_are_mended(small_weights, picture):
    plain, protected = (VqvaeCodec(small_weights, protect=p) for p in ("none", "1/3+1/3+1/3+1/3+1/3"))
    wrong = {}
    for codec in (plain, protected):
        message = codec.encode(picture, 9000)
        rng = np.random.default_rng(1)
        llrs = bits_to_llrs(message.bits ^ (rng.random(9000) < 0.03).astype(np.uint8), 3.5)
        decoded = codec.decode(llrs, picture.shape)
        wrong[codec] = (decoded.indices != message.indices).mean()
    assert wrong[plain] > 0.05
    assert wrong[protected] == 0


@pytest.fixture(scope="module")
def sent(small_weights):
    codec = VqvaeCodec(small_weights, protect="1/2+3/4")
    return codec, codec.encode(photo_like(64, 80), 4000)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.floats(0, 0.3), st.floats(0, 0.3))
def test_broken_messages_give_a_picture(sent, seed, flipped, erased):
    codec, message = sent
    rng = np.random.default_rng(seed)
    llrs = bits_to_llrs(message.bits ^ (rng.random(4000) < flipped).astype(np.uint8), 3.0)
    llrs[rng.random(4000) < erased] = 0
    llrs[rng.integers(0, 4000, 3)] = np.nan, np.inf, -np.inf
    decoded = codec.decode(llrs, (3, 64, 80))
    assert decoded.picture.shape == (3, 64, 80)
    assert np.isfinite(decoded.picture).all()
    assert decoded.status in ("concealed", "failed", "ok")


def test_both_sides_name_the_same_scheme(small_weights):
    codec = VqvaeCodec.from_args(small_weights, protect="0.5+3/4")
    assert codec.spec == f"vqvae:{small_weights},protect=1/2+3/4"
    assert VqvaeCodec.from_args(small_weights, protect="none").spec == f"vqvae:{small_weights}"


@pytest.mark.parametrize(
    ("protect", "said"),
    [
        ("1/10", "protect is '1/10', rates must be from 1/5 to 19/20"),
        ("24/25", "rates must be from 1/5 to 19/20"),
        ("much", "protect is 'much'"),
        ("", "protect is ''"),
        ("+".join(6 * ["1/2"]), "more rates than the 5 stages of the model"),
    ],
)
def test_wrong_protection_is_refused(small_weights, protect, said):
    with pytest.raises(UsageError, match=said):
        VqvaeCodec(small_weights, protect=protect)


def test_a_ranked_message_is_the_links_to_protect(small_weights):
    with pytest.raises(UsageError, match="protect=1/2 does not go with layout=ranked"):
        VqvaeCodec(small_weights, layout="ranked", protect="1/2")


def test_a_budget_that_does_not_hold_the_head_says_so(small_weights, picture):
    with pytest.raises(BudgetError, match="does not hold header and map"):
        VqvaeCodec(small_weights, protect="1/2").encode(picture, 300)


def test_context_decodes_codes_that_are_too_weak_by_themselves():
    """Rates of 11/12 over a BSC whose capacity is 0.92, too near for such short codes; shipped weights."""
    picture = data.astronaut()[:256, :256].transpose(2, 0, 1).astype(np.float32) / 255
    shown, wrong = {}, {}
    for concealment in ("soft", "context"):
        codec = VqvaeCodec(concealment=concealment, protect="2/3+11/12+11/12+11/12")
        message = codec.encode(picture, 256 * 256 // 2)
        rng = np.random.default_rng(0)
        flips = (rng.random(message.bits.size) < 0.01).astype(np.uint8)
        decoded = codec.decode(bits_to_llrs(message.bits ^ flips, float(np.log(99))), picture.shape)
        shown[concealment] = psnr(picture, decoded.picture)
        wrong[concealment] = (decoded.indices != message.indices).mean()
    assert wrong["context"] < 0.5 * wrong["soft"]
    assert shown["context"] > shown["soft"] + 0.5
