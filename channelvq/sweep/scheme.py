"""A scheme of a sweep: one way of sending, the same everywhere or chosen point by point."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from channelvq.components import fraction
from channelvq.sweep.axis import Point, Snr
from channelvq.sweep.component_checks import bits_or_none, component

__all__ = [
    "TUNED",
    "Cbr",
    "Channel",
    "Choice",
    "Code",
    "Codec",
    "Interleaving",
    "Modulation",
    "Scheme",
    "Table",
    "as_tuple",
]

TUNED = "tuned"
"""What a scheme calls its code and its modulation where these are chosen point by point."""


def _ratio(value: object) -> object:
    """Read a channel-bandwidth ratio, "1/12" or a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    return fraction(str(value), "cbr")


def as_tuple(value: object) -> object:
    """TOML has lists; a frozen spec has tuples."""
    return tuple(value) if isinstance(value, list) else value


def _or_tuned(kind: str) -> Any:
    """Make a validator of a component, of "none" and of "tuned"."""
    check = bits_or_none(kind).func
    return BeforeValidator(lambda text: text if text == TUNED else check(text))


Codec = Annotated[str, component("codec")]
Code = Annotated[str, bits_or_none("channel code")]
Modulation = Annotated[str, bits_or_none("modulation")]
Channel = Annotated[str, component("channel")]
Interleaving = Annotated[str, component("interleaver")]
Cbr = Annotated[Fraction, BeforeValidator(_ratio)]


