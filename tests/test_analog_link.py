"""The link of symbols: power of each picture, noise at the stated SNR, fading undone, refusals."""

from __future__ import annotations

import json
import math
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from analog_samples import save_small_analog
from samples import photo_like

from channelvq import codecs
from channelvq.analog_link import AnalogLink
from channelvq.codecs import CODECS
from channelvq.codecs.analog import AnalogCodec, Observation, Symbols, equalised, normalised
from channelvq.codecs.base import Decoded, Picture
from channelvq.errors import BudgetError, UsageError
from channelvq.link import Link, why_unfair
from channelvq.snr import Snr


class Tap:
    """A codec that sends given symbols and keeps what was observed of them."""

    spec = "tap"

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        self.snrs: list[float] = []
        self.observation: Observation | None = None

    def check(self, shape: tuple[int, int, int], uses: int) -> None:
        if uses > self.symbols.size:
            raise BudgetError(f"{uses} channel uses are more than {self.symbols.size}")

    def modulate(self, picture: Picture, uses: int, snr: Snr) -> Symbols:
        self.snrs.append(snr.esn0_db)
        return self.symbols[:uses]

    def demodulate(self, observation: Observation, shape: tuple[int, int, int]) -> Decoded:
        self.observation = observation
        return Decoded(np.full(shape, 0.5, np.float32), "ok")


def sent(channel: str, snr_db: float, uses: int = 60_000, power: float = 7.0) -> tuple[Symbols, Observation]:
    """Symbols as they went out, and what was observed."""
    rng = np.random.default_rng(0)
    symbols = (np.sqrt(power) * (rng.normal(size=uses) + 1j * rng.normal(size=uses))).astype(np.complex64)
    codec = Tap(symbols)
    link = AnalogLink.of(codec, channel=channel, cbr=f"{uses}/{3 * 160 * 160}")
    prepared = link.prepare(photo_like(160, 160))
    link.send(prepared, snr_db)
    assert codec.observation is not None
    return link.symbols(prepared, Snr(snr_db)), codec.observation


def test_power_is_one_over_each_pictures_own_symbols() -> None:
    for power in (1e-6, 1.0, 1e6):
        symbols, _ = sent("awgn", 10.0, uses=5000, power=power)
        assert np.square(np.abs(symbols.astype(np.complex128))).mean() == pytest.approx(1, abs=1e-6)
    assert (normalised(np.zeros(4, np.complex64)) == 0).all()


@pytest.mark.parametrize("snr_db", [-3.0, 0.0, 13.0])
def test_noise_is_what_the_snr_says(snr_db: float) -> None:
    symbols, observation = sent("awgn", snr_db)
    noise = observation.symbols - symbols
    n0 = 10 ** (-snr_db / 10)
    # 60000 draws a dimension: the variance is known to 0.6 %, five deviations are 3 %
    assert noise.real.var() == pytest.approx(n0 / 2, rel=0.03)
    assert noise.imag.var() == pytest.approx(n0 / 2, rel=0.03)
    np.testing.assert_allclose(observation.noise_variance, n0, rtol=1e-5)
    assert observation.snr == Snr(snr_db)


@pytest.mark.parametrize(
    "channel", ["rayleigh:block", "rayleigh:fast", "rayleigh:block,coherence=50", "rician:4,fast"]
)
def test_fading_is_undone_and_its_noise_is_told(channel: str) -> None:
    symbols, observation = sent(channel, 10.0)
    noise = (observation.symbols - symbols) / np.sqrt(observation.noise_variance)
    assert np.square(np.abs(noise)).mean() == pytest.approx(1, rel=0.03)
    gain = 0.1 / observation.noise_variance
    if channel != "rayleigh:block":  # of which there is one gain only
        assert gain.mean() == pytest.approx(1, rel=0.15)
        assert len(np.unique(gain)) > 1000


def test_a_gain_of_nothing_is_a_loss() -> None:
    received = np.array([1, np.nan, 1, 1], np.complex64)
    gain = np.array([1, 1, 0, 1e-30], np.complex64)
    observation = equalised(received, gain, 0.5, Snr(3.0))
    assert np.isinf(observation.noise_variance).tolist() == [False, True, True, True]
    assert observation.symbols.tolist() == [1, 0, 0, 0]


def test_the_noise_is_that_of_other_schemes_on_the_picture() -> None:
    # the noise of a link is keyed by seed, picture and trial; two codecs meet the same
    rng = np.random.default_rng(1)
    noises = []
    for _ in range(2):
        codec = Tap((rng.normal(size=200) + 1j * rng.normal(size=200)).astype(np.complex64))
        link = AnalogLink.of(codec, cbr=f"200/{3 * 32 * 32}")
        prepared = link.prepare(photo_like(32, 32))
        link.send(prepared, 6.0, seed=4, trial=2)
        assert codec.observation is not None
        noises.append(codec.observation.symbols - link.symbols(prepared, Snr(6.0)))
    np.testing.assert_allclose(noises[0], noises[1], atol=1e-5)


