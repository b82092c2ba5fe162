"""Fading: the complex gain of a channel, constant for a coherence time, known to the receiver."""

from __future__ import annotations

import math

import torch

from channelvq.channels.base import Received, Seeding
from channelvq.channels.draws import add_noise, complex_normals, expand_blocks
from channelvq.channels.inputs import check_symbols
from channelvq.components import integer
from channelvq.errors import UsageError
from channelvq.snr import Snr

__all__ = ["Fading", "Pace", "read_pace"]


class Pace:
    """How quickly a gain changes.

    Parameters
    ----------
    coherence : int or None
        Symbols for which the gain stays the same: 1 is "fast" (a new gain every symbol, which stands for
        ideal interleaving), None is "block" (one gain for the whole transmission).

    Examples
    --------
    >>> Pace(64).args
    'block,coherence=64'
    >>> Pace(1).args, Pace(None).args
    ('fast', 'block')
    """

    def __init__(self, coherence: int | None) -> None:
        if coherence is not None and coherence < 1:
            raise UsageError(f"coherence is {coherence}, must be at least 1 symbol")
        self.coherence = coherence

    @property
    def args(self) -> str:
        """The canonical arguments of a fading channel."""
        if self.coherence is None:
            return "block"
        return "fast" if self.coherence == 1 else f"block,coherence={self.coherence}"


def read_pace(kind: str, coherence: str | None) -> Pace:
    """Read "block", "fast", or "block" with `coherence=SYMBOLS`.

    Raises
    ------
    UsageError
        If the kind is another, the coherence is no whole number from 1 on, or "fast" is given one.

    Examples
    --------
    >>> read_pace("block", "64").coherence
    64
    """
    if kind not in ("block", "fast"):
        raise UsageError(f"fading is {kind!r}, must be block or fast")
    if coherence is None:
        return Pace(1 if kind == "fast" else None)
    if kind == "fast":
        raise UsageError(f"coherence={coherence} goes with block fading; fast is coherence=1")
    return Pace(integer(coherence, "coherence", 1, 10**9))


class Fading:
    """Flat fading: y = h·x + n with E|h|² = 1, h and N0 known to the receiver, not to the sender.

    Parameters
    ----------
    pace : Pace
        How long a gain lasts.
    direct : float
        K: power of the constant part of h over that of its Gaussian part; 0 is Rayleigh.

    Notes
    -----
    h = √(K/(K+1)) + √(1/(K+1)) g, with g circular complex Gaussian of unit variance from the stream "fading"
    and n as in AWGN from the stream "noise": the same noise as there.

    Examples
    --------
    >>> from channelvq.randomness import generator
    >>> symbols = torch.ones(1, 4, dtype=torch.complex64)
    >>> received = Fading(Pace(2)).transmit(symbols, Snr(10.0), lambda stream: generator(0, stream))
    >>> bool(received.gain[0, 0] == received.gain[0, 1]), bool(received.gain[0, 1] == received.gain[0, 2])
    (True, False)
    """

    def __init__(self, pace: Pace, direct: float = 0.0) -> None:
        if not 0 <= direct < math.inf:
            raise UsageError(f"K is {direct}, must be a finite number from 0 on")
        self.pace, self.direct = pace, direct

    def transmit(self, symbols: torch.Tensor, snr: Snr, seed_of: Seeding) -> Received:
        """Send symbols [batch, uses] (complex); differentiable with respect to them.

        Raises
        ------
        UsageError
            If the symbols are not complex [batch, uses].
        """
        check_symbols(symbols)
        gain = self._gain(symbols, seed_of)
        variance = torch.tensor(snr.n0, dtype=symbols.real.dtype, device=symbols.device)
        return Received(add_noise(symbols, variance, seed_of("noise"), gain), gain, variance)

    def power_gain(self, seed_of: Seeding) -> float:
        """Give |h|² of a transmission that has one gain, the one that `transmit` draws for its first row.

        Raises
        ------
        UsageError
            If the gain changes within a transmission.

        Examples
        --------
        >>> from channelvq.randomness import generator
        >>> draw = lambda stream: generator(0, stream)
        >>> channel = Fading(Pace(None))
        >>> received = channel.transmit(torch.ones(1, 4, dtype=torch.complex64), Snr(10.0), draw)
        >>> channel.power_gain(draw) == received.gain[0, 0].abs().square().item()
        True
        """
        if self.pace.coherence is not None:
            raise UsageError(f"the gain changes every {self.pace.coherence} symbols: there is not one of it")
        return self._gain(torch.empty(1, 1, dtype=torch.complex64), seed_of)[0, 0].abs().square().item()

    def _gain(self, symbols: torch.Tensor, seed_of: Seeding) -> torch.Tensor:
        rows, uses = symbols.shape
        coherence = self.pace.coherence
        blocks = 1 if coherence is None else -(-uses // coherence)
        gains = complex_normals(seed_of("fading"), rows, blocks, like=symbols)
        if self.direct:
            gains *= math.sqrt(1 / (1 + self.direct))
            gains += math.sqrt(self.direct / (1 + self.direct))
        return expand_blocks(gains, coherence, uses)
