"""How near a received picture is to the one sent: PSNR, SSIM and MS-SSIM of 8-bit samples."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError
from channelvq.evaluation.similarity_kernel import RADIUS, halve, similarity, squared_error
from channelvq.images import to_8bit

__all__ = ["ms_ssim", "psnr", "ssim"]

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

_WINDOW = 2 * RADIUS + 1
_PEAK = 255.0
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
    error = squared_error(x.reshape(-1), y.reshape(-1)) / x.size
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
    return float(np.mean([similarity(a, b)[0] for a, b in zip(x, y, strict=True)]))


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
    while scales < len(_SCALE_WEIGHTS) and -(-min(x.shape[1:]) >> scales) >= _WINDOW:
        scales += 1
    weights = np.array(_SCALE_WEIGHTS[:scales])
    if scales < len(_SCALE_WEIGHTS):  # the published five sum to 1.0001 and stay as they are
        weights /= weights.sum()
    return float(np.mean([_ms_ssim_plane(a, b, weights) for a, b in zip(x, y, strict=True)]))


def _ms_ssim_plane(sent: Pixels, received: Pixels, weights: Floats) -> float:
    """Multi-scale SSIM of one channel [H, W]: contrast terms of all scales, luminance of the coarsest."""
    x: Pixels | Floats = sent
    y: Pixels | Floats = received
    product = 1.0
    for scale, weight in enumerate(weights):
        full, contrast = similarity(x, y)
        last = scale == len(weights) - 1
        product *= max(full if last else contrast, 0.0) ** float(weight)
        if not last:
            x, y = halve(x), halve(y)
    return product


def _samples(sent: npt.ArrayLike, received: npt.ArrayLike) -> tuple[Pixels, Pixels]:
    x, y = np.asarray(sent), np.asarray(received)
    if x.shape != y.shape:
        raise UsageError(f"pictures have shapes {x.shape} and {y.shape}, must have the same")
    return np.ascontiguousarray(to_8bit(x)), np.ascontiguousarray(to_8bit(y))


def _check_side(x: Pixels) -> None:
    if x.ndim != 3 or min(x.shape[1:]) < _WINDOW:
        raise UsageError(
            f"picture has shape {x.shape}, SSIM needs [C, H, W] with sides of at least {_WINDOW}"
        )
