"""Codecs by name: `jpeg`, `vqvae`."""

from __future__ import annotations

from channelvq.components import Family

__all__ = ["CODECS"]

CODECS = Family(
    "codec",
    {
        "jpeg": ("channelvq.codecs.jpeg:Jpeg", "jpeg or jpeg:444"),
        "vqvae": ("channelvq.codecs.vqvae:VqvaeCodec", "vqvae or vqvae:MODEL,beams=2"),
    },
)
"""The codecs by name, built from their text: ``CODECS.build("jpeg")``."""
