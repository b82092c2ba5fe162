"""The file that `channelvq tune` writes: for each point of an axis, which code and modulation to take."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from channelvq.components import fraction, parse_spec
from channelvq.errors import UsageError
from channelvq.sweep.axis import Point
from channelvq.sweep.scheme import Cbr, Channel, Choice, Codec, Scheme, Table, as_tuple
from channelvq.sweep.toml import line_of, read_toml, validate

__all__ = ["Tuned", "TunedChoice", "load_tuned", "resolve_tuned"]

_DEFAULT_CBR = "1/12"  # of a sweep that says nothing


class TunedChoice(Choice):
    """A choice, and what was measured of it on the tuning images.

    Attributes
    ----------
    payload_bits : int
        Bits that it leaves to the codec, for a picture of the first image's size.
    psnr_db : float
        Mean over the images, receivers that failed scored as grey.
    outage : float
        Share of receivers that failed.
    blocks, block_errors : int or None
        Code blocks of random payload that were sent, and those that were lost; None where none were counted.
    works : bool
        Whether it keeps what the criterion asks for; where nothing did, the best of what there was is chosen.
    """

    payload_bits: int
    psnr_db: float
    outage: float
    blocks: int | None = None
    block_errors: int | None = None
    works: bool = True


class Tuned(Table):
    """The whole file.

    Attributes
    ----------
    name : str
        That of the spec.
    codecs : tuple of str
        What was tuned.
    cbr : Fraction
        Channel uses per source sample.
    channel : str or None
        The symbol channel; None for bit channels.
    criterion : {"block_error_rate", "psnr"}
        What made a choice work: a bound on lost blocks, or nothing but the mean PSNR.
    block_error_rate : float or None
        That bound.
    images : tuple of str
        Names of the tuning images.
    weights : tuple of str
        Identity of those that the codecs have.
    trials, seed : int
        Of the spec.
    choices : tuple of TunedChoice
        `[[choice]]`, along the axis.
    """

    name: str
    codecs: Annotated[tuple[Codec, ...], BeforeValidator(as_tuple), Field(min_length=1)]
    cbr: Cbr
    channel: Channel | None = None
    criterion: Literal["block_error_rate", "psnr"]
    block_error_rate: float | None = None
    images: Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
    weights: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()
    trials: int
    seed: int
    choices: Annotated[
        tuple[TunedChoice, ...], BeforeValidator(as_tuple), Field(alias="choice", min_length=1)
    ]

    @model_validator(mode="after")
    def _one_axis(self) -> Tuned:
        """SNRs of one symbol channel, or bit channels."""
        if any((choice.snr_db is None) != (self.channel is None) for choice in self.choices):
            raise ValueError("give channel and an snr_db for each choice, or a channel for each choice")
        return self

    def to_toml(self, comments: list[str]) -> str:
        """Write it, with lines of comment before it; `load_tuned` reads it."""
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        choices = values.pop("choice")
        lines = [f"# {' '.join(comment.split())}".rstrip() for comment in comments]
        lines += ["", *(f"{key} = {_toml(value)}" for key, value in values.items())]
        for choice in choices:
            lines += ["", "[[choice]]", *(f"{key} = {_toml(value)}" for key, value in choice.items())]
        return "\n".join(lines) + "\n"


def load_tuned(path: Path | str) -> Tuned:
    """Read what `channelvq tune` wrote.

    Raises
    ------
    UsageError
        If it cannot be read or something in it is wrong; says where.
    """
    path = Path(path)
    try:
        content, text = read_toml(path)
    except UsageError as error:
        if path.exists():
            raise
        raise UsageError(f"no such file: {path}; `channelvq tune` makes it") from error
    return validate(Tuned, content, path, text)


def resolve_tuned(content: dict[str, Any], *, path: Path, text: str) -> dict[str, Any]:
    """Replace what a sweep's schemes name by `tuned` with what these files choose.

    Parameters
    ----------
    content : dict
        A sweep's TOML as it was read; it is not changed.
    path : Path
        Where the sweep was read from; the files are named relative to its folder.
    text : str
        Its text, for line numbers.

    Raises
    ------
    UsageError
        If a file cannot be read, or was made for another codec, CBR or channel; names the line of the sweep.
    """
    schemes = content.get("scheme")
    if not isinstance(schemes, list):
        return content
    resolved = []
    for number, scheme in enumerate(schemes):
        if isinstance(scheme, dict) and ("tuned" in scheme or "tuned_at_snr_db" in scheme):
            try:
                scheme = _resolve(scheme, content, path.parent)
            except UsageError as error:
                line = line_of(text, ("scheme", number, "tuned"))
                where = f"{path}, line {line}" if line else str(path)
                raise UsageError(f"{where}: scheme {number + 1}, tuned: {error}") from None
        resolved.append(scheme)
    return {**content, "scheme": resolved}


def _resolve(scheme: dict[str, Any], content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Replace one scheme's `tuned`."""
    name, at = scheme.get("tuned"), scheme.get("tuned_at_snr_db")
    if not isinstance(name, str):
        raise UsageError('must be the path of a file that `channelvq tune` wrote, as tuned = "awgn.toml"')
    for key in ("code", "modulation", "choice"):
        if key in scheme:
            raise UsageError(f"the file says which {key}: leave {key} out")
    tuned = load_tuned(folder / name)
    _check_fits(tuned, scheme, content, fixed=at is not None)
    places = ("snr_db", "channel", "code", "modulation", "codec", "concealment")
    choices = [
        {key: value for key in places if (value := getattr(choice, key)) is not None}
        for choice in tuned.choices
    ]
    if at is None:
        return {**scheme, "choice": choices}
    if isinstance(at, bool) or not isinstance(at, int | float) or tuned.channel is None:
        raise UsageError("tuned_at_snr_db must be one number, and the file one of SNRs")
    whole = Scheme.model_validate({"name": "tuned", "codec": tuned.codecs[0], "choice": choices})
    fixed = whole.at(Point(channel=tuned.channel, snr_db=float(at)))
    one = {"code": fixed.code, "modulation": fixed.modulation}
    if len(tuned.codecs) > 1:
        one["codec"] = fixed.codec
    concealment = scheme.get("concealment") or fixed.concealment
    return {**scheme, **one, **({} if concealment is None else {"concealment": concealment})}


