"""Metrics against scikit-image and pytorch-msssim, and against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_msssim import ms_ssim as reference_ms_ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from channelvq.errors import UsageError
from channelvq.evaluation.metrics import ms_ssim, psnr, similarities, ssim
from channelvq.images import image_set, to_8bit


def pair(shape: tuple[int, int, int], noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A photograph cut to `shape`, and the same with white noise."""
    whole = image_set("builtin")[1].load()
    picture = whole[: shape[0], : shape[1], : shape[2]]
    rng = np.random.default_rng(seed)
    noisy = np.clip(picture + noise * rng.standard_normal(picture.shape), 0, 1).astype(np.float32)
    return picture, noisy


SHAPES = [(3, 300, 451), (3, 176, 176), (3, 64, 48), (3, 16, 17), (1, 97, 64), (3, 11, 11), (1, 11, 133)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("noise", [0.004, 0.1])
def test_psnr_and_ssim_equal_scikit_image(shape: tuple[int, int, int], noise: float) -> None:
    sent, received = pair(shape, noise)
    a, b = to_8bit(sent), to_8bit(received)
    assert psnr(sent, received) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255), rel=1e-12)
    expected = structural_similarity(
        a, b, data_range=255, channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert ssim(sent, received) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("shape", [(3, 200, 231), (3, 161, 180), (1, 200, 223)])
@pytest.mark.parametrize("noise", [0.02, 0.2])
def test_ms_ssim_equals_pytorch_msssim(shape: tuple[int, int, int], noise: float) -> None:
    sent, received = pair(shape, noise)
    a, b = (torch.from_numpy(to_8bit(p).astype(np.float64))[None] for p in (sent, received))
    expected = reference_ms_ssim(a, b, data_range=255).item()
    assert ms_ssim(sent, received) == pytest.approx(expected, abs=1e-5)  # its window is float32


def test_a_picture_too_small_for_five_scales_has_no_ms_ssim() -> None:
    sent, received = pair((3, 161, 220), 0.05)
    assert 0 < ms_ssim(sent, received) < 1
    for small in ((3, 160, 220), (1, 220, 160), (3, 16, 16)):
        a, b = pair(small, 0.05)
        assert math.isnan(ms_ssim(a, b))
        assert similarities(a, b)[0] == ssim(a, b)
    with pytest.raises(AssertionError):  # as in the reference
        reference_ms_ssim(*torch.rand(2, 1, 3, 160, 220), data_range=1)


@pytest.mark.parametrize("shape", [(3, 300, 451), (1, 176, 176), (3, 64, 48)])
def test_both_similarities_at_once_are_each_by_itself(shape: tuple[int, int, int]) -> None:
    sent, received = pair(shape, 0.1)
    np.testing.assert_array_equal(
        similarities(sent, received), [ssim(sent, received), ms_ssim(sent, received)]
    )


def test_negative_contrast_counts_as_none() -> None:
    picture = pair((3, 176, 176), 0.0)[0]
    a, b = (torch.from_numpy(to_8bit(p).astype(np.float64))[None] for p in (picture, 1 - picture))
    assert reference_ms_ssim(a, b, data_range=255).item() == ms_ssim(picture, 1 - picture) == 0


def test_psnr_quantises_to_8_bits() -> None:
    black = np.zeros((3, 16, 16))
    assert psnr(black, black + 0.4 / 255) == math.inf
    assert psnr(black, black + 0.6 / 255) == pytest.approx(20 * math.log10(255))
    assert psnr(black, black + 1) == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(16, 40), st.integers(16, 40))
def test_symmetric_and_bounded(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((2, 3, height, width))
    assert ssim(a, b) == pytest.approx(ssim(b, a), abs=1e-12)
    assert psnr(a, b) == psnr(b, a)
    assert -1 <= ssim(a, b) < 1
    assert ssim(a, a) == pytest.approx(1)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_constant_pictures(level: float) -> None:
    flat, grey = np.full((3, 200, 180), level), np.full((3, 200, 180), 128 / 255)
    assert ssim(flat, flat) == pytest.approx(1, abs=1e-12)
    assert ms_ssim(flat, flat) == pytest.approx(1, abs=1e-12)
    a, b = (to_8bit(p).astype(np.float64).transpose(1, 2, 0) for p in (flat, grey))
    assert ssim(flat, grey) == pytest.approx(
        structural_similarity(
            a,
            b,
            data_range=255,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        ),
        abs=1e-12,
    )


def test_the_order_in_memory_does_not_matter() -> None:
    sent, received = pair((3, 170, 180), 0.1)
    turned = np.ascontiguousarray(received.transpose(2, 1, 0)).transpose(2, 1, 0)  # as [W, H, C] lie
    for metric in (psnr, ssim, ms_ssim):
        assert metric(sent, turned) == metric(sent, received)
    strided = np.repeat(received, 2, axis=2)[:, :, ::2]
    assert ssim(sent, strided) == ssim(sent, received)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\(3, 16, 16\) and \(1, 16, 16\)"):
        psnr(np.zeros((3, 16, 16)), np.zeros((1, 16, 16)))
    with pytest.raises(UsageError, match="at least 11"):
        ssim(np.zeros((3, 8, 16)), np.zeros((3, 8, 16)))
