"""How often the guard of the VQ codec fails: header and depth map behind their own code, over a BSC.

    python benchmarks/guard.py [--p 0.05] [--images DIR] [--pictures 100000]

Takes the headers and maps of a set's pictures at 0.5 bits per pixel, sends them through the code that the
codec puts them in, and counts the pictures of which either is lost. Prints an exact 95 % interval.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from channelvq.bits import bits_to_llrs
from channelvq.codecs.layout import HEADER_BYTES, Layout
from channelvq.codecs.vqvae import VqvaeCodec
from channelvq.images import image_set
from channelvq.sweep.statistics import share


def guarded(images: str) -> tuple[list[tuple[np.ndarray, bytes]], float]:
    """Give header and map of each picture in turns, guarded and plain, and their share of a message."""
    codec, found, shares = VqvaeCodec(beams=1), [], []
    for image in image_set(images):
        picture = image.load()
        message = codec.encode(picture, int(0.5 * picture.shape[1] * picture.shape[2]))
        sizes = message.parts["header"], message.parts["map"]
        *places, _ = codec.layout.slots(message.bits.size, *sizes)
        header = codec.layout.read_header(bits_to_llrs(message.bits))
        for place, length in zip(places, (HEADER_BYTES, header.map_bytes), strict=True):
            data = codec.layout.recover(bits_to_llrs(message.bits[place]), length)
            found.append((message.bits[place], data))
        shares.append(sum(sizes) / message.bits.size)
    return found, float(np.mean(shares))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--p", type=float, default=0.05)
    parser.add_argument("--images", default="builtin")
    parser.add_argument("--pictures", type=int, default=100_000)
    arguments = parser.parse_args()
    parts, portion = guarded(arguments.images)
    layout, rng = Layout("strewn"), np.random.default_rng(0)
    size = float(np.log((1 - arguments.p) / arguments.p))
    lost, begun = 0, time.perf_counter()
    for number in range(arguments.pictures):
        pair = parts[2 * number % len(parts) : 2 * number % len(parts) + 2]
        lost += any(
            layout.recover(bits_to_llrs(bits ^ (rng.random(bits.size) < arguments.p), size), len(data))
            != data
            for bits, data in pair
        )
    rate = share(lost, arguments.pictures)
    print(f"header and map take {100 * portion:.1f} % of 0.5 bits per pixel ({arguments.images})")
    seconds = f"{time.perf_counter() - begun:.0f} s"
    interval = f"95 %: {rate.low:.2g} to {rate.high:.2g}"
    print(f"p = {arguments.p:g}: lost in {lost} of {arguments.pictures} pictures, {interval} ({seconds})")


if __name__ == "__main__":
    main()