def test_symbols_are_made_once_an_snr() -> None:
    codec = Tap(np.ones(3072 // 16, np.complex64))
    link = AnalogLink.of(codec, cbr="1/16")
    prepared = link.prepare(photo_like(32, 32))
    for snr in (1.0, 4.0, 1.0, 4.0):
        link.send(prepared, snr)
    assert codec.snrs == [1.0, 4.0]


def test_a_codec_that_breaks_the_contract_is_found_out() -> None:
    class Wrong(Tap):
        def modulate(self, picture: Picture, uses: int, snr: Snr) -> Symbols:
            return self.symbols

    for symbols in (np.ones(300, np.complex64), np.full(192, np.nan, np.complex64)):
        link = AnalogLink.of(Wrong(symbols), cbr="1/16")
        with pytest.raises(RuntimeError, match="codec tap made no 192 finite symbols"):
            link.transmit(photo_like(32, 32), snr_db=3.0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_small_analog(tmp_path_factory.mktemp("weights"))


def test_link_makes_a_link_of_symbols(weights: str) -> None:
    link = Link(codec="deepjscc", model=weights, cbr="1/16", code="none", modulation="none")
    assert isinstance(link, AnalogLink)
    assert isinstance(link.codec, AnalogCodec)
    expected = {"codec": f"deepjscc:{weights}", "code": "none", "modulation": "none", "channel": "awgn"}
    assert link.components == expected
    picture = photo_like(64, 96)
    received = link.transmit(torch.from_numpy(picture), snr_db=12.0, seed=1, trial=3)
    assert isinstance(received.image, torch.Tensor)
    account = received.account
    assert (account.channel_uses, account.cbr) == (1152, 1 / 16)
    assert (account.source_bits, account.paid_bits, account.parts, account.protection) == (0, 0, {}, ())
    rates = received.raw_ber, received.message_ber, received.index_error_rate, received.block_error_rate
    assert rates == (None, None, None, None)
    assert (received.status, received.snr_db, received.seed, received.trial) == ("ok", 12.0, 1, 3)
    assert json.loads(json.dumps(received.to_json()))["raw_ber"] is None
    again = link.transmit(picture, snr_db=12.0, seed=1, trial=3)
    assert (again.image == received.image.numpy()).all()
    assert (link.transmit(picture, snr_db=12.0, seed=1, trial=4).image != again.image).any()


def test_the_picture_follows_the_snr_without_a_cliff(weights: str) -> None:
    link, picture = Link(codec="deepjscc", model=weights, cbr="1/16"), photo_like(96, 128)
    found = [link.transmit(picture, snr_db=snr).psnr_db for snr in (-10, -5, 0, 5, 10, 15, 20)]
    steps = np.diff(found)
    assert (steps > 0).all()
    assert (steps < 6).all()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"code": "ldpc:1/2"},
            "code 'ldpc:1/2' given, but codec 'deepjscc' sends symbols, not bits: leave it out",
        ),
        ({"modulation": "qpsk"}, "modulation 'qpsk' given"),
        ({"concealment": "none"}, "concealment 'none' given"),
        ({"interleaver": "none"}, "interleaver 'none' given"),
        ({"channel": "bsc:0.1"}, "channel 'bsc:0.1' carries bits, .* take awgn, rayleigh or rician"),
        ({"channel": "packet-erasure:0.1"}, "carries bits"),
        ({"channel": "sky"}, "unknown channel 'sky'"),
        ({"cbr": "0"}, "cbr is '0', must be above 0"),
    ],
)
def test_what_belongs_to_bits_is_refused(weights: str, options: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Link(**{"codec": "deepjscc", "model": weights, **options})  # type: ignore[arg-type]


def test_refusals_on_sending(weights: str) -> None:
    link, picture = Link(codec="deepjscc", model=weights, cbr="1/16"), photo_like(32, 32)
    with pytest.raises(UsageError, match="channel 'awgn' needs an SNR"):
        link.transmit(picture)
    with pytest.raises(BudgetError, match="cbr 1/2000 gives 1 channel uses: 1 channel uses do not hold"):
        Link(codec="deepjscc", model=weights, cbr="1/2000").prepare(picture)
    prepared = Link(codec="deepjscc", model=weights, cbr="1/12").prepare(picture)
    with pytest.raises(UsageError, match="cannot be sent by"):
        link.send(prepared, 3.0)
    of_bits = Link(codec="jpeg", code="uncoded", cbr="1").prepare(picture)
    with pytest.raises(UsageError, match="cannot be sent by"):
        link.send(replace(of_bits, scheme=prepared.scheme), 3.0)


def test_it_is_compared_with_links_of_bits_at_equal_uses(weights: str) -> None:
    shape = (3, 64, 96)
    symbols = Link(codec="deepjscc", model=weights, cbr="1/16")
    assert symbols.block_uses(1152) == 1
    assert why_unfair(symbols, Link(codec="jpeg", code="uncoded", cbr="1/16"), shape) is None
    assert "1152 channel uses against" in str(
        why_unfair(symbols, Link(codec="jpeg", code="uncoded", cbr="1/8"), shape)
    )


def test_other_analog_codecs_join_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Named(Tap):
        spec = "mine"

        def __init__(self) -> None:
            super().__init__(np.ones(192, np.complex64))

        @classmethod
        def from_args(cls) -> Named:
            return cls()

    module = types.ModuleType("codecs_of_test_analog_link")
    module.Named = Named  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(CODECS.members, "mine", (f"{module.__name__}:Named", "mine"))
    monkeypatch.setattr(codecs, "ANALOG", codecs.ANALOG | {"mine"})
    received = Link(codec="mine", cbr="1/16").transmit(photo_like(32, 32), snr_db=3.0)
    assert received.channel_uses == 192
    assert math.isfinite(received.psnr_db)
    with pytest.raises(UsageError, match="model 'x' given, but codec 'mine' takes none"):
        Link(codec="mine", model="x")
