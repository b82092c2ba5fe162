"""Workers have one thread, hear no signals, are replaced when they die, and can be ended at once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
import torch

from channelvq.sweep.executors import Processes, Serial, WorkerLostError


def test_workers_have_one_thread_and_are_deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a job in the background has it ignored
    try:
        _check_a_worker()
    finally:
        signal.signal(signal.SIGINT, before)


def _check_a_worker() -> None:
    with Processes(1) as processes:
        (worker,) = processes.workers()
        assert processes.submit(worker, torch.get_num_threads).result() == 1
        assert processes.submit(worker, os.getenv, "OMP_NUM_THREADS").result() == "1"
        assert processes.submit(worker, os.getenv, "NUMBA_NUM_THREADS").result() == "1"
        for number in (signal.SIGINT, signal.SIGTERM):
            assert processes.submit(worker, signal.getsignal, number).result() == signal.SIG_IGN
        with pytest.raises(ValueError, match="invalid literal"):
            processes.submit(worker, int, "x").result()
        with pytest.raises(RuntimeError, match="cannot be sent back"):
            processes.submit(worker, os.scandir, ".").result()
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert signal.getsignal(signal.SIGINT) != signal.SIG_IGN


def test_a_dead_worker_is_named_and_replaced() -> None:
    with Processes(2) as processes:
        first, second = processes.workers()
        pid = processes.submit(first, os.getpid).result()
        other = processes.submit(second, os.getpid).result()
        future = processes.submit(first, time.sleep, 600)
        time.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(
            WorkerLostError, match=rf"{first}, process {pid}, ended with signal 9 \(SIGKILL\)"
        ):
            future.result(timeout=60)
        assert processes.submit(first, os.getpid).result() not in (pid, other)
        assert processes.submit(second, os.getpid).result() == other  # nobody else has noticed
        with pytest.raises(WorkerLostError, match="ended with status 3"):
            processes.submit(second, os._exit, 3).result()


def test_workers_are_ended_at_once() -> None:
    with Processes(1) as processes:
        (worker,) = processes.workers()
        processes.submit(worker, os.getpid).result()
        futures = [processes.submit(worker, time.sleep, 600) for _ in range(2)]
        processes.kill()
        for future in futures:  # the one that had begun, and the one that had not
            with pytest.raises(WorkerLostError):
                future.result(timeout=60)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks in /proc")
def test_workers_do_not_outlive_their_parent(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import os, sys\n"
        "from channelvq.sweep.executors import Processes\n"
        "if __name__ == '__main__':\n"
        "    processes = Processes(1)\n"
        "    print(processes.submit('worker 1', os.getpid).result(), flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    parent = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, check=False)
    assert parent.returncode == -signal.SIGKILL
    worker = Path("/proc", parent.stdout.strip())
    for _ in range(600):
        if not worker.exists() or "zombie" in (worker / "status").read_text():
            return
        time.sleep(0.05)
    pytest.fail("the worker is still there")


def test_serial_keeps_errors_but_lets_ctrl_c_through() -> None:
    def fail() -> None:
        raise ValueError("no")

    def interrupt() -> None:
        raise KeyboardInterrupt

    here = Serial()
    (worker,) = here.workers()
    with pytest.raises(ValueError, match="no"):
        here.submit(worker, fail).result()
    with pytest.raises(KeyboardInterrupt):
        here.submit(worker, interrupt)
