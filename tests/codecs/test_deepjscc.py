"""The codec `deepjscc`: any size, any number of channel uses, any SNR, and what a channel loses."""

from __future__ import annotations

import numpy as np
import pytest
from analog_samples import save_small_analog
from samples import photo_like
from skimage import data

from channelvq.codecs import CODECS
from channelvq.codecs.analog import AnalogCodec, Observation, normalised
from channelvq.codecs.deepjscc import DeepJscc
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.metrics import psnr
from channelvq.snr import Snr

GOOD = Snr(40.0)


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> DeepJscc:
    return DeepJscc(save_small_analog(tmp_path_factory.mktemp("weights")))


def observed(symbols: np.ndarray, noise: float, snr: Snr) -> Observation:
    return Observation(symbols.copy(), np.full(symbols.size, noise, np.float32), snr)


def across(codec: DeepJscc, picture: np.ndarray, uses: int, snr: Snr) -> np.ndarray:
    """AWGN as the link has it."""
    symbols = normalised(codec.modulate(picture, uses, snr))
    normals = np.random.default_rng(0).normal(size=(2, uses)) * np.sqrt(snr.n0 / 2)
    received = (symbols + normals[0] + 1j * normals[1]).astype(np.complex64)
    return codec.demodulate(observed(received, snr.n0, snr), picture.shape).picture


@pytest.mark.parametrize("shape", [(3, 64, 96), (1, 64, 64), (3, 37, 53), (1, 16, 129)])
@pytest.mark.parametrize("cbr", [1 / 40, 1 / 16, 1 / 12, 1 / 3])
def test_any_size_and_any_number_of_uses(codec: DeepJscc, shape: tuple[int, int, int], cbr: float) -> None:
    picture = photo_like(shape[1], shape[2])[: shape[0]]
    uses = int(cbr * picture.size)
    symbols = codec.modulate(picture, uses, GOOD)
    assert symbols.shape == (uses,)
    assert symbols.dtype == np.complex64
    shown = across(codec, picture, uses, GOOD)
    assert shown.shape == shape
    assert shown.dtype == np.float32
    assert 0 <= shown.min() <= shown.max() <= 1
    assert psnr(picture, shown) > psnr(picture, np.full(shape, picture.mean(), np.float32)) + 2


def test_what_is_sent_needs_no_scaling_by_the_link(codec: DeepJscc) -> None:
    picture = photo_like(64, 96)
    for uses in (500, 1152, 4000):  # some numbers left out; about all; silence at the end
        symbols = codec.modulate(picture, uses, GOOD)
        active = np.flatnonzero(symbols)
        assert np.square(np.abs(symbols[active])).mean() == pytest.approx(1, abs=1e-4)
    assert active.size == 64 + 32 * 96 // 2


def test_more_uses_and_more_power_give_a_better_picture(codec: DeepJscc) -> None:
    picture = photo_like(96, 128)
    for axis in ([(u, GOOD) for u in (300, 900, 2000)], [(2000, Snr(s)) for s in (0.0, 8.0, 16.0)]):
        found = [psnr(picture, across(codec, picture, uses, snr)) for uses, snr in axis]
        assert found == sorted(found)
        assert found[-1] > found[0] + 1


def test_silence_gives_its_power_to_the_symbols(codec: DeepJscc) -> None:
    # twice as many uses as are needed, at half the power each: the same picture but for the draw
    picture, active = photo_like(64, 96), 64 + 32 * 96 // 2
    once = psnr(picture, across(codec, picture, active, Snr(10.0)))
    told = DeepJscc(codec._named, told=10.0)
    twice = psnr(picture, across(told, picture, 2 * active, Snr(10 - 10 * np.log10(2))))
    assert twice == pytest.approx(once, abs=0.3)


