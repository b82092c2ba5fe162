"""JPEG 2000: a cut costs sharpness, not the picture."""

from __future__ import annotations

import numpy as np
from samples import photo_like

from channelvq.bits import bits_to_llrs
from channelvq.codecs.jpeg2000 import Jpeg2000
from channelvq.evaluation.metrics import psnr


def test_what_arrived_before_a_cut_is_shown() -> None:
    picture, codec = photo_like(192, 256), Jpeg2000()
    bits = codec.encode(picture, 60_000).bits
    llrs = bits_to_llrs(np.append(bits, np.zeros(500, np.uint8)))
    quality = []
    for share in (0.04, 0.2, 0.4, 1.0):
        trusted = np.arange(llrs.size) < share * bits.size
        received = np.where(trusted, llrs, np.random.default_rng(0).normal(0, 9, llrs.size))
        decoded = codec.decode(received.astype(np.float32), picture.shape, trusted)
        assert decoded.status == ("ok" if share == 1 else "concealed")
        quality.append(psnr(picture, decoded.picture))
    assert quality == sorted(quality)
    assert quality[0] > 17
    assert quality[2] > quality[3] - 6


def test_layers_cost_little() -> None:
    picture = photo_like(192, 256)
    qualities = []
    for layers in (1, 3):
        codec = Jpeg2000(layers)
        message = codec.encode(picture, 40_000)
        decoded = codec.decode(bits_to_llrs(message.bits), picture.shape)
        qualities.append(psnr(picture, decoded.picture))
    assert qualities[0] - 0.2 < qualities[1] < qualities[0] + 0.1
