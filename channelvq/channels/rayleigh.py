"""Rayleigh fading."""

from __future__ import annotations

from channelvq.channels.fading import Fading, Pace, read_pace

__all__ = ["Rayleigh"]


class Rayleigh(Fading):
    r"""Rayleigh fading: y = h·x + n, h circular complex Gaussian, E|h|² = 1, known to the receiver.

    The phase of h is uniform and |h|² exponential of mean 1, so that the mean SNR is Es/N0. The LLR of a bit
    of the symbol, from ``Modulation.demap``, is

    .. math:: L = \log \sum_{x: b=0} e^{-|y - h x|^2 / N_0} - \log \sum_{x: b=1} e^{-|y - h x|^2 / N_0} ,

    for BPSK 4 Re(h* y) / N0 [1]_: the noise variance is N0 before, and would be N0/|h|² after equalisation.

    Parameters
    ----------
    coherence : int or None
        Symbols that share a gain: `rayleigh:block` is None (one gain for the whole transmission),
        `rayleigh:fast` 1, `rayleigh:block,coherence=64` 64.

    References
    ----------
    .. [1] D. Tse, P. Viswanath, "Fundamentals of Wireless Communication", Cambridge 2005, section 3.1.

    Examples
    --------
    >>> import torch
    >>> from channelvq.randomness import generator
    >>> from channelvq.snr import Snr
    >>> symbols = torch.ones(1, 100_000, dtype=torch.complex64)
    >>> received = Rayleigh(coherence=1).transmit(symbols, Snr(10.0), lambda stream: generator(0, stream))
    >>> round(received.gain.abs().square().mean().item(), 2)
    1.0
    >>> Rayleigh.from_args("block", coherence="64").spec
    'rayleigh:block,coherence=64'
    """

    def __init__(self, coherence: int | None = None) -> None:
        super().__init__(Pace(coherence))

    def __repr__(self) -> str:
        return f"Rayleigh(coherence={self.pace.coherence})"

    @classmethod
    def from_args(cls, kind: str, *, coherence: str | None = None) -> Rayleigh:
        """Build it from `block`, `fast` or `block,coherence=SYMBOLS`."""
        return cls(read_pace(kind, coherence).coherence)

    @property
    def spec(self) -> str:
        """The component's name."""
        return f"rayleigh:{self.pace.args}"