def test_a_picture_without_contrast_and_one_with_much(codec: DeepJscc) -> None:
    for picture in (np.zeros((3, 64, 64), np.float32), np.full((3, 64, 64), 0.5, np.float32)):
        assert psnr(picture, across(codec, picture, 768, Snr(20.0))) > 25
    checks = (np.indices((64, 64)).sum(0) // 16 % 2).astype(np.float32)
    picture = np.broadcast_to(checks, (3, 64, 64)).copy()
    assert psnr(picture, across(codec, picture, 1024, Snr(20.0))) > 15


def test_lost_symbols_are_made_up_for(codec: DeepJscc) -> None:
    picture, uses = photo_like(96, 128), 2304
    symbols = normalised(codec.modulate(picture, uses, GOOD))
    noise = np.full(uses, GOOD.n0, np.float32)
    lost = np.random.default_rng(1).random(uses) < 0.1
    noise[lost], symbols[lost] = np.inf, 0
    decoded = codec.demodulate(Observation(symbols, noise, GOOD), picture.shape)
    assert decoded.status == "concealed"
    assert psnr(picture, decoded.picture) > 15
    nothing = Observation(np.zeros(uses, np.complex64), np.full(uses, np.inf, np.float32), GOOD)
    decoded = codec.demodulate(nothing, picture.shape)
    assert decoded.status == "concealed"
    assert np.isfinite(decoded.picture).all()


def test_hard_knocks_do_not_raise(codec: DeepJscc) -> None:
    rng, uses = np.random.default_rng(2), 600
    for size in (0.0, 1e-30, 1e20, 3e38):
        symbols = (size * rng.uniform(-1, 1, uses)).astype(np.complex64)
        for noise in (1e-30, 1.0, 1e30):
            shown = codec.demodulate(observed(symbols, noise, Snr(7.0)), (3, 64, 64)).picture
            assert np.isfinite(shown).all()


def test_it_depends_on_nothing_but_its_arguments(codec: DeepJscc) -> None:
    pictures = [photo_like(64, 64, seed) for seed in range(3)]
    first = codec.modulate(pictures[0], 768, Snr(3.0))
    for picture in pictures:
        codec.modulate(picture, 700, Snr(9.0))
        codec.modulate(picture, 768, Snr(9.0))
    assert (codec.modulate(pictures[0], 768, Snr(3.0)) == first).all()


def test_a_sender_that_is_told_an_snr_does_not_follow_it(codec: DeepJscc) -> None:
    told = CODECS.build(f"deepjscc:{codec._named},told=7")
    assert told.spec == f"deepjscc:{codec._named},told=7"
    picture = photo_like(64, 64)
    assert (told.modulate(picture, 768, Snr(1.0)) == told.modulate(picture, 768, Snr(13.0))).all()
    assert (told.modulate(picture, 768, Snr(1.0)) == codec.modulate(picture, 768, Snr(7.0))).all()
    assert (codec.modulate(picture, 768, Snr(1.0)) != codec.modulate(picture, 768, Snr(7.0))).any()


def test_it_is_an_analog_codec(codec: DeepJscc) -> None:
    assert isinstance(codec, AnalogCodec)


def test_refusals(codec: DeepJscc) -> None:
    with pytest.raises(BudgetError, match="4 channel uses do not hold a picture, 5 would"):
        codec.check((3, 16, 16), 4)
    codec.check((3, 16, 16), 5)
    with pytest.raises(UsageError, match="sides must be at most 65536 px"):
        codec.check((3, 16, 70000), 10**6)
    with pytest.raises(UsageError, match="told is 'much', must be a number"):
        CODECS.build(f"deepjscc:{codec._named},told=much")
    with pytest.raises(UsageError, match="usage: deepjscc or deepjscc:MODEL,told=7"):
        CODECS.build(f"deepjscc:{codec._named},snr=7")


def test_refined_symbols_show_the_picture_better() -> None:
    """On noise that the sender did not draw: the mean of 8 transmissions; the shipped networks."""
    picture = data.astronaut()[60:188, 160:288].transpose(2, 0, 1).astype(np.float32) / 255
    snr, uses, gains = Snr(10.0), picture.size // 16, np.zeros(8)
    receiver = DeepJscc()
    for sign, sender in ((-1, receiver), (1, DeepJscc(refine=6))):
        symbols = normalised(sender.modulate(picture, uses, snr))
        for trial in range(len(gains)):
            normals = np.random.default_rng(trial).normal(size=(2, uses)) * np.sqrt(snr.n0 / 2)
            received = (symbols + normals[0] + 1j * normals[1]).astype(np.complex64)
            shown = receiver.demodulate(observed(received, snr.n0, snr), picture.shape).picture
            gains[trial] += sign * psnr(picture, shown)
    assert gains.mean() > 0.1
    assert gains.mean() > 4 * gains.std(ddof=1) / len(gains) ** 0.5


def test_refining_is_repeatable_and_leaves_the_networks_alone(codec: DeepJscc) -> None:
    sender, picture = DeepJscc(codec._named, refine=2), photo_like(37, 53)
    before = {name: weight.clone() for name, weight in sender.model.network.state_dict().items()}
    first, again = (sender.modulate(picture, 400, GOOD) for _ in range(2))
    assert (first == again).all()
    assert first.shape == (400,)
    assert all((weight == before[name]).all() for name, weight in sender.model.network.state_dict().items())
    assert all(weight.grad is None for weight in sender.model.network.parameters())


def test_refining_is_part_of_the_scheme(codec: DeepJscc) -> None:
    assert DeepJscc.from_args(told="7", refine="8").spec == "deepjscc:told=7,refine=8"
    assert DeepJscc.from_args(codec._named, refine="0").spec == codec.spec
    with pytest.raises(UsageError, match="refine is"):
        DeepJscc.from_args(codec._named, refine="many")
