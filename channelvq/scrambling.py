"""The scrambler: a fixed pseudo-random sequence, so that no message makes a run of equal symbols."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from channelvq.bits import Bits
from channelvq.randomness import generator

__all__ = ["scrambler"]


@lru_cache(maxsize=8)
def scrambler(size: int, seed: int) -> Bits:
    """Draw the sequence of a frame of `size` bits; it is the same wherever the seed is.

    Examples
    --------
    >>> scrambler(8, seed=0).tolist() == scrambler(64, seed=0)[:8].tolist()
    True
    """
    words = generator(seed, "scrambler").bit_generator.random_raw(-(-size // 64))
    sequence: Bits = np.unpackbits(words.astype("<u8").view(np.uint8))[:size]
    sequence.flags.writeable = False  # it is shared
    return sequence
