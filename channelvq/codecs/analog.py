"""What an analog codec is: it turns a picture into complex symbols, and received symbols into a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from channelvq.codecs.base import Decoded, Picture
from channelvq.snr import Snr

__all__ = ["AnalogCodec", "Observation", "Symbols", "equalised", "normalised"]

Symbols = npt.NDArray[np.complex64]
"""Complex symbols, one a channel use: [uses]."""


@dataclass(frozen=True)
class Observation:
    """What a receiver with perfect channel knowledge has of one picture's symbols, equalised.

    Attributes
    ----------
    symbols : ndarray of complex64 [uses]
        y/h = x + n/h; 0 where nothing is known.
    noise_variance : ndarray of float32 [uses]
        N0/|h|², of the complex noise on each; infinite where nothing is known.
    snr : Snr
        Mean Es/N0 of the channel.
    """

    symbols: Symbols
    noise_variance: npt.NDArray[np.float32]
    snr: Snr


@runtime_checkable
class AnalogCodec(Protocol):
    """Picture to symbols and back. A codec keeps no state between calls that its results would depend on."""

    @property
    def spec(self) -> str:
        """The component's name, `name` or `name:args`."""
        ...

    def check(self, shape: tuple[int, int, int], uses: int) -> None:
        """Refuse a picture [C, H, W], or channel uses, that it cannot do with.

        Raises
        ------
        UsageError
            If it is no picture that the codec can send.
        BudgetError
            If the channel uses are too few.
        """
        ...

    def modulate(self, picture: Picture, uses: int, snr: Snr) -> Symbols:
        """Make exactly `uses` symbols of any power; the link scales them to mean power 1 over the picture.

        Where there is nothing to say symbols are 0, and leave their power to the others. What the link scales
        by is not known to the receiver: one that wants to know has to be sent it, in symbols.

        Parameters
        ----------
        picture : ndarray of float32 [C, H, W]
            In [0, 1].
        uses : int
            Channel uses.
        snr : Snr
            Mean Es/N0, by which digital links too choose modulation and code; a codec may ignore it.

        Raises
        ------
        UsageError, BudgetError
            As `check` does.
        """
        ...

    def demodulate(self, observation: Observation, shape: tuple[int, int, int]) -> Decoded:
        """Make a picture [C, H, W] of what was received; never raises on what a channel does.

        It always shows something: the status is "ok", or "concealed" if some symbols were lost.
        """
        ...


def normalised(symbols: Symbols) -> Symbols:
    """Scale the symbols of one picture to mean power 1; silence stays silence.

    Examples
    --------
    >>> normalised(np.array([3, 4j], dtype=np.complex64)).round(3)
    array([0.849+0.j   , 0.   +1.131j], dtype=complex64)
    """
    energy = float(np.square(np.abs(symbols.astype(np.complex128))).sum())
    if energy == 0:
        return symbols
    scaled: Symbols = (symbols * np.sqrt(symbols.size / energy)).astype(np.complex64)
    return scaled


def equalised(
    received: npt.NDArray[np.complex64], gain: npt.NDArray[np.complex64], noise_variance: float, snr: Snr
) -> Observation:
    """Divide what was received, y = h·x + n, by the gain; where that is no number, nothing is known.

    Examples
    --------
    >>> gain = np.array([2j, 0], dtype=np.complex64)
    >>> observation = equalised(np.array([2j, 1], dtype=np.complex64), gain, 0.4, Snr(4.0))
    >>> observation.symbols, observation.noise_variance
    (array([1.+0.j, 0.+0.j], dtype=complex64), array([0.1, inf], dtype=float32))
    """
    with np.errstate(all="ignore"):
        symbols = (received / gain).astype(np.complex64)
        noise = (noise_variance / np.square(np.abs(gain.astype(np.complex128)))).astype(np.float32)
    known = np.isfinite(symbols) & np.isfinite(noise)
    symbols[~known], noise[~known] = 0, np.inf
    return Observation(symbols, noise, snr)
