"""JPEG 2000 as a codec: wavelets by Pillow (OpenJPEG), tuned for PSNR; shows what arrived before a cut."""

from __future__ import annotations

import io
import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from channelvq.bits import hard_bits, pack_bits, unpack_bits
from channelvq.codecs.base import Decoded, Message, Picture, grey_picture
from channelvq.codecs.filling import Ladder, fill, too_small
from channelvq.codecs.reading import read_pixels
from channelvq.codecs.sandbox import SANDBOX
from channelvq.codecs.sealed import Pixels, as_image, as_pixels
from channelvq.components import integer
from channelvq.errors import UsageError
from channelvq.images import from_8bit

__all__ = ["Jpeg2000"]

_LAYERS = 3
_SPREAD = 8  # between the rates of the first and the last layer
_GROWTH = 0.004
_LEAST_BPP = 0.005
_TILE, _DATA, _END = b"\xff\x90", b"\xff\x93", b"\xff\xd9"  # SOT, SOD, EOC
_LENGTH = slice(6, 10)  # of a tile-part, in its SOT segment


class Jpeg2000:
    """JPEG 2000 [1]_ by Pillow (OpenJPEG): irreversible 9/7 wavelet and colour transform, tuned for PSNR.

    OpenJPEG cuts the code blocks' bit planes at any rate, so that the budget is filled to within half a per
    cent. The stream is in layers of quality, three by default (at 1/8, 1/2.8 and all of the bytes), which
    costs 0.04 dB: a receiver reads it up to the first bit that the channel code does not vouch for, and zeros
    in place of the rest are empty packets, so that what is lost is sharpness. (An uncoded channel vouches for
    nothing, and all is read, in the sandbox.)

    Sent is what follows the main and the tile-part header (about 140 bytes, OpenJPEG's comment included),
    which are the same for every picture of a size but for a length: the receiver has them from its own
    encoder. The end marker, two bytes, is sent, so that the receiver knows where the stream ends.

    Parameters
    ----------
    layers : int
        Of quality, from 1 to 16.

    Raises
    ------
    UsageError
        If `layers` is another, or Pillow was built without JPEG 2000.

    References
    ----------
    .. [1] ISO/IEC 15444-1, ITU-T T.800.

    Examples
    --------
    >>> picture = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))
    >>> codec = Jpeg2000()
    >>> message = codec.encode(picture, budget_bits=4000)
    >>> codec.decode(50.0 - 100.0 * message.bits, picture.shape, message.bits < 2).status
    'ok'
    """

    ladder = Ladder(
        steps=math.ceil(math.log(24 / _LEAST_BPP) / _GROWTH) + 1,
        stride=32,
        growth=_GROWTH,
        typical=math.log(1 / _LEAST_BPP) / _GROWTH,
    )

    def __init__(self, layers: int = _LAYERS) -> None:
        from PIL import features

        if not 1 <= layers <= 16:
            raise UsageError(f"layers is {layers}, must be from 1 to 16")
        if not features.check("jpg_2000"):
            raise UsageError("codec 'jpeg2000' needs a Pillow built with JPEG 2000: pip install -U pillow")
        self.layers = layers

    @classmethod
    def from_args(cls, layers: str = str(_LAYERS)) -> Jpeg2000:
        """Build from text, `jpeg2000` or `jpeg2000:layers=1`."""
        return cls(integer(layers, "layers", 1, 16))

    @property
    def spec(self) -> str:
        """Canonical text."""
        return "jpeg2000" if self.layers == _LAYERS else f"jpeg2000:layers={self.layers}"

    def encode(self, picture: Picture, budget_bits: int) -> Message:
        """Find the stream of the highest rate within the budget.

        Raises
        ------
        BudgetError
            If even the lowest rate is too long; says how many bits it needs.
        """
        checked, pixels = as_pixels(self.spec, picture, 65_535)
        head = _head(pixels.shape, self.layers)

        def write(step: int) -> bytes:
            found, stream = _take_apart(_encode(pixels, step, self.layers))
            if found != head:
                raise RuntimeError(
                    "OpenJPEG made a stream of another form: its header is not that of the size"
                )
            return stream

        stream, fits = fill(self.spec, self.ladder, write, checked, budget_bits // 8)
        if not fits:
            raise too_small(self.spec, budget_bits, 8 * len(stream), checked)
        return Message(unpack_bits(stream), {"stream": 8 * len(stream)})

    def decode(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Read the stream as far as it is trusted; never raises on corrupt input."""
        data = _trusted(llrs, trusted)
        channels, height, width = shape
        end = data.find(_END)
        whole = end >= 0
        length = end if whole else llrs.size // 8  # zeros in place of what is lost: empty packets
        stream = data[:length] + bytes(max(length - len(data), 0)) + _END
        file = _put_together(_head((height, width, channels), self.layers), stream)
        read = read_pixels if whole and trusted is not None else SANDBOX.read_pixels
        pixels = read("JPEG2000", file, shape) if data else None
        if pixels is None:
            return Decoded(grey_picture(shape), "failed", notes={"jpeg2000": "stream unreadable"})
        if whole:
            return Decoded(from_8bit(pixels), "ok")
        return Decoded(from_8bit(pixels), "concealed", notes={"jpeg2000": f"cut after {len(data)} bytes"})

    def essence(self, llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None = None) -> bytes:
        """Give the stream as far as it is trusted, and the message's length; see `Decisive.essence`."""
        return llrs.size.to_bytes(8, "big") + _trusted(llrs, trusted)


def _trusted(llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None) -> bytes:
    """Give the bytes before the first bit that the channel code does not vouch for."""
    count = llrs.size
    if trusted is not None and not trusted.all():
        count = int(np.argmin(trusted))
    return pack_bits(hard_bits(llrs[: count // 8 * 8])).tobytes()


@lru_cache(maxsize=64)
def _head(shape: tuple[int, ...], layers: int) -> bytes:
    """Make the headers that all streams of pictures [H, W, C] begin with, from a grey one."""
    return _take_apart(_encode(np.full(shape, 128, np.uint8), 0, layers))[0]


def _encode(pixels: Pixels, step: int, layers: int) -> bytes:
    """Write a codestream."""
    ratio = 8 * pixels.shape[2] / (_LEAST_BPP * math.exp(_GROWTH * step))
    rates = [ratio * _SPREAD ** (1 - at / (layers - 1)) for at in range(layers)] if layers > 1 else [ratio]
    file = io.BytesIO()
    as_image(pixels).save(
        file,
        "JPEG2000",
        no_jp2=True,
        irreversible=True,
        mct=int(pixels.shape[2] == 3),
        quality_mode="rates",
        quality_layers=rates,
    )
    return file.getvalue()


def _take_apart(data: bytes) -> tuple[bytes, bytes]:
    """Take a codestream of one tile-part apart: headers, with no length in them, and packets with the end."""
    tile = data.index(_TILE)
    start = data.index(_DATA, tile) + 2
    head = bytearray(data[:start])
    head[tile + _LENGTH.start : tile + _LENGTH.stop] = bytes(4)
    return bytes(head), data[start:]


def _put_together(head: bytes, stream: bytes) -> bytes:
    """Make the codestream again."""
    tile = head.rindex(_TILE)
    length = len(head) - tile + len(stream) - len(_END)
    return head[: tile + _LENGTH.start] + length.to_bytes(4, "big") + head[tile + _LENGTH.stop :] + stream