def _check_fits(tuned: Tuned, scheme: dict[str, Any], content: dict[str, Any], *, fixed: bool) -> None:
    """Refuse choices that were made for something else; a fixed one may meet another channel."""
    codec = scheme.get("codec")
    names = [parse_spec(known).name for known in tuned.codecs]
    if isinstance(codec, str) and parse_spec(codec).name not in names:
        raise UsageError(f"made for codec {', '.join(tuned.codecs)}, the scheme has {codec!r}")
    cbr = scheme.get("cbr", content.get("cbr", _DEFAULT_CBR))
    if isinstance(cbr, str | int | float) and fraction(str(cbr), "cbr") != tuned.cbr:
        raise UsageError(f"made for CBR {tuned.cbr}, the scheme has {Fraction(str(cbr))}")
    channel = content.get("channel")
    if scheme.get("csi"):
        if tuned.channel != "awgn":
            raise UsageError(
                f"made for {tuned.channel or 'bit channels'}: a sender that knows the gain wants AWGN's"
            )
    elif not fixed and channel != tuned.channel:
        made, has = tuned.channel or "bit channels", channel or "bit channels"
        raise UsageError(
            f"made for {made}, the sweep has {has}; one choice of it may be met by other channels: "
            "tuned_at_snr_db"
        )


def _toml(value: object) -> str:
    """Write a value: text, a number, a truth value or a list of them."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
