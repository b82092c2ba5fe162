"""A codec's clean rate-distortion as a curve, from the points that `channelvq rd` measured."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError

__all__ = ["RateCurve", "read_rates"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RateCurve:
    """Mean PSNR of a codec over its bits per pixel, and what lies between the rates that were measured.

    Monotone interpolation [1]_ over the logarithm of the rate. Nothing is said of rates outside.

    Parameters
    ----------
    bpp : tuple of float
        Rates in bits per pixel, ascending, two at least.
    psnr_db : tuple of float
        Mean PSNR there.

    Raises
    ------
    UsageError
        If there are fewer than two rates, or they do not ascend.

    References
    ----------
    .. [1] F. N. Fritsch, J. Butland, "A method for constructing local monotone piecewise cubic
       interpolants", SIAM J. Sci. Stat. Comput. 5(2), 1984.

    Examples
    --------
    >>> curve = RateCurve((0.25, 0.5, 1.0), (28.0, 30.0, 33.0))
    >>> curve.at([0.1, 0.5, 0.7, 2.0]).round(2)
    array([  nan, 30.  , 31.32,   nan])
    """

    bpp: tuple[float, ...]
    psnr_db: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.bpp) < 2 or len(self.bpp) != len(self.psnr_db):
            raise UsageError(f"there are {len(self.bpp)} rates, must be at least 2, each with its PSNR")
        if not all(0 < a < b < math.inf for a, b in zip(self.bpp, self.bpp[1:], strict=False)):
            raise UsageError(f"rates {self.bpp} must ascend from above 0")

    def at(self, bpp: npt.ArrayLike) -> Floats:
        """Give PSNR in dB at rates in bits per pixel; same shape, NaN where nothing was measured."""
        from scipy.interpolate import PchipInterpolator

        curve = PchipInterpolator(np.log(self.bpp), self.psnr_db, extrapolate=False)
        rates = np.asarray(bpp, np.float64)
        inside = (rates >= self.bpp[0]) & (rates <= self.bpp[-1])
        shown = curve(np.log(np.where(inside, rates, self.bpp[0])))
        return np.where(inside, shown, np.nan)


def read_rates(paths: Sequence[Path]) -> tuple[RateCurve, int]:
    """Read what `channelvq rd --json` printed, of one codec, in one file or several.

    Points without a PSNR, and of rates that a codec could not fill any further, are left out.

    Returns
    -------
    curve : RateCurve
        The codec's.
    images : int
        Over how many images it is the mean.

    Raises
    ------
    UsageError
        If a file cannot be read or is no such thing, or they are of several codecs or numbers of images.
    """
    points: dict[float, float] = {}
    kinds: dict[tuple[str, int], Path] = {}
    for path in paths:
        content = _read_json(path)
        try:
            kinds.setdefault((str(content["codec"]), int(content["images"])), path)
            for point in content["points"]:
                if point["bpp"] is not None and point["psnr_db"] is not None:
                    points.setdefault(float(point["bpp"]), float(point["psnr_db"]))
        except (KeyError, TypeError, ValueError):
            raise UsageError(f"{path} is not what `channelvq rd --json` prints") from None
    if len(kinds) > 1:
        (first, second), files = list(kinds)[:2], [str(path) for path in kinds.values()]
        raise UsageError(
            f"{files[0]} is of {first[0]} on {first[1]} images, {files[1]} of {second[0]} on {second[1]}"
        )
    if len(points) < 2:
        raise UsageError(f"{', '.join(map(str, paths))}: {len(points)} rates, a curve needs at least 2")
    bpp = tuple(sorted(points))
    ((_, images),) = kinds
    return RateCurve(bpp, tuple(points[rate] for rate in bpp)), images


def _read_json(path: Path) -> Any:
    """Read a JSON file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}; make it with: channelvq rd --codec CODEC --json") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise UsageError(f"{path} is not JSON; make it with: channelvq rd --codec CODEC --json") from None
