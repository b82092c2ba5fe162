"""Channel codes by name: `uncoded`, `repetition:n`, `rs:n,k`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from channelvq.components import Family

if TYPE_CHECKING:
    from channelvq.channel_codes.convolutional import Convolutional
    from channelvq.channel_codes.reed_solomon import ReedSolomon
    from channelvq.channel_codes.repetition import Repetition
    from channelvq.channel_codes.uncoded import Uncoded

__all__ = ["CHANNEL_CODES", "Convolutional", "ReedSolomon", "Repetition", "Uncoded"]

CHANNEL_CODES = Family(
    "channel code",
    {
        "uncoded": ("channelvq.channel_codes.uncoded:Uncoded", "uncoded"),
        "repetition": ("channelvq.channel_codes.repetition:Repetition", "repetition:3"),
        "rs": ("channelvq.channel_codes.reed_solomon:ReedSolomon", "rs:255,191"),
    },
)

_MODULES = {
    "Convolutional": "convolutional",
    "ReedSolomon": "reed_solomon",
    "Repetition": "repetition",
    "Uncoded": "uncoded",
}


def __getattr__(name: str) -> Any:
    """Import a code's class when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
