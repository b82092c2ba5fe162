"""Channels by name: for symbols AWGN and fading, for bits flips, erasures, bursts and lost packets."""

from __future__ import annotations

from channelvq.components import Family

__all__ = ["CHANNELS"]

CHANNELS = Family(
    "channel",
    {
        "awgn": ("channelvq.channels.awgn:Awgn", "awgn"),
        "rayleigh": (
            "channelvq.channels.rayleigh:Rayleigh",
            "rayleigh:block, rayleigh:block,coherence=SYMBOLS or rayleigh:fast",
        ),
        "rician": (
            "channelvq.channels.rician:Rician",
            "rician:K, rician:K,block,coherence=SYMBOLS or rician:K,fast",
        ),
        "bsc": ("channelvq.channels.bsc:BinarySymmetric", "bsc:P"),
        "bec": ("channelvq.channels.bec:BinaryErasure", "bec:P"),
        "gilbert-elliott": (
            "channelvq.channels.gilbert_elliott:GilbertElliott",
            "gilbert-elliott:P[,burst=BITS][,bad=P][,good=P][,csi=none|state]",
        ),
        "packet-erasure": (
            "channelvq.channels.packet_erasure:PacketErasure",
            "packet-erasure:P[,bytes=LENGTH]",
        ),
    },
    "channelvq.channels",
)
"""The channels by name, built from their text: ``CHANNELS.build("rayleigh:block")``."""
