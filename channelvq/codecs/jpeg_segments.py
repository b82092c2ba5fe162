"""The segments of a JPEG scan with restart markers: found again in a damaged scan, checked, made up for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Segment", "conceal", "huffman_codes", "join", "segment_holds", "split"]

_SKIPPED = 0.5  # what a marker that is missing speaks against an alignment; one that is there speaks 1 for it
_MARGIN = 2  # rows from a lost unit's edge: the nearest has taken up some of its colour
_MARKER = re.compile(rb"\xff[\xd0-\xd7\xd9]")
_STRAY = re.compile(rb"\xff(?!\x00)")


class Segment(NamedTuple):
    """What lies between two markers: bytes `start` to `stop` of a scan; nothing where they are lost."""

    start: int
    stop: int


def split(scan: bytes, count: int) -> tuple[list[Segment], int]:
    """Find the segments of a scan, however damaged.

    Restart markers carry a number from 0 to 7. Of all that look like one, the longest likely sequence is
    taken: markers in order, few missing. Segments beside a missing marker are lost, as nobody knows where one
    ends and the next begins.

    Parameters
    ----------
    scan : bytes
        The scan, its end marker and what may follow.
    count : int
        How many segments it has.

    Returns
    -------
    segments : list of Segment [count]
        Empty ones are lost.
    end : int
        Where the end marker is, or -1.

    Examples
    --------
    >>> first, second, end = (bytes.fromhex(marker) for marker in ("ffd0", "ffd1", "ffd9"))
    >>> scan = b"one" + first + b"two" + second + b"three" + end
    >>> [scan[start:stop] for start, stop in split(scan, 3)[0]]
    [b'one', b'two', b'three']
    >>> [scan[start:stop] for start, stop in split(scan.replace(first, b"??"), 3)[0]]
    [b'', b'', b'three']
    """
    found = [(match.start(), scan[match.start() + 1]) for match in _MARKER.finditer(scan)]
    chosen = _align([code for _, code in found], count)
    segments = [Segment(0, 0)] * count
    number, start, end = -1, 0, -1
    for at, marker in chosen:
        place = found[at][0]
        if marker == number + 1:
            segments[marker] = Segment(start, place)
        number, start = marker, place + 2
        if marker == count - 1:
            end = place
    return segments, end


def _align(codes: Sequence[int], count: int) -> list[tuple[int, int]]:
    """Give markers their numbers: (which of those found, the segment that it ends), the best sequence."""
    if list(codes[:count]) == [*(0xD0 + i % 8 for i in range(count - 1)), 0xD9]:
        return [(i, i) for i in range(count)]
    # merit[k] is that of the best sequence whose last marker has number k - 1, + _SKIPPED · (k - 1), so that
    # sequences of different ends compare; merit[0] is that of none.
    merit = np.full(count + 1, -np.inf)
    merit[0] = -_SKIPPED
    links: list[tuple[int, int, int]] = []  # found one, its number, link before
    newest = np.full(count + 1, -1)
    for at, code in enumerate(codes):
        numbers = np.array([count - 1]) if code == 0xD9 else np.arange(code - 0xD0, count - 1, 8)
        before = np.maximum.accumulate(merit)[numbers]
        better = before + 1 + _SKIPPED > merit[numbers + 1]
        parents = [newest[int(np.argmax(merit[: number + 1]))] for number in numbers[better]]
        for number, value, parent in zip(numbers[better], before[better], parents, strict=True):
            merit[number + 1] = value + 1 + _SKIPPED
            newest[number + 1] = len(links)
            links.append((at, int(number), int(parent)))
    chain, link = [], int(newest[int(np.argmax(merit))])
    while link >= 0:
        at, number, link = links[link]
        chain.append((at, number))
    return chain[::-1]


def join(header: bytes, scan: bytes, segments: Sequence[Segment]) -> bytes:
    """Make a file of the segments that are not lost, the markers between all of them put in anew.

    libjpeg fills up an empty segment with flat mid-grey. What looks like a marker inside a segment is made
    data.
    """
    parts = [header]
    for number, (start, stop) in enumerate(segments):
        parts.append(_STRAY.sub(b"\xff\x00", scan[start:stop]))
        parts.append(bytes([0xFF, 0xD0 + number % 8]))
    parts[-1] = b"\xff\xd9"
    return b"".join(parts)


def huffman_codes(header: bytes) -> npt.NDArray[np.int32]:
    """Read the Huffman tables of a header, as `jpeg_segments_kernel.holds` wants them: int32 [4, 65536]."""
    codes = np.zeros((4, 1 << 16), np.int32)
    at = 2
    while at + 4 <= len(header):
        marker, length = header[at + 1], int.from_bytes(header[at + 2 : at + 4], "big")
        place, end = at + 4, at + 2 + length
        while marker == 0xC4 and place + 17 <= end:
            kind = 2 * (header[place] >> 4 & 1) + (header[place] & 1)
            place += _read_table(header[place + 1 :], codes[kind]) + 1
        at = end
    return codes


def _read_table(data: bytes, codes: npt.NDArray[np.int32]) -> int:
    """Read one table into codes [65536]; gives the bytes that it took."""
    code, place = 0, 16
    for length in range(1, 17):
        span = 1 << (16 - length)
        for symbol in data[place : place + data[length - 1]]:
            codes[code : code + span] = length << 8 | symbol
            code += span
        place += data[length - 1]
    return place


def segment_holds(
    data: bytes, codes: npt.NDArray[np.int32], blocks: npt.NDArray[np.int64], units: int
) -> bool:
    """Say whether a segment's bytes can be `units` coded units; see `jpeg_segments_kernel.holds`."""
    from channelvq.codecs.jpeg_segments_kernel import holds  # numba is slow to import

    if _STRAY.search(data):
        return False
    plain = np.frombuffer(data.replace(b"\xff\x00", b"\xff"), np.uint8)
    return bool(holds(plain, codes, blocks, units))


