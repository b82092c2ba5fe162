"""Damage of every sort: to the bytes of `.cvq` files, and to the LLRs of VQ messages. Seeded."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

from channelvq.crc import crc16

Bytes = Callable[[np.random.Generator, bytes, bytes], bytes]
Llrs = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]

HEAD = 32
_FIELDS = {"version": (4, 1), "channels": (5, 1), "width": (6, 4), "height": (10, 4), "model": (14, 8)}
_FIELDS |= {"bits": (22, 4), "message crc": (26, 4)}


def mended(data: bytes) -> bytes:
    """Make the CRC of the head right."""
    return data[:30] + struct.pack(">H", crc16(data[:30])) + data[32:]


def with_size(data: bytes, width: int, height: int) -> bytes:
    """Claim another size, with a CRC that holds."""
    return mended(data[:6] + struct.pack(">II", width, height) + data[14:])


def _some(rng: np.random.Generator, most: int) -> int:
    """Draw a number from 1 to `most`, small ones as often as large ones."""
    return int(np.exp(rng.uniform(0, np.log(max(most, 1) + 1))))


def _flip(rng: np.random.Generator, data: bytes, first: int) -> bytes:
    bits = np.unpackbits(np.frombuffer(data[first:], np.uint8))
    places = rng.integers(0, len(bits), _some(rng, len(bits) // 10))
    bits[places] ^= 1
    return data[:first] + np.packbits(bits).tobytes()


def _overwrite(rng: np.random.Generator, data: bytes, first: int) -> bytes:
    out = bytearray(data)
    start = int(rng.integers(first, len(data)))
    length = min(_some(rng, len(data)), len(data) - start)
    out[start : start + length] = rng.bytes(length)
    return bytes(out)


def _swap(rng: np.random.Generator, data: bytes, first: int) -> bytes:
    length = min(_some(rng, len(data) // 2), (len(data) - first) // 2)
    a = int(rng.integers(first, len(data) - 2 * length + 1))
    b = int(rng.integers(a + length, len(data) - length + 1))
    return data[:a] + data[b : b + length] + data[a + length : b] + data[a : a + length] + data[b + length :]


def _field(rng: np.random.Generator, data: bytes) -> bytes:
    """Set one field of the head to something extreme, small or random; the CRC holds."""
    place, size = _FIELDS[list(_FIELDS)[rng.integers(len(_FIELDS))]]
    value = [
        bytes(size),
        b"\xff" * size,
        rng.bytes(size),
        int(rng.integers(1 << 16) & 255).to_bytes(size, "big"),
    ]
    old = int.from_bytes(data[place : place + size], "big")
    value += [((old << int(rng.integers(1, 12))) & ((1 << 8 * size) - 1)).to_bytes(size, "big")]
    return mended(data[:place] + value[rng.integers(len(value))] + data[place + size :])


def _size(rng: np.random.Generator, data: bytes) -> bytes:
    sides = np.exp(rng.uniform(0, np.log(2**17), 2)).astype(int)
    return with_size(data, *([65536, 65536] if rng.random() < 0.2 else [int(side) for side in sides]))


def _cut(rng: np.random.Generator, data: bytes) -> bytes:
    return data[: int(rng.integers(0, len(data)))]


def _cut_mended(rng: np.random.Generator, data: bytes) -> bytes:
    kept = int(rng.integers(HEAD, len(data) + 1))
    return mended(data[:22] + struct.pack(">I", 8 * (kept - HEAD)) + data[26:kept])


def _longer_mended(rng: np.random.Generator, data: bytes) -> bytes:
    out = data + rng.bytes(_some(rng, len(data)))
    return mended(out[:22] + struct.pack(">I", 8 * (len(out) - HEAD)) + out[26:])


def _foreign(rng: np.random.Generator, data: bytes) -> bytes:
    return data[: int(rng.integers(0, 6))] + rng.bytes(_some(rng, 3000))


BYTES: dict[str, Bytes] = {
    "bits flipped": lambda rng, data, other: _flip(rng, data, 0),
    "bits of the message flipped": lambda rng, data, other: _flip(rng, data, HEAD),
    "bytes overwritten": lambda rng, data, other: _overwrite(rng, data, 0),
    "bytes of the message overwritten": lambda rng, data, other: _overwrite(rng, data, HEAD),
    "blocks swapped": lambda rng, data, other: _swap(rng, data, 0),
    "blocks of the message swapped": lambda rng, data, other: _swap(rng, data, HEAD),
    "head overwritten": lambda rng, data, other: _overwrite(rng, data[:HEAD], 0) + data[HEAD:],
    "a field of the head set, its CRC mended": lambda rng, data, other: _field(rng, data),
    "another size claimed, CRC mended": lambda rng, data, other: _size(rng, data),
    "another size claimed and the message damaged": lambda rng, data, other: _overwrite(
        rng, _size(rng, data), HEAD
    ),
    "cut short": lambda rng, data, other: _cut(rng, data),
    "cut short, head mended": lambda rng, data, other: _cut_mended(rng, data),
    "random bytes appended": lambda rng, data, other: data + rng.bytes(_some(rng, len(data))),
    "random bytes appended, head mended": lambda rng, data, other: _longer_mended(rng, data),
    "message of another file": lambda rng, data, other: mended(
        data[:22] + other[22:26] + data[26:HEAD] + other[HEAD:]
    ),
    "foreign bytes": lambda rng, data, other: _foreign(rng, data),
}
"""Ways to damage a file: (generator, its bytes, those of another) -> bytes."""


def _noisy(rng: np.random.Generator, llrs: np.ndarray) -> np.ndarray:
    p = np.exp(rng.uniform(np.log(1e-4), np.log(0.5)))
    flips = np.where(rng.random(len(llrs)) < p, -1, 1)
    return np.sign(llrs) * flips * np.float32(np.log((1 - p) / p) + 1e-3)


def _mixed(rng: np.random.Generator, llrs: np.ndarray, values: list[float]) -> np.ndarray:
    share = np.exp(rng.uniform(np.log(1e-4), 0))
    return np.where(rng.random(len(llrs)) < share, rng.choice(values, len(llrs)), llrs)


def _swap_llrs(rng: np.random.Generator, llrs: np.ndarray) -> np.ndarray:
    order = np.array_split(np.arange(len(llrs)), _some(rng, 60) + 1)
    return llrs[np.concatenate([order[i] for i in rng.permutation(len(order))])]


LLRS: dict[str, Llrs] = {
    "bits flipped (BSC)": lambda rng, llrs, other: _noisy(rng, llrs),
    "noise (AWGN)": lambda rng, llrs, other: (
        np.sign(llrs) * (m := rng.uniform(0, 30)) + rng.normal(0, 1, len(llrs)) * (2 * m) ** 0.5
    ),
    "bits erased": lambda rng, llrs, other: _mixed(rng, llrs, [0.0]),
    "bits no numbers": lambda rng, llrs, other: _mixed(rng, llrs, [np.nan]),
    "bits infinite": lambda rng, llrs, other: _mixed(rng, llrs, [np.inf, -np.inf]),
    "bits infinite, others in doubt": lambda rng, llrs, other: _mixed(
        rng, 0.1 * llrs, [np.inf, -np.inf, np.nan, 0.0]
    ),
    "bits absurd": lambda rng, llrs, other: _mixed(
        rng, llrs, [3e38, -3e38, 1e-38, np.nan, np.inf, 0.0, -1.0]
    ),
    "cut short": lambda rng, llrs, other: llrs[: int(rng.integers(0, len(llrs)))],
    "longer": lambda rng, llrs, other: np.concatenate([llrs, rng.normal(0, 9, _some(rng, len(llrs)))]),
    "blocks swapped": lambda rng, llrs, other: _swap_llrs(rng, llrs),
    "another message": lambda rng, llrs, other: other,
    "nothing but noise": lambda rng, llrs, other: rng.normal(0, 20, _some(rng, 9000)),
}
"""Ways to damage LLRs: (generator, LLRs, those of another message) -> LLRs."""
