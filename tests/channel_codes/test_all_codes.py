"""What every code owes its users: clear errors for bad input, and silence about what it does not know."""

from __future__ import annotations

import numpy as np
import pytest

from channelvq.bits import CERTAIN_LLR, bits_to_llrs
from channelvq.channel_codes import CHANNEL_CODES
from channelvq.channel_codes.base import BlockCode
from channelvq.errors import UsageError

CODES = {
    "uncoded": 1,
    "repetition:3": 3,
    "rs:40,20": 320,
    "rs:40,20,gmd=1": 320,
    "ldpc:1/2": 400,
    "ldpc:1/2,precision=int8": 400,
    "polar:1/2": 256,
    "conv:3/4": 300,
    "conv:1/2,tail=biting": 128,
    "rs+conv:40,30,1/2": 700,
}
VERDICTS = ("rs", "ldpc", "polar")  # codes whose decoder knows whether it failed


def block(text: str) -> BlockCode:
    code: BlockCode = CHANNEL_CODES.build(text).fill(CODES[text])[0].code
    return code


@pytest.fixture(params=CODES)
def code(request: pytest.FixtureRequest) -> BlockCode:
    return block(request.param)


def test_bits_come_back_whatever_the_magnitude(code: BlockCode) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (7, code.k_bits)).astype(np.uint8)
    for magnitude in (1e-20, 1.0, CERTAIN_LLR, 1e6, 1e30):
        out = code.decode(bits_to_llrs(code.encode(bits), magnitude))
        np.testing.assert_array_equal(out.bits, bits)
        np.testing.assert_array_equal(out.bits, out.llr < 0)
        assert out.llr.dtype == np.float32
        if magnitude <= CERTAIN_LLR:
            assert np.abs(out.llr).max() <= CERTAIN_LLR
        assert out.ok is None or out.ok.all()


@pytest.mark.parametrize("text", CODES)
def test_nothing_received_is_nothing_known(text: str) -> None:
    code = block(text)
    out = code.decode(np.zeros((3, code.n_bits), np.float32))
    assert (out.llr == 0).all()
    assert (out.bits == 0).all()
    if text.startswith(VERDICTS):
        assert out.ok is not None
        assert not out.ok.any()
    else:
        assert out.ok is None


def test_a_block_does_not_depend_on_its_batch(code: BlockCode) -> None:
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2, (21, code.k_bits)).astype(np.uint8)
    llrs = (bits_to_llrs(code.encode(bits), 2.0) + rng.normal(0, 2, (21, code.n_bits))).astype(np.float32)
    together = code.decode(llrs)
    for i in (0, 5, 20):
        alone = code.decode(llrs[i : i + 1])
        np.testing.assert_array_equal(alone.llr[0], together.llr[i])
    assert code.decode(llrs[:0]).llr.shape == (0, code.k_bits)
    assert code.encode(bits[:0]).shape == (0, code.n_bits)


def test_wrong_shapes_types_and_values_are_named(code: BlockCode) -> None:
    k, n = code.k_bits, code.n_bits
    good = np.ones((2, n), np.float32)
    for wrong in (np.zeros(n, np.float32), np.zeros((2, n + 1), np.float32), np.zeros((1, 2, n), np.float32)):
        with pytest.raises(UsageError, match=rf"llrs has shape \(.*\), must be float32 \[blocks, {n}\]"):
            code.decode(wrong)
    for value in (np.nan, np.inf, -np.inf):
        broken = good.copy()
        broken[1, n - 1] = value
        with pytest.raises(UsageError, match=rf"llrs hold {value} at \[1, {n - 1}\], must be finite"):
            code.decode(broken)
    with pytest.raises(TypeError, match="llrs has dtype float64, must be float32"):
        code.decode(good.astype(np.float64))
    with pytest.raises(TypeError, match="llrs is a list"):
        code.decode(good.tolist())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=rf"bits has shape \(2, {k + 1}\), must be uint8 \[blocks, {k}\]"):
        code.encode(np.zeros((2, k + 1), np.uint8))
    with pytest.raises(TypeError, match="bits has dtype int64, must be uint8"):
        code.encode(np.zeros((2, k), np.int64))
    with pytest.raises(UsageError, match="bits hold 2, must be 0 and 1"):
        code.encode(np.full((2, k), 2, np.uint8))


def test_views_are_read_like_copies(code: BlockCode) -> None:
    """Columns of a larger array, every other row, and arrays that must not be written."""
    rng = np.random.default_rng(2)
    wide = rng.normal(0, 2, (8, 2 * code.n_bits)).astype(np.float32)
    view = wide[::2, : code.n_bits]
    frozen = np.ascontiguousarray(view)
    frozen.flags.writeable = False
    expected = code.decode(np.ascontiguousarray(view)).llr
    np.testing.assert_array_equal(code.decode(view).llr, expected)
    np.testing.assert_array_equal(code.decode(frozen).llr, expected)
