"""The packet erasure channel."""

from __future__ import annotations

import numpy as np
import torch

from channelvq.bits import CERTAIN_LLR
from channelvq.channels.base import Seeding
from channelvq.channels.draws import uniforms
from channelvq.channels.inputs import bit_llrs, check_bits, number
from channelvq.components import integer, real
from channelvq.errors import UsageError

__all__ = ["PacketErasure"]


class PacketErasure:
    r"""The packet erasure channel: packets of bits are lost whole with probability p.

    Bits travel in the order of the frame, 8 · `packet_bytes` to a packet, the last one shorter. The receiver
    knows which packets are missing (by their numbers): their bits have the LLR 0, the others [1]_

    .. math:: L = (1 - 2b) \cdot \infty ,

    which is held at ±``CERTAIN_LLR``. Packets are lost independently: each where a uniform draw of the stream
    "packets" is below p.

    Parameters
    ----------
    p : float
        Probability that a packet is lost, from 0 to 1.
    packet_bytes : int
        Bytes in a packet.

    References
    ----------
    .. [1] T. Richardson, R. Urbanke, "Modern Coding Theory", Cambridge 2008, section 3.1: a BEC of packets.

    Examples
    --------
    >>> from channelvq.randomness import generator
    >>> zeros = torch.zeros(1, 40, dtype=torch.uint8)
    >>> llrs = PacketErasure(0.5, packet_bytes=2).transmit(zeros, lambda stream: generator(0, stream))
    >>> llrs[0, ::8]  # two bytes, two bytes, one byte
    tensor([ 0.,  0., 50., 50.,  0.])
    >>> PacketErasure.from_args("0.1").spec
    'packet-erasure:0.1,bytes=64'
    """

    def __init__(self, p: float, packet_bytes: int = 64) -> None:
        if not 0 <= p <= 1:
            raise UsageError(f"p is {p}, must be from 0 to 1")
        if packet_bytes < 1:
            raise UsageError(f"bytes is {packet_bytes}, must be at least 1")
        self.p, self.packet_bytes = p, packet_bytes

    def __repr__(self) -> str:
        return f"PacketErasure({self.p!r}, packet_bytes={self.packet_bytes})"

    @classmethod
    def from_args(cls, p: str, **options: str) -> PacketErasure:
        """Build it from the loss probability, and `bytes=LENGTH`."""
        length = options.pop("bytes", "64")
        if options:
            raise TypeError(f"unexpected {sorted(options)}")
        return cls(real(p, "p", 0.0, 1.0), integer(length, "bytes", 1, 65535))

    @property
    def spec(self) -> str:
        """The component's name."""
        return f"packet-erasure:{number(self.p)},bytes={self.packet_bytes}"

    def transmit(self, bits: torch.Tensor, seed_of: Seeding) -> torch.Tensor:
        """Send bits [batch, n] of 0 and 1; returns LLRs [batch, n], float32.

        Raises
        ------
        UsageError
            If these are not bits [batch, n].
        """
        check_bits(bits)
        rows, count = bits.shape
        length = 8 * self.packet_bytes
        lost = uniforms(seed_of("packets"), rows, -(-count // length)) < self.p
        lost = lost[:, np.arange(count) // length]
        return bit_llrs(bits, np.where(lost, 0.0, CERTAIN_LLR))
