"""A picture's own axes of colour: found, sent in four bytes, and turned back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from channelvq.codecs.colour_axes import AXES_BYTES, ColourAxes

ANGLES = st.tuples(*3 * [st.integers(0, 1023)])


@given(ANGLES)
def test_bytes_hold_the_angles(angles: tuple[int, int, int]) -> None:
    data = ColourAxes(angles).to_bytes()
    assert len(data) == AXES_BYTES
    assert ColourAxes.from_bytes(data).angles == angles


@given(ANGLES)
def test_any_axes_lose_nothing_of_any_colour(angles: tuple[int, int, int]) -> None:
    levels = np.array([0, 1, 100, 254, 255], np.uint8)
    pixels = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(25, 5, 3)
    axes = ColourAxes(angles)
    planes = axes.to_planes(pixels)
    assert planes.shape == (3, 25, 5)
    assert planes.max() <= 1023  # nothing was wrapped: the planes hold every colour
    assert (axes.from_planes(planes) == pixels).all()


@given(st.integers(0, 2**32))
def test_planes_are_as_uncorrelated_as_numpys_axes(seed: int) -> None:
    """Random walks with correlated colours: steps of the planes have the variances of the true axes."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(40, 40, 3)) * [12, 5, 2] @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    pixels = np.clip(np.rint(mixed + 128), 0, 255).astype(np.uint8)
    planes = ColourAxes.of(pixels).to_planes(pixels).astype(float)
    steps = np.concatenate([np.diff(planes, axis=axis).reshape(3, -1) for axis in (1, 2)], axis=1)
    own = np.concatenate([np.diff(pixels.astype(float), axis=axis).reshape(-1, 3) for axis in (0, 1)])
    true = np.linalg.eigvalsh(own.T @ own)[::-1] * (1023 / 255) ** 2 / 3
    np.testing.assert_allclose((steps**2).sum(1), true, rtol=0.02, atol=0.3 * steps.shape[1])


def test_pictures_without_colour_keep_the_axes_of_photographs() -> None:
    grey = np.repeat(np.random.default_rng(0).integers(0, 256, (16, 16, 1)), 3, axis=2).astype(np.uint8)
    assert ColourAxes.of(grey) == ColourAxes.of(np.full((16, 16, 3), 7, np.uint8)) == ColourAxes()
