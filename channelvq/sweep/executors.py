"""Where work is done: in this process, or in processes of this machine. `cluster` has other machines."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from multiprocessing.connection import Connection
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

__all__ = ["ClusterLostError", "Executor", "Processes", "Serial", "WorkerLostError"]

Result = TypeVar("Result")

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class WorkerLostError(Exception):
    """The worker that had the work is gone, and what it did with it; says which and how."""


class ClusterLostError(Exception):
    """There is no place left to work: a cluster that went away for good, or that nobody may work on."""


class Executor(Protocol):
    """Workers with names, each of which does one thing at a time."""

    def workers(self) -> tuple[str, ...]:
        """Names of the workers that there are now.

        Raises
        ------
        ClusterLostError
            If there will be none any more.
        """
        ...

    def submit(self, worker: str, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Start `function(*args)` on a worker; its future may end with `WorkerLostError`."""
        ...

    def kill(self) -> None:
        """Drop what is being done."""
        ...

    def close(self) -> None:
        """Let the workers go; nothing is being done any more."""
        ...


class Serial:
    """Does the work at once, in this process: for tests and for debuggers.

    Examples
    --------
    >>> here = Serial()
    >>> here.submit(here.workers()[0], max, 1, 2).result()
    2
    """

    def workers(self) -> tuple[str, ...]:
        """One."""
        return ("this process",)

    def submit(self, worker: str, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Call `function(*args)` now. Ctrl-C is not caught, any other error is kept in the future."""
        future: Future[Result] = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def kill(self) -> None:
        """Nothing is being done between calls."""

    def close(self) -> None:
        """Nothing to let go."""


class Processes:
    """Worker processes of this machine, one thread each, deaf to Ctrl-C and SIGTERM (their parent decides).

    Started by spawn, when there is work for them, so that workers are the same on every system and inherit no
    state. One that dies is replaced when it is next needed; one whose parent dies ends by itself.

    Parameters
    ----------
    workers : int
        How many.
    """

    def __init__(self, workers: int) -> None:
        self._slots = {f"worker {number}": _Slot(f"worker {number}") for number in range(1, workers + 1)}

    def workers(self) -> tuple[str, ...]:
        """All; a dead one comes back."""
        return tuple(self._slots)

    def submit(self, worker: str, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Send the work to a worker; what it is doing comes first."""
        future: Future[Result] = Future()
        self._slots[worker].inbox.put((future, function, args))
        return future

    def kill(self) -> None:
        """End the workers at once; what they were doing is lost."""
        for slot in self._slots.values():
            slot.kill()

    def close(self) -> None:
        """Let the workers end."""
        for slot in self._slots.values():
            slot.inbox.put(None)
        for slot in self._slots.values():
            slot.thread.join()

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.kill()
        self.close()


class _Slot:
    """A place for a worker process, and the thread that talks to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.process: BaseProcess | None = None
        self.pipe: Connection | None = None
        self.dropped = False
        self.thread = threading.Thread(target=self._talk, name=name, daemon=True)
        self.thread.start()

    def kill(self) -> None:
        """End the process at once, and start no other."""
        self.dropped = True
        if self.process is not None:
            self.process.kill()

    def _talk(self) -> None:
        """Pass work on and results back until there is no more."""
        while (item := self.inbox.get()) is not None:
            future, function, args = item
            try:
                done, value = self._ask(function, args)
            except Exception as error:
                done, value = False, error
            if done:
                future.set_result(value)
            else:
                future.set_exception(value)
        self._end()

    def _ask(self, function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[bool, Any]:
        """Have the process call a function; start one if there is none."""
        if self.dropped:
            raise WorkerLostError(f"{self.name} was ended")
        if self.pipe is None:
            self._start()
        assert self.pipe is not None
        try:
            self.pipe.send((function, args))
            reply: tuple[bool, Any] = self.pipe.recv()
        except (EOFError, ConnectionError):
            raise WorkerLostError(self._bury()) from None
        return reply

    def _start(self) -> None:
        """Start the process."""
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        with _inherited_by_workers():
            # The name is what `ps` does not show and a debugger does.
            self.process = context.Process(target=_serve, args=(theirs,), name=self.name, daemon=True)
            self.process.start()
        if self.dropped:  # meanwhile
            self.process.kill()
        theirs.close()  # the worker has its own; if it dies, our end shall notice

    def _bury(self) -> str:
        """Forget a dead process; say how it ended."""
        assert self.process is not None
        assert self.pipe is not None
        self.process.join(timeout=5.0)
        pid, code = self.process.pid, self.process.exitcode
        self.pipe.close()
        self.process = self.pipe = None
        how = f"signal {-code} ({_signal_name(-code)})" if code is not None and code < 0 else f"status {code}"
        return f"{self.name}, process {pid}, ended with {how}"

    def _end(self) -> None:
        """Let the process end."""
        if self.pipe is not None and self.process is not None:
            self.pipe.close()
            self.process.join(timeout=None if not self.dropped else 5.0)


def _signal_name(number: int) -> str:
    """Name of a signal; a worker that had too much memory ends with SIGKILL."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


_starting = threading.Lock()


@contextlib.contextmanager
def _inherited_by_workers() -> Iterator[None]:
    """Start processes that see one thread and no Ctrl-C.

    Libraries read the variables when they are loaded. The signals are blocked, not ignored, and in this
    thread only: one that comes meanwhile reaches the main thread.
    """
    with _starting:
        before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
        os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
        mask = getattr(signal, "pthread_sigmask", None)  # not on Windows
        old = mask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM}) if mask else None
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


def _serve(pipe: Connection) -> None:
    """Do what comes through the pipe until it closes: a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(EOFError, ConnectionError, KeyboardInterrupt):
        while True:
            function, args = pipe.recv()
            try:
                reply = True, function(*args)
            except Exception as error:
                reply = False, error
            try:
                pipe.send(reply)
            except (TypeError, AttributeError, ValueError) as error:  # an answer that does not travel
                pipe.send((False, RuntimeError(f"{reply[1]!r} cannot be sent back: {error}")))
