"""Components of other packages: found by entry point, built like those that come with this one."""

from __future__ import annotations

import functools
import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from channelvq.errors import UsageError

__all__ = ["load_plugin", "offers", "origin_of", "plugin_names"]

_log = logging.getLogger("channelvq")
_origins: dict[type, str] = {}


def plugin_names(group: str) -> list[str]:
    """List what other packages add to a family, by name; what cannot be imported is warned of and left out.

    Parameters
    ----------
    group : str
        Group of entry points, for example "channelvq.codecs".

    Examples
    --------
    >>> plugin_names("channelvq.no-such-family")
    []
    """
    names = []
    for entry in _entries(group):
        try:
            _import(entry)
        except UsageError as error:
            _warn(f"{error}; it is left out")
            continue
        names.append(entry.name)
    return sorted(set(names))


def load_plugin(group: str, kind: str, name: str) -> Any | None:
    """Import the class that a package offers under a name; None if no package does.

    Parameters
    ----------
    group, kind : str
        Group of entry points, and what a member is called in an error.
    name : str
        The component's name.

    Raises
    ------
    UsageError
        If it cannot be imported, or two packages offer it.
    """
    found = [entry for entry in _entries(group) if entry.name == name]
    if not found:
        return None
    packages = sorted({_origin(entry) for entry in found})
    if len(packages) > 1:
        raise UsageError(f"{kind} {name!r} is offered by {' and by '.join(packages)}: uninstall one of them")
    factory = _import(found[0])
    if not factory.__module__.startswith("channelvq."):
        _origins[factory] = packages[0]
    return factory


def offers(group: str, name: str) -> bool:
    """Say whether a package offers a component of that name; none is imported."""
    return any(entry.name == name for entry in _entries(group))


def origin_of(component: object) -> str | None:
    """Give the package, name and version, that a component's class came from; None for one of ours.

    Examples
    --------
    >>> from channelvq.channels import CHANNELS
    >>> origin_of(CHANNELS.build("awgn")) is None
    True
    """
    return next((_origins[kind] for kind in type(component).__mro__ if kind in _origins), None)


def _entries(group: str) -> list[EntryPoint]:
    return list(entry_points(group=group)) if group else []


def _origin(entry: EntryPoint) -> str:
    """Name the package of an entry point, with its version."""
    dist = entry.dist
    return "an unnamed package" if dist is None else f"{dist.name} {dist.version}"


def _import(entry: EntryPoint) -> Any:
    """Import what an entry point names; whatever goes wrong there is one line here."""
    try:
        factory = entry.load()
    except Exception as error:  # it is other people's code
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{entry.name!r} of {_origin(entry)} cannot be imported: {reason}") from None
    if not isinstance(factory, type) or not hasattr(factory, "from_args"):
        where = f"{entry.name!r} of {_origin(entry)}"
        raise UsageError(f"{where} is no component: {entry.value} must be a class with from_args")
    return factory


@functools.cache
def _warn(line: str) -> None:
    """Say it once; logging's last resort puts it on standard error."""
    _log.warning("channelvq: %s", line)
