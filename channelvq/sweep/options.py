"""What a link is built from, apart from its channel: this is what travels to workers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from channelvq.sweep.axis import Point
from channelvq.sweep.scheme import Scheme

if TYPE_CHECKING:
    from channelvq.adaptive_link import AdaptiveLink
    from channelvq.link import Link

__all__ = ["AdaptiveOptions", "LinkOptions", "Options", "options_of"]


@dataclass(frozen=True)
class LinkOptions:
    """What a `Link` is built from, but for its channel."""

    codec: str
    code: str
    modulation: str
    concealment: str | None
    model: str | None
    interleaver: str | None
    cbr: Fraction

    @classmethod
    def of(cls, scheme: Scheme, cbr: Fraction) -> LinkOptions:
        """Take them from a scheme of fixed code and modulation; `cbr` is that of a scheme that says none."""
        return cls(
            scheme.codec,
            scheme.code,
            scheme.modulation,
            scheme.concealment,
            scheme.model,
            scheme.interleaver,
            scheme.cbr or cbr,
        )

    def build(self, channel: str) -> Link:
        """Make the link over `channel`."""
        from channelvq.link import Link

        return Link(channel=channel, **vars(self))


@dataclass(frozen=True)
class AdaptiveOptions:
    """What an `AdaptiveLink` is built from, but for its channel.

    Attributes
    ----------
    rungs : tuple of (float, LinkOptions)
        From which SNR on, in dB, to send how; ascending.
    """

    rungs: tuple[tuple[float, LinkOptions], ...]

    @property
    def codec(self) -> str:
        """The codec of the lowest rung, for messages."""
        return self.rungs[0][1].codec

    @property
    def cbr(self) -> Fraction:
        """Channel uses per source sample, of all."""
        return self.rungs[0][1].cbr

    def build(self, channel: str) -> AdaptiveLink:
        """Make the link over `channel`."""
        from channelvq.adaptive_link import AdaptiveLink

        return AdaptiveLink([(start, options.build(channel)) for start, options in self.rungs])


Options: TypeAlias = LinkOptions | AdaptiveOptions


def options_of(scheme: Scheme, cbr: Fraction, point: Point) -> Options:
    """Take them from a scheme as it is at a point; `cbr` is that of a scheme that says none."""
    if not scheme.csi:
        return LinkOptions.of(scheme.at(point), cbr)
    stepped = scheme.model_copy(update={"csi": False})
    starts = sorted(choice.snr_db for choice in scheme.choices if choice.snr_db is not None)
    rungs = ((start, stepped.at(Point(channel=point.channel, snr_db=start))) for start in starts)
    return AdaptiveOptions(tuple((start, LinkOptions.of(fixed, cbr)) for start, fixed in rungs))
