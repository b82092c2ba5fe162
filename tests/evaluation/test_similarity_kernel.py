"""The kernels of SSIM against its definition, window by window, and against other implementations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from skimage.metrics import structural_similarity
from skimage.transform import downscale_local_mean

from channelvq.evaluation.similarity_kernel import RADIUS, halve, similarity, squared_error

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def defined(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Wang 2004, equations 13 to 16: every window by itself, variances from differences to the mean."""
    bell = np.exp(-(np.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * 1.5**2))
    weights = np.outer(bell, bell) / bell.sum() ** 2
    size = 2 * RADIUS + 1
    a, b = (sliding_window_view(p.astype(np.float64), (size, size)) for p in (x, y))

    def mean(values: np.ndarray) -> np.ndarray:
        return np.einsum("ijkl,kl->ij", values, weights)

    mean_a, mean_b = mean(a), mean(b)
    from_a, from_b = a - mean_a[..., None, None], b - mean_b[..., None, None]
    contrast = (2 * mean(from_a * from_b) + C2) / (mean(from_a**2) + mean(from_b**2) + C2)
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return float((luminance * contrast).mean()), float(contrast.mean())


def planes(seed: int, height: int, width: int, spread: int) -> tuple[np.ndarray, np.ndarray]:
    """A channel and one that is like it."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (height, width))
    y = np.clip(x + rng.integers(-spread, spread + 1, x.shape), 0, 255)
    return x.astype(np.uint8), y.astype(np.uint8)


@given(st.integers(0, 2**32 - 1), st.integers(11, 90), st.integers(11, 90), st.integers(0, 255))
def test_equals_the_definition(seed: int, height: int, width: int, spread: int) -> None:
    x, y = planes(seed, height, width, spread)
    assert similarity(x, y) == pytest.approx(defined(x, y), abs=1e-12)
    assert similarity(x.astype(np.float64), y.astype(np.float64)) == similarity(x, y)


# Around the kernel's tiles of 64 × 64 windows.
@pytest.mark.parametrize("height", [11, 73, 74, 75, 139])
@pytest.mark.parametrize("width", [11, 73, 74, 75, 138, 203])
def test_equals_scikit_image_at_the_edges_of_tiles(height: int, width: int) -> None:
    x, y = planes(1, height, width, 60)
    expected = structural_similarity(
        x, y, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert similarity(x, y)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_constant_channels(level: int) -> None:
    flat = np.full((37, 80), level, np.uint8)
    assert similarity(flat, flat) == pytest.approx((1, 1), abs=1e-12)
    other = np.full_like(flat, 200)
    luminance = (2 * 200 * level + C1) / (200**2 + level**2 + C1)  # no contrast, no covariance
    assert similarity(flat, other) == pytest.approx((luminance, 1), abs=1e-12)


def test_one_window() -> None:
    x = np.zeros((11, 11), np.uint8)
    x[5, 5] = 255  # the window's middle weighs w
    w = 1 / np.exp(-(np.arange(-5, 6) ** 2) / 4.5).sum() ** 2
    contrast = C2 / (255**2 * (w - w * w) + C2)
    luminance = C1 / ((255 * w) ** 2 + C1)
    assert similarity(x, np.zeros_like(x)) == pytest.approx((luminance * contrast, contrast), rel=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_halves_as_scikit_image_does(seed: int, height: int, width: int) -> None:
    x, _ = planes(seed, height, width, 0)
    even = np.pad(x, ((height % 2, 0), (width % 2, 0)))  # zeros before it
    np.testing.assert_array_equal(halve(x), downscale_local_mean(even.astype(np.float64), (2, 2)))
    np.testing.assert_array_equal(halve(x.astype(np.float64)), halve(x))


def test_squared_error_is_exact() -> None:
    x, y = planes(2, 300, 400, 255)
    expected = sum((int(a) - int(b)) ** 2 for a, b in zip(x.flat, y.flat, strict=True))
    assert squared_error(x.reshape(-1), y.reshape(-1)) == expected
    black = np.zeros(1 << 17, np.uint8)
    assert squared_error(black, black + np.uint8(255)) == (1 << 17) * 255**2  # more than 32 bits hold


PRINT_VALUES = """
import numpy as np
from channelvq.evaluation.similarity_kernel import halve, similarity
for shape in ((11, 11), (40, 300), (200, 75)):
    x, y = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.uint8)
    print(*(value.hex() for value in similarity(x, y)))
    wide = np.pad(x, 11), np.pad(y, 11)
    print(*(value.hex() for value in similarity(*map(halve, wide))))
"""


@pytest.mark.slow
def test_the_instruction_set_does_not_matter(tmp_path: Path) -> None:
    # The same values to the last bit without vector units, and where fused multiply-add is to be had.
    def run(**settings: str) -> str:
        cache = str(tmp_path / settings.get("NUMBA_CPU_NAME", "host"))
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache, **settings}
        command = [sys.executable, "-c", PRINT_VALUES]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    values = run()
    assert values.count("0x") == 12
    assert values == run(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
