"""Header, guard and places of the VQ message."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelvq.bits import bits_to_llrs
from channelvq.codecs.layout import GUARD, Header, Layout, position_order
from channelvq.errors import UsageError

STREWN, RANKED = Layout("strewn"), Layout("ranked")
HEADER_BITS = STREWN.header_bits


@given(st.booleans(), st.integers(1, 65536), st.integers(1, 65536), st.integers(0, 2**19 - 1))
def test_header_round_trip(grey, width, height, map_bytes):
    header = Header(grey, width, height, map_bytes)
    assert Header.from_bytes(header.to_bytes()) == header


@given(st.integers(60, 4000), st.integers(1, 30), st.integers(0, 29))
def test_places_part_the_message(total, header, map_):
    first, second, rest = STREWN.slots(total, header, map_)
    assert (len(first), len(second)) == (header, map_)
    assert sorted([*first, *second, *rest]) == list(range(total))
    # the header is where a receiver finds it that does not yet know the map's length
    assert (first == STREWN.slots(total, header, 0)[0]).all()


def test_guard_has_the_published_free_distance():
    assert GUARD.free_distance == 22  # Larsen 1973, K = 11, rate 1/3


def test_header_survives_where_uncoded_indices_do_not():
    data = Header(False, 768, 512, 200).to_bytes()
    sent = STREWN.protect(data)
    assert len(sent) == HEADER_BITS
    rng = np.random.default_rng(0)
    p, trials = 0.05, 400
    llr = float(np.log((1 - p) / p))
    hit = (sent ^ (rng.random((trials, len(sent))) < p)).astype(np.uint8)
    lost = sum(STREWN.recover(bits_to_llrs(row, llr), 7) != data for row in hit)
    # at a failure rate of 1e-4, more than 2 of 400 have a probability of 1e-5
    assert lost <= 2


def test_a_lost_third_is_no_loss():
    data = bytes(range(150))
    llrs = bits_to_llrs(STREWN.protect(data))
    llrs[np.random.default_rng(0).random(len(llrs)) < 1 / 3] = 0
    assert STREWN.recover(llrs, 150) == data


def test_noise_alone_is_refused():
    rng = np.random.default_rng(0)
    taken = [STREWN.recover(rng.normal(0, 4, HEADER_BITS).astype(np.float32), 7) for _ in range(200)]
    # CRC-16 lets 1 of 65536 pass: one or more of 200 has a probability of 0.3 %
    assert sum(data is not None for data in taken) == 0


def test_neighbours_part():
    order = position_order(6144)
    assert sorted(order) == list(range(6144))
    place = np.argsort(order)
    near = np.abs(np.diff(place)) < 51  # in one packet of 64 bytes
    assert near.mean() < 0.04  # 2 · 51 / 6144 = 0.017 by chance


def test_lost_packets_leave_the_map_readable():
    # a map of 500 bytes among the bits of a picture, 64 packets of 64 bytes, a fifth of them lost
    data = np.random.default_rng(0).integers(0, 256, 500).astype(np.uint8).tobytes()
    sent = bits_to_llrs(STREWN.protect(data))
    total = 64 * 512
    _, places, _ = STREWN.slots(total, HEADER_BITS, len(sent))
    for seed in range(10):
        lost = np.repeat(np.random.default_rng(seed).permutation(64) < 13, 512)
        assert STREWN.recover(np.where(lost[places], np.float32(0), sent), 500) == data


def test_ranked_parts_follow_one_another_unprotected_but_checked():
    data = bytes(range(40))
    sent = RANKED.protect(data)
    assert len(sent) == RANKED.coded_bits(40) == 8 * 42
    assert RANKED.recover(bits_to_llrs(sent), 40) == data
    sent[5] ^= 1
    assert RANKED.recover(bits_to_llrs(sent), 40) is None
    assert [place.tolist() for place in RANKED.slots(6, 2, 1)] == [[0, 1], [2], [3, 4, 5]]


@pytest.mark.parametrize("layout", [STREWN, RANKED])
def test_llrs_that_are_no_numbers_say_nothing(layout):
    data = bytes(7)
    llrs = bits_to_llrs(layout.protect(data))
    llrs[3] = np.nan
    llrs[9] = np.inf
    # a zero bit is what an erasure decides for, where no guard is
    assert layout.recover(llrs, 7) == data


def test_another_layout_is_refused():
    with pytest.raises(UsageError, match="unknown layout 'flat'; allowed: strewn, ranked"):
        Layout("flat")


@pytest.mark.parametrize("n_bytes", [40, 124, 450, 2500])
@pytest.mark.parametrize("guard", ["2/5", "3/5", "none"])
def test_pieces_of_any_length_come_back(guard, n_bytes):
    layout = Layout("strewn", guard)
    data = np.random.default_rng(0).integers(0, 256, n_bytes).astype(np.uint8).tobytes()
    sent = layout.protect(data)
    assert len(sent) == layout.coded_bits(n_bytes)
    assert layout.recover(bits_to_llrs(sent, 3.0), n_bytes) == data


def test_the_map_survives_noise_that_the_convolutional_code_does_not():
    """QPSK at 0 dB, a map of 450 bytes, 60 of them: behind K = 11 and rate 1/3 a fifth is lost (measured)."""
    plain = np.random.default_rng(0).integers(0, 2, 3616).astype(np.uint8)
    layout, data = Layout("strewn"), np.packbits(plain[:3600]).tobytes()
    lost = {"map": 0, "convolutional": 0}
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(0, 1, 11000)
        for kind in lost:
            coded = layout.protect(data) if kind == "map" else GUARD.encode(plain[None])[0]
            llrs = (2 * (1 - 2.0 * coded + noise[: len(coded)])).astype(np.float32)
            if kind == "map":
                lost[kind] += layout.recover(llrs, len(data)) != data
            else:
                lost[kind] += (GUARD.decode(llrs[None]).bits[0] != plain).any()
    assert lost["map"] == 0  # below 1e-3 each
    assert lost["convolutional"] > 2  # of 60 at 0.2: a chance of 1e-4


def test_a_guard_is_a_rate_and_not_for_ranked_messages():
    with pytest.raises(UsageError, match=r"guard is .0\.96., rates must be from"):
        Layout("strewn", "0.96")
    with pytest.raises(UsageError, match="guard=1/2 does not go with layout=ranked"):
        Layout("ranked", "1/2")
    assert [Layout("strewn", text).guard for text in ("0.5", "none")] == ["1/2", "none"]
