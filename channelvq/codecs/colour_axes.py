"""The colour transform of a picture: the principal axes of its colour gradients, and how they are sent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["AXES_BYTES", "ColourAxes"]

Pixels = npt.NDArray[np.uint8]

AXES_BYTES = 4
_ANGLE_BITS = 10  # 0.35 degrees
_LEVELS = 1 << _ANGLE_BITS
_PEAK = 1023  # of planes of 10 bits


@dataclass(frozen=True)
class ColourAxes:
    """Three orthogonal axes of colour, a rotation of those that photographs have on average.

    Gradients of most photographs' colours lie along (1, 1, 1), then (1, 0, -1), then (-1, 2, -1). A picture's
    own axes (the Karhunen-Loève transform of its gradients) pack them better. The planes are equally scaled,
    so that an error of one quantiser step is equally far in RGB in each of them.

    Attributes
    ----------
    angles : tuple of int
        By how much the mean axes are turned, about the third, the second and the first of them, in 1024ths
        of a turn.

    Examples
    --------
    >>> pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    >>> axes = ColourAxes.of(pixels)
    >>> ColourAxes.from_bytes(axes.to_bytes()) == axes
    True
    >>> int(np.abs(axes.from_planes(axes.to_planes(pixels)).astype(int) - pixels).max())
    0
    """

    angles: tuple[int, int, int] = (0, 0, 0)

    @classmethod
    def of(cls, pixels: Pixels) -> ColourAxes:
        """Find the axes of a picture [H, W, 3]; those of photographs if it has no colour gradients."""
        samples = pixels.astype(np.float64)
        steps = [np.diff(samples, axis=axis).reshape(-1, 3) for axis in (0, 1)]
        spread = sum((step.T @ step for step in steps), np.zeros((3, 3)))
        values, vectors = np.linalg.eigh(spread)
        if values[0] <= 1e-9 * values[-1]:  # along fewer than three axes: which are the others is arbitrary
            return cls()
        axes = vectors.T[::-1]
        axes = axes * np.where((axes * _mean_axes()).sum(1, keepdims=True) < 0, -1, 1)
        if np.linalg.det(axes) < 0:
            axes[2] *= -1
        turn = axes @ _mean_axes().T
        angles = (
            np.arctan2(turn[1, 0], turn[0, 0]),
            -np.arcsin(np.clip(turn[2, 0], -1, 1)),
            np.arctan2(turn[2, 1], turn[2, 2]),
        )
        first, second, third = (int(np.rint(angle * _LEVELS / (2 * np.pi))) % _LEVELS for angle in angles)
        return cls((first, second, third))

    def to_bytes(self) -> bytes:
        """Four bytes: ten bits an angle, then two zeros."""
        number = 0
        for angle in self.angles:
            number = number << _ANGLE_BITS | angle
        return (number << 8 * AXES_BYTES - 3 * _ANGLE_BITS).to_bytes(AXES_BYTES, "big")

    @classmethod
    def from_bytes(cls, data: bytes) -> ColourAxes:
        """Read what `to_bytes` wrote."""
        number = int.from_bytes(data, "big") >> 8 * AXES_BYTES - 3 * _ANGLE_BITS
        first, second, third = (number >> shift & _LEVELS - 1 for shift in (2 * _ANGLE_BITS, _ANGLE_BITS, 0))
        return cls((first, second, third))

    def to_planes(self, pixels: Pixels) -> npt.NDArray[np.uint16]:
        """Pixels [H, W, 3] -> 10-bit planes [3, H, W]: decorrelated, orthogonal, equally scaled.

        Examples
        --------
        >>> ColourAxes().to_planes(np.array([[[255, 255, 255], [255, 0, 0]]], np.uint8))[:, 0].T.tolist()
        [[1023, 512, 512], [341, 929, 270]]
        """
        matrix, offset = self._matrix()
        planes = np.moveaxis(pixels.astype(np.float64) / 255 @ matrix.T + offset, 2, 0)
        return np.rint(planes * _PEAK).astype(np.uint16)

    def from_planes(self, planes: npt.NDArray[np.uint16]) -> Pixels:
        """10-bit planes [3, H, W] -> pixels [H, W, 3], the nearest in 8 bits."""
        matrix, offset = self._matrix()
        samples = (np.moveaxis(planes, 0, 2) / _PEAK - offset) @ (3 * matrix)  # the inverse, transposed
        return np.clip(np.rint(samples * 255), 0, 255).astype(np.uint8)

    def _matrix(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Axes [3, 3] of length 1/√3, so that colours span at most 1 in each; and what centres them."""
        first, second, third = (2 * np.pi * angle / _LEVELS for angle in self.angles)
        turn = _about(2, first) @ _about(1, second) @ _about(0, third)
        matrix = turn @ _mean_axes() / 3**0.5
        return matrix, (1 - matrix.sum(1)) / 2


def _mean_axes() -> npt.NDArray[np.float64]:
    """Axes near those of photographs' colour gradients (of 60 together the first is within 0.5 degrees)."""
    axes = np.array([[1.0, 1, 1], [1, 0, -1], [-1, 2, -1]])
    return np.asarray(axes / np.linalg.norm(axes, axis=1, keepdims=True))


def _about(axis: int, angle: float) -> npt.NDArray[np.float64]:
    """Rotation [3, 3] about an axis."""
    turn = np.eye(3)
    i, j = (k for k in range(3) if k != axis)
    sign = -1.0 if axis == 1 else 1.0
    turn[i, i] = turn[j, j] = np.cos(angle)
    turn[i, j], turn[j, i] = -sign * np.sin(angle), sign * np.sin(angle)
    return turn
