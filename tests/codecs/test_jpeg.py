"""The JPEG codec: never over budget, never raises, shows what arrived before the cut."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from channelvq.bits import bits_to_llrs, pack_bits, unpack_bits
from channelvq.codecs import CODECS
from channelvq.codecs.base import Codec, Picture, grey_picture
from channelvq.codecs.jpeg import Jpeg
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.metrics import psnr
from channelvq.images import image_set, to_8bit


def photo(channels: int = 3, height: int = 128, width: int = 160) -> Picture:
    picture = image_set("builtin")[1].load()[:channels, 60 : 60 + height, 120 : 120 + width]
    return np.ascontiguousarray(picture)


@pytest.mark.parametrize("text", ["jpeg", "jpeg:444"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("budget", [8_000, 20_000, 60_000, 10_000_000])
def test_fills_the_budget_and_never_exceeds_it(text: str, channels: int, budget: int) -> None:
    codec = CODECS.build(text)
    assert isinstance(codec, Codec)
    assert codec.spec == text
    picture = photo(channels)
    message = codec.encode(picture, budget)
    assert message.bits.size <= budget
    assert sum(message.parts.values()) == message.bits.size
    if budget < 50_000:
        assert message.bits.size > 0.97 * budget
    decoded = codec.decode(bits_to_llrs(message.bits), picture.shape)
    assert decoded.status == "ok"
    # what Pillow itself makes of the file
    with Image.open(io.BytesIO(pack_bits(message.bits).tobytes())) as file:
        expected = np.asarray(file).reshape(picture.shape[1], picture.shape[2], channels)
    np.testing.assert_array_equal(to_8bit(decoded.picture), expected.transpose(2, 0, 1))


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 100])
@pytest.mark.parametrize(("text", "subsampling"), [("jpeg", 2), ("jpeg:444", 0)])
def test_whole_qualities_are_those_of_libjpeg(quality: int, text: str, subsampling: int) -> None:
    image = Image.fromarray(to_8bit(photo()).transpose(1, 2, 0))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, optimize=True, subsampling=subsampling)
    codec = CODECS.build(text)
    assert isinstance(codec, Jpeg)
    assert codec._write(image, quality) == file.getvalue()


def test_more_bits_make_a_better_picture() -> None:
    picture, codec = photo(), Jpeg()
    quality = []
    for budget in (9_000, 14_000, 22_000, 40_000, 80_000):
        message = codec.encode(picture, budget)
        decoded = codec.decode(bits_to_llrs(message.bits), picture.shape)
        quality.append(psnr(picture, decoded.picture))
    assert quality == sorted(quality)
    assert quality[-1] > quality[0] + 5


def test_too_small_a_budget_says_how_much_is_needed() -> None:
    codec, picture = Jpeg(), photo()
    with pytest.raises(BudgetError, match=r"budget of 1000 bits is too small: jpeg needs \d+ bits") as caught:
        codec.encode(picture, 1000)
    needed = int(str(caught.value).split("needs ")[1].split()[0])
    assert codec.encode(picture, needed).bits.size == needed
    with pytest.raises(BudgetError):
        codec.encode(picture, needed - 1)


def test_an_untrusted_bit_cuts_the_file_and_the_top_stays() -> None:
    picture, codec = photo(), Jpeg()
    message = codec.encode(picture, 40_000)
    clean = codec.decode(bits_to_llrs(message.bits), picture.shape).picture
    llrs = bits_to_llrs(np.concatenate([message.bits, np.ones(500, np.uint8)]))  # and what fills the frame
    trusted = np.ones(llrs.size, bool)
    trusted[message.bits.size * 2 // 3 :] = False
    llrs[~trusted] = np.random.default_rng(0).standard_normal((~trusted).sum())
    decoded = codec.decode(llrs, picture.shape, trusted)
    assert decoded.status == "concealed"
    assert "cut after" in decoded.notes["jpeg"]
    np.testing.assert_array_equal(decoded.picture[:, :48], clean[:, :48])
    np.testing.assert_array_equal(decoded.picture[:, -16:], grey_picture((3, 16, 160)))
    assert psnr(picture, decoded.picture) > psnr(picture, grey_picture(picture.shape)) + 1


def test_loss_after_the_end_of_the_file_is_no_loss() -> None:
    picture, codec = photo(), Jpeg()
    message = codec.encode(picture, 40_000)
    llrs = np.concatenate([bits_to_llrs(message.bits), np.zeros(800, np.float32)])
    trusted = np.arange(llrs.size) < message.bits.size
    decoded = codec.decode(llrs, picture.shape, trusted)
    assert decoded.status == "ok"


def test_a_lost_header_is_a_failure() -> None:
    picture, codec = photo(), Jpeg()
    message = codec.encode(picture, 40_000)
    trusted = np.arange(message.bits.size) < message.parts["header"] - 1
    decoded = codec.decode(bits_to_llrs(message.bits), picture.shape, trusted)
    assert decoded.status == "failed"
    np.testing.assert_array_equal(decoded.picture, grey_picture(picture.shape))


def test_a_file_of_another_size_or_kind_is_a_failure() -> None:
    codec = Jpeg()
    message = codec.encode(photo(), 40_000)
    for shape in ((3, 128, 128), (1, 128, 160), (3, 160, 128)):
        assert codec.decode(bits_to_llrs(message.bits), shape).status == "failed"
    data = bytearray(pack_bits(message.bits).tobytes())
    size = data.index(b"\xff\xc0") + 5
    data[size : size + 4] = b"\xff\xff\xff\xff"  # claims 65535 x 65535
    bomb = bits_to_llrs(unpack_bits(bytes(data)))
    assert codec.decode(bomb, (3, 128, 160)).status == "failed"


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-5, 1e-4, 1e-3, 1e-2, 0.5]), st.booleans())
def test_corrupt_input_never_raises(seed: int, p: float, only_header: bool) -> None:
    picture, rng = photo(3, 48, 64), np.random.default_rng(seed)
    message = Jpeg().encode(picture, 12_000)
    flips = rng.random(message.bits.size) < p
    flips[rng.integers(0, message.parts["header"])] = True
    if only_header:
        flips[message.parts["header"] :] = False
    decoded = Jpeg().decode(bits_to_llrs(message.bits ^ flips, 2.0), picture.shape)
    assert decoded.picture.shape == picture.shape
    assert decoded.picture.dtype == np.float32
    assert decoded.picture.min() >= 0
    assert decoded.picture.max() <= 1


@pytest.mark.parametrize("count", [0, 1, 7, 8, 16, 40])
def test_almost_nothing_received_is_a_failure(count: int) -> None:
    assert Jpeg().decode(np.zeros(count, np.float32), (3, 16, 16)).status == "failed"
    assert Jpeg().decode(bits_to_llrs(np.ones(count, np.uint8)), (1, 16, 16)).status == "failed"


def test_wrong_specs_are_refused() -> None:
    for text in ("jpeg:411", "jpeg:444,420", "jpg"):
        with pytest.raises(UsageError):
            CODECS.build(text)
