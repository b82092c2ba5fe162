"""Errors that a user can mend: each is one line that says what was wrong and what would be right."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["BudgetError", "UsageError", "unknown_name"]


class UsageError(ValueError):
    """Wrong input; the command line prints it as one line and exits with status 2."""


class BudgetError(UsageError):
    """A bit budget too small for what must be sent."""


def unknown_name(kind: str, name: str, allowed: Iterable[str]) -> UsageError:
    """Say that `name` is no `kind`, and which names are.

    Examples
    --------
    >>> str(unknown_name("modulation", "qam32", ["bpsk", "qpsk"]))
    "unknown modulation 'qam32'; allowed: bpsk, qpsk"
    """
    return UsageError(f"unknown {kind} {name!r}; allowed: {', '.join(allowed)}")
