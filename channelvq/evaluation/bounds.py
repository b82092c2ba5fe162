"""What a codec would reach behind an ideal channel code: its rate-distortion at a channel's capacity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from channelvq.components import integer, parse_spec
from channelvq.errors import UsageError, unknown_name
from channelvq.evaluation.rate_curve import RateCurve
from channelvq.evaluation.theory import (
    capacity_awgn,
    capacity_bec,
    capacity_bicm,
    capacity_bsc,
    capacity_rayleigh,
    capacity_rician,
    dispersion_awgn,
    normal_rate,
)
from channelvq.snr import Snr

__all__ = ["ERROR_RATE", "Bound", "Limit", "check_limit"]

Floats = npt.NDArray[np.float64]

ERROR_RATE = 1e-3
"""Share of pictures that may be lost where the length is finite."""

_GAINS = 4000  # equally probable fadings
_NUMBERS = 4_000_000  # of gains at most, where a picture meets many
_ABOVE = 0.01  # share of fadings whose rates may lie above what was measured
_BITS = ("bsc", "bec", "packet-erasure")


@dataclass(frozen=True)
class Limit:
    """How much a channel carries: `capacity`, `bicm:MODULATION`, `finite` or `finite:USES`.

    Attributes
    ----------
    kind : {"capacity", "bicm", "finite"}
        With the best inputs; with equally probable points of a constellation whose bits are decoded each by
        itself; with the best inputs and code words of finite length (normal approximation), of which so many
        fail that `ERROR_RATE` of the pictures are lost.
    modulation : str or None
        The constellation.
    uses : int or None
        Channel uses of a code word; None: one code word for the whole picture.

    Examples
    --------
    >>> Limit.parse("bicm:qam16")
    Limit(kind='bicm', modulation='qam16', uses=None)
    """

    kind: str
    modulation: str | None = None
    uses: int | None = None

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read a limit.

        Raises
        ------
        UsageError
            If it is none.
        """
        from channelvq.modulation import MODULATIONS

        spec = parse_spec(text)
        if spec.name not in ("capacity", "bicm", "finite"):
            raise unknown_name("limit", spec.name, ("capacity", "bicm:MODULATION", "finite", "finite:USES"))
        most = {"capacity": 0, "bicm": 1, "finite": 1}[spec.name]
        if len(spec.args) > most or spec.options or (spec.name == "bicm" and not spec.args):
            raise UsageError(f"limit is {text!r}, must be capacity, bicm:MODULATION, finite or finite:USES")
        if spec.name == "bicm":
            MODULATIONS.build(spec.args[0])
            return cls("bicm", modulation=spec.args[0])
        uses = integer(spec.args[0], "USES", 16, 10**9) if spec.args else None
        return cls(spec.name, uses=uses)


