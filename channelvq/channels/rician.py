"""Rician fading: Rayleigh with a line of sight."""

from __future__ import annotations

from channelvq.channels.fading import Fading, Pace, read_pace
from channelvq.channels.inputs import number
from channelvq.components import real

__all__ = ["Rician"]


class Rician(Fading):
    r"""Rician fading: y = h·x + n with h = √(K/(K+1)) + √(1/(K+1)) g, E|h|² = 1, known to the receiver.

    g is circular complex Gaussian of unit variance; K = 0 is Rayleigh, a large K is AWGN. The line of sight
    has phase 0: a receiver that knows h turns any phase back, and circular noise does not notice. The LLR of
    a bit of the symbol, from ``Modulation.demap``, is [1]_

    .. math:: L = \log \sum_{x: b=0} e^{-|y - h x|^2 / N_0} - \log \sum_{x: b=1} e^{-|y - h x|^2 / N_0} .

    Parameters
    ----------
    k : float
        Rice factor, linear: power of the line of sight over that of the rest.
    coherence : int or None
        Symbols that share a gain; None: one gain for the whole transmission.

    References
    ----------
    .. [1] D. Tse, P. Viswanath, "Fundamentals of Wireless Communication", Cambridge 2005, sections 2.4, 3.1.

    Examples
    --------
    >>> import torch
    >>> from channelvq.randomness import generator
    >>> from channelvq.snr import Snr
    >>> symbols = torch.ones(1, 100_000, dtype=torch.complex64)
    >>> received = Rician(k=4, coherence=1).transmit(symbols, Snr(10.0), lambda stream: generator(0, stream))
    >>> round(received.gain.mean().abs().square().item(), 2)
    0.8
    >>> Rician.from_args("4").spec
    'rician:4,block'
    """

    def __init__(self, k: float, coherence: int | None = None) -> None:
        super().__init__(Pace(coherence), direct=k)

    def __repr__(self) -> str:
        return f"Rician(k={self.direct:g}, coherence={self.pace.coherence})"

    @classmethod
    def from_args(cls, k: str, kind: str = "block", *, coherence: str | None = None) -> Rician:
        """Build it from `K`, `K,block`, `K,fast` or `K,block,coherence=SYMBOLS`."""
        return cls(real(k, "K", 0.0, 1e6), read_pace(kind, coherence).coherence)

    @property
    def spec(self) -> str:
        """The component's name."""
        return f"rician:{number(self.direct)},{self.pace.args}"
