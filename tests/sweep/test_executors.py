"""Workers have one thread, do not hear Ctrl-C, and can be ended at once."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import BrokenExecutor, CancelledError

import pytest
import torch

from channelvq.sweep.executors import Processes, Serial


def test_workers_have_one_thread_and_are_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with Processes(1) as processes:
        assert processes.submit(torch.get_num_threads).result() == 1
        assert processes.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
        assert processes.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert signal.getsignal(signal.SIGINT) != signal.SIG_IGN


def test_workers_are_ended_at_once() -> None:
    with Processes(1) as processes:
        processes.submit(os.getpid).result()
        future = processes.submit(time.sleep, 600)
        processes.kill()
        with pytest.raises((BrokenExecutor, CancelledError)):  # by whether it had begun
            future.result(timeout=60)


def test_serial_keeps_errors_but_lets_ctrl_c_through() -> None:
    def fail() -> None:
        raise ValueError("no")

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(ValueError, match="no"):
        Serial().submit(fail).result()
    with pytest.raises(KeyboardInterrupt):
        Serial().submit(interrupt)
