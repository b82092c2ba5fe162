"""Components by name: `name` or `name:args`, the one vocabulary of Python, TOML and the command line."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from channelvq.errors import UsageError, unknown_name
from channelvq.plugins import load_plugin, offers, plugin_names

__all__ = ["Family", "Spec", "fraction", "integer", "parse_spec", "real"]


@dataclass(frozen=True)
class Spec:
    """A parsed component: its name, positional arguments and named arguments, all still text."""

    name: str
    args: tuple[str, ...]
    options: Mapping[str, str]


def parse_spec(text: str) -> Spec:
    """Split `name:a,b,key=value`.

    Raises
    ------
    UsageError
        If a positional argument follows a named one, a name is repeated, or a part is empty.

    Examples
    --------
    >>> parse_spec("rs:255,191").args
    ('255', '191')
    >>> dict(parse_spec("gilbert-elliott:0.01,burst=8").options)
    {'burst': '8'}
    """
    name, colon, rest = text.strip().partition(":")
    args: list[str] = []
    options: dict[str, str] = {}
    parts = rest.split(",") if colon else []
    for part in (p.strip() for p in parts):
        key, equals, value = (p.strip() for p in part.partition("="))
        if not part or (equals and not (key and value)):
            raise UsageError(f"empty argument in {text!r}; write name:a,b or name:key=value")
        if equals:
            if key in options:
                raise UsageError(f"argument {key!r} given twice in {text!r}")
            options[key] = value
        elif options:
            raise UsageError(f"argument {part!r} in {text!r} must come before the named ones")
        else:
            args.append(part)
    return Spec(name, tuple(args), options)


@dataclass(frozen=True)
class Family:
    """One kind of component and its members, imported only when one is built.

    Parameters
    ----------
    kind : str
        What a member is called in an error, for example "channel code".
    members : mapping of str to (str, str)
        Name to ("module:Class", usage). `Class.from_args(*args, **options)` takes text and raises
        UsageError; `usage` is what a right call looks like.
    group : str
        Group of entry points by which other packages add members ("channelvq.codecs"): name to class, which
        may have its `usage` as an attribute. A member of ours wins against one of the same name.

    Examples
    --------
    >>> family = Family("ratio", {"fraction": ("fractions:Fraction", "fraction:1,2")})
    >>> family.names(), "fraction" in family, "decimal" in family
    (['fraction'], True, False)
    """

    kind: str
    members: Mapping[str, tuple[str, str]]
    group: str = ""

    def __contains__(self, name: str) -> bool:
        """Say whether there is a member of that name, without making sure that it can be imported."""
        return name in self.members or offers(self.group, name)

    def names(self) -> list[str]:
        """Names of the members: ours, then those of other packages."""
        return [*self.members, *(name for name in plugin_names(self.group) if name not in self.members)]

    def factory(self, name: str) -> tuple[Any, str]:
        """Import a member's class; returns it and what a right call looks like.

        Raises
        ------
        UsageError
            Unknown name (lists the allowed ones), or a class of another package that cannot be imported.
        """
        if name in self.members:
            path, usage = self.members[name]
            module, _, attribute = path.partition(":")
            return getattr(importlib.import_module(module), attribute), usage
        found = load_plugin(self.group, self.kind, name)
        if found is None:
            raise unknown_name(self.kind, name, self.names())
        return found, str(getattr(found, "usage", name))

    def build(self, text: str) -> Any:
        """Make the component that `text` names.

        Raises
        ------
        UsageError
            Unknown name (lists the allowed ones) or bad arguments (shows the usage).
        """
        spec = parse_spec(text)
        factory, usage = self.factory(spec.name)
        try:
            return factory.from_args(*spec.args, **spec.options)
        except UsageError as error:
            raise type(error)(f"bad {self.kind} {text!r}: {error} (usage: {usage})") from None
        except TypeError:
            raise UsageError(f"bad {self.kind} {text!r}: wrong arguments (usage: {usage})") from None


def integer(text: str, name: str, low: int, high: int) -> int:
    """Read a whole number in [low, high], or say what is allowed.

    Examples
    --------
    >>> integer("255", "n", 1, 255)
    255
    """
    try:
        value = int(text)
    except ValueError:
        raise UsageError(f"{name} is {text!r}, must be a whole number") from None
    if not low <= value <= high:
        raise UsageError(f"{name} is {value}, must be from {low} to {high}")
    return value


def real(text: str, name: str, low: float, high: float) -> float:
    """Read a finite number in [low, high], or say what is allowed.

    Examples
    --------
    >>> real("1e-2", "p", 0.0, 0.5)
    0.01
    """
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{name} is {text!r}, must be a number") from None
    if not low <= value <= high:
        raise UsageError(f"{name} is {value:g}, must be from {low:g} to {high:g}")
    return value


def fraction(text: str, name: str) -> Fraction:
    """Read a positive ratio, `1/12` or `0.0833`, exactly.

    Examples
    --------
    >>> fraction("1/12", "cbr")
    Fraction(1, 12)
    """
    try:
        value = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{name} is {text!r}, must be a ratio such as 1/12") from None
    if value <= 0:
        raise UsageError(f"{name} is {text!r}, must be above 0")
    return value
