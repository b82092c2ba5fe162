"""Counter-based random numbers: a draw depends on what it is for, never on who draws it or when."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["generator"]


def generator(seed: int, stream: str, image: str = "", trial: int = 0) -> np.random.Generator:
    """Make the generator of one stream of one trial.

    The key is SHA-256 of (seed, stream, image, trial), the generator Philox [1]_, so that a trial is the
    same whatever the worker, batch, order or device; draws are made on the CPU and moved.

    Parameters
    ----------
    seed : int
        The experiment's seed.
    stream : str
        What the draws are for: "noise", "fading", "interleaver", ...
    image : str
        The image's identity (its content hash).
    trial : int
        Number of the repetition.

    References
    ----------
    .. [1] J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> a = generator(0, "noise", "kodim01", 3).standard_normal()
    >>> b = generator(0, "noise", "kodim01", 3).standard_normal()
    >>> bool(a == b)
    True
    """
    text = f"{seed}\x1f{stream}\x1f{image}\x1f{trial}".encode()
    key = np.frombuffer(hashlib.sha256(text).digest()[:16], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))
