"""The difference between two schemes, trial by trial on the same noise, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from channelvq.sweep.means import Strata, margins_of_failures, margins_of_shown
from channelvq.sweep.statistics import ERROR
from channelvq.sweep.stopping import PointTrials

__all__ = ["Difference", "Pairs", "difference", "holm", "pair"]

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-18  # variance in dB² that values of equal trials may have
_LEAST_P = 1e-12  # below, tails of any distribution are fiction


@dataclass(frozen=True)
class Pairs:
    """Trials of two schemes with equal image and number: they met the same noise.

    Attributes
    ----------
    first, second : PointTrials
        Of either scheme, row by row the same image and trial.
    left_out : int
        Trials of either that the other does not have.
    """

    first: PointTrials
    second: PointTrials
    left_out: int

    @property
    def count(self) -> int:
        """Number of pairs."""
        return int(self.first.image.size)

    def of_image(self, number: int) -> Pairs:
        """Only the pairs of one image, as a set of one image."""
        return Pairs(_only(self.first, number), _only(self.second, number), 0)


@dataclass(frozen=True)
class Difference:
    """First scheme minus second, in dB of PSNR, mean over the images.

    Attributes
    ----------
    value : float or None
        None where an image has no pair.
    low, high : float or None
        95 % interval, of what was seen: failures of one scheme alone count if there were any.
    p : float or None
        Two-sided p-value of no difference: the least error at which the interval leaves 0 out, and no less
        than a sign test of so many pairs can give. `holm` corrects it for the number of comparisons.
    cautious_low, cautious_high, cautious_p : float or None
        The same, allowing for failures of one scheme alone that were too rare to be seen.
    pairs, left_out : int
        Pairs that went in, and trials without a partner.
    unpaired_factor : float or None
        How many times the trials a comparison on independent noise would need for the same variance; None
        where neither scheme varies.
    """

    value: float | None
    low: float | None
    high: float | None
    p: float | None
    cautious_low: float | None
    cautious_high: float | None
    cautious_p: float | None
    pairs: int
    left_out: int
    unpaired_factor: float | None


def pair(first: PointTrials, second: PointTrials) -> Pairs:
    """Find the trials that both have; rows in any order.

    Examples
    --------
    >>> def trials(numbers, psnr):
    ...     rows = np.array(numbers)
    ...     return PointTrials(1, 0 * rows, rows, np.array(psnr), np.zeros(rows.size, dtype=bool))
    >>> both = pair(trials([0, 1, 2], [30.0, 31.0, 32.0]), trials([2, 0], [29.0, 28.0]))
    >>> (both.first.psnr_db - both.second.psnr_db).tolist(), both.left_out
    ([2.0, 3.0], 1)
    """
    span = 1 + max((int(side.trial.max()) for side in (first, second) if side.trial.size), default=0)
    keys = [side.image * span + side.trial for side in (first, second)]
    common, ours, theirs = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
    left_out = keys[0].size + keys[1].size - 2 * common.size
    return Pairs(first.rows(ours), second.rows(theirs), left_out)


def difference(pairs: Pairs, error: float = ERROR) -> Difference:
    r"""Estimate the difference of mean PSNR, with images as strata and pairs as units.

    The variance of a difference on common noise is :math:`\mathrm{var}(A) + \mathrm{var}(B) - 2\,
    \mathrm{cov}(A, B)`: what both schemes suffer alike drops out. Pairs in which both schemes or neither
    failed have the margins of a stratified mean (`limits`); pairs in which one failed alone are counted, and
    the limits of Clopper and Pearson of their share, times what the failure cost, come on top, as there.

    Parameters
    ----------
    pairs : Pairs
        From `pair`.
    error : float
        What the intervals may miss.
    """
    first, second = pairs.first.strata(), pairs.second.strata()
    joint = _Joint(pairs, first, second)
    known = bool(pairs.first.images) and bool(joint.apart.counts.all())
    if not known:
        return Difference(None, None, None, None, None, None, None, pairs.count, pairs.left_out, None)
    low, high = joint.limits(error, cautious=False)
    cautious_low, cautious_high = joint.limits(error, cautious=True)
    return Difference(
        value=joint.value,
        low=low,
        high=high,
        p=None if low is None else joint.p_value(cautious=False),
        cautious_low=cautious_low,
        cautious_high=cautious_high,
        cautious_p=None if low is None else joint.p_value(cautious=True),
        pairs=pairs.count,
        left_out=pairs.left_out,
        unpaired_factor=_unpaired_factor(pairs),
    )


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """Correct the p-values of several comparisons, so that none of them errs with 95 % [1]_.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
       Statistics 6(2), 1979.

    Examples
    --------
    >>> made = [Difference(1.0, 0.5, 1.5, p, 0.5, 1.5, p, 9, 0, None) for p in (0.01, 0.04, 0.03)]
    >>> [found.p for found in holm(made)]
    [0.03, 0.06, 0.06]
    """
    plain = _holm([found.p for found in differences])
    cautious = _holm([found.cautious_p for found in differences])
    return [
        replace(found, p=p, cautious_p=q) for found, p, q in zip(differences, plain, cautious, strict=True)
    ]


class _Joint:
    """Sums over pairs: of the difference, and of either scheme."""

    def __init__(self, pairs: Pairs, first: Strata, second: Strata) -> None:
        one, two = pairs.first, pairs.second
        apart = one.failed != two.failed
        images = one.images
        self.apart = Strata.of(one.capped_db - two.capped_db, one.image, images, failed=apart)
        self.first, self.second = first, second
        self.only_first = np.bincount(one.image[one.failed & apart], minlength=images)
        self.only_second = np.bincount(one.image[two.failed & apart], minlength=images)
        self.value = float(self.apart.means.mean()) if images else math.nan

    def limits(self, error: float, *, cautious: bool) -> tuple[float | None, float | None]:
        """Interval of the difference, or None where it cannot be told."""
        below, above = margins_of_shown(self.apart, error)
        if not np.isfinite(below):
            return None, None
        down, up = [float(below)], [float(above)]
        if cautious or self.only_first.any():
            lower, upper = margins_of_failures(self.first, error, self.only_first)
            down.append(float(lower))
            up.append(float(upper))
        if cautious or self.only_second.any():  # a failure of the second raises the difference
            lower, upper = margins_of_failures(self.second, error, self.only_second)
            down.append(float(upper))
            up.append(float(lower))
        return self.value - math.hypot(*down), self.value + math.hypot(*up)

    def p_value(self, *, cautious: bool) -> float:
        """P-value of no difference; pairs that agree to the last digit are no more than so many signs."""
        pairs = int(self.apart.counts.sum())
        return max(_p_value(lambda error: self.limits(error, cautious=cautious)), 2.0 ** (1 - pairs))


def _p_value(limits: Callable[[float], tuple[float | None, float | None]]) -> float:
    """Find the least error at which the interval leaves 0 out, to three digits."""

    def leaves_out(exponent: float) -> bool:
        low, high = limits(10.0**exponent)
        return low is not None and high is not None and (low > 0 or high < 0)

    out, inside = 0.0, math.log10(_LEAST_P)
    if not leaves_out(out - 1e-9):
        return 1.0
    if leaves_out(inside):
        return _LEAST_P
    while out - inside > 2e-4:
        middle = (out + inside) / 2
        out, inside = (middle, inside) if leaves_out(middle) else (out, middle)
    return float(10.0**out)


def _unpaired_factor(pairs: Pairs) -> float | None:
    """Ratio of var(A) + var(B) to var(A − B), all of the mean over images."""
    one, two = pairs.first, pairs.second

    def spread(values: Floats) -> float:
        strata = Strata.of(values, one.image, one.images)
        return float((strata.variance / strata.counts).sum())

    apart = spread(one.capped_db - two.capped_db)
    each = spread(one.capped_db) + spread(two.capped_db)
    if each < _ROUNDING:
        return None
    return each / apart if apart > _ROUNDING else math.inf


def _holm(values: Sequence[float | None]) -> list[float | None]:
    """Holm's correction; None stays, and does not count."""
    known = sorted((p, i) for i, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (p, i) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[i] = largest
    return corrected


def _only(trials: PointTrials, number: int) -> PointTrials:
    """Choose one image, which becomes number 0 of 1."""
    chosen = trials.rows(np.flatnonzero(trials.image == number))
    return replace(
        chosen,
        images=1,
        image=np.zeros(chosen.image.size, dtype=np.int64),
        floor_db=None if trials.floor_db is None else trials.floor_db[number : number + 1],
    )
