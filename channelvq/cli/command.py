"""How every command behaves: one-line errors, exit statuses, and how options are read."""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

import click

from channelvq.components import fraction
from channelvq.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["INTERRUPTED", "CommandLine", "Failure", "console", "read_numbers", "read_ratio"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

_NEW_OBJECTS = 100_000
"""How many new objects are worth a look for garbage: loading libraries makes many that stay."""


class Failure(click.ClickException):
    """Something that went wrong though the usage was right: one line, exit status 1."""


class CommandLine(click.Group):
    """A group whose errors are one line on standard error.

    Wrong usage, of click's or of ours, exits with status 2, Ctrl-C with 130. Commands are listed in the
    order in which they were added, which is the order of a first day's work.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of their addition."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which there are."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            raise unknown_name("command", args[0], self.commands)
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run and exit; with `standalone_mode=False` give what the command gave, and let errors through."""
        if not standalone_mode:
            return self._run(*args, **extra)
        gc.set_threshold(_NEW_OBJECTS)
        try:
            result = self._run(*args, **extra)
        except UsageError as error:
            _stop(str(error), 2)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help() if error.ctx else error.format_message(), err=True)
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _stop(_words(error), error.exit_code)
        except click.Abort:
            _stop("interrupted", INTERRUPTED)
        sys.exit(result if isinstance(result, int) else 0)

    def _run(self, *args: Any, **extra: Any) -> Any:
        """Run with click's own handling of errors off."""
        run: Callable[..., Any] = super().main
        return run(*args, standalone_mode=False, **extra)


def console(*, err: bool = False) -> Console:
    """Make a rich console on the stream of the moment; it colours and animates only on a terminal."""
    from rich.console import Console

    made = Console(stderr=err, highlight=False)
    if not made.is_terminal:
        made.width = 200  # a log or a pipe has no width that a table must be folded into
    return made


def read_ratio(ctx: click.Context, param: click.Parameter, value: str) -> Fraction:
    """Read an option that is a positive ratio, `1/12` or `0.0833`."""
    return fraction(value, param.opts[0])


def read_numbers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    """Read an option that is positive numbers with commas between them."""
    try:
        numbers = tuple(float(part) for part in value.split(","))
    except ValueError:
        raise UsageError(f"{param.opts[0]} is {value!r}, must be numbers such as 0.35,0.5,0.7") from None
    if not all(0 < number < math.inf for number in numbers):
        raise UsageError(f"{param.opts[0]} is {value!r}, every number must be above 0 and finite")
    return numbers


def _words(error: click.ClickException) -> str:
    """Give click's message, with a pointer to the help of the command that was misused."""
    message = error.format_message().rstrip(".")
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{message} (see {error.ctx.command_path} --help)"
    return message


def _stop(message: str, status: int) -> NoReturn:
    """Print one line and exit."""
    click.echo(f"channelvq: {' '.join(message.split())}", err=True)
    sys.exit(status)
