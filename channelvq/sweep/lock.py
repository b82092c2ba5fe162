"""One process at a time writes in a sweep's folder, and others can see which."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from channelvq.errors import UsageError
from channelvq.provenance import own_command

__all__ = ["LOCK_NAME", "FolderLock", "Holder", "holder_of"]

LOCK_NAME = "sweep.lock"

_TRIES = 20  # a reader that looks who holds the lock has it for an instant
_PAUSE = 0.05


@dataclass(frozen=True)
class Holder:
    """The process that has a folder.

    Attributes
    ----------
    pid : int
        Its number.
    host : str
        The machine that it runs on.
    command : str
        What it was started with.
    started : float
        When it took the folder, seconds since 1970.
    """

    pid: int
    host: str
    command: str
    started: float

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.command})"


class FolderLock:
    """Hold a folder until `release`, or until the process ends, however it ends.

    The lock is the operating system's, on the file `sweep.lock`, which also says who holds it: a file that a
    killed process left behind locks nobody out.

    Raises
    ------
    UsageError
        If another process has the folder (says which), or the file system knows no locks.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     lock = FolderLock(Path(name))
    ...     holder = holder_of(Path(name))
    ...     lock.release()
    ...     (holder.pid == os.getpid(), holder_of(Path(name)))
    (True, None)
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_NAME
        self._handle: int | None = None
        for _ in range(_TRIES):
            handle = self._open()
            if not _try_lock(handle):
                os.close(handle)
            elif not self._is_ours(handle):  # its last holder removed it between our opening and locking it
                os.close(handle)
                continue
            else:
                self._handle = handle
                self._sign(handle)
                return
            time.sleep(_PAUSE)
        holder = _read(self._path)
        who = holder if holder is not None else "another process"
        raise UsageError(f"{folder} is in use by {who}; wait for it, end it, or choose another --out")

    def _open(self) -> int:
        """Open the file, made if need be."""
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise UsageError(f"cannot write {self._path}: {error.strerror}") from None

    def _is_ours(self, handle: int) -> bool:
        """Say whether what was locked is still the file of that name."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(handle)
        return (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev)

    def _sign(self, handle: int) -> None:
        """Say in the file who holds it; on a full disk the lock holds without a name."""
        holder = Holder(os.getpid(), platform.node(), own_command(), time.time())
        try:
            os.ftruncate(handle, 0)
            os.lseek(handle, 0, os.SEEK_SET)
            os.write(handle, json.dumps(asdict(holder)).encode())
        except OSError:
            return

    def release(self) -> None:
        """Let the folder go, and leave nothing behind."""
        if self._handle is None:
            return
        with contextlib.suppress(OSError):  # Windows keeps files that are open
            self._path.unlink()
        os.close(self._handle)
        self._handle = None

    def __enter__(self) -> FolderLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def holder_of(folder: Path) -> Holder | None:
    """Say which process writes in a folder now; None if none does."""
    path = folder / LOCK_NAME
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return _read(path) if path.is_file() else None  # not ours to lock: believe what it says
    try:
        return None if _try_lock(handle) else _read(path)
    finally:
        os.close(handle)


def _read(path: Path) -> Holder | None:
    """Read who holds the lock."""
    try:
        return Holder(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


if sys.platform == "win32":

    def _try_lock(handle: int) -> bool:
        """Lock a byte far behind the text, which others may then still read."""
        import msvcrt

        try:
            os.lseek(handle, 1 << 20, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _try_lock(handle: int) -> bool:
        """Lock the file, if it is free."""
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise UsageError(
                f"the file system has no locks ({error.strerror}); choose an --out on a local disk"
            ) from None
        return True