@dataclass(frozen=True)
class Bound:
    r"""PSNR of a codec whose bits cross a channel at the rate that a limit allows.

    Without fading, or where it is over before a code word ends, that is the codec's PSNR at that rate. Where
    the fading lasts as long as a picture, the rate at which the channel happens to carry it, R, is random.
    A sender that knows the gain sends at R, and the bound is the mean over R. A sender that does not chooses
    one rate r for all; with the PSNR D(r) of the codec and that of the flat grey of a lost picture, G,

    .. math:: \max_r \; P(R \ge r) \, D(r) + P(R < r) \, G

    (outage capacity: L. H. Ozarow, S. Shamai, A. D. Wyner, IEEE Trans. Veh. Technol. 43(2), 1994). The mean
    PSNR of the images stands for each of them. Rates below the lowest that was measured count as lost.

    Parameters
    ----------
    rates : RateCurve
        The codec.
    limit : Limit
        How much the channel carries.
    channel : str
        Its name, as in a sweep.
    bpp_per_use_bit : float
        Bits per pixel that one bit per channel use gives: CBR × 3 in colour, CBR in grey.
    uses : int
        Channel uses of a picture.
    grey_db : float or None
        G, mean over the images; only wanted where pictures are lost.
    csi : bool
        Whether the sender knows the gain.
    bits : int or None
        Bits in a channel use, for channels of bits.

    Raises
    ------
    UsageError
        If nothing is known of that limit for that channel.

    Examples
    --------
    >>> jpeg = RateCurve((0.25, 0.5, 1.0), (28.0, 30.0, 33.0))
    >>> bound = Bound(jpeg, Limit("capacity"), "awgn", bpp_per_use_bit=3 / 12, uses=98304)
    >>> bound.psnr_db(Snr(4.77)), bound.psnr_db(Snr(30.0))  # 2 bits a use are 0.5 bits per pixel
    (29.99..., None)
    """

    rates: RateCurve
    limit: Limit
    channel: str
    bpp_per_use_bit: float
    uses: int
    grey_db: float | None = None
    csi: bool = False
    bits: int | None = None

    def __post_init__(self) -> None:
        check_limit(self.limit, self.channel, csi=self.csi)

    def psnr_db(self, snr: Snr | None) -> float | None:
        """Give the bound at a mean SNR (None for channels of bits); None where the rates do not reach."""
        carried = self._carried(snr)
        if carried.size == 1:
            value = float(self.rates.at(carried * self.bpp_per_use_bit)[0])
            if self.limit.kind == "finite" and self.grey_db is not None:
                value += ERROR_RATE * (self.grey_db - value)
        elif self.grey_db is None:
            return None
        elif self.csi:
            value = self._adapted(carried * self.bpp_per_use_bit)
        else:
            value = self._fixed(carried * self.bpp_per_use_bit)
        return value if math.isfinite(value) else None

    def _adapted(self, bpp: Floats) -> float:
        """Mean over rates, each used; ascending."""
        assert self.grey_db is not None
        lowest, highest = self.rates.bpp[0], self.rates.bpp[-1]
        if np.mean(bpp > highest) > _ABOVE:
            return math.nan
        shown = self.rates.at(np.clip(bpp, lowest, highest))
        return float(np.where(bpp >= lowest, shown, self.grey_db).mean())

    def _fixed(self, bpp: Floats) -> float:
        """Best of rates, one of which is used whatever happens; ascending."""
        assert self.grey_db is not None
        carried = 1 - (np.arange(bpp.size) + 0.5) / bpp.size
        candidates = np.append(bpp, self.rates.bpp)  # that a fading just carries, and those measured
        chances = np.append(carried, np.interp(self.rates.bpp, bpp, carried, left=1.0, right=0.0))
        score = self.grey_db + chances * (self.rates.at(candidates) - self.grey_db)
        if np.isnan(score).all():
            return math.nan
        best = int(np.nanargmax(score))
        if candidates[best] >= self.rates.bpp[-1]:  # a higher rate may be better, and was not measured
            return math.nan
        return float(score[best])

    def _carried(self, snr: Snr | None) -> Floats:
        """Bits per channel use that the channel carries: one number, or equally probable ones, ascending."""
        name = parse_spec(self.channel).name
        if name in _BITS:
            assert self.bits is not None
            p = _built(self.channel).p
            return np.array([self.bits * (capacity_bsc(p) if name == "bsc" else capacity_bec(p))])
        assert snr is not None
        rice_k, coherence = _fading(self.channel)
        if math.isinf(rice_k) or coherence == 1:
            return np.array([self._steady(snr, rice_k)])
        blocks = 1 if coherence is None else -(-self.uses // coherence)
        gains = _gains(rice_k, blocks)
        if self.limit.kind == "capacity":
            return np.sort(np.log1p(gains / snr.n0).mean(axis=1) / math.log(2))
        assert self.limit.modulation is not None
        db, rate = _bicm_table(self.limit.modulation)
        found = np.interp(snr.esn0_db + 10 * np.log10(gains), db, rate)
        return np.sort(found.mean(axis=1))

    def _steady(self, snr: Snr, rice_k: float) -> float:
        """Bits per channel use without fading, or with all fadings in every code word."""
        if self.limit.kind == "bicm":
            assert self.limit.modulation is not None
            return capacity_bicm(self.limit.modulation, snr, rice_k=rice_k)
        if self.limit.kind == "finite":
            length = min(self.limit.uses or self.uses, self.uses)
            words = self.uses / length
            return float(normal_rate(dispersion_awgn(snr, rice_k=rice_k), length, ERROR_RATE / words))
        if math.isinf(rice_k):
            return capacity_awgn(snr)
        return capacity_rician(snr, rice_k) if rice_k else capacity_rayleigh(snr)


def check_limit(limit: Limit, channel: str, *, csi: bool = False) -> None:
    """Refuse what nothing is known of.

    Raises
    ------
    UsageError
        If the channel has memory that a formula would have to know of, or a limit does not go with it.

    Examples
    --------
    >>> check_limit(Limit("finite"), "rayleigh:block")
    Traceback (most recent call last):
        ...
    channelvq.errors.UsageError: limit 'finite' is for awgn and fast fading, not for 'rayleigh:block'; ...
    """
    name = parse_spec(channel).name
    if name in _BITS:
        if limit.kind != "capacity":
            raise UsageError(f"limit {limit.kind!r} is for channels of symbols, {channel!r} takes capacity")
        lasting = False
    elif name in ("awgn", "rayleigh", "rician"):
        rice_k, coherence = _fading(channel)
        lasting = not math.isinf(rice_k) and coherence != 1
    else:
        raise UsageError(f"no capacity is known for channel {channel!r}")
    if lasting and limit.kind == "finite":
        raise UsageError(f"limit 'finite' is for awgn and fast fading, not for {channel!r}; take capacity")
    if csi and not lasting:
        raise UsageError(f"csi = true is for block fading, {channel!r} has no gain to know")


def _built(channel: str) -> Any:
    """Build a channel by its name."""
    from channelvq.channels import CHANNELS

    return CHANNELS.build(channel)


def _fading(channel: str) -> tuple[float, int | None]:
    """Rice factor (infinite without fading), and for how many symbols a gain lasts (None: for all)."""
    if parse_spec(channel).name == "awgn":
        return math.inf, 1
    built = _built(channel)
    return float(built.direct), built.pace.coherence


@lru_cache(maxsize=8)
def _gains(rice_k: float, blocks: int) -> Floats:
    """Power gains [fadings, blocks] that a picture meets, equally probable: quantiles of one, or draws."""
    from scipy import stats

    if blocks == 1:
        middles = (np.arange(_GAINS) + 0.5) / _GAINS
        if rice_k == 0:
            gains = -np.log1p(-middles)
        else:
            gains = stats.ncx2.ppf(middles, 2, 2 * rice_k) / (2 * (1 + rice_k))
        return np.asarray(gains)[:, None]
    fadings = max(min(_GAINS, _NUMBERS // blocks), 200)
    generator = np.random.default_rng(0)
    direct, spread = math.sqrt(rice_k / (1 + rice_k)), math.sqrt(0.5 / (1 + rice_k))
    real = direct + spread * generator.standard_normal((fadings, blocks))
    return np.asarray(real**2 + (spread * generator.standard_normal((fadings, blocks))) ** 2)


@lru_cache(maxsize=8)
def _bicm_table(modulation: str) -> tuple[Floats, Floats]:
    """Tabulate what a constellation carries over SNR in dB, fine enough for 1e-3 bits by straight lines."""
    db = np.arange(-40.0, 50.01, 0.25)
    return db, np.array([capacity_bicm(modulation, Snr(float(value))) for value in db])
