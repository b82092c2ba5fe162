"""Damaged streams: a picture of the right size or a one-line refusal, whatever was done to them."""

from __future__ import annotations

import tracemalloc

import damage
import numpy as np
import pytest
from fuzzing import Fuzz

from channelvq.codecs.container import read_cvq
from channelvq.errors import UsageError

SIZES = ((3, 64, 96, 5000), (1, 33, 50, 2200), (3, 16, 16, 1500))


@pytest.fixture(scope="module")
def fuzz(small_weights, tmp_path_factory):
    return Fuzz(small_weights, tmp_path_factory.mktemp("fuzz"), SIZES)


def test_undamaged_streams_are_shown(fuzz):
    for data, llrs, shape in fuzz.streams:
        assert fuzz.decode_file(data, "soft") == "shown"
        assert fuzz.decode_llrs(llrs, shape, "soft") == "ok"


@pytest.mark.parametrize("kind", ["file", "llrs"])
def test_damaged_streams_give_a_picture_or_a_refusal(fuzz, kind):
    fuzz.outcomes.clear()
    for number in range(240):
        fuzz.one(kind, 0, number)
    assert not fuzz.faults
    sorts = {sort for sort, _ in fuzz.outcomes}
    assert len(sorts) == len(damage.BYTES if kind == "file" else damage.LLRS)
    # damage that stopped everything, or nothing, would test little
    seen = {outcome for _, outcome in fuzz.outcomes}
    assert seen == ({"shown", "refused"} if kind == "file" else {"ok", "concealed", "failed"})


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "llrs"])
def test_damaged_streams_of_the_shipped_model(tmp_path, kind):
    fuzz = Fuzz(None, tmp_path)
    for number in range(2000):
        fuzz.one(kind, 1, number)
    assert not fuzz.faults


@pytest.fixture
def stream(fuzz, tmp_path):
    """Path of a file that holds the first stream as `change` leaves it."""

    def make(change):
        path = tmp_path / "a.cvq"
        path.write_bytes(change(fuzz.streams[0][0]))
        return path

    return make


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize(
    ("width", "height"),
    [(65536, 65536), (65536, 16), (12000, 12000), (0, 64), (96, 15), (2**32 - 1, 2**32 - 1)],
)
def test_a_size_that_the_message_denies_is_refused_before_memory_is_taken(stream, width, height, lost):
    def change(data):
        if lost:  # the header in the message cannot speak against it
            data = data[:32] + bytes(len(data) - 32)
        return damage.with_size(data, width, height)

    path = stream(change)
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match="is broken: ") as caught:
            read_cvq(path)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)


def test_what_is_denied_is_said(stream):
    path = stream(lambda data: damage.with_size(data, 96, 96))
    with pytest.raises(UsageError, match="its head says 96×96 pixels in 3 channels, its message 96×64 in 3"):
        read_cvq(path)
    path = stream(lambda data: damage.mended(data[:5] + b"\x02" + data[6:]))
    with pytest.raises(UsageError, match="2 channels, must be 1 or 3"):
        read_cvq(path)


def test_a_lost_header_of_a_plausible_size_shows_grey(fuzz, stream):
    path = stream(lambda data: data[:32] + bytes(len(data) - 32))
    content = read_cvq(path)
    assert (content.shape, content.intact) == ((3, 64, 96), False)
    decoded = fuzz.codecs["soft"].decode(content.llrs, content.shape)
    assert decoded.status == "failed"
    assert np.allclose(decoded.picture, 128 / 255)
