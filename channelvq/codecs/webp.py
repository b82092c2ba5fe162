"""WebP as a codec: VP8 intra by Pillow (libwebp); only the frame's data are sent."""

from __future__ import annotations

import io
import struct

from channelvq.codecs.filling import Ladder
from channelvq.codecs.reading import read_pixels
from channelvq.codecs.sealed import Pixels, SealedCodec, as_image
from channelvq.errors import UsageError

__all__ = ["Webp"]

_STEPS = 8  # a quality
_HEADS = 20  # RIFF, WEBP and the chunk's
_START = b"\x9d\x01\x2a"  # of a key frame of VP8


class Webp(SealedCodec):
    """Lossy WebP [1]_ by Pillow (libwebp), at its slowest method, one thread.

    VP8 takes 4:2:0 only, and Pillow hands no more than quality and method to the encoder, so that libwebp's
    spatial noise shaping, which costs some PSNR, stays at its default. Qualities go from 0 to 100 in steps of
    1/8; libwebp has 128 quantisers, so that about 1 % of a budget is left over.

    Sent are a VP8 frame's tag and its partitions. The 20 bytes of the RIFF container's heads, and start code
    and size of the frame (7 bytes), are the same for every picture of a size but for its length. Message:
    length and CRC-32 (`channelvq.codecs.sealed`) are paid.

    Raises
    ------
    UsageError
        If Pillow was built without WebP.

    References
    ----------
    .. [1] RFC 9649, "WebP image format"; RFC 6386, "VP8 data format and decoding guide".

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))
    >>> codec = Webp()
    >>> message = codec.encode(picture, budget_bits=4000)
    >>> codec.decode(50.0 - 100.0 * message.bits, picture.shape).status
    'ok'
    """

    ladder = Ladder(steps=100 * _STEPS + 1, stride=4 * _STEPS, growth=0.018 / _STEPS, typical=80 * _STEPS)
    most_side = 16_383

    def __init__(self) -> None:
        from PIL import features

        if not features.check("webp"):
            raise UsageError("codec 'webp' needs a Pillow that was built with WebP: pip install -U pillow")

    @classmethod
    def from_args(cls) -> Webp:
        """Build from text, `webp`."""
        return cls()

    @property
    def spec(self) -> str:
        """Canonical text."""
        return "webp"

    def _write(self, pixels: Pixels, step: int) -> bytes:
        file = io.BytesIO()
        as_image(pixels).save(file, "WEBP", quality=step / _STEPS, method=6)
        data = file.getvalue()
        frame = data[_HEADS : _HEADS + int.from_bytes(data[_HEADS - 4 : _HEADS], "little")]
        if data[12:16] != b"VP8 " or frame[3:10] != _frame_start(pixels.shape):
            raise RuntimeError("libwebp made a file of another form: it is not one frame of VP8")
        return frame[:3] + frame[10:]

    def _read(self, payload: bytes, shape: tuple[int, int, int]) -> Pixels | None:
        channels, height, width = shape
        frame = payload[:3] + _frame_start((height, width, channels)) + payload[3:]
        chunk = b"WEBPVP8 " + struct.pack("<I", len(frame)) + frame + bytes(len(frame) % 2)
        return read_pixels("WEBP", b"RIFF" + struct.pack("<I", len(chunk)) + chunk, shape)


def _frame_start(shape: tuple[int, ...]) -> bytes:
    """Start code and size of a frame of pixels [H, W, C]."""
    return _START + struct.pack("<HH", shape[1], shape[0])
