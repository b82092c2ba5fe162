"""Where work is done: in this process, or in worker processes of this machine; any `submit` will do."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Protocol, TypeVar

__all__ = ["Processes", "Serial", "Submitter"]

Result = TypeVar("Result")

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class Submitter(Protocol):
    """The part of `concurrent.futures.Executor` that a sweep needs."""

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Start `function(*args)`; give its future."""
        ...


class Serial:
    """Does the work at once, in this process and with its threads: for tests and for debuggers.

    Examples
    --------
    >>> Serial().submit(max, 1, 2).result()
    2
    """

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Call `function(*args)` now. Ctrl-C is not caught, any other error is kept in the future."""
        future: Future[Result] = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class Processes:
    """Worker processes of this machine, one thread each, deaf to Ctrl-C (their parent decides).

    Started by spawn, so that workers are the same on every system and inherit no state.

    Parameters
    ----------
    workers : int
        How many.
    """

    def __init__(self, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)

    def submit(self, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Hand work to the next free worker."""
        with _inherited_by_workers():  # some Pythons start a worker only when there is work for it
            return self._pool.submit(function, *args)

    def kill(self) -> None:
        """End the workers at once; what they were doing is lost."""
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _inherited_by_workers() -> Iterator[None]:
    """Start processes that see one thread and no Ctrl-C.

    Libraries read the variables when they are loaded. The signal is blocked, not ignored: one that comes
    meanwhile is not lost but reaches the parent afterwards.
    """
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    mask = getattr(signal, "pthread_sigmask", None)  # not on Windows
    old = mask(signal.SIG_BLOCK, {signal.SIGINT}) if mask else None
    try:
        yield
    finally:
        if mask:
            mask(signal.SIG_SETMASK, old)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """Prepare a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
