"""JPEG XL as a codec: VarDCT by libjxl, turned towards PSNR by the samples that it is given."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from channelvq.codecs.filling import Ladder
from channelvq.codecs.sealed import Pixels, SealedCodec
from channelvq.components import integer
from channelvq.errors import UsageError

__all__ = ["JpegXl", "from_samples", "to_samples"]

_EFFORT = 7
# The ladder's parts: half the size, less contrast, a finer distance. From 10 on libjxl halves the size; at
# a distance of 0.1 its quality is 100, which is another mode.
_HALVED, _FADED, _FINER = 112, 64, 384
_HALVED_FROM, _HALVED_TO, _FINER_FROM, _FINER_TO = 25.0, 10.05, 9.95, 0.101
_CONTRAST, _SATURATION, _MIDDLE = 0.5, 1.4, 144  # with these no colour leaves 0 to 255
_FADES_AN_OCTAVE = 64
_LUMA = np.array([0.299, 0.587, 0.114])
# Bits of the image header after the size: all default in colour; spelled out in grey, a colour encoding too.
_METADATA_BITS = {3: 2, 1: 27}


class JpegXl(SealedCodec):
    """Lossy JPEG XL [1]_, VarDCT in XYB, by libjxl (pillow-jxl-plugin), one thread.

    libjxl is tuned for the eye and has no setting for PSNR. What can be chosen is what it is given: samples
    of half the contrast, with chroma 1.4 times as strong, are worth 0.3 dB at 0.5 to 1 bit per pixel. From a
    distance of 10 on, which without that is at 0.4 bits per pixel, libjxl codes a picture of half the size,
    and loses 1 dB; here the contrast goes down to a quarter first, in steps of 1 %. Without XYB (libjxl's
    "original profile") the same PSNR takes several times the bits; decoding for speed costs 0.1 to 0.6 dB.

    The files of pictures below some 100 pixels a side are not quite in order at the ladder's lower end, so
    that the least budget that is asked for can be a few bytes more than would do.

    Sent is one byte, by how much the contrast is lower, and the bare codestream from the frame header on.
    Signature and image header (4 to 11 bytes) are the same for every picture of a size; there is no
    container, no profile and no metadata. Message: length and CRC-32 (`channelvq.codecs.sealed`) are paid.

    Parameters
    ----------
    effort : int
        libjxl's, from 1 to 9 (slowest). 8 gives no PSNR over 7 in four times the time; 5 takes half of it and
        costs up to 0.1 dB. At 3 sizes may jump by a fifth, so that more of a budget is left over.

    Raises
    ------
    UsageError
        If `effort` is another, or the plugin is not installed: ``pip install 'channelvq[jpegxl]'``.

    References
    ----------
    .. [1] ISO/IEC 18181-1, "JPEG XL image coding system, part 1: core coding system".

    Examples
    --------
    >>> picture = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))
    >>> codec = JpegXl()
    >>> message = codec.encode(picture, budget_bits=4000)
    >>> codec.decode(50.0 - 100.0 * message.bits, picture.shape).status
    'ok'
    """

    # 0.8 % of size from a step to the next; a distance of 1.7 gives about 1 bit per pixel
    ladder = Ladder(steps=_HALVED + _FADED + _FINER, stride=16, growth=0.0081, typical=_HALVED + _FADED + 150)
    most_side = 65_535

    def __init__(self, effort: int = _EFFORT) -> None:
        if not 1 <= effort <= 9:
            raise UsageError(f"effort is {effort}, must be from 1 to 9")
        _plugin()
        self.effort = effort

    @classmethod
    def from_args(cls, effort: str = str(_EFFORT)) -> JpegXl:
        """Build from text, `jpegxl` or `jpegxl:effort=5`."""
        return cls(integer(effort, "effort", 1, 9))

    @property
    def spec(self) -> str:
        """Canonical text."""
        return "jpegxl" if self.effort == _EFFORT else f"jpegxl:effort={self.effort}"

    def _write(self, pixels: Pixels, step: int) -> bytes:
        fade, distance = _settings(step)
        file, head = _encode(to_samples(pixels, fade), distance, self.effort), _head(pixels.shape)
        if not file.startswith(head):
            raise RuntimeError("libjxl made a file of another form: its header is not that of the size")
        return bytes([fade]) + file[len(head) :]

    def _read(self, payload: bytes, shape: tuple[int, int, int]) -> Pixels | None:
        channels, height, width = shape
        shape_of_pixels = height, width, channels
        if payload[0] > _FADED:
            return None
        samples = _decode(_head(shape_of_pixels) + payload[1:], shape_of_pixels)
        return None if samples is None else from_samples(samples, payload[0])


def to_samples(pixels: Pixels, fade: int = 0) -> Pixels:
    """Pixels [H, W, C] -> what libjxl is given: less contrast, and in colour chroma 1.4 times as strong.

    Parameters
    ----------
    fade : int
        By how many 64ths of an octave the contrast is less than a half.

    Examples
    --------
    >>> to_samples(np.array([[[255, 255, 255], [0, 0, 255]]], np.uint8)).tolist()
    [[[208, 208, 208], [74, 74, 253]]]
    """
    luma, chroma = _split(pixels.astype(np.float64))
    samples = _MIDDLE + _contrast(fade) * (luma - 127.5 + _SATURATION * chroma)
    return np.rint(samples).astype(np.uint8)


def from_samples(samples: Pixels, fade: int = 0) -> Pixels:
    """Give the pixels [H, W, C] that samples [H, W, C] stand for.

    Examples
    --------
    >>> pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    >>> int(np.abs(from_samples(to_samples(pixels)).astype(int) - pixels).max())
    1
    """
    luma, chroma = _split((samples.astype(np.float64) - _MIDDLE) / _contrast(fade))
    return np.clip(np.rint(luma + chroma / _SATURATION + 127.5), 0, 255).astype(np.uint8)


def _contrast(fade: int) -> float:
    return float(_CONTRAST * 2.0 ** (-fade / _FADES_AN_OCTAVE))


def _split(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Luma [H, W, 1] of values [H, W, C], and what remains of them."""
    luma = values if values.shape[2] == 1 else (values @ _LUMA)[:, :, None]
    return luma, values - luma


