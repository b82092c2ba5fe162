"""IDX files, the format of MNIST: arrays of bytes behind a header that gives their sizes."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError

__all__ = ["IDX_SUFFIXES", "image_in_idx", "read_idx"]

IDX_SUFFIXES = ("-ubyte", "-ubyte.gz")
"""How the names of IDX files end."""

_BYTES = 0x08
_LARGEST = 1 << 30


def read_idx(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read an IDX file of bytes, packed by gzip or not.

    The format [1]_: two zero bytes, the type (8 for unsigned bytes), the number of dimensions, the size of
    each (32 bits, most significant byte first), then the samples, the last index fastest.

    Returns
    -------
    ndarray of uint8
        Of the sizes that the header gives, for MNIST [images, rows, columns]; read-only.

    Raises
    ------
    UsageError
        If the file is missing, no IDX file of bytes, damaged, of more than 2³⁰ samples, or shorter or longer
        than its header says.

    References
    ----------
    .. [1] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "two-images-idx3-ubyte"
    ...     _ = file.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, *range(6)]))
    ...     read_idx(file).tolist()
    [[[0, 1, 2]], [[3, 4, 5]]]
    """
    name = Path(path)
    try:
        with name.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(name) if packed else name.open("rb") as file:
            sizes = _sizes(name, file.read(4), file.read)
            count = math.prod(sizes)
            samples = file.read(count + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read {name}: {reason}") from None
    if len(samples) != count:
        found = "more" if len(samples) > count else str(len(samples))
        raise UsageError(f"{name} holds {found} samples, its header says {' x '.join(map(str, sizes))}")
    return np.frombuffer(samples, np.uint8).reshape(sizes)


def image_in_idx(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8] | None:
    """Give one image [rows, columns] of an IDX file by the path FILE/NUMBER, counted from 0.

    The last file that was read stays in memory.

    Returns
    -------
    ndarray of uint8 [rows, columns], or None
        None if the path is not of this form, or FILE is not there.

    Raises
    ------
    UsageError
        If FILE cannot be read, holds no images, or fewer than NUMBER + 1.
    """
    file, number = Path(path).parent, Path(path).name
    if not (number.isascii() and number.isdigit() and file.name.endswith(IDX_SUFFIXES) and file.is_file()):
        return None
    images = _images(file, file.stat().st_mtime_ns)
    if images.ndim != 3:
        raise UsageError(f"{file} has {images.ndim} dimensions, a file of grey images has 3")
    if int(number) >= len(images):
        raise UsageError(f"{file} holds {len(images)} images, there is none of number {number}")
    image: npt.NDArray[np.uint8] = images[int(number)]
    return image


@lru_cache(maxsize=1)
def _images(file: Path, stamp: int) -> npt.NDArray[np.uint8]:
    return read_idx(file)


def _sizes(name: Path, magic: bytes, read: Callable[[int], bytes]) -> tuple[int, ...]:
    """Read the rest of the header: the size of each dimension."""
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != _BYTES or not magic[3]:
        raise UsageError(f"{name} is no IDX file of bytes: it begins with {magic.hex()}, must with 000008")
    header = read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise UsageError(f"{name} ends within its header")
    sizes: tuple[int, ...] = struct.unpack(f">{magic[3]}I", header)
    if math.prod(sizes) > _LARGEST:
        raise UsageError(f"{name} claims {math.prod(sizes)} samples, at most {_LARGEST} are read")
    return sizes
