"""HEVC intra as a codec: x265 and FFmpeg's decoder by way of PyAV, tuned for PSNR."""

from __future__ import annotations

import re
import tempfile
import threading
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from channelvq.codecs.colour_axes import AXES_BYTES, ColourAxes
from channelvq.codecs.filling import Ladder
from channelvq.codecs.sealed import Pixels, SealedCodec
from channelvq.errors import UsageError

__all__ = ["Hevc"]

_STEPS_A_QP = 16
_COARSER = 8  # "QPs" beyond the last: the same QP, but a bit is held dearer and dearer
_MOST_QP = 51
# Of what x265 holds a bit to be worth: at one QP it goes down from 1.1 to 0.73 times that, which makes about
# as many bits more as the next finer QP does. In between lies what is best for PSNR.
_DEAREST, _NEXT_QP = 1.1, 1.5
_PEAK = 1023  # 10 bits
_IDR = b"\x28\x01"  # the head of a NAL unit of type IDR_N_LP
_START = b"\0\0\0\1"
_SETTINGS = (
    "aq-mode=0:psy-rd=0:psy-rdoq=0:rdoq-level=2:ipratio=1:info=0:hash=0:log-level=none:"
    "pools=none:frame-threads=1:wpp=0:keyint=1:bframes=0:rc-lookahead=0:cutree=0:scenecut=0:"
    "repeat-headers=1:annexb=1:aud=0"
)
_ENCODER = threading.Lock()  # x265 keeps the price of a bit in a table of the process


class Hevc(SealedCodec):
    """Intra-coded HEVC [1]_, one picture, 4:4:4, by x265: what BPG, which nobody packages, is made of.

    Tuned for PSNR of RGB: no adaptive quantisation and no psychovisual terms; 10 bits a sample; and, in place
    of YCbCr, the principal axes of the picture's own colour gradients (`ColourAxes`), with one quantiser for
    the three planes: mean axes of photographs are worth 0.3 dB over BT.601, own ones another 0.1. Between
    whole quantiser parameters the price that x265 puts on a bit is changed in steps of 1.5 %, which costs no
    quality, so that about half a per cent of a budget is left over.

    Sent are the axes of a colour picture (4 bytes) and the bytes of its slice. Video, sequence and picture
    parameter sets (about 80 bytes) and the head of the NAL unit are the same for every picture of a size: the
    receiver has them from its own encoder. There are no SEI messages. Message: length and CRC-32
    (`channelvq.codecs.sealed`) are paid.

    Raises
    ------
    UsageError
        If PyAV is not installed: ``pip install 'channelvq[video]'``.

    References
    ----------
    .. [1] ITU-T H.265, ISO/IEC 23008-2; range extensions, 2014.

    Examples
    --------
    >>> picture = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))
    >>> codec = Hevc()
    >>> message = codec.encode(picture, budget_bits=4000)
    >>> codec.decode(50.0 - 100.0 * message.bits, picture.shape).status
    'ok'
    """

    # 12 % of size from a QP to the next; QP 24 gives about 1 bit per pixel
    ladder = Ladder(
        steps=(_MOST_QP + 1 + _COARSER) * _STEPS_A_QP,
        stride=_STEPS_A_QP,
        growth=0.115 / _STEPS_A_QP,
        typical=(_MOST_QP - 24 + _COARSER) * _STEPS_A_QP,
    )
    most_side = 8192

    def __init__(self) -> None:
        _pyav()

    @classmethod
    def from_args(cls) -> Hevc:
        """Build from text, `hevc`."""
        return cls()

    @property
    def spec(self) -> str:
        """Canonical text."""
        return "hevc"

    def _write(self, pixels: Pixels, step: int) -> bytes:
        axes = ColourAxes.of(pixels) if pixels.shape[2] == 3 else None
        *sets, picture = _units(_encode(_to_planes(pixels, axes), step))
        if tuple(sets) != _parameter_sets(pixels.shape) or picture[:2] != _IDR:
            raise RuntimeError("x265 made a stream of another form: parameter sets are not those of the size")
        return (axes.to_bytes() if axes else b"") + picture[2:]

    def _read(self, payload: bytes, shape: tuple[int, int, int]) -> Pixels | None:
        channels, height, width = shape
        colour, payload = (payload[:AXES_BYTES], payload[AXES_BYTES:]) if channels == 3 else (b"", payload)
        stream = b"".join(
            _START + unit for unit in (*_parameter_sets((height, width, channels)), _IDR + payload)
        )
        planes = _decode(stream, channels)
        if planes is None or planes.shape != shape:
            return None
        return ColourAxes.from_bytes(colour).from_planes(planes) if colour else _from_grey(planes)


