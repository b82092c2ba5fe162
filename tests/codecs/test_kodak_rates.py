"""Clean rate-distortion on Kodak against figures of others, and against what we promise."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np
import pytest

from channelvq.codecs import CODECS
from channelvq.codecs.jpeg import Jpeg
from channelvq.codecs.reading import read_pixels
from channelvq.codecs.sealed import as_image
from channelvq.codecs.webp import Webp
from channelvq.evaluation.metrics import psnr
from channelvq.evaluation.rate_distortion import rate_distortion
from channelvq.images import from_8bit, image_set, to_8bit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("CHANNELVQ_DATA" not in os.environ, reason="Kodak is in no $CHANNELVQ_DATA"),
]

# Mean PSNR in dB over bits per pixel, as CompressAI publishes them.
OTHERS = {
    "jpeg:huffman=standard": [(0.423, 28.04), (0.508, 29.04), (0.729, 30.90), (1.037, 32.79), (1.369, 34.39)],
    "webp": [(0.296, 29.15), (0.513, 31.44), (0.771, 33.61), (0.998, 35.10), (1.520, 37.78)],
}


def at_quality(codec: Jpeg | Webp, quality: int, picture: np.ndarray) -> tuple[float, float]:
    """Bits per pixel of a whole file, and its PSNR."""
    pixels = np.ascontiguousarray(to_8bit(picture).transpose(1, 2, 0))
    if isinstance(codec, Jpeg):
        data, stripped = codec._write(as_image(pixels), quality), 0
        shown = read_pixels("JPEG", data, picture.shape)
    else:
        data, stripped = codec._write(pixels, 8 * quality), 27
        shown = codec._read(data, picture.shape)
    assert shown is not None
    return 8 * (len(data) + stripped) / picture[0].size, psnr(picture, from_8bit(shown))


@pytest.mark.parametrize("name", OTHERS)
def test_jpeg_and_webp_are_what_others_measure(name: str) -> None:
    """Means at equal quality settings, as theirs are; a link, which has equal rates instead, gets more."""
    codec = CODECS.build(name)
    pictures = [image.load() for image in image_set("kodak")]
    qualities = (15, 22, 30, 45, 60, 75, 85) if name != "webp" else (10, 25, 40, 55, 70, 80, 85, 90, 94)
    ours = np.array([np.mean([at_quality(codec, q, p) for p in pictures], axis=0) for q in qualities])
    expected = np.array(OTHERS[name])
    at_theirs = np.interp(expected[:, 0], ours[:, 0], ours[:, 1])
    np.testing.assert_allclose(at_theirs, expected[:, 1], atol=0.15)


@pytest.mark.skipif(find_spec("av") is None, reason="PyAV is not installed")
def test_hevc_keeps_its_promise() -> None:
    images = [(image.name, image.load()) for image in image_set("kodak")]
    points = rate_distortion(CODECS.build("hevc"), images, [0.35, 0.685])
    assert points[0].psnr_db >= 31.3
    assert points[1].psnr_db >= 34.5
