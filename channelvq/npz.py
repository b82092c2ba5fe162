"""NPZ files of pictures: one array `x` of bytes, as CIFAR-10 is often packed."""

from __future__ import annotations

import os
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError

__all__ = ["image_in_npz"]


def image_in_npz(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8] | None:
    """Give one image of an NPZ file by the path FILE.npz/NUMBER, counted from 0.

    The file's array `x` is of bytes, [images, rows, columns] or [images, rows, columns, 3]. The last file
    that was read stays in memory.

    Returns
    -------
    ndarray of uint8 [rows, columns] or [rows, columns, 3], or None
        None if the path is not of this form, or FILE is not there.

    Raises
    ------
    UsageError
        If FILE cannot be read, holds no such array, or fewer than NUMBER + 1 images.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "two.npz", x=np.zeros((2, 32, 32, 3), np.uint8))
    ...     image_in_npz(Path(folder) / "two.npz" / "1").shape
    (32, 32, 3)
    """
    file, number = Path(path).parent, Path(path).name
    if not (number.isascii() and number.isdigit() and file.suffix == ".npz" and file.is_file()):
        return None
    images = _images(file, file.stat().st_mtime_ns)
    if int(number) >= len(images):
        raise UsageError(f"{file} holds {len(images)} images, there is none of number {number}")
    image: npt.NDArray[np.uint8] = images[int(number)]
    return image


@lru_cache(maxsize=1)
def _images(file: Path, stamp: int) -> npt.NDArray[np.uint8]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            images: npt.NDArray[np.uint8] = arrays["x"]
    except KeyError:
        raise UsageError(f"{file} holds no array 'x'") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise UsageError(f"cannot read {file}: {' '.join(str(error).split())}") from None
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        found = f"{images.dtype} {images.shape}"
        raise UsageError(f"{file}: x is {found}, must be uint8 [n, H, W] or [n, H, W, 3]")
    return images
