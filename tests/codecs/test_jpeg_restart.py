"""JPEG with restart markers: damage stays where it is, lost markers are bridged, lost parts made up for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import photo_like

from channelvq.bits import bits_to_llrs, pack_bits
from channelvq.codecs.jpeg import Jpeg, scan_start
from channelvq.codecs.jpeg_restart import JpegRestart
from channelvq.codecs.jpeg_segments import conceal, huffman_codes, segment_holds, split
from channelvq.evaluation.metrics import psnr

PICTURE = photo_like(128, 160)
MARKERS = [bytes([0xFF, 0xD0 + i]) for i in range(8)]


@pytest.fixture(scope="module")
def sent() -> tuple[JpegRestart, np.ndarray, dict[str, int]]:
    codec = JpegRestart(blocks=5)  # half a row of units
    message = codec.encode(PICTURE, 40_000)
    return codec, message.bits, message.parts


def scan_of(count: int, seed: int = 0) -> tuple[bytes, list[bytes]]:
    rng = np.random.default_rng(seed)
    parts = [rng.integers(0, 255, rng.integers(1, 40)).astype(np.uint8).tobytes() for _ in range(count)]
    ends = [MARKERS[i % 8] for i in range(count - 1)] + [b"\xff\xd9"]
    return b"".join(part + end for part, end in zip(parts, ends, strict=True)), parts


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_a_whole_scan_is_split_at_its_markers(count: int, seed: int) -> None:
    scan, parts = scan_of(count, seed)
    segments, end = split(scan + b"what fills the frame\xff\xd0", count)
    assert [scan[start:stop] for start, stop in segments] == parts
    assert end == len(scan) - 2


@settings(max_examples=200)
@given(st.integers(20, 60), st.integers(0, 2**32 - 1), st.integers(0, 3), st.integers(0, 2))
def test_lost_and_false_markers_cost_their_neighbourhood(
    count: int, seed: int, lost: int, false: int
) -> None:
    rng = np.random.default_rng(seed)
    _, parts = scan_of(count, seed)
    ends = [MARKERS[i % 8] for i in range(count - 1)] + [b"\xff\xd9"]
    harmed = set()
    for place in rng.choice(count - 1, lost, replace=False):
        ends[place] = b"\x12\x34"
        harmed |= {int(place), int(place) + 1}
    for place in rng.choice(count, false, replace=False):
        parts[place] += MARKERS[rng.integers(8)] + b"more"
        harmed |= {place + step for step in range(-1, 10)}
    scan = b"".join(part + end for part, end in zip(parts, ends, strict=True))
    segments, _ = split(scan, count)
    found = [scan[start:stop] for start, stop in segments]
    far = [number for number in range(count) if all(abs(number - other) > 9 for other in harmed)]
    assert all(found[number] == parts[number] for number in far)
    if not false:
        assert all(found[number] == parts[number] for number in range(count) if number not in harmed)


@pytest.mark.parametrize("vouched", [False, True])
def test_damage_stays_in_its_segment(sent: tuple[JpegRestart, np.ndarray, dict], vouched: bool) -> None:
    codec, bits, parts = sent
    clean = codec.decode(bits_to_llrs(bits), PICTURE.shape).picture
    rng = np.random.default_rng(0)
    for _ in range(20):
        place = int(rng.integers(parts["head"] + 100, bits.size - parts["head"] - 100))
        wrong, trusted = bits.copy(), np.ones(bits.size, np.bool_)
        span = slice(place, place + 60)
        wrong[span] ^= rng.integers(0, 2, 60).astype(np.uint8)
        trusted[span] = False
        decoded = codec.decode(bits_to_llrs(wrong, 3.0), PICTURE.shape, trusted if vouched else None)
        differs = np.abs(decoded.picture - clean).reshape(3, 8, 16, 10, 16)
        # inside of units: chroma is interpolated across their edges
        units = differs[:, :, 2:-2, :, 2:-2].max(axis=(0, 2, 4)) > 0
        assert units.sum() <= 2 * 5  # two segments of five units
        assert psnr(PICTURE, decoded.picture) > psnr(PICTURE, clean) - 14
        if vouched:
            assert decoded.status == "concealed"
            assert "of 16 segments lost" in decoded.notes["jpeg-restart"]


def test_erased_bits_are_lost_and_made_up_for(sent: tuple[JpegRestart, np.ndarray, dict]) -> None:
    codec, bits, parts = sent
    llrs = bits_to_llrs(bits)
    middle = parts["head"] + parts["stream"] // 2
    llrs[middle : middle + 4000] = 0
    decoded = codec.decode(llrs, PICTURE.shape)
    assert decoded.status == "concealed"
    assert psnr(PICTURE, decoded.picture) > 20


def test_one_head_of_two_is_enough_and_none_is_a_failure(sent: tuple[JpegRestart, np.ndarray, dict]) -> None:
    codec, bits, _ = sent
    clean = codec.decode(bits_to_llrs(bits), PICTURE.shape)
    filled = np.append(bits, np.zeros(777, np.uint8))
    for places in ([40], [bits.size - 40]):
        wrong = filled.copy()
        wrong[places] ^= 1
        decoded = codec.decode(bits_to_llrs(wrong), PICTURE.shape)
        np.testing.assert_array_equal(decoded.picture, clean.picture)
    wrong = filled.copy()
    wrong[[40, bits.size - 40]] ^= 1
    decoded = codec.decode(bits_to_llrs(wrong), PICTURE.shape)
    assert (decoded.status, decoded.notes["jpeg-restart"]) == ("failed", "head lost")


def test_segments_hold_as_they_are_sent_and_rarely_otherwise() -> None:
    data = pack_bits(Jpeg().encode(PICTURE, 60_000).bits).tobytes()
    start = scan_start(data)
    header, scan = data[:start], data[start:-2]
    codes, blocks, units = huffman_codes(header), np.array([0, 0, 0, 0, 1, 1]), 80
    assert segment_holds(scan, codes, blocks, units)
    assert not segment_holds(scan, codes, blocks, units + 1)
    assert not segment_holds(scan, codes, blocks, units - 1)
    assert not segment_holds(scan[:-1], codes, blocks, units)
    assert not segment_holds(scan + b"\x55", codes, blocks, units)
    assert not segment_holds(b"", codes, blocks, units)
    rng = np.random.default_rng(0)
    junk = [rng.integers(0, 255, len(scan)).astype(np.uint8).tobytes() for _ in range(300)]
    assert sum(segment_holds(data, codes, blocks, units) for data in junk) <= 3
    noticed = 0
    for _ in range(300):
        wrong = bytearray(scan)
        place = rng.integers(len(wrong) - 4)
        wrong[place : place + 4] = rng.bytes(4)
        noticed += not segment_holds(bytes(wrong), codes, blocks, units)
    assert noticed > 100  # Huffman codes fall into step again, often with the right number of units


def test_concealment_bridges_what_is_lost() -> None:
    rows = np.linspace(0, 240, 96)[:, None, None]
    columns = np.linspace(0, 15, 64)[None, :, None]
    pixels = np.rint(rows + columns + np.zeros((96, 64, 3))).astype(np.uint8)
    lost = np.zeros((6, 4), np.bool_)
    lost[1:5, 1] = lost[2, 2] = lost[[0, 5], 3] = True
    broken = np.where(np.kron(lost, np.ones((16, 16)))[:, :, None] > 0, 128, pixels).astype(np.uint8)
    shown = conceal(broken, lost, 16)
    whole = np.kron(~lost, np.ones((16, 16))) > 0
    np.testing.assert_array_equal(shown[whole], pixels[whole])
    error = np.abs(shown.astype(int) - pixels)
    assert error[:, :48].max() <= 3
    assert error[:, 48:].max() <= 48  # at the edge there is nothing to go towards
    column = np.zeros((6, 4), np.bool_)
    column[:, 2] = True
    assert np.abs(conceal(pixels, column, 16).astype(int) - pixels).max() <= 3
    assert (conceal(pixels, np.ones((6, 4), np.bool_), 16) == 128).all()


def test_costs_little_and_shows_what_jpeg_loses() -> None:
    rng = np.random.default_rng(1)
    restart, plain = JpegRestart(blocks=5), Jpeg()
    gained = []
    for codec in (restart, plain):
        message = codec.encode(PICTURE, 40_000)
        qualities = []
        for _ in range(15):
            flips = rng.random(message.bits.size) < 2e-4
            decoded = codec.decode(bits_to_llrs(message.bits ^ flips, 8.0), PICTURE.shape)
            qualities.append(psnr(PICTURE, decoded.picture))
        clean = codec.decode(bits_to_llrs(message.bits), PICTURE.shape)
        gained.append((psnr(PICTURE, clean.picture), np.mean(qualities)))
    assert gained[0][0] > gained[1][0] - 0.5
    assert gained[0][1] > gained[1][1] + 4
