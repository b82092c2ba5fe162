"""Channel codes by name: `uncoded`, `repetition:3`, `rs:255,191`, `ldpc:1/2`, `polar:1/2`, `conv:1/2`, ..."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from channelvq.components import Family

if TYPE_CHECKING:
    from channelvq.channel_codes.concatenated import Concatenated
    from channelvq.channel_codes.convolutional import Convolutional
    from channelvq.channel_codes.ldpc import LDPC
    from channelvq.channel_codes.polar import Polar
    from channelvq.channel_codes.punctured import PuncturedConvolutional
    from channelvq.channel_codes.reed_solomon import ReedSolomon
    from channelvq.channel_codes.repetition import Repetition
    from channelvq.channel_codes.uncoded import Uncoded

__all__ = [
    "CHANNEL_CODES",
    "LDPC",
    "Concatenated",
    "Convolutional",
    "Polar",
    "PuncturedConvolutional",
    "ReedSolomon",
    "Repetition",
    "Uncoded",
]

CHANNEL_CODES = Family(
    "channel code",
    {
        "uncoded": ("channelvq.channel_codes.uncoded:Uncoded", "uncoded"),
        "repetition": ("channelvq.channel_codes.repetition:Repetition", "repetition:3"),
        "rs": ("channelvq.channel_codes.reed_solomon:ReedSolomon", "rs:255,191"),
        "ldpc": ("channelvq.channel_codes.ldpc:LDPC", "ldpc:1/2"),
        "polar": ("channelvq.channel_codes.polar:Polar", "polar:1/2"),
        "conv": ("channelvq.channel_codes.punctured:PuncturedConvolutional", "conv:1/2"),
        "rs+conv": ("channelvq.channel_codes.concatenated:Concatenated", "rs+conv:255,223,1/2"),
    },
    "channelvq.channel_codes",
)

_MODULES = {
    "Concatenated": "concatenated",
    "Convolutional": "convolutional",
    "LDPC": "ldpc",
    "Polar": "polar",
    "PuncturedConvolutional": "punctured",
    "ReedSolomon": "reed_solomon",
    "Repetition": "repetition",
    "Uncoded": "uncoded",
}


def __getattr__(name: str) -> Any:
    """Import a code's class when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
