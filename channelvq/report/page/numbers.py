"""Numbers in print: a true minus sign, intervals, ranges of an axis, lists of names."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["bracket", "counted", "listed", "number", "percent", "ranges", "signed"]


def number(value: float | None, digits: int) -> str:
    """Print a number, or a dash where there is none.

    Examples
    --------
    >>> number(-2.345, 1), number(None, 1)
    ('−2.3', '–')
    """
    return "–" if value is None else f"{_rounded(value, digits):.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int) -> str:
    """Print a difference, its sign included.

    Examples
    --------
    >>> signed(0.5, 2), signed(-0.5, 2), signed(-0.001, 2)
    ('+0.50', '−0.50', '0.00')
    """
    if value is None:
        return "–"
    near = _rounded(value, digits)
    return f"{near:+.{digits}f}".replace("-", "−") if near else f"{near:.{digits}f}"


def bracket(low: float | None, high: float | None, digits: int) -> str:
    """Print an interval, or nothing where it is not known.

    Examples
    --------
    >>> bracket(-1, 2.5, 1)
    '[−1.0, 2.5]'
    """
    return "" if low is None or high is None else f"[{number(low, digits)}, {number(high, digits)}]"


def percent(share: float) -> str:
    r"""Print a share, to two digits, its sign never on a line of its own.

    Examples
    --------
    >>> percent(0.25), percent(0.0031), percent(1.0), percent(0.999)
    ('25\xa0%', '0.31\xa0%', '100\xa0%', '99.9\xa0%')
    """
    value = 100 * share
    if value in (0.0, 100.0):
        text = f"{value:.0f}"
    elif value < 1:
        text = f"{value:.2g}"
    else:
        text = f"{value:.0f}" if value < 99.5 else f"{value:.1f}"
    return f"{text}\xa0%"


def counted(count: int, noun: str) -> str:
    """Print a count with its noun.

    Examples
    --------
    >>> counted(1, "image"), counted(24, "image")
    ('1 image', '24 images')
    """
    return f"{count} {noun}{'s' if count != 1 else ''}"


def listed(words: Sequence[str]) -> str:
    """Print a list in a sentence.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def ranges(chosen: Sequence[int], names: Sequence[str], unit: str = "") -> str:
    """Print places of an axis, neighbours as a range.

    Parameters
    ----------
    chosen : sequence of int
        Numbers of the places, ascending.
    names : sequence of str
        What all places are called, without their unit.
    unit : str
        What to add to each range, " dB" for example.

    Examples
    --------
    >>> ranges([0, 1, 2, 5], ["−2", "0", "2", "4", "6", "8"], " dB")
    '−2 to 2 dB, 8 dB'
    """
    runs: list[list[int]] = []
    for i in chosen:
        if runs and i == runs[-1][-1] + 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    words = []
    for run in runs:
        first, last = names[run[0]], names[run[-1]]
        between = " and " if len(run) == 2 else " to "
        words.append(f"{first}{unit}" if len(run) == 1 else f"{first}{between}{last}{unit}")
    return ", ".join(words)


def _rounded(value: float, digits: int) -> float:
    """Round, and give a zero no sign."""
    return round(value, digits) or 0.0
