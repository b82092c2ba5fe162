"""`.cvq` files: round trips, and what is said of broken ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelvq.codecs.container import CONTAINER_BITS, CvqFile, message_budget, read_cvq, write_cvq
from channelvq.errors import BudgetError, UsageError


def content(n=1003, seed=0):
    bits = np.random.default_rng(seed).integers(0, 2, n).astype(np.uint8)
    return CvqFile("0123456789abcdef", (3, 64, 96), bits)


@pytest.fixture
def path(tmp_path):
    target = tmp_path / "a.cvq"
    write_cvq(target, content())
    return target


def test_round_trip_and_length(path):
    back = read_cvq(path)
    assert (back.bits == content().bits).all()
    assert (back.model_id, back.shape, back.intact) == ("0123456789abcdef", (3, 64, 96), True)
    assert path.stat().st_size == CONTAINER_BITS // 8 + 126
    assert [p.name for p in path.parent.iterdir()] == ["a.cvq"]


def test_a_file_says_whose_message_it_holds(tmp_path):
    bits = np.zeros(64 * 96, np.uint8)  # so many that its size is believed without a header
    write_cvq(tmp_path / "b.cvq", CvqFile("0123456789abcdef", (1, 64, 96), bits, codec="vqvae-ec"))
    back = read_cvq(tmp_path / "b.cvq")
    assert (back.codec, back.shape) == ("vqvae-ec", (1, 64, 96))
    assert (tmp_path / "b.cvq").read_bytes()[5] == 17


def test_layout_is_as_documented(path):
    data = path.read_bytes()
    assert data[:4] == b"CVQ\x1a"
    assert data[4:6] == bytes([1, 3])
    assert int.from_bytes(data[6:10], "big") == 96
    assert int.from_bytes(data[10:14], "big") == 64
    assert data[14:22].hex() == "0123456789abcdef"
    assert int.from_bytes(data[22:26], "big") == 1003
    assert (np.unpackbits(np.frombuffer(data[32:], np.uint8))[:1003] == content().bits).all()


@given(st.integers(0, 32 * 8 - 1))
def test_any_flip_in_the_head_is_noticed(tmp_path_factory, bit):
    path = tmp_path_factory.mktemp("cvq") / "a.cvq"
    write_cvq(path, content())
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 128 >> bit % 8
    path.write_bytes(data)
    with pytest.raises(UsageError):
        read_cvq(path)


def test_a_flip_in_the_message_only_costs_trust(path):
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    back = read_cvq(path)
    assert not back.intact
    assert (back.bits != content().bits).sum() == 1
    assert np.allclose(np.abs(back.llrs), np.log(99), rtol=1e-5)


@pytest.mark.parametrize(
    ("keep", "says"), [(0, "no .cvq file"), (3, "no .cvq file"), (20, "cut short"), (100, "cut short")]
)
def test_truncation_is_told(path, keep, says):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UsageError, match=says):
        read_cvq(path)


@given(st.floats(0.5, 3), st.integers(16, 200), st.integers(16, 200))
def test_a_file_is_within_its_bits_per_pixel(bpp, height, width):
    if bpp * height * width < CONTAINER_BITS + 8:
        return
    budget = message_budget(bpp, height, width)
    assert bpp * height * width - 8 < CONTAINER_BITS + budget <= bpp * height * width
    assert (CONTAINER_BITS + budget) % 8 == 0


def test_other_faults_are_told(path, tmp_path):
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(UsageError, match="too long"):
        read_cvq(path)
    with pytest.raises(UsageError, match="cannot read"):
        read_cvq(tmp_path / "absent.cvq")
    with pytest.raises(UsageError, match="cannot write"):
        write_cvq(tmp_path / "no" / "such" / "folder.cvq", content())
    with pytest.raises(BudgetError, match="head of 32 bytes"):
        message_budget(0.001, 64, 64)
