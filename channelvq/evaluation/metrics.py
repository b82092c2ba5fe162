"""How near a received picture is to the one sent: PSNR, SSIM and MS-SSIM of 8-bit samples."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError
from channelvq.images import to_8bit

__all__ = ["ms_ssim", "psnr", "ssim"]

Plane = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

_RADIUS, _SIGMA = 5, 1.5
_STRIP = 64  # rows of windows at once
_PEAK = 255.0
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def psnr(sent: npt.ArrayLike, received: npt.ArrayLike) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(255² / MSE), over all samples of two pictures in [0, 1].

    Both are rounded to 8 bits first, as a file would hold them. **Pictures that are then identical have
    an infinite PSNR**: a mean over images must not contain one unawares.

    Raises
    ------
    UsageError
        If the shapes differ.

    Examples
    --------
    >>> black = np.zeros((3, 16, 16))
    >>> round(psnr(black, black + 1 / 255), 2)
    48.13
    >>> psnr(black, black)
    inf
    """
    x, y = _samples(sent, received)
    difference = x.astype(np.int32) - y
    error = float(np.mean(difference * difference))
    return math.inf if error == 0 else 10 * math.log10(_PEAK**2 / error)


def ssim(sent: npt.ArrayLike, received: npt.ArrayLike) -> float:
    """Structural similarity of two pictures [C, H, W] in [0, 1], mean over pixels and channels.

    As published [1]_: Gaussian window 11 × 11 with σ = 1.5, K1 = 0.01, K2 = 0.03, population covariances,
    8-bit samples, only windows that lie inside the picture; each colour channel by itself.

    Raises
    ------
    UsageError
        If the shapes differ or a side is below 11 px.

    References
    ----------
    .. [1] Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error
       visibility to structural similarity", IEEE Trans. Image Process. 13(4), 2004.

    Examples
    --------
    >>> picture = np.tile(np.linspace(0, 1, 32), (1, 32, 1))
    >>> round(ssim(picture, 1 - picture), 3)
    -0.501
    """
    x, y = _samples(sent, received)
    _check_side(x)
    return float(np.mean([_similarity(a, b)[0] for a, b in zip(x, y, strict=True)]))


def ms_ssim(sent: npt.ArrayLike, received: npt.ArrayLike) -> float:
    """Multi-scale SSIM of two pictures [C, H, W] in [0, 1], mean over channels.

    Five scales, each half the last (mean of 2 × 2), with the published weights [1]_; negative terms count
    as 0. A picture too small for the window at the coarsest scales (a side below 161 px) uses the scales that
    it has, their weights scaled to sum to 1: such values compare only among pictures of one size class.

    Raises
    ------
    UsageError
        If the shapes differ or a side is below 11 px.

    References
    ----------
    .. [1] Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multi-scale structural similarity for image quality
       assessment", Asilomar 2003.

    Examples
    --------
    >>> picture = np.tile(np.linspace(0, 1, 32), (1, 32, 1))
    >>> round(ms_ssim(picture, picture), 6)
    1.0
    """
    x, y = _samples(sent, received)
    _check_side(x)
    scales = 1
    while scales < len(_SCALE_WEIGHTS) and -(-min(x.shape[1:]) >> scales) > 2 * _RADIUS:
        scales += 1
    weights = np.array(_SCALE_WEIGHTS[:scales])
    if scales < len(_SCALE_WEIGHTS):  # the published five sum to 1.0001 and stay as they are
        weights /= weights.sum()
    return float(np.mean([_ms_ssim_plane(a, b, weights) for a, b in zip(x, y, strict=True)]))


def _ms_ssim_plane(sent: Pixels, received: Pixels, weights: Plane) -> float:
    """Multi-scale SSIM of one channel [H, W]: contrast terms of all scales, luminance of the coarsest."""
    x, y = sent.astype(np.float64), received.astype(np.float64)
    product = 1.0
    for scale, weight in enumerate(weights):
        full, contrast = _similarity(x, y)
        last = scale == len(weights) - 1
        product *= max(full if last else contrast, 0.0) ** float(weight)
        if not last:
            x, y = _halve(x), _halve(y)
    return product


def _samples(sent: npt.ArrayLike, received: npt.ArrayLike) -> tuple[Pixels, Pixels]:
    x, y = np.asarray(sent), np.asarray(received)
    if x.shape != y.shape:
        raise UsageError(f"pictures have shapes {x.shape} and {y.shape}, must have the same")
    return to_8bit(x), to_8bit(y)


def _check_side(x: Pixels) -> None:
    if x.ndim != 3 or min(x.shape[1:]) < 2 * _RADIUS + 1:
        side = 2 * _RADIUS + 1
        raise UsageError(f"picture has shape {x.shape}, SSIM needs [C, H, W] with sides of at least {side}")


def _similarity(sent: Pixels | Plane, received: Pixels | Plane) -> tuple[float, float]:
    """Mean over the windows of a channel [H, W]: luminance × contrast-structure, and the latter alone."""
    windows = sent.shape[0] - 2 * _RADIUS
    full, structure = 0.0, 0.0
    for top in range(0, windows, _STRIP):  # strips stay in the cache: twice as quick for large pictures
        rows = slice(top, min(top + _STRIP, windows) + 2 * _RADIUS)
        x, y = sent[rows].astype(np.float64), received[rows].astype(np.float64)
        mean_x, mean_y = _smooth(x), _smooth(y)
        variances = _smooth(x * x + y * y) - mean_x * mean_x - mean_y * mean_y
        covariance = _smooth(x * y) - mean_x * mean_y
        luminance = (2 * mean_x * mean_y + _C1) / (mean_x * mean_x + mean_y * mean_y + _C1)
        contrast = (2 * covariance + _C2) / (variances + _C2)
        full += float((luminance * contrast).sum())
        structure += float(contrast.sum())
    count = windows * (sent.shape[1] - 2 * _RADIUS)
    return full / count, structure / count


def _smooth(x: Plane) -> Plane:
    """Gaussian mean of each 11 × 11 window inside the picture."""
    from scipy.ndimage import correlate1d  # type: ignore[import-untyped,unused-ignore]  # slow to import

    window = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
    window /= window.sum()
    rows: Plane = correlate1d(x, window, axis=0)[_RADIUS:-_RADIUS]
    columns: Plane = correlate1d(rows, window, axis=1)[:, _RADIUS:-_RADIUS]
    return columns


def _halve(x: Plane) -> Plane:
    """Mean of each 2 × 2 block; a side of odd length gets a zero before it, as pytorch-msssim does."""
    height, width = x.shape
    padded = np.pad(x, ((height % 2, height % 2), (width % 2, width % 2)))
    height, width = padded.shape[0] // 2, padded.shape[1] // 2
    halved: Plane = padded[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean(axis=(1, 3))
    return halved
