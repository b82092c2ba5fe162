"""What a trial is: the hash of everything that determines it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import channelvq
from channelvq.components import parse_spec
from channelvq.errors import UsageError
from channelvq.plugins import origin_of
from channelvq.provenance import source_fingerprint

if TYPE_CHECKING:
    from channelvq.adaptive_link import AdaptiveLink
    from channelvq.link import Link

__all__ = ["TrialName", "case_content", "content_digest", "trial_id"]

_SHORT = 16  # hexadecimal digits, 64 bits: enough to tell the cases and images of one sweep apart
_ID = re.compile(rf"([0-9a-f]{{1,{_SHORT}}})-([0-9a-f]{{1,{_SHORT}}})-(\d{{1,9}})")


def case_content(link: Link | AdaptiveLink, cbr: Fraction, snr_db: float | None, seed: int) -> dict[str, Any]:
    """Describe all that a trial depends on, but its image and its number.

    Components go by canonical names, so that "rs:255,191" and "rs: 255, 191" are one; weights by their hash,
    not by their name; a concealment that was left open by the one that it meant. `source` is the fingerprint
    of the package's code: what other code computed is another trial. Components of other packages go by these
    packages' names and versions besides, for their code has no fingerprint here. An adaptive link is all that
    its links are.
    """
    from channelvq.adaptive_link import AdaptiveLink

    if isinstance(link, AdaptiveLink):
        rungs: list[Any] = [[start, case_content(rung, cbr, snr_db, seed)] for start, rung in link.rungs]
        return {**rungs[0][1], "csi": rungs}
    model = getattr(link.codec, "model", None)
    concealment = getattr(link.codec, "concealment", None)
    components: dict[str, Any] = dict(link.components)
    if model is not None:
        components["codec"] = _nameless(components["codec"])
    if others := _packages(link):
        components["packages"] = others
    return {
        "channelvq": channelvq.__version__,
        "source": source_fingerprint(),
        **components,
        "concealment": getattr(concealment, "spec", None),
        "model": getattr(model, "full_id", getattr(model, "id", None)),
        "cbr": str(cbr),
        "snr_db": snr_db,
        "seed": seed,
    }


def _packages(link: Link) -> dict[str, str]:
    """Give name and version of the packages that a link's components come from, but for this one."""
    code = getattr(link, "code", None)
    levels = [level.code for level in getattr(code, "levels", ())] or [code]
    parts = {"codec": link.codec, "modulation": getattr(link, "modulation", None), "channel": link.channel}
    for number, level in enumerate(levels):
        parts[f"code {number + 1}" if number else "code"] = level
    return {name: origin for name, part in parts.items() if (origin := origin_of(part)) is not None}


def _nameless(codec: str) -> str:
    """Leave out of a codec's name what its weights are called, which is their place on some machine.

    Examples
    --------
    >>> _nameless("vqvae:/home/me/my.safetensors,beams=4"), _nameless("vqvae")
    ('vqvae:beams=4', 'vqvae')
    """
    spec = parse_spec(codec)
    options = ",".join(f"{key}={value}" for key, value in spec.options.items())
    return f"{spec.name}:{options}" if options else spec.name


def content_digest(content: dict[str, Any]) -> str:
    """SHA-256 of canonical JSON, hexadecimal.

    Examples
    --------
    >>> content_digest({"a": 1, "b": 2}) == content_digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def trial_id(case: str, image: str, trial: int) -> str:
    """Name a trial for people: hash of its case, hash of its image, its number.

    Examples
    --------
    >>> trial_id("0123456789abcdef0123", "fedcba98765432100123", 7)
    '0123456789abcdef-fedcba9876543210-7'
    """
    return f"{case[:_SHORT]}-{image[:_SHORT]}-{trial}"


@dataclass(frozen=True)
class TrialName:
    """A trial's id taken apart.

    Attributes
    ----------
    case, image : str
        Beginnings of the hashes.
    trial : int
        Number of the repetition.
    """

    case: str
    image: str
    trial: int

    @classmethod
    def parse(cls, text: str) -> TrialName:
        """Read what `trial_id` wrote.

        Raises
        ------
        UsageError
            If it is none.

        Examples
        --------
        >>> TrialName.parse("0123456789abcdef-fedcba9876543210-7").trial
        7
        """
        match = _ID.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"{text!r} is no trial's id; one looks like 0123456789abcdef-fedcba9876543210-7")
        return cls(match[1], match[2], int(match[3]))
