"""Workers of a dask.distributed cluster: other processes, other machines."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import channelvq
from channelvq.errors import UsageError
from channelvq.provenance import source_fingerprint
from channelvq.sweep.executors import ClusterLostError, WorkerLostError

__all__ = ["Cluster", "identity"]

Result = TypeVar("Result")

_CONNECT_SECONDS = 20.0
_LOOK_SECONDS = 1.0


def identity() -> tuple[str, str]:
    """Version of the package and fingerprint of its code, where this is called."""
    return channelvq.__version__, source_fingerprint()


class Cluster:
    """The workers of a scheduler, each with as many places as it has threads.

    Work is sent to a certain worker, because that one has the image encoded; if it goes away the sweep sends
    it to another, not the scheduler. A worker of another version of the package, or other code, is refused.

    Parameters
    ----------
    address : str
        Of the scheduler, for example "tcp://10.0.0.1:8786".
    patience : float
        Seconds without any worker, or without the scheduler, after which the cluster is given up.
    log : callable, optional
        Called with a line about each worker that is refused or gone.

    Raises
    ------
    UsageError
        If dask.distributed is not installed or the address makes no sense.
    ClusterLostError
        If the scheduler cannot be reached.
    """

    def __init__(
        self, address: str, *, patience: float = 60.0, log: Callable[[str], None] | None = None
    ) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise UsageError(
                "--cluster needs dask.distributed: pip install 'channelvq[distributed]'"
            ) from None
        self._log = log or (lambda line: None)
        self._patience = patience
        self._lock = threading.Lock()
        self._places: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._known: set[str] = set()
        self._running: dict[Future[Any], tuple[str, Any]] = {}
        self._looked = self._alive = float("-inf")
        try:
            self._client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"--cluster is {address!r}, must be like tcp://10.0.0.1:8786 ({error})"
            ) from None
        except OSError as error:
            raise ClusterLostError(f"cannot reach the cluster {address}: {_words(error)}") from None
        self._address = address
        self._alive = time.monotonic()

    def workers(self) -> tuple[str, ...]:
        """Places of the workers that are there and may take part; looks once a second."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._look(now)
        return tuple(self._places)

    def _look(self, now: float) -> None:
        """Ask the scheduler who is there; give up what was with those that are gone."""
        threads = self._threads()
        if threads is not None:
            self._admit(threads)
            places = {
                f"{address}#{number}": address
                for address, count in threads.items()
                if address not in self._refused
                for number in range(count)
            }
            self._places = places
            if places:
                self._alive = now
            self._abandon(threads)
        if now - self._alive <= self._patience:
            return
        if threads is None:
            raise ClusterLostError(f"the scheduler {self._address} is gone")
        if self._refused:
            refused = "; ".join(f"{worker}: {why}" for worker, why in self._refused.items())
            raise ClusterLostError(f"no worker of {self._address} may take part ({refused})")
        raise ClusterLostError(f"{self._address} has had no worker for {self._patience:.0f} s")

    def _threads(self) -> dict[str, int] | None:
        """Threads of each worker, by its address; None if the scheduler does not answer."""
        if self._client.status != "running":
            return None
        try:
            found = self._client.sync(self._client.scheduler.ncores, callback_timeout=5)
        except (OSError, TimeoutError, RuntimeError):
            return None
        return {str(address): int(count) for address, count in found.items()}

    def _admit(self, threads: dict[str, int]) -> None:
        """Ask new workers which code they run; who is gone may come back as another."""
        for gone in self._known - threads.keys():
            self._refused.pop(gone, None)
        self._known &= threads.keys()
        new = [address for address in threads if address not in self._known]
        if not new:
            return
        try:
            answers = self._client.run(identity, workers=new, on_error="return")
        except (OSError, TimeoutError, ValueError, KeyError):  # gone again: asked at the next look
            return
        for address, answer in answers.items():
            self._known.add(address)
            if answer == identity():
                continue
            if isinstance(answer, BaseException):
                why = f"it has no channelvq that can be used ({type(answer).__name__}: {answer})"
            else:
                theirs, ours = " source ".join(answer), " source ".join(identity())
                why = f"it runs channelvq {theirs}, not {ours}"
            self._refused[address] = why
            self._log(f"worker {address} is refused: {why}")

    def _abandon(self, threads: dict[str, int]) -> None:
        """End the futures of workers that are gone."""
        with self._lock:
            lost = [(f, w, task) for f, (w, task) in self._running.items() if w not in threads]
        for future, worker, task in lost:
            task.cancel()
            self._settle(future, error=WorkerLostError(f"worker {worker} is gone"))

    def submit(self, worker: str, function: Callable[..., Result], /, *args: Any) -> Future[Result]:
        """Send work to a worker."""
        future: Future[Result] = Future()
        address = self._places[worker]
        task = self._client.submit(
            function, *args, workers=[address], allow_other_workers=False, pure=False, retries=0
        )
        with self._lock:
            self._running[future] = address, task
        task.add_done_callback(lambda done: self._collect(future, address, done))
        return future

    def _collect(self, future: Future[Any], address: str, task: Any) -> None:
        """Pass on what came of a task; called in a thread of the client."""
        try:
            if task.status == "finished":
                self._settle(future, value=task.result(timeout=30))
            elif task.status == "error":
                error = task.exception(timeout=30)
                if type(error).__name__ == "KilledWorker":
                    error = WorkerLostError(f"worker {address} died")
                self._settle(future, error=error)
            else:
                self._settle(future, error=WorkerLostError(f"worker {address}: work was {task.status}"))
        except Exception as error:  # whatever the connection did to it: the work is tried again
            self._settle(future, error=WorkerLostError(f"worker {address}: {_words(error)}"))

    def _settle(self, future: Future[Any], value: Any = None, error: BaseException | None = None) -> None:
        """End a future, once."""
        with self._lock:
            if self._running.pop(future, None) is None:
                return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    def kill(self) -> None:
        """Drop what has not begun; what runs is let run, and nobody listens."""
        with self._lock:
            running = [(future, task) for future, (_, task) in self._running.items()]
        for future, task in running:
            task.cancel()
            self._settle(future, error=WorkerLostError("the work was dropped"))

    def close(self) -> None:
        """Leave the cluster; it stays as it is."""
        self._client.close(timeout=5)


def _words(error: BaseException) -> str:
    """One line of an error."""
    return " ".join(str(error).split()) or type(error).__name__