def _settings(step: int) -> tuple[int, float]:
    """By how much the contrast is less at a step, and the distance."""
    if step < _HALVED:
        return _FADED, _HALVED_FROM * (_HALVED_TO / _HALVED_FROM) ** (step / (_HALVED - 1))
    if step < _HALVED + _FADED:
        return _HALVED + _FADED - step, _FINER_FROM
    return 0, _FINER_FROM * (_FINER_TO / _FINER_FROM) ** ((step - _HALVED - _FADED) / (_FINER - 1))


def _quality(distance: float) -> float:
    """Quality by which libjxl comes to a distance.

    It makes 0.1 + 0.09 (100 - q) of qualities q from 30 on, and 53/3000 q² - 23/20 q + 25 below.
    """
    if distance <= 6.4:
        return 100 - (distance - 0.1) / 0.09
    square, line = 53 / 3000, 23 / 20
    return (line - math.sqrt(line**2 - 4 * square * (25 - distance))) / (2 * square)


def _encode(samples: Pixels, distance: float, effort: int) -> bytes:
    """Write a codestream."""
    height, width, channels = samples.shape
    encoder = _plugin().Encoder(
        mode="L" if channels == 1 else "RGB",
        lossless=False,
        quality=_quality(distance),
        decoding_speed=0,
        effort=effort,
        use_container=False,
        use_original_profile=False,
        num_threads=0,
    )
    nothing = {"exif": None, "jumb": None, "xmp": None, "compress": False}
    return bytes(encoder(samples.tobytes(), width, height, jpeg_encode=False, **nothing))


def _decode(file: bytes, shape: tuple[int, int, int]) -> Pixels | None:
    """Read a codestream: samples [H, W, C], or None if it is not one of that shape."""
    height, width, channels = shape
    _, info, data, _, _ = _plugin().Decoder(num_threads=0)(file)
    if (info.height, info.width, info.mode) != (height, width, "L" if channels == 1 else "RGB"):
        return None
    return np.frombuffer(data, np.uint8).reshape(shape)


@lru_cache(maxsize=64)
def _head(shape: tuple[int, int, int]) -> bytes:
    """Signature and image header of pictures [H, W, C]: those of a grey one; frames start at whole bytes."""
    file = _encode(np.full(shape, 128, np.uint8), _FINER_FROM, 1)
    return file[: 2 + -(-(_size_bits(file[2:]) + _METADATA_BITS[shape[2]]) // 8)]


def _size_bits(header: bytes) -> int:
    """Count the bits of a size header: short ones are for multiples of 8 up to 256; ratios spare a width."""
    bits = int.from_bytes(header[:12], "little")
    short, at = bits & 1, 1

    def skip(at: int) -> int:
        return at + (5 if short else 2 + (9, 13, 18, 30)[bits >> at & 3])

    at = skip(at)
    return at + 3 if bits >> at & 7 else skip(at + 3)


def _plugin() -> Any:
    """Import the plugin, which must be there."""
    try:
        import pillow_jxl
    except ImportError:
        raise UsageError("codec 'jpegxl' needs pillow-jxl-plugin: pip install 'channelvq[jpegxl]'") from None
    return pillow_jxl
