"""Reads picture files with Pillow; run as a program it does so for another process, see `sandbox`.

As a program it is started by its path, and imports nothing of this package, so that it is there quickly.
"""

from __future__ import annotations

import contextlib
import io
import struct
import sys
import warnings
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["REQUEST", "read_pixels"]

REQUEST = struct.Struct(">8s3IQ")
"""What is asked of the program: format, channels, height, width, length of the file that follows."""

_ROOM = 1 << 28  # bytes of memory for any picture, and so many more a pixel:
_ROOM_A_PIXEL = 64


def read_pixels(kind: str, data: bytes, shape: tuple[int, int, int]) -> npt.NDArray[np.uint8] | None:
    """Read a file of one format: pixels [H, W, C], or None unless it is a picture of `shape` (C, H, W).

    Examples
    --------
    >>> read_pixels("JPEG", b"no JPEG file", (3, 16, 16)) is None
    True
    """
    import numpy as np

    channels, height, width = shape
    pixels = _read(kind, data, shape)
    return None if pixels is None else np.frombuffer(pixels, np.uint8).reshape(height, width, channels)


def _read(kind: str, data: bytes, shape: tuple[int, int, int]) -> bytes | None:
    """Give the pixels as bytes."""
    from PIL import Image

    channels, height, width = shape
    mode = "L" if channels == 1 else "RGB"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                # Checked before anything is allocated: a corrupt header may claim any size.
                if image.size != (width, height):
                    return None
                if image.mode == mode:
                    return image.tobytes()
                # WebP has no grey, nor has a grey AVIF one in Pillow
                grey_of_colour = kind in ("WEBP", "AVIF") and (image.mode, mode) == ("RGB", "L")
                return image.convert("L").tobytes() if grey_of_colour else None
    except Exception:  # a corrupt stream makes Pillow raise almost anything
        return None


def _confine(shape: tuple[int, int, int], used: int) -> None:
    """Let no picture take more memory than any of its size needs; where the system can do that."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        most = used + _ROOM + _ROOM_A_PIXEL * shape[1] * shape[2]
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def _address_space() -> int:
    """Bytes of address space that this process has, as far as the system tells."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm") as file:  # noqa: PTH123
        return int(file.read().split()[0]) * 4096
    return 1 << 30


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more: a byte 1 and the pixels, or a byte 0."""
    from PIL import Image

    Image.preinit()
    used = _address_space()
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        kind, channels, height, width, length = REQUEST.unpack(head)
        data, shape = requests.read(length), (channels, height, width)
        _confine(shape, used)
        pixels = _read(kind.rstrip(b"\0").decode("ascii"), data, shape)
        answers.write(b"\0" if pixels is None else b"\1" + pixels)
        answers.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        _serve(sys.stdin.buffer, sys.stdout.buffer)
