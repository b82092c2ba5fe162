"""A kernel's work, shared out among threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

__all__ = ["in_pieces"]

T = TypeVar("T")

_PIECE = 1 << 16  # items a thread takes at a time: about a millisecond, to hand over takes ten microseconds


def in_pieces(work: Callable[[int, int], T], total: int, piece: int = _PIECE) -> list[T]:
    """Call `work` (start, stop) for pieces that make up 0 to `total`, on torch's number of threads.

    A piece is of 65536 items, unless they are much more work than a symbol's.

    Work must let go of the interpreter (``nogil``), and give each item the same whatever the pieces. A frame
    of up to two pieces is done by the caller itself. Returns what the pieces gave, in their order.

    Examples
    --------
    >>> in_pieces(lambda start, stop: stop - start, 5)
    [5]
    """
    threads = torch.get_num_threads()
    if threads == 1 or total <= 2 * piece:
        return [work(0, total)] if total else []
    starts = range(0, total, piece)
    with ThreadPoolExecutor(min(threads, len(starts))) as pool:
        return list(pool.map(lambda start: work(start, min(start + piece, total)), starts))
