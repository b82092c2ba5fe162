"""What a sweep is asked to do: the TOML file, validated."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from channelvq.sweep.axis import Point, Snr, points_of, read_snrs
from channelvq.sweep.overlay import BoundChoice, PublishedChoice, resolve_overlays
from channelvq.sweep.scheme import Cbr, Channel, Scheme, Table, as_tuple
from channelvq.sweep.stopping import StoppingRule
from channelvq.sweep.toml import read_toml, validate
from channelvq.sweep.tuned import resolve_tuned

__all__ = [
    "PictureChoice",
    "Point",
    "Scheme",
    "Stop",
    "SweepSpec",
    "from_json",
    "load_spec",
    "parse_sweep",
    "read_snrs",
]


class Stop(Table):
    """When a point has trials enough: `[stop]`; `trials` is then the most that it gets.

    Attributes
    ----------
    tolerance_db : float or None
        Half-width in dB of the 95 % interval of the mean PSNR that is enough.
    block_errors : int or None
        Number of block errors (of failed receivers where there are no blocks) that is enough.
    min_trials : int
        Transmissions of each image that every point gets.
    unseen_failures : bool
        Whether the tolerance allows for failures too rare to have been seen: safer, and many more trials
        where no receiver failed. The interval that is reported allows for them in any case.
    """

    tolerance_db: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] | None = None
    block_errors: Annotated[int, Field(ge=1)] | None = None
    min_trials: Annotated[int, Field(ge=2)] = 3
    unseen_failures: bool = True

    @model_validator(mode="after")
    def _some_rule(self) -> Stop:
        """Without a rule there is nothing to stop for."""
        if self.tolerance_db is None and self.block_errors is None:
            raise ValueError("give tolerance_db = 0.1, block_errors = 100, or both (the first reached ends)")
        return self


class PictureChoice(Table):
    """Which received pictures to keep: `[pictures]`.

    Attributes
    ----------
    image : str or None
        Name of one of the sweep's images; None takes the first.
    snr_db : tuple of float
        At which SNRs of the axis (symbol channels).
    channels : tuple of str
        At which channels of the axis (bit channels).
    trials : tuple of int
        Numbers of the trials whose pictures are kept; the first is shown side by side.
    max_mb : float
        Room for them in the store; what would not fit is not kept.
    crop : (top, left, height, width) or None
        Part of the picture to show, in pixels; None shows it whole.
    """

    image: str | None = None
    snr_db: Annotated[tuple[Snr, ...], BeforeValidator(read_snrs)] = ()
    channels: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()
    trials: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(as_tuple), Field(min_length=1)
    ] = (0,)
    max_mb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 64.0
    crop: (
        Annotated[
            tuple[
                Annotated[int, Field(ge=0)],
                Annotated[int, Field(ge=0)],
                Annotated[int, Field(ge=1)],
                Annotated[int, Field(ge=1)],
            ],
            BeforeValidator(as_tuple),
        ]
        | None
    ) = None


class SweepSpec(Table):
    """A sweep: schemes × images × points of an axis × trials.

    The axis is either one symbol channel (`channel`) at several SNRs (`snr_db`), or several bit channels
    (`channels`). An unknown key, a wrong value or a component that cannot be built is a `UsageError`.

    Attributes
    ----------
    name : str
        Title of figure and table.
    description : str
        What the sweep is for; free text.
    images : str
        "builtin", "kodak", "mnist" or a folder.
    cbr : Fraction
        Channel uses per source sample (3·H·W in colour, H·W in grey).
    seed : int
        The experiment's seed.
    trials : int
        Independent transmissions of each image at each point; the most, where `stop` may end it sooner.
    stop : Stop or None
        When a point has enough.
    channel : str or None
        The symbol channel whose SNR is varied.
    snr_db : tuple of float
        Es/N0 in dB: a number, a list or `{from, to, step}`.
    channels : tuple of str
        The bit channels to compare on.
    schemes : tuple of Scheme
        At least one.
    pictures : PictureChoice or None
        Received pictures to show side by side.
    bounds : tuple of BoundChoice
        Bounds to draw beside the curves.
    published : PublishedChoice or None
        Curves of others to draw beside them.

    Examples
    --------
    >>> spec = SweepSpec.model_validate({
    ...     "name": "demo", "channel": "awgn", "snr_db": {"from": 0, "to": 4, "step": 2}, "trials": 2,
    ...     "scheme": [{"name": "JPEG + RS", "codec": "jpeg", "code": "rs:255,191"}]})
    >>> [point.label for point in spec.points]
    ['awgn 0 dB', 'awgn 2 dB', 'awgn 4 dB']
    """

    name: Annotated[str, Field(min_length=1, max_length=120)]
    description: str = ""
    images: Annotated[str, Field(min_length=1)] = "builtin"
    cbr: Cbr = Fraction(1, 12)
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    stop: Stop | None = None
    channel: Channel | None = None
    snr_db: Annotated[tuple[Snr, ...], BeforeValidator(read_snrs)] = ()
    channels: Annotated[tuple[Channel, ...], BeforeValidator(as_tuple)] = ()
    schemes: Annotated[tuple[Scheme, ...], BeforeValidator(as_tuple), Field(alias="scheme", min_length=1)]
    pictures: PictureChoice | None = None
    bounds: Annotated[tuple[BoundChoice, ...], BeforeValidator(as_tuple), Field(alias="bound")] = ()
    published: PublishedChoice | None = None

    @model_validator(mode="after")
    def _consistent(self) -> SweepSpec:
        """Check what no single key can tell."""
        if (self.channel is None) == (not self.channels):
            raise ValueError('give either channel = "awgn" with snr_db, or channels = ["bsc:0.01", ...]')
        if self.channel is not None and not self.snr_db:
            raise ValueError("channel needs snr_db, for example snr_db = {from = -2, to = 16, step = 2}")
        if self.channels and self.snr_db:
            raise ValueError("channels are bit channels, which take no snr_db")
        names = [scheme.name for scheme in self.schemes]
        curves = [*names, *(bound.name for bound in self.bounds)]
        for what, values in (
            ("scheme name", names),
            ("bound's name", curves),
            ("channel", self.channels),
            ("snr_db", self.snr_db),
        ):
            if repeated := [v for i, v in enumerate(values) if v in values[:i]]:
                raise ValueError(f"{what} {repeated[0]!r} is given twice")
        if self.stop is not None and self.stop.min_trials > self.trials:
            raise ValueError(f"stop: min_trials is {self.stop.min_trials}, above trials, {self.trials}")
        for scheme in self.schemes:
            for point in self.points:
                scheme.at(point)  # a choice is there
        self._check_pictures()
        return self

    def _check_pictures(self) -> None:
        """Pictures are shown where the sweep goes."""
        if self.pictures is None:
            return
        if max(self.pictures.trials) >= self.trials:
            last = max(self.pictures.trials)
            raise ValueError(f"pictures: trials {last} is not below trials, {self.trials}")
        for what, chosen, axis in (
            ("snr_db", self.pictures.snr_db, self.snr_db),
            ("channels", self.pictures.channels, self.channels),
        ):
            if missing := [value for value in chosen if value not in axis]:
                allowed = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in axis) or "none"
                raise ValueError(
                    f"pictures: {what} {missing[0]!r} is not on the sweep's axis; allowed: {allowed}"
                )

    @property
    def points(self) -> tuple[Point, ...]:
        """The axis, in order."""
        return points_of(self.channel, self.snr_db, self.channels)

    @property
    def rule(self) -> StoppingRule:
        """When a point has enough; without `stop`, after `trials` of each image."""
        stop = self.stop
        if stop is None:
            return StoppingRule(None, None, self.trials, self.trials)
        return StoppingRule(
            stop.tolerance_db, stop.block_errors, stop.min_trials, self.trials, stop.unseen_failures
        )

    def to_json(self) -> str:
        """Canonical text, one line; `from_json` reads it."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True)

    @property
    def content_hash(self) -> str:
        """SHA-256 of everything that the results depend on: not of names and of what is only shown."""
        shown = ("name", "description", "pictures", "bounds", "published")
        apart: dict[str, Any] = dict.fromkeys(shown, True)
        apart["schemes"] = {"__all__": {"tuned", "tuned_at_snr_db"}}  # what they say is in the choices
        content = self.model_dump(mode="json", by_alias=True, exclude=apart)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def parse_sweep(content: dict[str, Any], *, path: Path, text: str) -> SweepSpec:
    """Validate a spec that has been read from `path`.

    Raises
    ------
    UsageError
        One line: file, line, key, the wrong value and what is allowed.
    """
    content = resolve_tuned(content, path=path, text=text)
    return resolve_overlays(validate(SweepSpec, content, path, text), path=path, text=text)


def load_spec(path: Path | str) -> SweepSpec:
    """Read and validate a sweep's TOML file.

    Raises
    ------
    UsageError
        If it cannot be read or something in it is wrong; says where.
    """
    path = Path(path)
    content, text = read_toml(path)
    return parse_sweep(content, path=path, text=text)


def from_json(text: str) -> SweepSpec:
    """Read what `SweepSpec.to_json` wrote."""
    content = json.loads(text)
    return SweepSpec.model_validate({key: value for key, value in content.items() if value is not None})
