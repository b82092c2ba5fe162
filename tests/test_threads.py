"""Work shared out among threads: each item once, in order, on as many threads as torch has."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from channelvq.threads import in_pieces


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("total", [0, 1, 1000, 131_072, 131_073, 1_000_000])
def test_every_item_is_done_once_and_in_order(
    threads: Callable[[int], None], number: int, total: int
) -> None:
    threads(number)
    pieces = in_pieces(lambda start, stop: (start, stop), total)
    assert [start for start, _ in pieces] == [0, *(stop for _, stop in pieces)][: len(pieces)]
    assert all(start < stop for start, stop in pieces)
    assert (pieces[-1][1] if pieces else 0) == total


def test_a_large_frame_is_done_by_threads_at_the_same_time(threads: Callable[[int], None]) -> None:
    threads(2)
    together = threading.Barrier(2, timeout=30)
    calls = itertools.count()

    def work(start: int, stop: int) -> str:
        if next(calls) < 2:
            together.wait()  # fails unless two are in here at once
        return threading.current_thread().name

    assert len(set(in_pieces(work, 1_000_000))) == 2


def test_one_thread_and_small_frames_stay_with_the_caller(threads: Callable[[int], None]) -> None:
    here = threading.current_thread().name
    work = lambda start, stop: threading.current_thread().name  # noqa: E731
    threads(2)
    assert in_pieces(work, 100_000) == [here]
    threads(1)
    assert in_pieces(work, 1_000_000) == [here]


def test_errors_reach_the_caller(threads: Callable[[int], None]) -> None:
    threads(2)

    def work(start: int, stop: int) -> None:
        if start:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        in_pieces(work, 1_000_000)
