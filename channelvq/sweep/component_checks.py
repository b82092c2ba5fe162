"""Validators of the components that a spec names: each is built once, so that errors name the spec's line."""

from __future__ import annotations

from typing import Any

from pydantic import BeforeValidator

from channelvq.components import Family, parse_spec
from channelvq.errors import unknown_name

__all__ = ["bits_or_none", "component"]


def component(kind: str) -> Any:
    """Make a validator that checks a component's name and arguments by building it."""

    def check(text: object) -> object:
        if isinstance(text, str):
            if kind == "channel code":
                from channelvq.channel_codes.unequal import build_code

                build_code(text)
                return text
            family = _family(kind)
            if kind == "codec":  # building one may load weights: the plan does that
                name = parse_spec(text).name
                if name not in family:
                    raise unknown_name(kind, name, family.names())
            else:
                family.build(text)
        return text

    return BeforeValidator(check)


def bits_or_none(kind: str) -> Any:
    """Make a validator of something that schemes of symbols do not have, which they call "none"."""
    check = component(kind).func

    return BeforeValidator(lambda text: text if text == "none" else check(text))


def _family(kind: str) -> Family:
    """Import the family of a kind of component when it is needed."""
    if kind == "codec":
        from channelvq.codecs import CODECS

        return CODECS
    if kind == "interleaver":
        from channelvq.interleaving import INTERLEAVINGS

        return INTERLEAVINGS
    if kind == "modulation":
        from channelvq.modulation import MODULATIONS

        return MODULATIONS
    from channelvq.channels import CHANNELS

    return CHANNELS
