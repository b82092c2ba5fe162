"""The quick convolution is torch's, to rounding, and the same whatever the threads and the batch."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from channelvq.models.convolution import Conv3x3, _six, _transform
from channelvq.models.convolution_kernel import PIECE
from channelvq.models.convolution_lanes import PANEL


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def layer(inputs: int, outputs: int, seed: int = 0) -> Conv3x3:
    torch.manual_seed(seed)
    return Conv3x3(inputs, outputs)


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def exact(convolution: Conv3x3, x: torch.Tensor) -> torch.Tensor:
    assert convolution.bias is not None
    return functional.conv2d(
        x.double(), convolution.weight.double(), convolution.bias.double(), padding=1
    ).detach()


def quick(convolution: Conv3x3, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        assert convolution._is_quick(x)
        return convolution(x)


@settings(max_examples=25)
@given(
    inputs=st.sampled_from([16, 48, 64]),
    outputs=st.sampled_from([32, 96]),
    batch=st.integers(1, 3),
    height=st.integers(1, 23),
    width=st.integers(1, 23),
    seed=st.integers(0, 2**31),
)
def test_equals_exact_sums(inputs: int, outputs: int, batch: int, height: int, width: int, seed: int) -> None:
    convolution, x = layer(inputs, outputs, seed), numbers(batch, inputs, height, width, seed=seed)
    y, expected = quick(convolution, x), exact(convolution, x)
    assert y.shape == expected.shape
    assert y.dtype == torch.float32
    # results are about 0.6 in size; each is a sum of up to 576 products
    assert (y - expected).abs().max() < 3e-5
    assert (y - expected).square().mean().sqrt() < 3e-6


def test_at_the_size_of_a_picture() -> None:
    convolution, x = layer(192, 192), numbers(1, 192, 64, 96)
    error = quick(convolution, x) - exact(convolution, x)
    assert error.square().mean().sqrt() < 3e-6
    assert error.abs().max() < 1e-4


def test_neither_threads_nor_batch_nor_order_in_memory_matter() -> None:
    convolution, x = layer(32, 64), numbers(3, 32, 50, 61)  # 208 tiles: several pieces
    assert 4 * PIECE < 13 * 16
    torch.set_num_threads(1)
    alone = quick(convolution, x)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        assert torch.equal(quick(convolution, x), alone)
    torch.set_num_threads(1)
    for i in range(3):
        assert torch.equal(quick(convolution, x[i : i + 1]), alone[i : i + 1])
    for other in (x.contiguous(memory_format=torch.channels_last), x.repeat_interleave(2, 3)[..., ::2]):
        assert torch.equal(quick(convolution, other), alone)


def test_an_impulse_gives_the_weights() -> None:
    convolution = layer(16, 32)
    x = torch.zeros(1, 16, 9, 9)
    x[0, 5, 4, 3] = 1
    assert convolution.bias is not None
    y = quick(convolution, x)[0] - convolution.bias.detach()[:, None, None]
    turned = convolution.weight.detach()[:, 5].flip(1, 2)
    assert torch.allclose(y[:, 3:6, 2:5], turned, atol=1e-6)
    y[:, 3:6, 2:5] = 0
    assert y.abs().max() < 1e-6


def test_elsewhere_it_is_the_convolution_of_torch() -> None:
    convolution, x = layer(16, 32), numbers(2, 16, 8, 9)
    plain = torch.nn.Conv2d(16, 32, 3, padding=1)
    plain.load_state_dict(convolution.state_dict())  # the same names
    assert torch.equal(convolution(x), plain(x))  # a gradient is wanted
    convolution(x).sum().backward()
    plain(x).sum().backward()
    assert torch.equal(convolution.weight.grad, plain.weight.grad)
    with torch.no_grad():
        assert not convolution._is_quick(x.double())
        assert not layer(8, 32)._is_quick(numbers(1, 8, 8, 8))
        assert not layer(16, 40)._is_quick(x)
        with torch.autocast("cpu", torch.bfloat16):
            assert not convolution._is_quick(x)
        assert convolution(x[:0]).shape == (0, 32, 8, 9)
        with pytest.raises(RuntimeError, match="channels"):
            convolution(numbers(1, 32, 8, 8))


def test_changed_weights_are_noticed() -> None:
    convolution, x = layer(16, 32), numbers(1, 16, 8, 8)
    first = quick(convolution, x)
    assert torch.equal(quick(convolution, x), first)
    other = layer(16, 32, seed=1)
    expected = quick(other, x)
    assert not torch.allclose(first, expected, atol=1e-2)
    twin = copy.deepcopy(convolution)
    convolution.load_state_dict(other.state_dict())
    assert torch.equal(quick(convolution, x), expected)
    assert torch.equal(quick(twin, x), first)
    twin.load_state_dict(other.state_dict(), assign=True)
    assert torch.equal(quick(twin, x), expected)
    with torch.no_grad():
        convolution.weight.mul_(2)
        convolution.bias.zero_()
    assert torch.allclose(quick(convolution, x), exact(convolution, x).float(), atol=3e-5)
    with torch.inference_mode():
        assert torch.equal(convolution(x), quick(convolution, x))


def test_weights_are_transformed_by_the_published_matrix() -> None:
    matrix = np.array(
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ]
    )
    assert np.allclose(_six(np.eye(3)), matrix, atol=1e-15)
    weight = np.random.default_rng(0).normal(size=(32, 16, 3, 3)).astype(np.float32)
    packed = _transform(weight)
    for output, input_ in ((0, 0), (17, 3), (31, 15)):
        spectrum = matrix @ weight[output, input_] @ matrix.T
        mine = packed[:, output // PANEL, input_, output % PANEL].reshape(6, 6)
        assert np.allclose(mine, spectrum, rtol=1e-6, atol=1e-7)
