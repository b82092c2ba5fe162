"""Streams of a model and their damaged copies: what comes of decoding them, in what time and memory."""

from __future__ import annotations

import collections
import contextlib
import ctypes
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import damage
import numpy as np

import channelvq as cvq
from channelvq.bits import bits_to_llrs
from channelvq.cli import main as channelvq
from channelvq.codecs.base import encode_tight
from channelvq.codecs.container import CvqFile, write_cvq
from channelvq.codecs.vqvae import VqvaeCodec
from channelvq.concealment import CONCEALMENTS
from channelvq.errors import UsageError
from channelvq.images import image_set

SIZES = ((3, 64, 96, 5000), (1, 48, 80, 3000), (3, 33, 50, 3500), (3, 192, 256, 24000), (3, 16, 16, 1500))
"""Channels, height, width and bits of the streams."""


class Memory:
    """What a case takes at its worst, as far as the system tells: Linux with the GNU C library."""

    def __init__(self) -> None:
        self._trim = ctypes.CDLL(None).malloc_trim
        self._before = 0

    def reset(self) -> None:
        """Give back what is not in use, and forget the peak so far."""
        self._trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        self._before = self.now()

    def peak(self) -> int:
        """Highest since `reset`, above what the process held then, in KiB."""
        return self._status("VmHWM") - self._before

    def now(self) -> int:
        """What the process holds, in KiB."""
        return self._status("VmRSS")

    def _status(self, key: str) -> int:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))


class Fuzz:
    """Streams of one model, and what has come of their damaged copies."""

    def __init__(
        self, model: str | None, folder: Path, sizes: Sequence[tuple[int, int, int, int]] = SIZES
    ) -> None:
        self.folder, self.model = folder, model
        codec = VqvaeCodec(model, "none")
        self.streams: list[tuple[bytes, np.ndarray, tuple[int, int, int]]] = []
        photo = image_set("builtin")[0].load()
        for channels, height, width, bits in sizes:
            picture = np.ascontiguousarray(photo[:channels, 90 : 90 + height, 150 : 150 + width])
            message = encode_tight(codec, picture, bits)
            path = folder / "clean.cvq"
            write_cvq(path, CvqFile(codec.model.id, picture.shape, message.bits))
            self.streams.append((path.read_bytes(), bits_to_llrs(message.bits), picture.shape))
        self.codecs: dict[str, VqvaeCodec] = {}
        for name in CONCEALMENTS.members:
            with contextlib.suppress(UsageError):  # of one that needs what the model does not have
                built = VqvaeCodec(model, name)
                built.decode(0.1 * self.streams[0][1], self.streams[0][2])
                self.codecs[name] = built
        self.outcomes: collections.Counter[tuple[str, str]] = collections.Counter()
        self.faults: list[str] = []
        self.slowest, self.largest = (0.0, ""), (0, "")
        self.memory: Memory | None = None
        self.clean = self.begun = 0

    def decode_file(self, data: bytes, concealment: str) -> str:
        """Run `channelvq decode`, and check what it wrote."""
        source, shown = self.folder / "a.cvq", self.folder / "a.png"
        source.write_bytes(data)
        shown.unlink(missing_ok=True)
        arguments = ["decode", str(source), str(shown), "--concealment", concealment]
        arguments += ["--model", self.model] if self.model else []
        try:
            channelvq.main(arguments, standalone_mode=False)
        except UsageError as error:
            if "\n" in str(error) or shown.exists():
                raise AssertionError(f"refused in several lines, or a picture was written: {error}") from None
            return "refused"
        width, height = (int.from_bytes(data[i : i + 4], "big") for i in (6, 10))
        found = cvq.load_image(shown).shape
        assert found[1:] == (height, width), f"picture is {found}, the head says {height}, {width}"
        return "shown"

    def decode_llrs(self, llrs: np.ndarray, shape: tuple[int, int, int], concealment: str) -> str:
        """Decode a message, and check the picture."""
        decoded = self.codecs[concealment].decode(llrs.astype(np.float32), shape)
        assert decoded.picture.shape == shape, f"picture is {decoded.picture.shape}, must be {shape}"
        assert decoded.picture.dtype == np.float32
        assert np.isfinite(decoded.picture).all(), "picture is not finite"
        assert 0 <= decoded.picture.min() <= decoded.picture.max() <= 1, "picture leaves [0, 1]"
        return decoded.status

    def case(self, label: str, sort: str, action: Callable[[], str]) -> None:
        """Run one case and note what came of it."""
        if self.memory:
            self.memory.reset()
        begun = time.perf_counter()
        try:
            outcome = action()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            outcome = "FAULT"
            self.faults.append(f"{label}: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
        self.slowest = max(self.slowest, (time.perf_counter() - begun, label))
        if self.memory:
            self.largest = max(self.largest, (self.memory.peak(), label))
        self.outcomes[sort, outcome] += 1

    def measure_clean(self) -> None:
        """Decode every stream as it is: what that takes, all kernels being loaded, is the measure."""
        self.memory = Memory()
        for warm in (True, False):
            for data, llrs, shape in self.streams:
                for concealment in self.codecs:
                    for decode in (
                        lambda data=data, name=concealment: self.decode_file(data, name),
                        lambda llrs=llrs, shape=shape, name=concealment: self.decode_llrs(llrs, shape, name),
                    ):
                        self.memory.reset()
                        assert decode() in ("shown", "ok")
                        self.clean = 0 if warm else max(self.clean, self.memory.peak())
        self.begun = self.memory.now()

    def one(self, kind: str, seed: int, number: int) -> None:
        """Run the case that (kind, seed, number) names."""
        rng = np.random.default_rng([seed, number, kind == "file"])
        data, llrs, shape = self.streams[rng.integers(len(self.streams))]
        other_data, other_llrs, other_shape = self.streams[rng.integers(len(self.streams))]
        concealment = list(self.codecs)[rng.integers(len(self.codecs))]
        table = damage.BYTES if kind == "file" else damage.LLRS
        sort = list(table)[number % len(table)]
        label = f"--only {kind}:{number} --seed {seed} ({sort}, {concealment})"
        if kind == "file":
            broken = damage.BYTES[sort](rng, data, other_data)
            self.case(label, f"file: {sort}", lambda: self.decode_file(broken, concealment))
            return
        received = damage.LLRS[sort](rng, llrs, other_llrs)
        asked = other_shape if rng.random() < 0.1 else shape
        self.case(label, f"LLRs: {sort}", lambda: self.decode_llrs(received, asked, concealment))
