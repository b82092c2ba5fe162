"""TOML with places: errors of a spec name the line that they are about."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from channelvq.errors import UsageError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["line_of", "read_toml", "validate"]

M = TypeVar("M", bound=BaseModel)

Place = Sequence[int | str]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Read a TOML file; give its table and its text.

    Raises
    ------
    UsageError
        If the file cannot be read or is no TOML; names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"no such spec: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"cannot read the spec {path}: {reason}") from None
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None


def line_of(text: str, place: Place) -> int | None:
    r"""Find the line (from 1) of a key, given as its place in the parsed document.

    The deepest part of the place that can be found decides: a key that is missing leads to the line of its
    table's header.

    Examples
    --------
    >>> spec = 'seed = 1\n\n[[scheme]]\ncode = "rs"\n[[scheme]]\ncode = "ldpc"'
    >>> line_of(spec, ("seed",)), line_of(spec, ("scheme", 1, "code")), line_of(spec, ("scheme", 0, "codec"))
    (1, 6, 3)
    """
    best: tuple[int, int] | None = None  # (depth of the match, line)
    table: list[int | str] = []
    count: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            name = header[2]
            table = list(name.split("."))
            if header[1] == "[[":
                count[name] = count.get(name, -1) + 1
                table.append(count[name])
            found = table
        elif key := _KEY.match(line):
            found = [*table, key[1]]
        else:
            continue
        depth = len(found)
        if list(place[:depth]) == found and (best is None or depth > best[0]):
            best = depth, number
    return None if best is None else best[1]


def validate(model: type[M], content: dict[str, Any], path: Path, text: str) -> M:
    """Make a model of what `read_toml` gave.

    Raises
    ------
    UsageError
        One line of the first complaint: file, line, key, wrong value, what is allowed.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _explain(error, model, path, text) from None


def _explain(error: ValidationError, model: type[BaseModel], path: Path, text: str) -> UsageError:
    """Make one line of pydantic's first complaint: file, line, key, wrong value, what is allowed."""
    complaints = error.errors(include_url=False)
    first = complaints[0]
    place = tuple(first["loc"])
    line = line_of(text, place)
    where = f"{path}, line {line}" if line else str(path)
    more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
    return UsageError(f"{where}: {_complaint(first, place, model)}{more}")


def _complaint(first: Mapping[str, Any], place: Place, model: type[BaseModel]) -> str:
    """Say what is wrong at `place`."""
    table, key = place[:-1], place[-1] if place else ""
    inside = f" in {_words(table)}" if table else ""
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}{inside}; allowed: {', '.join(_allowed(model, table))}"
    if first["type"] == "missing":
        return f"key {key!r} is missing{inside}"
    reason = str(first["msg"]).removeprefix("Value error, ")
    if not place:
        return reason
    value = first["input"]
    shown = f" is {value!r}" if not isinstance(value, Mapping | list) else ""
    return f"{_words(place)}{shown}: {reason[:1].lower()}{reason[1:]}"


def _words(place: Place) -> str:
    """`("scheme", 1, "code")` as "scheme 2, code" (people count from 1)."""
    words: list[str] = []
    for part in place:
        if isinstance(part, int) and words:
            words[-1] += f" {part + 1}"
        else:
            words.append(str(part))
    return ", ".join(words)


def _allowed(model: type[BaseModel], table: Place) -> list[str]:
    """Names of the keys that the table at `table` may have."""
    current = model
    for part in table:
        if isinstance(part, int):
            continue
        field = next((f for n, f in current.model_fields.items() if part in (n, f.alias)), None)
        inner = _inner_model(field.annotation) if field else None
        if inner is None:
            break
        current = inner
    return [field.alias or name for name, field in current.model_fields.items()]


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    """Find the model inside `Model`, `tuple[Model, ...]` or `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if (inner := _inner_model(part)) is not None:
            return inner
    return None