class Table(BaseModel):
    """A table of a spec: unknown keys are errors, nothing is silently converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Choice(Table):
    """What a scheme does from one place of the axis on: `[[scheme.choice]]`.

    Attributes
    ----------
    snr_db : float or None
        For symbol channels: from which Es/N0 in dB on, up to that of the next choice.
    channel : str or None
        For bit channels: at which of them.
    code, modulation : str
        Components.
    codec, concealment : str or None
        Where these change, too; None leaves them as the scheme has them.
    """

    snr_db: Snr | None = None
    channel: Channel | None = None
    code: Code
    modulation: Modulation
    codec: Codec | None = None
    concealment: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Choice:
        if (self.snr_db is None) == (self.channel is None):
            raise ValueError("a choice is for one snr_db or for one channel: give one of them")
        return self


class Scheme(Table):
    """One way of sending: `[[scheme]]`.

    A scheme with choices (adaptive modulation and coding) follows the SNR: at each it takes the choice of the
    highest SNR that is not above it, for a sender must not count on more than the channel has, and below the
    lowest that of the lowest. Its trials are those of the fixed schemes that it takes, to the last bit.

    Attributes
    ----------
    name : str
        What figure and table call it.
    codec, code, modulation : str
        Components, for example "vqvae", "rs:255,191", "qpsk". A codec of symbols ("deepjscc") has no code and
        no modulation: "none". With choices code and modulation are "tuned".
    concealment : str or None
        For codecs that have one; None takes the best there is.
    model : str or None
        Name or path of the codec's weights; None takes those that ship.
    interleaver : str or None
        "none", "random", "block" or "convolutional:BRANCHES,DEPTH"; None takes what the code wants.
    cbr : Fraction or None
        Channel uses per source sample, if other than the sweep's.
    tuned : str or None
        File of choices that `channelvq tune` wrote, its path relative to the spec's; it is read when the spec
        is loaded.
    tuned_at_snr_db : float or None
        Take what the file chooses for this SNR, at every point: a design for one SNR, met by others.
    csi : bool
        Whether the sender knows the gain of block fading, and takes, transmission by transmission, the choice
        for the SNR that this one has; the choices are those for AWGN.
    choices : tuple of Choice
        What to send where, read from `tuned` or given as `[[scheme.choice]]`.

    Examples
    --------
    >>> scheme = Scheme.model_validate({"name": "A", "codec": "jpeg", "choice": [
    ...     {"snr_db": 0.0, "code": "ldpc:1/2", "modulation": "qpsk"},
    ...     {"snr_db": 8.0, "code": "ldpc:2/3", "modulation": "qam16"}]})
    >>> [scheme.at(Point(channel="awgn", snr_db=snr)).code for snr in (-3.0, 7.9, 8.0)]
    ['ldpc:1/2', 'ldpc:1/2', 'ldpc:2/3']
    """

    name: Annotated[str, Field(min_length=1, max_length=60)]
    codec: Codec
    code: Annotated[str, _or_tuned("channel code")] = "uncoded"
    modulation: Annotated[str, _or_tuned("modulation")] = "qpsk"
    concealment: str | None = None
    model: str | None = None
    interleaver: Interleaving | None = None
    cbr: Cbr | None = None
    tuned: str | None = None
    tuned_at_snr_db: Snr | None = None
    csi: bool = False
    choices: Annotated[tuple[Choice, ...], BeforeValidator(as_tuple), Field(alias="choice")] = ()

    @model_validator(mode="before")
    @classmethod
    def _without_bits(cls, table: object) -> object:
        """Give a codec of symbols no code and no modulation, and one with choices those of the choices."""
        if not isinstance(table, dict):
            return table
        if table.get("choice") or table.get("choices"):
            return {"code": TUNED, "modulation": TUNED, **table}
        if isinstance(codec := table.get("codec"), str):
            from channelvq.codecs import is_analog

            if is_analog(codec):
                return {"code": "none", "modulation": "none", **table}
        return table

    @model_validator(mode="after")
    def _one_way(self) -> Scheme:
        """Code and modulation are given once; choices are told apart by their places."""
        for key, value in (("code", self.code), ("modulation", self.modulation)):
            if self.choices and value != TUNED:
                raise ValueError(f"{key} is {value!r}, but the choices say which: leave it out")
            if not self.choices and value == TUNED:
                raise ValueError(f'{key} is "tuned", which needs tuned = "FILE" or [[scheme.choice]]')
        if self.tuned is not None and not self.choices and self.tuned_at_snr_db is None:
            raise ValueError("tuned is read by load_spec, from beside the spec's file; give choices instead")
        places = [choice.channel or choice.snr_db for choice in self.choices]
        if repeated := [place for i, place in enumerate(places) if place in places[:i]]:
            raise ValueError(f"two choices are for {repeated[0]!r}")
        if len({choice.snr_db is None for choice in self.choices}) > 1:
            raise ValueError("choices are either all for an snr_db or all for a channel")
        if self.csi and (not self.choices or self.choices[0].snr_db is None):
            raise ValueError('csi needs choices for SNRs: tuned = "FILE" or [[scheme.choice]] with snr_db')
        return self

    def at(self, point: Point) -> Scheme:
        """Give the scheme of fixed code and modulation that this one is at a point.

        A concealment that the scheme names is kept, whatever its choice says. A scheme whose sender knows the
        gain is none that is fixed, and is given as it is.

        Raises
        ------
        ValueError
            If it has choices, but none for the point.
        """
        if not self.choices or self.csi:
            return self
        chosen = self._chosen(point)
        values = {
            "code": chosen.code,
            "modulation": chosen.modulation,
            "codec": chosen.codec or self.codec,
            "concealment": self.concealment or chosen.concealment,
            "choices": (),
        }
        return self.model_copy(update=values)

    def _chosen(self, point: Point) -> Choice:
        """Find the choice for a point."""
        if point.snr_db is None:
            for choice in self.choices:
                if choice.channel == point.channel:
                    return choice
            known = ", ".join(str(choice.channel or choice.snr_db) for choice in self.choices)
            raise ValueError(
                f"scheme {self.name!r} has no choice for channel {point.channel!r}, only {known}"
            )
        ordered = sorted((c for c in self.choices if c.snr_db is not None), key=lambda c: c.snr_db or 0.0)
        if not ordered:
            raise ValueError(f"scheme {self.name!r} has choices for bit channels, but the sweep has SNRs")
        below = [choice for choice in ordered if choice.snr_db is not None and choice.snr_db <= point.snr_db]
        return below[-1] if below else ordered[0]