def _to_planes(pixels: Pixels, axes: ColourAxes | None) -> npt.NDArray[np.uint16]:
    """Pixels [H, W, C] -> 10-bit planes [C, H, W]."""
    if axes is not None:
        return axes.to_planes(pixels)
    return np.rint(pixels.transpose(2, 0, 1).astype(np.float64) * (_PEAK / 255)).astype(np.uint16)


def _from_grey(planes: npt.NDArray[np.uint16]) -> Pixels:
    """10-bit plane [1, H, W] -> pixels [H, W, 1], the nearest in 8 bits."""
    pixels = np.clip(np.rint(planes.astype(np.float64) * (255 / _PEAK)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


@lru_cache(maxsize=64)
def _parameter_sets(shape: tuple[int, int, int]) -> tuple[bytes, ...]:
    """Video, sequence and picture parameter set of pictures [H, W, C]: those of a grey one."""
    axes = ColourAxes() if shape[2] == 3 else None
    return tuple(_units(_encode(_to_planes(np.full(shape, 128, np.uint8), axes), 0))[:-1])


def _units(stream: bytes) -> list[bytes]:
    """Take NAL units out of a byte stream (annex B)."""
    return [unit for unit in re.split(rb"\x00*\x00\x00\x01", stream) if unit]


def _encode(planes: npt.NDArray[np.uint16], step: int) -> bytes:
    """Encode planes [C, H, W] at a step of the ladder: a byte stream of parameter sets and one slice."""
    qps, within = divmod(step, _STEPS_A_QP)
    qp = _MOST_QP + _COARSER - qps
    price = _DEAREST * _NEXT_QP ** (max(qp - _MOST_QP, 0) - within / _STEPS_A_QP)
    least = min(planes.shape[1:])
    blocks = max(side for side in (16, 32, 64) if side == 16 or least >= side)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as table:
        table.write(_prices(price))
    try:
        name = table.name.replace("\\", "\\\\").replace(":", "\\:")
        return _stream(planes, f"qp={min(qp, _MOST_QP)}:ctu={blocks}:lambda-file={name}")
    finally:
        Path(table.name).unlink(missing_ok=True)


def _stream(planes: npt.NDArray[np.uint16], settings: str) -> bytes:
    """Encode planes [C, H, W] by one thread, with further settings of x265."""
    video = _pyav()
    channels, height, width = planes.shape
    layout = "gray10le" if channels == 1 else "yuv444p10le"
    context = video.CodecContext.create("libx265", "w")
    context.width, context.height, context.pix_fmt = width, height, layout
    context.time_base, context.framerate = Fraction(1, 25), Fraction(25, 1)
    context.thread_count = 1
    context.options = {"preset": "slow", "tune": "psnr", "x265-params": f"{_SETTINGS}:{settings}"}
    frame = video.VideoFrame(width, height, layout)
    for plane, samples in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.buffer_size // plane.line_size, plane.line_size // 2), "<u2")
        rows[:height, :width] = samples
        plane.update(rows.tobytes())
    frame.pts = 0
    with _ENCODER:
        packets = [*context.encode(frame), *context.encode(None)]
    return b"".join(map(bytes, packets))


def _decode(stream: bytes, channels: int) -> npt.NDArray[np.uint16] | None:
    """Decode a byte stream by one thread: planes [C, H, W], or None if it holds no such picture."""
    video = _pyav()
    context = video.CodecContext.create("hevc", "r")
    context.thread_count = 1
    frames = [*context.decode(video.Packet(stream)), *context.decode(None)]
    if len(frames) != 1 or frames[0].format.name != ("gray10le" if channels == 1 else "yuv444p10le"):
        return None
    frame = frames[0]
    planes = [
        np.frombuffer(plane, "<u2").reshape(-1, plane.line_size // 2)[: frame.height, : frame.width]
        for plane in frame.planes
    ]
    return np.stack(planes).astype(np.uint16)


@lru_cache(maxsize=64)
def _prices(scale: float) -> str:
    """Write x265's tables of what a bit costs, of 10-bit samples, scaled: λ and λ² of QPs 0 to 69 [1]_.

    References
    ----------
    .. [1] x265, constants.cpp: λ = 2^(QP/6), λ² = 0.608 e^(0.234 QP) at 10 bits.
    """
    plain = [scale**0.5 * 2 ** (qp / 6) for qp in range(70)]
    squared = [scale * 0.608 * np.exp(0.234 * qp) for qp in range(70)]
    lines = [table[at : at + 5] for table in (plain, squared) for at in range(0, 70, 5)]
    return "".join(", ".join(f"{value:.4f}" for value in line) + ",\n" for line in lines)


def _pyav() -> Any:
    """Import PyAV, which must be there."""
    try:
        import av
        import av.logging
    except ImportError:
        raise UsageError("codec 'hevc' needs PyAV: pip install 'channelvq[video]'") from None
    av.logging.set_level(None)
    return av
