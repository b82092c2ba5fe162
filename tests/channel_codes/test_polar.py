"""The polar code as a link meets it: words, specs, frames, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from channelvq.bits import CERTAIN_LLR, bits_to_llrs
from channelvq.channel_codes import CHANNEL_CODES, Polar
from channelvq.channel_codes.base import BlockCode, ChannelCode
from channelvq.errors import UsageError
from channelvq.framing import Frame


def random_bits(code: Polar, blocks: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (blocks, code.k)).astype(np.uint8)


def make(k: int, n: int, size: int = 8, crc: int = 11, interleaver: bool = True) -> Polar:
    """The code, if there is one."""
    try:
        return Polar(k, n, size, crc, interleaver)
    except UsageError:
        assume(False)
        raise


def test_keeps_the_contract_of_codes() -> None:
    code = Polar()
    assert isinstance(code, BlockCode) and isinstance(code, ChannelCode)
    assert (code.k_bits, code.n_bits, code.crc_bits, code.symbol_bits, code.interleaver) == (
        256,
        512,
        0,
        1,
        "random",
    )


SIZES = [(12, 60), (19, 25), (20, 31), (30, 300), (64, 128), (100, 150), (100, 1088), (256, 500), (256, 570),
         (400, 1000), (512, 1024), (1013, 1024)]  # fmt: skip


@pytest.mark.parametrize(("k", "n"), SIZES)
@pytest.mark.filterwarnings("ignore")
def test_encoder_equals_sionnas(k: int, n: int) -> None:
    """Bit for bit: CRC, frozen set, rate matching, channel interleaver."""
    polar = pytest.importorskip("sionna.phy.fec.polar")
    torch = pytest.importorskip("torch")
    code = Polar(k, n, crc=6 if k < 20 else 11)
    bits = random_bits(code, 5)
    expected = polar.Polar5GEncoder(k, n)(torch.from_numpy(bits.astype(np.float32))).numpy()
    np.testing.assert_array_equal(code.encode(bits), expected)


@settings(max_examples=150)
@given(
    st.integers(1, 1018),
    st.integers(18, 2000),
    st.sampled_from([1, 4, 8]),
    st.sampled_from([6, 11, 24]),
    st.booleans(),
)
def test_round_trip(k: int, n: int, size: int, crc: int, interleaver: bool) -> None:
    """Shortened, punctured, repeated: what was encoded comes back, from LLRs of any magnitude, certain."""
    code = make(k, n, size, crc, interleaver)
    bits = random_bits(code, 2, seed=k)
    coded = code.encode(bits)
    assert coded.shape == (2, n) and coded.dtype == np.uint8 and coded.max() <= 1
    out = code.decode(bits_to_llrs(coded, float(10.0 ** (k % 30))))
    np.testing.assert_array_equal(out.bits, bits)
    assert out.ok is not None and out.ok.all()
    assert out.llr.dtype == np.float32 and np.abs(out.llr).max() <= CERTAIN_LLR


@given(st.integers(1, 400), st.integers(18, 800))
def test_code_is_linear_and_shortened_bits_are_zero(k: int, n: int) -> None:
    code = make(k, n)
    bits = random_bits(code, 3, seed=n)
    coded = code.encode(bits)
    np.testing.assert_array_equal(code.encode(bits[:1] ^ bits[1:2]), coded[:1] ^ coded[1:2])
    whole = Polar(k, n)
    mother = np.arange(whole._code.mother, dtype=np.int32)
    object.__setattr__(
        whole, "_code", type(whole._code)(mother.size, code._code.information, mother, mother[:0])
    )
    words = whole.encode(bits)
    np.testing.assert_array_equal(words[:, code._code.sent], coded)
    assert not words[:, code._code.shortened].any()


def test_blocks_do_not_depend_on_their_batch() -> None:
    code, rng = Polar(100, 220), np.random.default_rng(1)
    llrs = rng.normal(1, 3, (30, 220)).astype(np.float32)
    llrs[7] = 0
    whole = code.decode(llrs)
    for i in (0, 7, 8, 29):
        alone = code.decode(llrs[i : i + 1])
        np.testing.assert_array_equal(alone.llr[0], whole.llr[i])
        assert alone.ok is not None and whole.ok is not None and alone.ok[0] == whole.ok[i]
    strided = np.ascontiguousarray(llrs.T).T
    np.testing.assert_array_equal(code.decode(strided).llr, whole.llr)
    np.testing.assert_array_equal(whole.bits, whole.llr < 0)
    assert code.decode(llrs[:0]).bits.shape == (0, 100)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32])
def test_nothing_received_is_nothing_known(size: int) -> None:
    """Though the CRC of zeros is zero; and where nearly nothing was, no two words can be told apart."""
    code = Polar(40, 100, size)
    llrs = np.zeros((2, 100), np.float32)
    llrs[1, :3] = 2
    out = code.decode(llrs)
    assert out.ok is not None and not out.ok[0]
    assert not out.llr[0].any() and not out.bits[0].any()
    assert np.abs(out.llr[1]).max() < 0.9


def test_half_of_the_blocks_lost() -> None:
    """Of a shortened code, whose mother word is never all erased."""
    code = Polar(300, 500)
    bits = random_bits(code, 4)
    llrs = bits_to_llrs(code.encode(bits), 5.0)
    llrs[::2] = 0
    out = code.decode(llrs)
    assert out.ok is not None and out.ok.tolist() == [False, True, False, True]
    assert not out.llr[::2].any()
    np.testing.assert_array_equal(out.bits[1::2], bits[1::2])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("polar:1/2", "polar:1/2"),
        ("polar:0.5,n=1024,list=8,crc=11,bil=1", "polar:1/2"),
        ("polar:1/3", "polar:1/3"),
        ("polar:0.4,n=512,list=32,crc=24,bil=0", "polar:2/5,n=512,list=32,crc=24,bil=0"),
        ("polar:341/1024,list=1", "polar:1/3,list=1"),
    ],
)
def test_spec_is_canonical(text: str, canonical: str) -> None:
    code = CHANNEL_CODES.build(text)
    assert code.spec == canonical
    again = CHANNEL_CODES.build(canonical)
    assert (again.spec, again.k, again.n) == (canonical, code.k, code.n)


@given(st.integers(1, 900), st.integers(18, 1500))
def test_every_code_has_a_spec(k: int, n: int) -> None:
    code = make(k, n)
    again = CHANNEL_CODES.build(code.spec)
    assert (again.k, again.n, again.spec) == (k, n, code.spec)


@given(
    st.sampled_from(["1/2", "1/3", "3/4", "1/6"]), st.sampled_from([256, 512, 1024]), st.integers(0, 70_000)
)
def test_fill_wastes_hardly_a_bit(rate: str, n: int, coded_bits: int) -> None:
    code = CHANNEL_CODES.build(f"polar:{rate},n={n}")
    runs = code.fill(coded_bits)
    used = sum(run.blocks * run.code.n_bits for run in runs)
    assert used <= coded_bits
    if coded_bits >= 64:
        assert coded_bits - used < sum(run.blocks for run in runs)
        assert 4 * min(run.code.n_bits for run in runs) >= 3 * max(run.code.n_bits for run in runs)
        carried = sum(run.blocks * run.code.k_bits for run in runs)
        blocks = sum(run.blocks for run in runs)
        assert 0 <= float(code.rate) * used - carried < blocks
        assert [run.blocks for run in runs[1:]] in ([], [1])
        assert max(run.code.n_bits for run in runs) <= n
    else:
        assert len(runs) <= 1


def test_in_a_frame() -> None:
    frame = Frame(CHANNEL_CODES.build("polar:1/2,n=512"), coded_bits=5000)
    assert frame.crc_bits == 0 and frame.padding_bits == 0
    message = np.random.default_rng(2).integers(0, 2, frame.message_bits).astype(np.uint8)
    rng = np.random.default_rng(3)
    received = 1 - 2.0 * frame.encode(message) + rng.normal(0, 0.6, 5000)
    out = frame.decode((2 / 0.36 * received).astype(np.float32))
    np.testing.assert_array_equal(out.llrs < 0, message == 1)
    assert out.trusted is not None and out.trusted.all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("polar:1", "rate is '1', must be below 1"),
        ("polar:0.999", "message and CRC are 1033 bits, must be from 1 to 1024"),
        ("polar:1/2,n=10", "n is 10, must be from 18 to 8192"),
        ("polar:1/2,n=4096", "message and CRC are 2059 bits, must be from 1 to 1024"),
        ("polar:1/2,list=5", "list size is 5, must be one of 1, 2, 4, 8, 16, 32"),
        ("polar:1/2,crc=16", "crc is 16, must be 6, 11 or 24"),
        ("polar:1/2,bil=2", "bil is 2"),
        ("polar:1/2000", "k is 0, must be at least 1"),
        ("polar", "wrong arguments"),
    ],
)
def test_wrong_specs_are_named(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        CHANNEL_CODES.build(text)


def test_wrong_input_is_named() -> None:
    code = Polar(100, 200)
    with pytest.raises(UsageError, match=r"bits has shape|bits have|\[blocks, 100\]"):
        code.encode(np.zeros((1, 99), np.uint8))
    with pytest.raises(UsageError, match="bits hold 2"):
        code.encode(np.full((1, 100), 2, np.uint8))
    with pytest.raises(TypeError, match="float64"):
        code.decode(np.zeros((1, 200)))
    with pytest.raises(UsageError, match=r"\[blocks, 200\]"):
        code.decode(np.zeros((1, 201), np.float32))
    for value in (np.nan, np.inf):
        llrs = np.zeros((2, 200), np.float32)
        llrs[1, 3] = value
        with pytest.raises(UsageError, match=r"at \[1, 3\]"):
            code.decode(llrs)
    with pytest.raises(TypeError):
        Polar(100.5, 200)  # type: ignore[arg-type]


def test_moving_lanes_without_avx2_gives_the_same() -> None:
    """Rows of LLRs move by an instruction where the processor has it, and by plain loads where not."""
    from channelvq.channel_codes.polar_lanes_kernel import _permute_plain
    from channelvq.channel_codes.polar_nodes_kernel import move_llrs

    rng = np.random.default_rng(4)
    rows = rng.normal(size=(10, 8)).astype(np.float32)
    origin = rng.integers(0, 8, 8).astype(np.int32)
    fast, plain = rows.reshape(-1).copy(), rows.reshape(-1).copy()
    move_llrs(fast, 16, 8, 8, origin, np.empty(80, np.float32))
    for row in range(2, 10):
        _permute_plain(plain, 8 * row, origin)
    expected = rows.copy()
    expected[2:] = rows[2:, origin]
    np.testing.assert_array_equal(fast, expected.reshape(-1))
    np.testing.assert_array_equal(plain, expected.reshape(-1))
