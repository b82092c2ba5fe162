"""Bounds against integrals and optima worked out another way."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize

from channelvq.errors import UsageError
from channelvq.evaluation.bounds import ERROR_RATE, Bound, Limit, check_limit
from channelvq.evaluation.rate_curve import RateCurve
from channelvq.evaluation.theory import capacity_bicm, outage_probability
from channelvq.snr import Snr

# D(r) = 30 + 6 log2(r): a straight line over log r, which the interpolation follows exactly.
RATES = tuple(2.0**k for k in range(-8, 5))
STRAIGHT = RateCurve(RATES, tuple(30 + 6 * math.log2(r) for r in RATES))
GREY = 12.0


def d(bpp: float) -> float:
    return 30 + 6 * math.log2(bpp)


def bound(channel: str, limit: str = "capacity", **more: object) -> Bound:
    values = {"bpp_per_use_bit": 0.25, "uses": 98304, "grey_db": GREY, **more}
    return Bound(STRAIGHT, Limit.parse(limit), channel, **values)  # type: ignore[arg-type]


@given(st.floats(-10, 25))
def test_awgn_is_the_codec_at_shannons_rate(snr_db: float) -> None:
    rate = math.log2(1 + 10 ** (snr_db / 10))
    assert bound("awgn").psnr_db(Snr(snr_db)) == pytest.approx(d(rate / 4), abs=1e-9)
    bicm = capacity_bicm("qam16", Snr(snr_db))
    assert bound("awgn", "bicm:qam16").psnr_db(Snr(snr_db)) == pytest.approx(d(bicm / 4), abs=1e-9)


def test_limits_are_in_order() -> None:
    for snr_db in (0.0, 5.0, 10.0, 15.0):
        shannon, long, short, bicm = (
            bound("awgn", limit).psnr_db(Snr(snr_db))
            for limit in ("capacity", "finite", "finite:2048", "bicm:qam64")
        )
        assert short is not None and long is not None and shannon is not None and bicm is not None
        assert shannon > long > short
        assert shannon > bicm


def test_a_finite_length_pays_what_the_normal_approximation_says() -> None:
    n = 98304
    gamma = 10.0
    variance = gamma * (gamma + 2) / (gamma + 1) ** 2 / math.log(2) ** 2
    rate = math.log2(1 + gamma) - math.sqrt(variance / n) * 3.090232 + math.log2(2 * n) / (2 * n)
    expected = (1 - ERROR_RATE) * d(rate / 4) + ERROR_RATE * GREY
    assert bound("awgn", "finite").psnr_db(Snr(10.0)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("snr_db", [0.0, 8.0, 16.0])
@pytest.mark.parametrize("k", [0.0, 4.0])
def test_one_rate_for_all_fadings_is_the_best_one(snr_db: float, k: float) -> None:
    channel = "rayleigh:block" if k == 0 else "rician:4"

    def score(log_rate: float) -> float:
        rate = math.exp(log_rate)
        lost = outage_probability(rate, Snr(snr_db), rice_k=k)
        return -((1 - lost) * d(rate / 4) + lost * GREY)

    best = optimize.minimize_scalar(score, bounds=(-3, 3), method="bounded")
    assert bound(channel).psnr_db(Snr(snr_db)) == pytest.approx(-best.fun, abs=2e-3)


@pytest.mark.parametrize("snr_db", [3.0, 12.0])
def test_a_sender_that_knows_the_gain_has_the_mean(snr_db: float) -> None:
    gamma, least = 10 ** (snr_db / 10), RATES[0]
    threshold = (2 ** (4 * least) - 1) / gamma

    def shown(gain: float) -> float:
        return d(math.log2(1 + gamma * gain) / 4) * math.exp(-gain)

    mean = integrate.quad(shown, threshold, 40, limit=200)[0] + GREY * -math.expm1(-threshold)
    knows = bound("rayleigh:block", csi=True).psnr_db(Snr(snr_db))
    assert knows == pytest.approx(mean, abs=5e-3)
    blind = bound("rayleigh:block").psnr_db(Snr(snr_db))
    assert blind is not None and knows is not None and blind < knows


def test_many_gains_in_a_picture_come_near_the_ergodic_capacity() -> None:
    fast = bound("rayleigh:fast").psnr_db(Snr(10.0))
    blocks = [bound(f"rayleigh:block,coherence={98304 // n}").psnr_db(Snr(10.0)) for n in (1, 4, 64, 1024)]
    assert fast is not None and all(value is not None for value in blocks)
    assert blocks == sorted(blocks)  # type: ignore[type-var]
    assert blocks[0] == pytest.approx(bound("rayleigh:block").psnr_db(Snr(10.0)))
    assert blocks[3] == pytest.approx(fast, abs=0.5)
    assert blocks[3] < fast


def test_bicm_under_block_fading_is_by_the_gain() -> None:
    def score(log_rate: float) -> float:
        rate = math.exp(log_rate)
        lost = outage_probability(rate, Snr(10.0), capacity=lambda snr: capacity_bicm("qpsk", snr))
        return -((1 - lost) * d(rate / 4) + lost * GREY)

    best = optimize.minimize_scalar(score, bounds=(-3, 0.68), method="bounded", options={"xatol": 1e-3})
    assert bound("rayleigh:block", "bicm:qpsk").psnr_db(Snr(10.0)) == pytest.approx(-best.fun, abs=5e-3)


def test_channels_of_bits() -> None:
    h = -0.11 * math.log2(0.11) - 0.89 * math.log2(0.89)
    assert bound("bsc:0.11", bits=2).psnr_db(None) == pytest.approx(d((1 - h) * 2 / 4))
    for channel in ("bec:0.25", "packet-erasure:0.25"):
        assert bound(channel, bits=2).psnr_db(None) == pytest.approx(d(0.75 * 2 / 4))


def test_nothing_is_said_beyond_the_measured_rates() -> None:
    few = RateCurve((0.25, 0.5), (28.0, 31.0))
    over = {"bpp_per_use_bit": 0.25, "uses": 98304, "grey_db": GREY}
    awgn = Bound(few, Limit("capacity"), "awgn", **over)  # type: ignore[arg-type]
    assert [awgn.psnr_db(Snr(x)) is None for x in (-1.0, 1.0, 4.0, 6.0)] == [True, False, False, True]
    block = Bound(few, Limit("capacity"), "rayleigh:block", **over)  # type: ignore[arg-type]
    assert block.psnr_db(Snr(40.0)) is None  # a higher rate would be better
    assert block.psnr_db(Snr(0.0)) is not None
    knows = Bound(few, Limit("capacity"), "rayleigh:block", csi=True, **over)  # type: ignore[arg-type]
    assert knows.psnr_db(Snr(10.0)) is None
    assert few.at([0.2499, 0.25, 0.5, 0.5001]).tolist() == pytest.approx(
        [math.nan, 28, 31, math.nan], nan_ok=True
    )


@pytest.mark.parametrize(
    ("limit", "channel", "csi", "complaint"),
    [
        ("finite", "rician:4", False, "for awgn and fast fading"),
        ("bicm:qpsk", "bsc:0.1", False, "takes capacity"),
        ("capacity", "gilbert-elliott:0.01", False, "no capacity is known"),
        ("capacity", "awgn", True, "has no gain to know"),
        ("capacity", "rayleigh:fast", True, "has no gain to know"),
    ],
)
def test_what_is_not_known_is_refused(limit: str, channel: str, csi: bool, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        check_limit(Limit.parse(limit), channel, csi=csi)


@pytest.mark.parametrize(
    "text", ["capacity:2", "bicm", "bicm:qam17", "finite:1", "finite:a", "shannon", "bicm:a=b"]
)
def test_limits_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        Limit.parse(text)
