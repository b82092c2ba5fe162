"""The speeds that README.md promises, measured on this machine: `make bench`.

Prints one line for each promise: what, measured, promised. Times are the best of some runs, which is what the
program can do when nothing else runs; start-up is measured in fresh processes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import channelvq as cvq
from channelvq.bits import bits_to_llrs
from channelvq.codecs.vqvae import VqvaeCodec

SIZE = (512, 768)


def best(action: Callable[[], object], runs: int = 5) -> float:
    """Shortest time of some runs, in seconds."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        action()
        times.append(time.perf_counter() - begin)
    return min(times)


def command(*arguments: str) -> Callable[[], object]:
    """Run Python in a fresh process."""
    return lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def photograph(height: int, width: int) -> np.ndarray:
    """Make a photograph of a sample, mirrored to the size asked for."""
    from skimage import data

    sample = data.astronaut()
    need = (-(-height // sample.shape[0]), -(-width // sample.shape[1]))
    row = np.concatenate([sample[:, :: 1 - 2 * (i % 2)] for i in range(need[1])], axis=1)
    page = np.concatenate([row[:: 1 - 2 * (i % 2)] for i in range(need[0])], axis=0)
    return np.ascontiguousarray(page[:height, :width].transpose(2, 0, 1)).astype(np.float32) / 255


def show(what: str, measured: float, promised: float, unit: str) -> bool:
    """Print a line; say whether the promise holds."""
    held = measured <= promised
    verdict = "" if held else "NOT HELD"
    print(f"{what:52s} {measured:7.2f} {unit:4s} promised {promised:4.1f} {unit:4s} {verdict}".rstrip())
    return held


def vq_speeds(picture: np.ndarray) -> list[bool]:
    """Time the VQ codec at 0.5 bits per pixel in a warm process."""
    plain, protected = VqvaeCodec(), VqvaeCodec(protect="2/3+11/12+11/12+11/12")
    size, shape = picture.shape[1] * picture.shape[2] // 2, picture.shape
    wrong = np.where(np.random.default_rng(0).random(size) < 0.01, -1, 1).astype(np.float32)
    clean, coded = (bits_to_llrs(codec.encode(picture, size).bits, 4.6) for codec in (plain, protected))
    sure = 10 * clean
    encoding = best(lambda: plain.encode(picture, size))
    decoding = best(lambda: plain.decode(sure, shape))
    concealing = best(lambda: plain.decode(wrong * clean, shape))
    jointly = best(lambda: protected.decode(wrong * coded, shape))
    allowed = 2 * decoding + 0.3
    return [
        show("VQ encode, 768 × 512, warm", encoding, 0.4, "s"),
        show("VQ decode, clean", decoding, 0.3, "s"),
        show("VQ decode, 1 % wrong bits, context", concealing, allowed, "s"),
        show("the same, codes decoded jointly", jointly, allowed, "s"),
    ]


PEAK = """
import sys; sys.path.insert(0, {here!r})
import resource, speed, channelvq as cvq
codec = cvq.Link(codec="vqvae").codec
codec.encode(speed.photograph(3000, 4000), 6_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_memory() -> float:
    """Peak memory of encoding a photo of 4000 × 3000 in a fresh process, in GiB."""
    code = PEAK.format(here=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    kilobytes = int(done.stdout) if sys.platform != "darwin" else int(done.stdout) // 1024
    return kilobytes / 2**20


def main() -> None:
    """Measure all."""
    picture = photograph(*SIZE)
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        cvq.save_image(picture, photo)
        transmit = command("-m", "channelvq", "transmit", str(photo), "--snr-db", "6")
        transmit()  # fills the caches of compiled kernels
        held = [
            show("import channelvq, fresh process", best(command("-c", "import channelvq")), 1.5, "s"),
            show("channelvq transmit, 768 × 512, start-up included", best(transmit, 3), 3.0, "s"),
            *vq_speeds(picture),
            show("peak memory, encode 4000 × 3000", peak_memory(), 3.0, "GiB"),
        ]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
