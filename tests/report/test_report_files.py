"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from channelvq.errors import UsageError
from channelvq.report.files import check_writable, make_folder, whole_file, write_text


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    def full() -> None:
        with whole_file(tmp_path / "a.txt"):
            raise OSError(28, "No space left on device")

    with pytest.raises(UsageError, match=r"cannot write .*a\.txt: No space left on device"):
        full()
    assert list(tmp_path.iterdir()) == []


def test_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "x\r\n")
    (tmp_path / "b.txt").touch()
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode
    assert (tmp_path / "a.txt").read_bytes() == b"x\r\n"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is a folder"):
        check_writable(tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        check_writable(tmp_path / "none" / "a.png")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot make folder"):
        make_folder(tmp_path / "file" / "sub")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_closed_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UsageError, match="not writable"):
            check_writable(tmp_path / "a.png")
    finally:
        tmp_path.chmod(0o700)
