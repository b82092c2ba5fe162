"""What a kernel may read of a tensor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

from channelvq.tensors import compact, is_plain


def test_a_tensor_whose_gradient_is_due_is_not_plain() -> None:
    plain, leaf = torch.ones(2), torch.ones(2, requires_grad=True)
    assert is_plain(plain) and is_plain(plain, plain) and is_plain()
    assert not is_plain(leaf) and not is_plain(plain, leaf) and not is_plain(2 * leaf)
    with torch.no_grad():
        assert is_plain(leaf)
    assert is_plain(leaf.detach())


def test_a_tensor_elsewhere_is_not_plain() -> None:
    assert not is_plain(torch.ones(2, device="meta"))


def test_a_tensor_with_a_tangent_is_not_plain() -> None:
    with forward_ad.dual_level():
        assert not is_plain(forward_ad.make_dual(torch.ones(2), torch.ones(2)))
        assert is_plain(torch.ones(2))


def test_a_tensor_inside_a_transform_is_not_plain() -> None:
    seen = []
    torch.func.vmap(lambda x: seen.append(is_plain(x)) or x)(torch.ones(3, 2))  # type: ignore[func-returns-value]
    torch.func.grad(lambda x: seen.append(is_plain(x)) or x.sum())(torch.ones(3))  # type: ignore[func-returns-value]
    assert seen == [False, False]


@pytest.mark.parametrize(
    ("tensor", "shape"),
    [
        (torch.arange(6.0).reshape(2, 3), (2, 3)),
        (torch.tensor(3.0).expand(2, 5), (1, 1)),
        (torch.arange(5.0).expand(2, 5), (1, 5)),
        (torch.arange(2.0)[:, None].expand(2, 5), (2, 1)),
        (torch.arange(12.0).reshape(3, 4).T, (4, 3)),
        (torch.arange(12.0).reshape(3, 4)[:, ::2], (3, 2)),
        (torch.tensor(3.0).expand(1, 1), (1, 1)),
        (torch.tensor([[1 + 2j]]).conj(), (1, 1)),
        (torch.zeros(2, 0), (2, 0)),
    ],
)
def test_numbers_come_without_repeats(tensor: torch.Tensor, shape: tuple[int, int]) -> None:
    array = compact(tensor)
    assert array.shape == shape and array.flags.c_contiguous
    np.testing.assert_array_equal(np.broadcast_to(array, tuple(tensor.shape)), tensor.resolve_conj().numpy())
