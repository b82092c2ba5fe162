"""The digits that the lineage is trained on: MNIST, kept as bytes in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from channelvq.errors import UsageError
from channelvq.idx import read_idx
from channelvq.images import mnist_folder
from channelvq.models.lineage import SIDE

__all__ = ["Digits", "as_floats", "load_digits"]

_HELD_OUT = 5000
_FILES = ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte")


@dataclass(frozen=True)
class Digits:
    """MNIST's training part: what is trained on, and the last 5000, which are held out; uint8 [n, 28, 28]."""

    training: torch.Tensor
    held_out: torch.Tensor


def load_digits(source: Path) -> Digits:
    """Read the training part of MNIST; its test part is for the sweep alone.

    Parameters
    ----------
    source : Path
        Folder of MNIST's files, or "mnist", which stands for the one in `$CHANNELVQ_DATA`.

    Raises
    ------
    UsageError
        It is not there, damaged, or of other sizes.
    """
    folder = mnist_folder() if str(source) == "mnist" and not source.exists() else source
    file = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if file is None:
        raise UsageError(f"no {_FILES[0]} in {folder}")
    pixels = torch.from_numpy(read_idx(file).copy())
    if pixels.shape[1:] != (SIDE, SIDE) or len(pixels) <= _HELD_OUT:
        sizes = " x ".join(map(str, pixels.shape))
        raise UsageError(
            f"{file} holds {sizes} samples, must be more than {_HELD_OUT} digits of {SIDE} x {SIDE}"
        )
    return Digits(pixels[:-_HELD_OUT], pixels[-_HELD_OUT:])


def as_floats(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [n, 28, 28] -> float [n, 1, 28, 28] in [0, 1]."""
    return pixels[:, None].float() / 255
