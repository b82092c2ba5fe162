"""Unequal protection: several codes for the parts of one message, the most important first."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from channelvq.channel_codes import CHANNEL_CODES
from channelvq.channel_codes.base import ChannelCode
from channelvq.components import fraction
from channelvq.errors import UsageError

__all__ = ["Level", "Unequal", "build_code"]


@dataclass(frozen=True)
class Level:
    """One code and its share of the channel.

    Attributes
    ----------
    code : ChannelCode
        What protects this level.
    share : Fraction or None
        Part of the coded bits that it gets; None for the last level, which takes the rest.
    """

    code: ChannelCode
    share: Fraction | None

    @property
    def spec(self) -> str:
        """Canonical text, `code@share`."""
        return self.code.spec if self.share is None else f"{self.code.spec}@{self.share}"


@dataclass(frozen=True)
class Unequal:
    """Codes for the levels of a message whose bits come in order of importance.

    The first level protects as many of the first bits as fit its share of the channel, the next ones those
    that follow. The shares are part of the scheme: the receiver knows them, and nothing is sent for them.

    Attributes
    ----------
    levels : tuple of Level
        At least two, the last without a share.

    Examples
    --------
    >>> build_code("rs:255,127@0.2;rs:255,223").spec
    'rs:255,127@1/5;rs:255,223'
    """

    levels: tuple[Level, ...]

    @property
    def spec(self) -> str:
        """Canonical text."""
        return ";".join(level.spec for level in self.levels)


def build_code(text: str) -> ChannelCode | Unequal:
    """Make a channel code from its name, or unequal protection from `code@share;code@share;code`.

    Raises
    ------
    UsageError
        If a code is unknown or wrong, a share is missing, or the shares leave nothing to the last level.

    Examples
    --------
    >>> build_code("rs:255,191").spec
    'rs:255,191'
    >>> [level.share for level in build_code("repetition:5@1/10;uncoded").levels]
    [Fraction(1, 10), None]
    """
    parts = [part.strip() for part in text.split(";")]
    if len(parts) == 1 and "@" not in text:
        code: ChannelCode = CHANNEL_CODES.build(text)
        return code
    levels = tuple(_level(part, last=i == len(parts) - 1, text=text) for i, part in enumerate(parts))
    given = sum((level.share for level in levels if level.share is not None), start=Fraction(0))
    if given >= 1:
        raise UsageError(f"shares in {text!r} add up to {float(given):g}, must leave some to the last code")
    return Unequal(levels)


def _level(part: str, *, last: bool, text: str) -> Level:
    """Read `code@share`, or for the last level `code`."""
    name, at, share = part.partition("@")
    usage = "usage: CODE@SHARE;CODE, for example ldpc:1/3@0.2;ldpc:2/3"
    if last and at:
        raise UsageError(f"last code in {text!r} has a share, it takes the rest ({usage})")
    if not last and not at:
        raise UsageError(f"code {name!r} in {text!r} has no share ({usage})")
    return Level(CHANNEL_CODES.build(name), fraction(share, "share") if at else None)
