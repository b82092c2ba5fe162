"""How large the numbers of a picture were before they were scaled to unit power, in a few symbols."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import hadamard

from channelvq.codecs.analog import Symbols

__all__ = ["ScaleWord"]

_LOWEST, _HIGHEST = -6.0, 3.0
_USUAL = 1.0
_PHASES = np.array([1, 1j, -1, -1j])


class ScaleWord:
    """One of 4 · length words: rows of a Hadamard matrix in four phases (a biorthogonal code).

    Words are as far apart as they can be, so the value survives far below the SNR at which the picture does;
    where it cannot be told, the estimate goes towards what is usual.

    Parameters
    ----------
    length : int
        Symbols; a power of two.

    Examples
    --------
    >>> word = ScaleWord(64)
    >>> symbols = word.encode(0.7)
    >>> symbols.shape, float(abs(symbols).max())
    ((64,), 1.0)
    >>> abs(word.decode(symbols, np.full(64, 0.5, np.float32)) - 0.7) < 0.02
    True
    """

    def __init__(self, length: int) -> None:
        self.length = length
        self.values: npt.NDArray[np.float64] = np.linspace(_LOWEST, _HIGHEST, 4 * length)

    def encode(self, log_scale: float) -> Symbols:
        """Give the word of the value that is nearest to a scale's natural logarithm: complex64 [length]."""
        number = int(np.abs(self.values - log_scale).argmin())
        row, phase = divmod(number, 4)
        word: Symbols = (hadamard(self.length)[row] * _PHASES[phase]).astype(np.complex64)
        return word

    def decode(self, symbols: Symbols, noise_variance: npt.NDArray[np.float32]) -> float:
        """Estimate the value (posterior mean) from received symbols [length] and the noise on each."""
        weight = 2 / np.maximum(noise_variance.astype(np.float64), 1e-9)
        found = hadamard(self.length) @ (weight * symbols)
        likelihood = (found[:, None] * _PHASES.conj()).real.reshape(-1)
        logits = likelihood - 0.5 * np.square(self.values / _USUAL)
        belief = np.exp(logits - logits.max())
        return float(belief @ self.values / belief.sum())
