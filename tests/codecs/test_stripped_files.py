"""What is stripped before sending and put back: the file is the library's own again, and shows the same."""

from __future__ import annotations

import io
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples import photo_like

from channelvq.bits import bits_to_llrs, unpack_bits
from channelvq.codecs import avif, jpeg2000
from channelvq.codecs.avif import Avif
from channelvq.codecs.colour_axes import ColourAxes
from channelvq.codecs.jpeg2000 import Jpeg2000
from channelvq.codecs.jpeg_restart import JpegRestart
from channelvq.codecs.webp import Webp
from channelvq.evaluation.metrics import psnr
from channelvq.images import from_8bit, to_8bit

SHAPES = [(48, 64, 3), (33, 50, 1), (17, 200, 3), (150, 16, 1)]


def photo(shape: tuple[int, int, int]) -> np.ndarray:
    pixels = to_8bit(photo_like(shape[0], shape[1])).transpose(1, 2, 0)[:, :, : shape[2]]
    return np.ascontiguousarray(pixels)


def shown(file: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert("L" if shape[2] == 1 else "RGB")).reshape(shape)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [0, 77, 130, 255])
def test_avif(shape: tuple[int, int, int], step: int) -> None:
    codec, pixels, planar = Avif(speed=8), photo(shape), (shape[2], shape[0], shape[1])
    file = avif._encode(pixels, step, 8)
    payload = codec._write(pixels, step)
    assert 250 < len(file) - len(payload) < 330
    assert len(avif._put_together(avif._template(shape), payload)) - len(file) in (-1, 0)
    np.testing.assert_array_equal(codec._read(payload, planar), shown(file, shape))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step", [0, 333, 800])
def test_webp(shape: tuple[int, int, int], step: int) -> None:
    codec, pixels, planar = Webp(), photo(shape), (shape[2], shape[0], shape[1])
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if shape[2] == 1 else pixels).save(
        file, "WEBP", quality=step / 8, method=6
    )
    payload = codec._write(pixels, step)
    assert len(file.getvalue()) - len(payload) in (27, 28)
    np.testing.assert_array_equal(codec._read(payload, planar), shown(file.getvalue(), shape))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("step", [0, 900, 2118])
def test_jpeg2000(shape: tuple[int, int, int], layers: int, step: int) -> None:
    pixels, planar = photo(shape), (shape[2], shape[0], shape[1])
    file = jpeg2000._encode(pixels, step, layers)
    head, stream = jpeg2000._take_apart(file)
    assert jpeg2000._put_together(head, stream) == file
    decoded = Jpeg2000(layers).decode(bits_to_llrs(unpack_bits(stream)), planar)
    np.testing.assert_array_equal(to_8bit(decoded.picture), shown(file, shape).transpose(2, 0, 1))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", ["420", "444"])
