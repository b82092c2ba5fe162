"""Codecs by name: of bits `jpeg`, `vqvae`, `vqvae-ec`; of symbols `deepjscc`; of digits `mnist-...`."""

from __future__ import annotations

from channelvq.components import Family, parse_spec
from channelvq.plugins import load_plugin

__all__ = ["ANALOG", "CODECS", "is_analog"]

CODECS = Family(
    "codec",
    {
        "jpeg": ("channelvq.codecs.jpeg:Jpeg", "jpeg or jpeg:444 or jpeg:huffman=standard"),
        "jpeg-restart": (
            "channelvq.codecs.jpeg_restart:JpegRestart",
            "jpeg-restart or jpeg-restart:444,blocks=24",
        ),
        "jpeg2000": ("channelvq.codecs.jpeg2000:Jpeg2000", "jpeg2000 or jpeg2000:layers=1"),
        "webp": ("channelvq.codecs.webp:Webp", "webp"),
        "avif": ("channelvq.codecs.avif:Avif", "avif or avif:speed=6"),
        "hevc": ("channelvq.codecs.hevc:Hevc", "hevc"),
        "jpegxl": ("channelvq.codecs.jpegxl:JpegXl", "jpegxl or jpegxl:effort=5"),
        "vqvae": ("channelvq.codecs.vqvae:VqvaeCodec", "vqvae or vqvae:MODEL,beams=2,protect=2/3+3/4"),
        "vqvae-ec": ("channelvq.codecs.vqvae_ec:VqvaeEcCodec", "vqvae-ec or vqvae-ec:MODEL,beams=2"),
        "deepjscc": ("channelvq.codecs.deepjscc:DeepJscc", "deepjscc or deepjscc:MODEL,told=7,refine=8"),
        "mnist-ae": ("channelvq.codecs.lineage:MnistAe", "mnist-ae or mnist-ae:MODEL"),
        "mnist-vae": ("channelvq.codecs.lineage:MnistVae", "mnist-vae or mnist-vae:MODEL"),
        "mnist-vqvae": ("channelvq.codecs.lineage:MnistVqvae", "mnist-vqvae or mnist-vqvae:MODEL"),
    },
    "channelvq.codecs",
)
"""The codecs by name, built from their text: ``CODECS.build("jpeg")``."""

ANALOG = frozenset({"deepjscc", "mnist-ae", "mnist-vae"})
"""Those that send symbols, not bits, see `channelvq.codecs.analog`."""


def is_analog(codec: str) -> bool:
    """Say whether a codec, given as text, sends symbols: it then has no channel code and no modulation.

    Examples
    --------
    >>> is_analog("deepjscc:told=7"), is_analog("jpeg")
    (True, False)
    """
    name = parse_spec(codec).name
    if name in CODECS.members:
        return name in ANALOG
    return hasattr(load_plugin(CODECS.group, CODECS.kind, name), "modulate")  # one of another package
