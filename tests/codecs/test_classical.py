"""What holds for every classical codec: budgets, odd sizes, grey, damage, the same each time."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import photo_like

from channelvq.bits import bits_to_llrs
from channelvq.codecs import CODECS
from channelvq.codecs.base import Codec, Decisive, Picture, grey_picture
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.metrics import psnr
from channelvq.images import to_8bit

NAMES = ("jpeg", "jpeg:444", "jpeg:huffman=standard", "jpeg-restart", "jpeg-restart:444,blocks=4")
NAMES += ("jpeg2000", "jpeg2000:layers=1", "webp", "avif:speed=8", "hevc", "jpegxl:effort=5")
SEALED = ("webp", "avif:speed=8", "hevc", "jpegxl:effort=5")
UNEVEN = ("jpegxl:effort=5",)  # of its files of some 100 bytes a finer one may be the shorter
EXTRAS = {"hevc": ("av", "video"), "jpegxl": ("pillow_jxl", "jpegxl")}  # module and extra that they need
LARGE = 10**7


@pytest.fixture(params=NAMES)
def codec(request: pytest.FixtureRequest) -> Codec:
    return build(request.param)


def installed(text: str) -> bool:
    module, _ = EXTRAS.get(text.partition(":")[0], ("PIL", ""))
    return find_spec(module) is not None


def build(text: str) -> Codec:
    if not installed(text):
        pytest.skip(f"{text} is not installed")
    codec = CODECS.build(text)
    assert codec.spec == text
    return codec  # type: ignore[no-any-return]


def is_least(codec: Codec, size: int, least: int) -> bool:
    return size == least or (codec.spec in UNEVEN and 0.9 * least < size < least)


def photo(channels: int, height: int, width: int, seed: int = 0) -> Picture:
    return np.ascontiguousarray(photo_like(height, width, seed)[:channels])


def send(codec: Codec, bits: np.ndarray, shape: tuple[int, ...], filling: int = 0):
    llrs = bits_to_llrs(np.append(bits, np.zeros(filling, np.uint8)))
    return codec.decode(llrs, shape, np.ones(llrs.size, np.bool_))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "shape", [(3, 16, 16), (1, 16, 16), (3, 17, 41), (1, 33, 19), (3, 64, 96), (3, 130, 67)]
)
def test_any_size_and_grey(codec: Codec, shape: tuple[int, int, int]) -> None:
    picture = photo(*shape)
    message = codec.encode(picture, LARGE)
    assert sum(message.parts.values()) == message.bits.size
    for filling in (0, 5, 999):
        decoded = send(codec, message.bits, shape, filling)
        assert (decoded.status, decoded.picture.shape) == ("ok", shape)
        assert decoded.picture.dtype == np.float32
    assert psnr(picture, decoded.picture) > (27 if shape[0] == 3 else 38)  # chroma is noise, and 4:2:0
    with pytest.raises(BudgetError, match=r"\d+ bits") as caught:
        codec.encode(picture, 24)
    assert str(caught.value).count("\n") == 0
    least = int(str(caught.value).split("needs ")[1].split()[0])
    assert is_least(codec, codec.encode(picture, least).bits.size, least)
    with pytest.raises(BudgetError):
        codec.encode(picture, least - 1 if codec.spec not in UNEVEN else least * 9 // 10)


@pytest.mark.parametrize("name", NAMES)
def test_never_over_the_budget(name: str) -> None:
    codec, slow = build(name), name == "hevc"

    @settings(max_examples=6 if slow else 20)
    @given(st.integers(16, 70), st.integers(16, 70), st.sampled_from([1, 3]), st.integers(1, 60_000))
    def check(height: int, width: int, channels: int, budget: int) -> None:
        picture = photo(channels, height, width)
        try:
            message = codec.encode(picture, budget)
        except BudgetError as error:
            least = int(str(error).split("needs ")[1].split()[0])
            message = codec.encode(picture, least)
            budget = max(budget + 1, least)
            assert is_least(codec, message.bits.size, least)
            assert budget == least
        assert message.bits.size <= budget
        assert sum(message.parts.values()) == message.bits.size

    check()


def test_fills_the_budget_and_more_bits_make_a_better_picture(codec: Codec) -> None:
    picture, quality, used = photo(3, 160, 224), [], []
    for budget in (16_000, 30_000, 60_000):
        message = codec.encode(picture, budget)
        used.append(message.bits.size / budget)
        quality.append(psnr(picture, send(codec, message.bits, picture.shape).picture))
    assert quality == sorted(quality)
    assert np.mean(used) > 0.94


def test_the_same_each_time(codec: Codec) -> None:
    picture = photo(3, 48, 64)
    first = codec.encode(picture, 9000)
    codec.encode(picture, 20_000)
    codec.encode(photo(3, 48, 64, seed=1), 9000)
    again = CODECS.build(codec.spec).encode(picture, 9000)
    np.testing.assert_array_equal(first.bits, again.bits)
    assert first.parts == again.parts


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("vouched", [False, True])
def test_damage_never_raises(name: str, vouched: bool) -> None:
    codec, picture = build(name), photo(3, 48, 64)
    bits = codec.encode(picture, 12_000).bits

    @settings(max_examples=25)
    @given(st.integers(0, 2**32 - 1), st.sampled_from([1e-4, 1e-3, 1e-2, 0.5]), st.floats(0, 1.2))
    def check(seed: int, wrong: float, kept: float) -> None:
        rng = np.random.default_rng(seed)
        count = int(kept * bits.size)
        received = np.append(bits, rng.integers(0, 2, bits.size).astype(np.uint8))[:count]
        flips = rng.random(count) < wrong
        llrs = bits_to_llrs(received ^ flips, 3.0) * (rng.random(count) > wrong)
        decoded = codec.decode(llrs.astype(np.float32), picture.shape, ~flips if vouched else None)
        assert decoded.picture.shape == picture.shape
        assert decoded.picture.dtype == np.float32
        assert 0 <= decoded.picture.min() <= decoded.picture.max() <= 1
        if decoded.status == "failed":
            np.testing.assert_array_equal(decoded.picture, grey_picture(picture.shape))
            assert decoded.notes

    check()


def test_another_size_or_kind_of_picture_is_a_failure_or_a_picture_of_the_asked_size(codec: Codec) -> None:
    message = codec.encode(photo(3, 48, 64), 12_000)
    for shape in ((3, 64, 48), (1, 48, 64), (3, 48, 65), (3, 480, 640)):
        decoded = send(codec, message.bits, shape)
        assert decoded.picture.shape == shape


@pytest.mark.parametrize("name", SEALED)
def test_a_wrong_or_doubtful_bit_shows_grey(name: str) -> None:
    codec, picture = build(name), photo(3, 48, 64)
    message = codec.encode(picture, 9000)
    llrs = bits_to_llrs(np.append(message.bits, np.zeros(80, np.uint8)))
    for place in (3, 100, message.bits.size - 1):
        wrong = llrs.copy()
        wrong[place] *= -1
        assert codec.decode(wrong, picture.shape).status == "failed"
        doubt = np.arange(llrs.size) != place
        assert codec.decode(llrs, picture.shape, doubt).status == "failed"
    beyond = np.arange(llrs.size) != message.bits.size
    assert codec.decode(llrs, picture.shape, beyond).status == "ok"
    assert codec.decode(llrs, picture.shape).status == "ok"


def test_equal_essences_make_equal_pictures(codec: Codec) -> None:
    assert isinstance(codec, Decisive)
    picture = photo(3, 48, 64)
    bits = codec.encode(picture, 9000).bits
    rng = np.random.default_rng(0)
    seen: dict[bytes, np.ndarray] = {}
    for trial in range(30):
        flips = rng.random(bits.size) < (0, 1e-3, 1e-2)[trial % 3]
        trusted = np.repeat(rng.random(-(-bits.size // 500)) > 0.1, 500)[: bits.size] if trial % 2 else None
        for strength in (2.0, 7.0):
            llrs = bits_to_llrs(bits ^ flips, strength)
            decoded = codec.decode(llrs, picture.shape, trusted)
            key = codec.essence(llrs, trusted)
            assert np.array_equal(seen.setdefault(key, decoded.picture), decoded.picture)
    assert codec.essence(bits_to_llrs(bits)) != codec.essence(bits_to_llrs(bits[: bits.size // 2]))


def test_flat_pictures_and_noise_have_the_headers_of_their_size(codec: Codec) -> None:
    rng = np.random.default_rng(0)
    text = np.kron(rng.integers(0, 2, (1, 12, 16)), np.ones((3, 4, 4)))
    for picture in (np.zeros((3, 48, 64)), np.ones((3, 48, 64)), rng.random((3, 48, 64)), text):
        checked = picture.astype(np.float32)
        for budget in (20_000, LARGE):
            decoded = send(codec, codec.encode(checked, budget).bits, (3, 48, 64))
            assert decoded.status == "ok"
    flat = np.full((3, 48, 64), 128 / 255, np.float32)
    decoded = send(codec, codec.encode(flat, LARGE).bits, flat.shape)
    assert np.abs(to_8bit(decoded.picture).astype(int) - 128).max() <= 1


def test_nothing_is_printed_not_even_of_files_that_cannot_be_decoded() -> None:
    code = (
        "import numpy as np; from channelvq.codecs import CODECS; from channelvq.bits import bits_to_llrs\n"
        "from channelvq.codecs.sealed import seal\n"
        "p = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))\n"
        "for name in {names}:\n"
        "    c = CODECS.build(name); llrs = bits_to_llrs(c.encode(p, 9000).bits); llrs[900:950] *= -1\n"
        "    c.decode(llrs, p.shape); c.decode(bits_to_llrs(seal(b'damaged' * 99).bits), p.shape)\n"
    )
    names = [name for name in ("jpeg-restart", "jpeg2000", *SEALED) if installed(name)]
    done = subprocess.run(
        [sys.executable, "-c", code.format(names=names)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "text",
    [
        "avif:speed=11",
        "avif:5,6",
        "webp:90",
        "hevc:32",
        "jpegxl:effort=10",
        "jpegxl:90",
        "jpeg2000:layers=0",
        "jpeg:huffman=best",
    ],
)
def test_wrong_specs_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        CODECS.build(text)
    assert "\n" not in str(caught.value)
    for name in ("jpeg-restart:422", "jpeg-restart:blocks=0", "jpeg-restart:blocks=x"):
        with pytest.raises(UsageError):
            CODECS.build(name)


@pytest.mark.parametrize("name", EXTRAS)
def test_a_codec_without_its_extra_says_how_to_get_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, extra = EXTRAS[name]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=rf"pip install 'channelvq\[{extra}\]'") as caught:
        CODECS.build(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SEALED)
def test_a_side_that_the_format_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="sides of at most"):
        build(name).encode(np.zeros((1, 16, 70_000), np.float32), 10_000)
