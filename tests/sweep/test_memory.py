"""Memory changes nothing but how often a picture is decoded and scored, and stays small."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import photo_like

from channelvq.bits import bits_to_llrs
from channelvq.codecs.base import Codec, Decoded, Message, Picture
from channelvq.framing import Unframed
from channelvq.images import from_8bit, to_8bit
from channelvq.link import Link
from channelvq.reception import Prepared
from channelvq.showing import Shown, show
from channelvq.sweep.memory import Memory, _picture, essence

PICTURE = photo_like(48, 64)
# Each at SNRs at which nothing is wrong, something, or everything.
LINKS = {
    "jpeg, coded": ({"codec": "jpeg", "code": "rs:255,191", "cbr": "3/2"}, (9.0, 7.0, 6.5, 0.0)),
    "jpeg, bits": ({"codec": "jpeg", "code": "uncoded", "channel": "bsc:0.002", "cbr": "1/2"}, (None,)),
    "vqvae, coded": ({"codec": "vqvae", "code": "rs:255,191", "cbr": "1/2"}, (14.0, 7.0, -5.0)),
    "vqvae, uncoded": ({"codec": "vqvae", "code": "uncoded", "cbr": "1/4"}, (30.0, 12.0, 0.0)),
    "vqvae, packets": (
        {"codec": "vqvae", "code": "uncoded", "channel": "packet-erasure:0.1,bytes=64", "cbr": "1/2"},
        (None,),
    ),
}


class Counting:
    """Does not say what it goes by; shows one grey level and counts how often it is asked."""

    spec = "counting"

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, picture: Picture, budget_bits: int) -> Message:
        return Message(np.zeros(budget_bits, np.uint8), {"nothing": budget_bits})

    def decode(self, llrs: Any, shape: tuple[int, int, int], trusted: Any = None) -> Decoded:
        self.calls += 1
        level = np.float32(llrs.sum() % 251) / np.float32(250)
        return Decoded(np.full(shape, level), "ok" if trusted is None else "concealed")


def same(one: Shown, other: Shown) -> bool:
    """Everything that a trial keeps, and a picture's file."""
    a, b = one.decoded, other.decoded
    indices = (a.indices is None) == (b.indices is None)
    if a.indices is not None and b.indices is not None:
        indices = np.array_equal(a.indices, b.indices)
    scores = (one.psnr_db, one.ssim) == (other.psnr_db, other.ssim)
    scores = scores and np.array_equal(one.ms_ssim, other.ms_ssim, equal_nan=True)
    shown = np.array_equal(to_8bit(a.picture), to_8bit(b.picture)) and a.picture.dtype == b.picture.dtype
    return bool(indices and scores and shown) and (a.status, a.notes) == (b.status, b.notes)


def unframed_of(link: Link, prepared: Prepared[Any], snr_db: float | None, trial: int) -> Unframed:
    llrs = link._cross(prepared, link.check_snr(snr_db), 0, trial)
    return prepared.frame.decode(llrs)


def clean_of(prepared: Prepared[Any]) -> Unframed:
    return prepared.frame.decode(bits_to_llrs(prepared.coded_bits))


@pytest.fixture(scope="module")
def links(small_weights: str) -> dict[str, tuple[Link, Prepared[Any], tuple[float | None, ...]]]:
    made = {}
    for name, (options, snrs) in LINKS.items():
        model = small_weights if options["codec"] == "vqvae" else None
        link = Link(**options, model=model)
        made[name] = link, link.prepare(PICTURE), snrs
    return made


