"""Decoding of damaged files in a process of its own: a crash or a hang costs a picture, not the program."""

from __future__ import annotations

import atexit
import contextlib
import os
import selectors
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from channelvq.codecs.reading import REQUEST

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["SANDBOX", "Sandbox"]

_SECONDS = 60.0  # no picture takes a hundredth of it: a slow machine must not change what is shown
_PROGRAM = Path(__file__).with_name("reading.py")
_CHUNK = 1 << 20


class Sandbox:
    """Reads picture files as `reading.read_pixels` does, in a child process.

    The child is started when it is first needed, stays for the next picture, has a bound on its memory, and
    is killed when it takes too long. Threads take turns; a forked process starts a child of its own.

    Parameters
    ----------
    seconds : float
        How long one picture may take.

    Examples
    --------
    >>> from channelvq.codecs.jpeg import Jpeg
    >>> import numpy as np
    >>> from channelvq.bits import pack_bits
    >>> picture = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))
    >>> data = pack_bits(Jpeg().encode(picture, budget_bits=8000).bits).tobytes()
    >>> SANDBOX.read_pixels("JPEG", data, (3, 48, 64)).shape
    (48, 64, 3)
    >>> SANDBOX.read_pixels("JPEG", b"damaged" + data, (3, 48, 64)) is None
    True
    """

    def __init__(self, seconds: float = _SECONDS) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def read_pixels(
        self, kind: str, data: bytes, shape: tuple[int, int, int]
    ) -> npt.NDArray[np.uint8] | None:
        """Read a file of one format: pixels [H, W, C], or None if it is no picture of `shape` (C, H, W).

        None also if the decoder crashes on it, takes too long or too much memory.
        """
        import numpy as np

        channels, height, width = shape
        request = REQUEST.pack(kind.encode("ascii"), channels, height, width, len(data)) + data
        with self._lock:
            answer = self._ask(request, channels * height * width)
        return None if answer is None else np.frombuffer(answer, np.uint8).reshape(height, width, channels)

    def close(self) -> None:
        """End the child, if there is one; the next picture starts another."""
        child, self._child = self._child, None
        if child is None or self._owner != os.getpid():
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.wait()

    def _ask(self, request: bytes, size: int) -> bytes | None:
        """Ask the child for the `size` bytes of a picture; None if it says that there is none, or dies."""
        deadline = time.monotonic() + self.seconds
        for fresh in (False, True):  # one that died since it was last asked is not this file's fault
            if fresh or self._owner != os.getpid() or self._child is None or self._child.poll() is not None:
                self.close()
                self._start()
                fresh = True
            try:
                answer = self._exchange(request, size, deadline)
            except TimeoutError:
                self.close()
                return None
            except OSError:
                self.close()
                if fresh:
                    return None
                continue
            return answer[1:] if answer[:1] == b"\1" else None
        return None

    def _start(self) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        self._child = subprocess.Popen(
            [sys.executable, str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
            bufsize=0,
        )
        self._owner = os.getpid()
        atexit.unregister(self.close)  # once is enough, however often a child was replaced
        atexit.register(self.close)

    def _exchange(self, request: bytes, size: int, deadline: float) -> bytes:
        """Write a request and read its answer, both as the child comes to it."""
        child = self._child
        assert child is not None
        assert child.stdin is not None
        assert child.stdout is not None
        rest, answer = memoryview(request), bytearray()
        os.set_blocking(child.stdin.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            selector.register(child.stdin, selectors.EVENT_WRITE)
            while not answer or (answer[0] == 1 and len(answer) <= size):
                ready = selector.select(max(deadline - time.monotonic(), 0))
                if not ready:
                    raise TimeoutError("decoder takes too long")
                for key, _ in ready:
                    if key.fileobj is child.stdin:
                        rest = rest[os.write(child.stdin.fileno(), rest[:_CHUNK]) :]
                        if not rest:
                            selector.unregister(child.stdin)
                    elif chunk := os.read(child.stdout.fileno(), _CHUNK):
                        answer += chunk
                    else:
                        raise OSError("decoder died")
        return bytes(answer)


SANDBOX = Sandbox()
"""The one of this process."""