def test_jpeg_restart(shape: tuple[int, int, int], text: str) -> None:
    from channelvq.codecs.jpeg import SUBSAMPLINGS, quantisation_tables

    pixels, planar = photo(shape), (shape[2], shape[0], shape[1])
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if shape[2] == 1 else pixels).save(
        file,
        "JPEG",
        qtables=quantisation_tables(61.5)[: shape[2]],
        optimize=True,
        subsampling=SUBSAMPLINGS[text],
        restart_marker_blocks=3,
    )
    codec = JpegRestart(text, blocks=3)
    received = codec._receive(bits_to_llrs(unpack_bits(codec._write(pixels, 484))), planar, None)
    assert not isinstance(received, str)
    assert not received.lost.any()
    jfif, heads = 18, 4 * (3 if shape[2] == 3 else 1)  # not put back; tables are put into one segment
    assert len(file.getvalue()) - jfif - heads == len(received.file)
    np.testing.assert_array_equal(shown(received.file, shape), shown(file.getvalue(), shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_hevc(shape: tuple[int, int, int]) -> None:
    pytest.importorskip("av")
    from channelvq.codecs import hevc

    codec, pixels, planar = hevc.Hevc(), photo(shape), (shape[2], shape[0], shape[1])
    axes = ColourAxes.of(pixels) if shape[2] == 3 else None
    for step in (0, 300, 943):
        stream = hevc._encode(hevc._to_planes(pixels, axes), step)
        payload = codec._write(pixels, step)
        assert 70 < len(stream) - len(payload) < 110
        planes = hevc._decode(stream, shape[2])
        assert planes is not None
        restored = axes.from_planes(planes) if axes else hevc._from_grey(planes)
        np.testing.assert_array_equal(codec._read(payload, planar), restored)
    assert psnr(from_8bit(pixels), from_8bit(codec._read(payload, planar))) > 48


@pytest.mark.parametrize("shape", [*SHAPES, (256, 264, 3), (600, 16, 1)])
def test_jpegxl(shape: tuple[int, int, int]) -> None:
    """The plugin's own file of the same samples, read by Pillow; at a step of each part of the ladder."""
    pytest.importorskip("pillow_jxl")
    from channelvq.codecs import jpegxl

    codec, pixels, planar = jpegxl.JpegXl(effort=3), photo(shape), (shape[2], shape[0], shape[1])
    for step in (0, 112, 150, 176, 420, 559):
        payload, file = codec._write(pixels, step), io.BytesIO()
        samples = jpegxl.to_samples(pixels, payload[0])
        Image.fromarray(samples[:, :, 0] if shape[2] == 1 else samples).save(
            file, "JXL", quality=jpegxl._quality(jpegxl._settings(step)[1]), effort=3
        )
        head = file.getvalue()[: len(file.getvalue()) - len(payload) + 1]
        assert (head[:2], len(head) <= 10) == (b"\xff\x0a", True)
        assert head + payload[1:] == file.getvalue()
        restored = jpegxl.from_samples(shown(file.getvalue(), shape), payload[0])
        np.testing.assert_array_equal(codec._read(payload, planar), restored)
    assert psnr(from_8bit(pixels), from_8bit(codec._read(payload, planar))) > 38
    assert codec._read(bytes([65]) + payload[1:], planar) is None


def test_no_colour_is_lost_in_the_samples_of_jpegxl() -> None:
    from channelvq.codecs import jpegxl

    levels = np.array([0, 1, 100, 254, 255], np.uint8)
    pixels = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(25, 5, 3)
    for fade, most in ((0, 1), (64, 3)):  # half of a step of the samples, and their rounding of luma
        back = jpegxl.from_samples(jpegxl.to_samples(pixels, fade), fade)
        assert np.abs(back.astype(int) - pixels).max() <= most


def test_the_distances_of_jpegxl_are_those_of_libjxl() -> None:
    """The two pieces of its map meet, its ends are its limits, and the ladder goes from coarse to fine."""
    from channelvq.codecs import jpegxl

    assert jpegxl._quality(25.0) == pytest.approx(0)
    assert jpegxl._quality(1.0) == pytest.approx(90)
    assert jpegxl._quality(6.4) == pytest.approx(jpegxl._quality(6.4 + 1e-9), abs=1e-6) == pytest.approx(30)
    settings = [jpegxl._settings(step) for step in range(jpegxl.JpegXl.ladder.steps)]
    assert all(a[0] >= b[0] and a[1] >= b[1] and a != b for a, b in pairwise(settings))
    assert settings[-1] == (0, pytest.approx(0.101))


def test_the_price_tables_of_hevc_are_those_of_x265(tmp_path: Path) -> None:
    """At a scale of 1 they change nothing. (In another process, as x265 keeps what it once read.)"""
    pytest.importorskip("av")
    from channelvq.codecs import hevc

    planes, table = ColourAxes().to_planes(photo((96, 128, 3))), tmp_path / "prices.txt"
    np.save(tmp_path / "planes.npy", planes)
    code = (
        "import sys; import numpy as np; from channelvq.codecs import hevc\n"
        "sys.stdout.buffer.write(hevc._stream(np.load(sys.argv[1]), 'qp=30'))\n"
    )
    plain = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "planes.npy")], capture_output=True, check=True
    ).stdout
    for scale, same in ((1.0, True), (1.1, False)):
        table.write_text(hevc._prices(scale), encoding="utf-8")
        assert (hevc._stream(planes, f"qp=30:lambda-file={table}") == plain) is same