@pytest.mark.parametrize("name", LINKS)
def test_with_and_without_memory_all_is_the_same(links: Any, name: str) -> None:
    link, prepared, snrs = links[name]

    @settings(max_examples=12)
    @given(
        st.lists(st.tuples(st.sampled_from(snrs), st.integers(0, 2)), min_size=1, max_size=12),
        st.integers(0, 3),
    )
    def check(trials: list[tuple[float | None, int]], capacity: int) -> None:
        memory = Memory(essence(link.codec, clean_of(prepared)), capacity)
        for snr_db, trial in trials:
            unframed = unframed_of(link, prepared, snr_db, trial)
            plain = show(link.codec, prepared, unframed)
            assert same(memory.show(link.codec, prepared, unframed), plain)
            assert same(memory.show(link.codec, prepared, unframed), plain)
            assert len(memory._kept) <= capacity + 1

    check()


def test_these_links_show_everything(links: Any) -> None:
    # Without failures, losses and clean pictures the test above would say little.
    seen: dict[str, set[str]] = {}
    for link, prepared, snrs in links.values():
        for snr_db in snrs:
            for trial in range(3):
                shown = show(link.codec, prepared, unframed_of(link, prepared, snr_db, trial))
                seen.setdefault(link.codec.spec[:4], set()).add(shown.decoded.status)
    assert seen == {"jpeg": {"ok", "concealed", "failed"}, "vqva": {"ok", "concealed", "failed"}}


def test_each_message_is_decoded_once() -> None:
    link = Link(codec="jpeg", code="uncoded", cbr="1/4")
    prepared = link.prepare(PICTURE)
    codec = Counting()
    assert isinstance(codec, Codec)
    memory = Memory(b"none", capacity=2)
    given_ = [Unframed(np.full(8, value, np.float32), None, None) for value in (1, 2, 3)]
    for number in (0, 0, 1, 0, 1):
        memory.show(codec, prepared, given_[number])
    assert codec.calls == 2
    memory.show(codec, prepared, given_[2])  # forgets 0, which was not asked for the longest
    memory.show(codec, prepared, given_[1])
    assert codec.calls == 3
    memory.show(codec, prepared, given_[0])
    assert codec.calls == 4


def test_the_pinned_message_stays_and_the_rest_is_bounded() -> None:
    prepared = Link(codec="jpeg", code="uncoded", cbr="1/4").prepare(PICTURE)
    codec = Counting()
    given_ = [Unframed(np.full(8, value, np.float32), None, None) for value in range(20)]
    memory = Memory(essence(codec, given_[0]), capacity=3)
    for unframed in given_:
        memory.show(codec, prepared, unframed)
    assert memory.nbytes == 4 * PICTURE.size  # a byte a sample
    assert codec.calls == 20
    memory.show(codec, prepared, given_[0])
    assert codec.calls == 20


def test_whatever_a_codec_may_go_by_counts() -> None:
    codec, llrs = Counting(), np.array([3, -3, 0, 5], np.float32)
    plain = Unframed(llrs, None, None)
    trusted = np.array([True, True, False, False])
    others = [
        Unframed(np.nextafter(llrs, np.float32(9)), None, None),
        Unframed(llrs, trusted, None),
        Unframed(llrs, ~trusted, None),
        Unframed(llrs[:3], None, None),
    ]
    names = [essence(codec, unframed) for unframed in (plain, *others)]
    assert len(set(names)) == len(names)
    assert essence(codec, replace(plain, llrs=llrs.copy())) == names[0]


def test_an_error_is_not_remembered() -> None:
    class Broken(Counting):
        def decode(self, llrs: Any, shape: tuple[int, int, int], trusted: Any = None) -> Decoded:
            super().decode(llrs, shape, trusted)
            raise RuntimeError("broken")

    prepared = Link(codec="jpeg", code="uncoded", cbr="1/4").prepare(PICTURE)
    codec, memory = Broken(), Memory(b"none")
    for calls in (1, 2):
        with pytest.raises(RuntimeError, match="broken"):
            memory.show(codec, prepared, Unframed(np.ones(8, np.float32), None, None))
        assert codec.calls == calls


def test_eight_bits_are_kept_whole() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    np.testing.assert_array_equal(_picture(levels), from_8bit(levels[0]))
    np.testing.assert_array_equal(to_8bit(_picture(levels)), levels)
