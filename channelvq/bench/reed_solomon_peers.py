"""Reed-Solomon decoders of the reedsolo project: pure Python, and compiled."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError

__all__ = ["creedsolo_run", "reedsolo_run"]

_PARITY = 32


def reedsolo_run(words: npt.NDArray[np.uint8]) -> Callable[[], object]:
    """Prepare reedsolo to decode words [words, 255] of RS(255, 223), one after the other.

    Raises
    ------
    UsageError
        If it is not installed.
    """
    try:
        module = importlib.import_module("reedsolo")
    except ImportError:
        raise UsageError("reedsolo is not installed: pip install channelvq[reference]") from None
    return _run(module, words)


def creedsolo_run(words: npt.NDArray[np.uint8], folder: Path | None) -> Callable[[], object]:
    """Prepare creedsolo, the compiled module in reedsolo's pre-release wheel.

    The wheel has a reedsolo of its own, so it goes to a folder beside the environment, and only creedsolo is
    taken from there.

    Raises
    ------
    UsageError
        If it is not there.
    """
    if "creedsolo" not in sys.modules and folder is not None:
        sys.path.append(str(folder))
    try:
        module = importlib.import_module("creedsolo")
    except ImportError:
        how = "pip install --no-deps --target DIR reedsolo==2.1.1b1, and --creedsolo DIR"
        raise UsageError(f"creedsolo is not installed: {how}") from None
    return _run(module, words)


def _run(module: Any, words: npt.NDArray[np.uint8]) -> Callable[[], object]:
    codec = module.RSCodec(_PARITY)
    received = [bytearray(word.tobytes()) for word in words]
    return lambda: [codec.decode(bytearray(word)) for word in received]
