"""Many calls of one function, shared out among processes; neighbours in the list go to the same one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from types import TracebackType
from typing import Any, TypeVar

from channelvq.sweep.executors import Processes, Serial

__all__ = ["Pool"]

Result = TypeVar("Result")


class Pool:
    """Processes of this machine, or this process.

    Parameters
    ----------
    workers : int
        How many; 0 works here.

    Examples
    --------
    >>> with Pool(0) as pool:
    ...     pool.map(pow, [(2, 3), (3, 2)])
    [8, 9]
    """

    def __init__(self, workers: int) -> None:
        self._place: Processes | Serial = Processes(workers) if workers else Serial()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._place.kill()
        self._place.close()

    def map(
        self,
        function: Callable[..., Result],
        calls: Sequence[tuple[Any, ...]],
        tell: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[Result]:
        """Call `function(*arguments)` for each of `calls`; results in their order.

        Each worker begins with its own stretch of the list, and when that is done takes from the end of the
        longest that is left. `tell(done, total)` is called after each.

        Raises
        ------
        WorkerLostError
            If a process dies. What the function raises is passed on.
        """
        names = self._place.workers()
        ends = [round(i * len(calls) / len(names)) for i in range(len(names) + 1)]
        left = {
            name: deque(range(start, end)) for name, start, end in zip(names, ends, ends[1:], strict=False)
        }
        results: dict[int, Result] = {}
        running: dict[Future[Result], tuple[str, int]] = {}
        idle = list(names)
        while len(results) < len(calls):
            while idle and any(left.values()):
                name = idle.pop()
                longest = max(left.values(), key=len)
                number = left[name].popleft() if left[name] else longest.pop()
                running[self._place.submit(name, function, *calls[number])] = name, number
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, number = running.pop(future)
                results[number] = future.result()
                idle.append(name)
                tell(len(results), len(calls))
        return [results[number] for number in range(len(calls))]