def conceal(pixels: npt.NDArray[np.uint8], lost: npt.NDArray[np.bool_], side: int) -> npt.NDArray[np.uint8]:
    """Fill lost units of a picture from what is above and below, or else beside them.

    Between the nearest rows that are there, linearly; where there is but one, by it. Where a whole column of
    units is lost, likewise between columns; where all is lost, mid-grey.

    Parameters
    ----------
    pixels : ndarray of uint8 [H, W, C]
        The picture.
    lost : ndarray of bool [ceil(H / side), ceil(W / side)]
        Which of its units are lost.
    side : int
        Of a unit, in pixels.

    Examples
    --------
    >>> pixels = np.zeros((24, 8, 1), np.uint8)
    >>> pixels[16:] = 90
    >>> conceal(pixels, np.array([[False], [True], [False]]), 8)[::4, 0, 0].tolist()
    [0, 0, 10, 50, 90, 90]
    """
    if lost.all():
        return np.full_like(pixels, 128)
    shown = pixels.copy()
    columns: npt.NDArray[np.bool_] = np.asarray(lost.all(axis=0))
    for column in np.flatnonzero(lost.any(axis=0) & ~columns):
        _bridge(shown[:, column * side : (column + 1) * side], lost[:, column], side)
    _bridge(shown.transpose(1, 0, 2), columns, side)
    return shown


def _bridge(strip: npt.NDArray[np.uint8], lost: npt.NDArray[np.bool_], side: int) -> None:
    """Fill lost runs of a strip [n, m, C], in place."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    length = strip.shape[0]
    for first, last in edges.reshape(-1, 2):
        start, stop = first * side, min(last * side, length)
        above = strip[max(start - _MARGIN, 0)] if start else None
        below = strip[min(stop + _MARGIN - 1, length - 1)] if stop < length else None
        weights = ((np.arange(start, stop) - start + 1) / (stop - start + 1))[:, None, None]
        top = below if above is None else above
        bottom = above if below is None else below
        if top is None or bottom is None:
            continue
        mixed = (1 - weights) * top.astype(np.float64) + weights * bottom
        strip[start:stop] = np.rint(mixed).astype(np.uint8)
