"""Additive white Gaussian noise."""

from __future__ import annotations

import torch

from channelvq.channels.base import Received, Seeding
from channelvq.channels.draws import add_noise
from channelvq.channels.inputs import check_symbols
from channelvq.snr import Snr

__all__ = ["Awgn"]


class Awgn:
    r"""Additive white Gaussian noise: y = x + n, n complex Gaussian of variance N0, N0/2 per real dimension.

    With E|x|² = 1, SNR = Es/N0 = 1/N0. The LLR of a bit of the symbol, from ``Modulation.demap``, is

    .. math:: L = \log \sum_{x: b=0} e^{-|y - x|^2 / N_0} - \log \sum_{x: b=1} e^{-|y - x|^2 / N_0} ,

    for BPSK 4 Re(y) / N0, for QPSK 2√2 Re(y) / N0 and 2√2 Im(y) / N0 [1]_. The gain that the receiver is told
    is 1. The noise comes from the stream "noise" and differs by its scale alone between SNRs.

    References
    ----------
    .. [1] J. G. Proakis, M. Salehi, "Digital Communications", 5th ed., McGraw-Hill 2008, section 4.2.

    Examples
    --------
    >>> from channelvq.randomness import generator
    >>> symbols = torch.ones(1, 100_000, dtype=torch.complex64)
    >>> received = Awgn().transmit(symbols, Snr(10.0), lambda stream: generator(0, stream))
    >>> noise = received.symbols - symbols
    >>> round(noise.real.var().item(), 3), round(noise.imag.var().item(), 3)
    (0.05, 0.05)
    """

    spec = "awgn"

    def __repr__(self) -> str:
        return "Awgn()"

    @classmethod
    def from_args(cls) -> Awgn:
        """Build it from the name alone."""
        return cls()

    def transmit(self, symbols: torch.Tensor, snr: Snr, seed_of: Seeding) -> Received:
        """Send symbols [batch, uses] (complex); differentiable with respect to them.

        Raises
        ------
        UsageError
            If the symbols are not complex [batch, uses].
        """
        check_symbols(symbols)
        variance = torch.tensor(snr.n0, dtype=symbols.real.dtype, device=symbols.device)
        gain = torch.ones((), dtype=symbols.dtype, device=symbols.device).expand(symbols.shape)
        return Received(add_noise(symbols, variance, seed_of("noise")), gain, variance)
