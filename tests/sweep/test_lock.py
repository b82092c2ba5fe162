"""A folder has one writer, whom others can name; a dead one's lock is free."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from channelvq.errors import UsageError
from channelvq.sweep.lock import LOCK_NAME, FolderLock, holder_of

HOLD = """
import sys
from pathlib import Path
from channelvq.sweep.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_has_it(tmp_path: Path) -> None:
    process = hold(tmp_path)
    try:
        holder = holder_of(tmp_path)
        assert holder is not None
        assert holder.pid == process.pid
        with pytest.raises(
            UsageError, match=rf"is in use by process {process.pid} on .*choose another --out"
        ):
            FolderLock(tmp_path)
    finally:
        process.kill()
        process.communicate()
    assert (tmp_path / LOCK_NAME).is_file()  # killed: it could not tidy up
    assert holder_of(tmp_path) is None
    with FolderLock(tmp_path):
        found = holder_of(tmp_path)
        assert found is not None
        assert found.pid == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_file_in_its_place_locks_nobody_out(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text("nonsense")
    assert holder_of(tmp_path) is None
    FolderLock(tmp_path).release()


def test_looking_again_and_again_disturbs_nobody(tmp_path: Path) -> None:
    for _ in range(20):
        with FolderLock(tmp_path):
            assert holder_of(tmp_path) is not None
        assert holder_of(tmp_path) is None
