"""Damaged files are decoded in a child: its death, its hanging, its greed cost one picture."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from channelvq.bits import bits_to_llrs
from channelvq.codecs import sandbox as module
from channelvq.codecs.jpeg import Jpeg
from channelvq.codecs.reading import read_pixels
from channelvq.codecs.sandbox import SANDBOX, Sandbox

SHAPE = (3, 40, 56)


def jpeg(shape: tuple[int, int, int] = SHAPE) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (shape[1], shape[2], shape[0])).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    box = Sandbox(seconds=30)
    yield box
    box.close()


def test_gives_what_reading_here_gives(box: Sandbox) -> None:
    data = jpeg()
    for file in (data, data[:-200], data[:300], b"", b"no picture"):
        expected, found = read_pixels("JPEG", file, SHAPE), box.read_pixels("JPEG", file, SHAPE)
        assert (expected is None) == (found is None)
        if expected is not None:
            np.testing.assert_array_equal(found, expected)
    assert box.read_pixels("JPEG", data, (3, 40, 57)) is None
    assert box.read_pixels("PNG", data, SHAPE) is None
    large = (3, 700, 900)
    np.testing.assert_array_equal(
        box.read_pixels("JPEG", jpeg(large), large), read_pixels("JPEG", jpeg(large), large)
    )


def test_a_killed_child_is_followed_by_another(box: Sandbox) -> None:
    data = jpeg()
    assert box.read_pixels("JPEG", data, SHAPE) is not None
    for _ in range(2):
        assert box._child is not None
        box._child.kill()
        box._child.wait()
        assert box.read_pixels("JPEG", data, SHAPE) is not None


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no way to stop a process here")
def test_a_child_that_hangs_costs_one_picture(box: Sandbox) -> None:
    data = jpeg()
    assert box.read_pixels("JPEG", data, SHAPE) is not None
    assert box._child is not None
    hanging, box.seconds = box._child, 0.2
    os.kill(hanging.pid, signal.SIGSTOP)
    assert box.read_pixels("JPEG", data, SHAPE) is None
    assert hanging.returncode is not None
    box.seconds = 30
    assert box.read_pixels("JPEG", data, SHAPE) is not None


def test_a_file_that_crashes_the_decoder_is_tried_once_and_costs_one_picture(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    program = module._PROGRAM.read_text(encoding="utf-8")
    crash = program.replace(
        "def _read(", "def _read(kind, data, shape):\n    os._exit(3)\n\n\ndef _("
    ).replace("import io\n", "import io\nimport os\n")
    path = tmp_path / "crash.py"  # type: ignore[operator]
    path.write_text(crash, encoding="utf-8")
    monkeypatch.setattr(module, "_PROGRAM", path)
    assert box.read_pixels("JPEG", jpeg(), SHAPE) is None
    monkeypatch.undo()
    assert box.read_pixels("JPEG", jpeg(), SHAPE) is not None


def test_a_codec_fails_when_the_sandbox_does(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (3, 48, 1))
    llrs = bits_to_llrs(Jpeg().encode(picture, 9000).bits)
    with monkeypatch.context() as patch:
        patch.setattr(SANDBOX, "read_pixels", lambda kind, data, shape: None)
        assert Jpeg().decode(llrs, picture.shape).status == "failed"
        assert Jpeg().decode(llrs, picture.shape, np.ones(llrs.size, bool)).status == "ok"
    assert Jpeg().decode(llrs, picture.shape).status == "ok"


def test_threads_share_one_child(box: Sandbox) -> None:
    data, found = jpeg(), []

    def work() -> None:
        found.extend(box.read_pixels("JPEG", data, SHAPE) is not None for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 20


def _in_a_worker(data: bytes) -> bool:
    return SANDBOX.read_pixels("JPEG", data, SHAPE) is not None


def test_works_in_a_daemonic_worker() -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        assert pool.apply(_in_a_worker, (jpeg(),))


def test_the_child_imports_nothing_of_this_package_and_ends_with_its_parent() -> None:
    code = (
        "import sys; from channelvq.codecs.sandbox import SANDBOX; "
        f"SANDBOX.read_pixels('JPEG', b'', {SHAPE}); print(SANDBOX._child.pid)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    with pytest.raises(OSError, match=r"No such process|not found"):
        os.kill(int(done.stdout), 0)
    source = module._PROGRAM.read_text(encoding="utf-8")
    assert "channelvq" not in source
