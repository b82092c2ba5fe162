"""Filling a bit budget: the best of a codec's qualities whose file fits, found in few encodings."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from channelvq.codecs.base import Picture
from channelvq.errors import BudgetError
from channelvq.images import content_hash

__all__ = ["Drafts", "Ladder", "fill", "too_small"]

_ENOUGH = 0.005  # a file that leaves no more of the budget than this share need not be improved


@dataclass(frozen=True)
class Ladder:
    """The qualities of an encoder, numbered from the coarsest, 0, to the finest; files grow with them.

    Attributes
    ----------
    steps : int
        How many there are.
    stride : int
        Every so many steps one is tried first, for all budgets the same ones, so that sizes that are known
        of a picture (`Drafts`) serve many budgets.
    growth : float
        By how much, about, the logarithm of the size grows from one step to the next.
    typical : float
        The step that gives about one bit per pixel.

    Examples
    --------
    >>> ladder = Ladder(steps=100, stride=8, growth=0.05, typical=60)
    >>> tried = []
    >>> def size(step):
    ...     tried.append(step)
    ...     return round(1000 * 1.04**step)
    >>> ladder.best(size, budget=20_000, pixels=64_000)
    76
    >>> size(76), size(77), len(set(tried))
    (19703, 20491, 6)
    """

    steps: int
    stride: int
    growth: float
    typical: float

    def best(self, size: Callable[[int], int], budget: int, pixels: int) -> int | None:
        """Find the finest step whose file has at most `budget` bytes, or one that fills the budget.

        Which steps are looked at depends on nothing but the arguments and the sizes, so that equal calls
        give equal files. Where sizes are not quite monotone it finds a step that fits below one that does
        not.

        Parameters
        ----------
        size : callable
            Gives the bytes of a step's file.
        budget : int
            Bytes.
        pixels : int
            Height × width, for a first guess.

        Returns
        -------
        int or None
            None if even step 0 does not fit.
        """
        count = -(-self.steps // self.stride)
        share = 8 * max(budget, 1) / pixels
        guess = (self.typical + math.log(share) / self.growth) / self.stride
        search = _Search(lambda at: size(at * self.stride), budget, self.growth * self.stride)
        coarse = search.last_fit(-1, count, guess)
        if coarse < 0:
            return None
        start, stop = coarse * self.stride, min((coarse + 1) * self.stride, self.steps)
        search = _Search(size, budget, self.growth)
        return search.last_fit(start, stop, start + search.gap(size(start)) / self.growth)


@dataclass(frozen=True)
class _Search:
    """Looks for the last of numbered files that fits a budget."""

    size: Callable[[int], int]
    budget: int
    growth: float

    def gap(self, size: int) -> float:
        """By how much the logarithm of a size may still grow."""
        return math.log(max(self.budget, 1) / max(size, 1))

    def last_fit(self, low: int, high: int, guess: float) -> int:
        """Narrow down: `low` fits, `high` does not, until they are neighbours or `low` is near enough.

        Regula falsi on the logarithm of the size, a bisection whenever the bracket shrinks too slowly.
        """
        below: float | None = None  # gaps at low and high, where known
        above: float | None = None
        slow = 0
        while high - low > 1:
            at = (low + high) // 2 if slow >= 2 else min(max(math.floor(guess), low + 1), high - 1)
            width, gap = high - low, self.gap(self.size(at))
            if gap >= 0:
                low, below = at, gap
                if gap <= _ENOUGH:
                    break
            else:
                high, above = at, gap
            slow = slow + 1 if high - low > width / 2 else 0
            if below is None or above is None:
                guess = at + gap / self.growth
            else:
                guess = low + (high - low) * below / (below - above)
        return low


class Drafts:
    """Files that were written in search of a budget, for the next search; old ones are forgotten.

    Of many pictures the sizes are remembered, of the latest files also their bytes. A picture and a step make
    the same file always, so that nothing but time depends on what is remembered.

    Parameters
    ----------
    pictures : int
        Of how many pictures sizes are remembered.
    most_bytes : int
        How much the files that are remembered may take.

    Examples
    --------
    >>> drafts = Drafts()
    >>> drafts.size("picture", 3, lambda step: bytes(10 * step))
    30
    >>> len(drafts.data("picture", 3, lambda step: b"not called: the file is still there"))
    30
    """

    def __init__(self, pictures: int = 64, most_bytes: int = 1 << 24) -> None:
        self.pictures, self.most_bytes = pictures, most_bytes
        self._sizes: OrderedDict[str, dict[int, int]] = OrderedDict()
        self._files: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._held = 0
        self._lock = threading.Lock()

    def size(self, picture: str, step: int, write: Callable[[int], bytes]) -> int:
        """Give the size of a picture's file at a step, in bytes; `write` is called if it is not known."""
        with self._lock:
            known = self._sizes.get(picture, {}).get(step)
        return len(self.data(picture, step, write)) if known is None else known

    def data(self, picture: str, step: int, write: Callable[[int], bytes]) -> bytes:
        """Give a picture's file at a step; `write` is called if it is not at hand."""
        with self._lock:
            data = self._files.get((picture, step))
        if data is None:
            data = write(step)
            with self._lock:
                self._keep(picture, step, data)
        return data

    def _keep(self, picture: str, step: int, data: bytes) -> None:
        self._sizes.setdefault(picture, {})[step] = len(data)
        self._sizes.move_to_end(picture)
        while len(self._sizes) > self.pictures:
            self._sizes.popitem(last=False)
        if (picture, step) not in self._files:
            self._held += len(data)
        self._files[picture, step] = data
        while self._held > self.most_bytes:
            _, forgotten = self._files.popitem(last=False)
            self._held -= len(forgotten)


_DRAFTS = Drafts()


def fill(
    spec: str, ladder: Ladder, write: Callable[[int], bytes], picture: Picture, room: int
) -> tuple[bytes, bool]:
    """Write the finest file of a picture [C, H, W] that takes at most `room` bytes.

    Parameters
    ----------
    spec : str
        The codec's canonical text: one text, one encoder.
    ladder : Ladder
        Its qualities.
    write : callable
        Makes the file at a step of the ladder.

    Returns
    -------
    file : bytes
        The finest that fits, or if none does the smallest.
    fits : bool
        Whether it does.
    """
    name = f"{spec} {content_hash(picture)}"
    _, height, width = picture.shape
    step = ladder.best(lambda step: _DRAFTS.size(name, step, write), max(room, 0), height * width)
    return _DRAFTS.data(name, step or 0, write), step is not None


def too_small(spec: str, budget_bits: int, least_bits: int, picture: Picture) -> BudgetError:
    """Say how many bits a picture takes at the least.

    Examples
    --------
    >>> import numpy as np
    >>> str(too_small("jpeg", 80, 900, np.zeros((3, 16, 24), np.float32)))
    'a budget of 80 bits is too small: jpeg needs 900 bits at the least for a picture of 16 x 24 px'
    """
    _, height, width = picture.shape
    reason = f"{least_bits} bits at the least for a picture of {height} x {width} px"
    return BudgetError(f"a budget of {budget_bits} bits is too small: {spec} needs {reason}")
