"""Signal-to-noise ratio, defined once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from channelvq.errors import UsageError

__all__ = ["Snr"]


@dataclass(frozen=True, order=True)
class Snr:
    """Es/N0 of complex symbols with E|x|² = 1 over each image's own symbols.

    The noise is complex Gaussian of variance N0, N0/2 per real dimension.

    Attributes
    ----------
    esn0_db : float
        Es/N0 in dB.

    Examples
    --------
    >>> snr = Snr.from_ebn0_db(3.0, bits_per_symbol=2, code_rate=0.5)
    >>> snr.esn0_db
    3.0
    >>> round(Snr.from_esn0_db(10.0).n0, 3)
    0.1
    """

    esn0_db: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.esn0_db):
            raise UsageError(f"SNR is {self.esn0_db} dB, must be a finite number")

    @classmethod
    def from_esn0_db(cls, value: float) -> Snr:
        """Take Es/N0 in dB."""
        return cls(float(value))

    @classmethod
    def from_ebn0_db(cls, value: float, *, bits_per_symbol: int, code_rate: float) -> Snr:
        """Take Eb/N0 in dB, energy per information bit: Es = Eb · bits_per_symbol · code_rate."""
        if bits_per_symbol <= 0 or code_rate <= 0:
            raise UsageError(f"bits_per_symbol {bits_per_symbol} and code_rate {code_rate} must be above 0")
        return cls(float(value) + 10 * math.log10(bits_per_symbol * code_rate))

    def ebn0_db(self, *, bits_per_symbol: int, code_rate: float) -> float:
        """Eb/N0 in dB, energy per information bit."""
        return self.esn0_db - 10 * math.log10(bits_per_symbol * code_rate)

    @property
    def n0(self) -> float:
        """Variance of the complex noise for unit symbol energy."""
        return float(10 ** (-self.esn0_db / 10))
