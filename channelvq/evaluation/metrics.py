"""How near a received picture is to the one sent: PSNR, SSIM and MS-SSIM of 8-bit samples."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError
from channelvq.evaluation.similarity_kernel import RADIUS, halve, similarity, squared_error
from channelvq.images import to_8bit

__all__ = ["MS_SSIM_SIDE", "ms_ssim", "psnr", "similarities", "ssim"]

Floats = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]

_WINDOW = 2 * RADIUS + 1
_PEAK = 255.0
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

MS_SSIM_SIDE = (_WINDOW - 1) * 2 ** (len(_SCALE_WEIGHTS) - 1) + 1
"""The least side in pixels, 161, of a picture that has an MS-SSIM: the coarsest scale then holds a window."""


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
    as 0. **A picture with a side below 161 px (`MS_SSIM_SIDE`) has none**: NaN, for its coarsest scale would
    not hold the window, and a measure of fewer scales is another measure.

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
    >>> picture = np.tile(np.linspace(0, 1, 192), (1, 192, 1))
    >>> round(ms_ssim(picture, 0.9 * picture), 3)
    0.995
    >>> ms_ssim(picture[:, :160], picture[:, :160])
    nan
    """
    return similarities(sent, received)[1]


def similarities(sent: npt.ArrayLike, received: npt.ArrayLike) -> tuple[float, float]:
    """SSIM and MS-SSIM of two pictures [C, H, W] in [0, 1], for a third more than SSIM alone.

    The finest scale, which takes three quarters of the time, is the same for both. Numbers, conditions and
    errors are those of `ssim` and `ms_ssim`.

    Examples
    --------
    >>> picture = np.tile(np.linspace(0, 1, 192), (1, 192, 1))
    >>> both = similarities(picture, 1 - picture)
    >>> both == (ssim(picture, 1 - picture), ms_ssim(picture, 1 - picture))
    True
    """
    x, y = _samples(sent, received)
    _check_side(x)
    finest = [similarity(a, b) for a, b in zip(x, y, strict=True)]
    single = float(np.mean([full for full, _ in finest]))
    if min(x.shape[1:]) < MS_SSIM_SIDE:
        return single, math.nan
    planes = zip(x, y, finest, strict=True)
    return single, float(np.mean([_over_scales(a, b, contrast) for a, b, (_, contrast) in planes]))


def _over_scales(sent: Pixels, received: Pixels, finest: float) -> float:
    """Multi-scale SSIM of one channel [H, W], whose contrast-structure at the finest scale is known.

    Contrast-structure of all scales, times the luminance of the coarsest.
    """
    x: Pixels | Floats = sent
    y: Pixels | Floats = received
    full, contrast = 0.0, finest
    product = 1.0
    for weight in _SCALE_WEIGHTS[:-1]:
        product *= max(contrast, 0.0) ** weight
        x, y = halve(x), halve(y)
        full, contrast = similarity(x, y)
    return float(product * max(full, 0.0) ** _SCALE_WEIGHTS[-1])


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
