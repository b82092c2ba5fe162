"""The link: its account, its error rates against theory, its seeds, its refusals."""

from __future__ import annotations

import json
import math
import sys
import types
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.stats import binom

from channelvq.bits import hard_bits
from channelvq.codecs import CODECS
from channelvq.codecs.base import Decoded, Message, Picture, grey_picture
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.metrics import psnr, ssim
from channelvq.images import image_set
from channelvq.link import Link, why_unfair


def photo(channels: int = 3, height: int = 128, width: int = 160) -> Picture:
    picture = image_set("builtin")[1].load()[:channels, 60 : 60 + height, 120 : 120 + width]
    return np.ascontiguousarray(picture)


class Plain:
    """A codec of a mean grey in 8 bits, sent as many times as fit: easy to reason about."""

    spec = "plain"

    @classmethod
    def from_args(cls) -> Plain:
        return cls()

    def encode(self, picture: Picture, budget_bits: int) -> Message:
        value = round(float(picture.mean()) * 255)
        byte = np.array([value >> (7 - i) & 1 for i in range(8)], np.uint8)
        count = budget_bits // 8
        return Message(np.tile(byte, count), {"values": 8 * count}, np.full(count, value))

    def decode(
        self, llrs: np.ndarray, shape: tuple[int, int, int], trusted: np.ndarray | None = None
    ) -> Decoded:
        values = hard_bits(llrs)[: llrs.size // 8 * 8].reshape(-1, 8) @ (1 << np.arange(7, -1, -1))
        status = "ok" if trusted is None or trusted.all() else "concealed"
        return Decoded(np.full(shape, values[0] / 255, np.float32), status, values.astype(np.int64))


class Deaf(Plain):
    """A codec that loses its indices, and knows one option."""

    spec = "deaf"

    def __init__(self, concealment: str | None = None) -> None:
        self.concealment = concealment

    @classmethod
    def from_args(cls) -> Deaf:
        return cls()

    def decode(
        self, llrs: np.ndarray, shape: tuple[int, int, int], trusted: np.ndarray | None = None
    ) -> Decoded:
        return Decoded(grey_picture(shape), "failed")


@pytest.fixture(autouse=True)
def _codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("codecs_of_test_link")
    module.Plain, module.Deaf = Plain, Deaf  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for name in ("Plain", "Deaf"):
        monkeypatch.setitem(CODECS.members, name.lower(), (f"{module.__name__}:{name}", name.lower()))


@pytest.mark.parametrize("code", ["uncoded", "repetition:3", "rs:255,191", "rs:40,30,crc=32"])
@pytest.mark.parametrize("modulation", ["bpsk", "qpsk", "qam16", "qam64", "qam256"])
@pytest.mark.parametrize("shape", [(3, 128, 160), (1, 127, 159)])
def test_account_adds_up(code: str, modulation: str, shape: tuple[int, int, int]) -> None:
    link = Link(codec="plain", code=code, modulation=modulation, channel="awgn", cbr="1/12")
    prepared = link.prepare(photo(*shape))
    account = prepared.account
    assert account.channel_uses == math.prod(shape) // 12
    assert account.cbr == account.channel_uses / math.prod(shape)
    assert account.paid_bits == account.channel_uses * link.modulation.bits_per_symbol
    parts = account.source_bits + account.crc_bits + account.parity_bits + account.padding_bits
    assert parts == account.paid_bits == prepared.coded_bits.size
    assert sum(account.parts.values()) == account.source_bits
    assert min(account.padding_bits, account.parity_bits, account.crc_bits) >= 0


@pytest.mark.parametrize(("snr_db", "modulation"), [(0.0, "bpsk"), (4.0, "qpsk"), (7.0, "qpsk")])
def test_uncoded_error_rate_is_the_closed_form(snr_db: float, modulation: str) -> None:
    """Q(sqrt(2 Es/N0)) for BPSK, Q(sqrt(Es/N0)) for QPSK; exact binomial test at 1e-8."""
    link = Link(codec="plain", code="uncoded", modulation=modulation, channel="awgn", cbr="1/2")
    received = link.transmit(photo(), snr_db=snr_db)
    esn0 = 10 ** (snr_db / 10)
    p = 0.5 * math.erfc(math.sqrt(esn0 if modulation == "bpsk" else esn0 / 2))
    bits = received.account.paid_bits
    wrong = round(received.raw_ber * bits)
    assert binom.cdf(wrong, bits, p) > 1e-8
    assert binom.sf(wrong - 1, bits, p) > 1e-8
    assert received.message_ber == pytest.approx(received.raw_ber, abs=20 / bits)
    assert received.block_error_rate is None


def test_bsc_rates_and_index_errors() -> None:
    """On a BSC(p) an index of 8 bits is wrong with probability 1 - (1-p)^8; exact test at 1e-8."""
    link = Link(codec="plain", code="uncoded", modulation="qam16", channel="bsc:0.01", cbr="1/2")
    received = link.transmit(photo())
    count = received.account.source_bits // 8
    assert received.index_error_rate is not None
    wrong = round(received.index_error_rate * count)
    p = 1 - 0.99**8
    assert binom.cdf(wrong, count, p) > 1e-8
    assert binom.sf(wrong - 1, count, p) > 1e-8
    assert received.snr_db is None


def test_lost_indices_are_wrong_and_codecs_without_have_none() -> None:
    deaf = Link(codec="deaf", channel="bsc:0").transmit(photo())
    assert deaf.index_error_rate == 1.0
    assert deaf.status == "failed"
    assert Link(codec="jpeg", channel="bsc:0", cbr="1/2").transmit(photo()).index_error_rate is None


@pytest.mark.parametrize("codec", ["jpeg", "jpeg:444"])
@pytest.mark.parametrize("modulation", ["qpsk", "qam64"])
def test_clean_channel_gives_the_codecs_own_picture(codec: str, modulation: str) -> None:
    picture = photo()
    link = Link(codec=codec, code="rs:255,191", modulation=modulation, channel="awgn", cbr="1/4")
    received = link.transmit(picture, snr_db=40.0)
    assert received.status == "ok"
    assert received.raw_ber == received.message_ber == received.block_error_rate == 0
    prepared = link.prepare(picture)
    llrs = (50.0 - 100.0 * prepared.message.bits).astype(np.float32)
    alone = link.codec.decode(llrs, picture.shape)
    np.testing.assert_array_equal(received.image, alone.picture)
    assert received.psnr_db == psnr(picture, alone.picture)
    assert received.ssim == ssim(picture, alone.picture)


def test_reed_solomon_has_its_cliff() -> None:
    """QPSK at 9 dB: byte errors 8 Q(sqrt(7.9)) = 2 %, of which RS(255,191) bears 12.5 %; at 3 dB 47 %."""
    link = Link(codec="jpeg", code="rs:255,191", modulation="qpsk", channel="awgn", cbr="1/4")
    prepared = link.prepare(photo())
    good, bad = link.send(prepared, snr_db=9.0), link.send(prepared, snr_db=3.0)
    assert (good.status, good.block_error_rate, good.message_ber) == ("ok", 0, 0)
    assert (bad.status, bad.block_error_rate) == ("failed", 1)
    np.testing.assert_array_equal(bad.image, grey_picture((3, 128, 160)))
    assert bad.psnr_db == psnr(photo(), grey_picture((3, 128, 160)))


def test_trials_are_keyed_by_seed_image_and_trial_alone() -> None:
    link = Link(codec="plain", code="uncoded", channel="awgn")
    prepared = link.prepare(photo())
    first = link.send(prepared, snr_db=5.0, seed=1, trial=2)
    again = link.transmit(photo(), snr_db=5.0, seed=1, trial=2)
    np.testing.assert_array_equal(first.image, again.image)
    assert first.raw_ber == again.raw_ber
    others = [link.send(prepared, snr_db=5.0, seed=s, trial=t).raw_ber for s, t in ((1, 3), (2, 2))]
    assert first.raw_ber not in others


def test_noise_is_common_to_schemes_and_snrs() -> None:
    """On a BSC the flips are the same places whatever the scheme; a worse channel only adds some."""
    flips = {}
    for code in ("uncoded", "repetition:3"):
        for p in ("0.02", "0.05"):
            link = Link(codec="plain", code=code, channel=f"bsc:{p}")
            prepared = link.prepare(photo())
            llrs = link._cross(prepared, None, seed=0, trial=0)
            flips[code, p] = hard_bits(llrs) != prepared.coded_bits
    np.testing.assert_array_equal(flips["uncoded", "0.02"], flips["repetition:3", "0.02"])
    assert not (flips["uncoded", "0.02"] & ~flips["repetition:3", "0.05"]).any()


def test_tensor_in_tensor_out() -> None:
    link = Link(codec="jpeg", cbr="1/4")
    array = link.transmit(photo(), snr_db=10.0)
    tensor = link.transmit(torch.from_numpy(photo()).double(), snr_db=10.0)
    assert isinstance(array.image, np.ndarray)
    assert isinstance(tensor.image, torch.Tensor)
    assert tensor.image.dtype == torch.float32
    np.testing.assert_array_equal(tensor.image.numpy(), array.image)


def test_json_is_plain_and_complete() -> None:
    received = Link(codec="jpeg", cbr="1/4").transmit(photo(), snr_db=10.0, seed=3, trial=1)
    values = json.loads(json.dumps(received.to_json(), allow_nan=False))
    wanted = "psnr_db ssim status channel_uses cbr source_bits paid_bits raw_ber message_ber"
    assert set(wanted.split()) | {"index_error_rate", "seconds", "seed"} <= set(values)
    assert values["seed"] == 3
    assert values["components"]["code"] == "rs:255,191"
    assert replace(received, psnr_db=math.inf).to_json()["psnr_db"] is None


def test_a_prepared_picture_goes_over_any_channel_of_its_scheme_only() -> None:
    prepared = Link(codec="plain", code="uncoded", channel="bsc:0.1").prepare(photo())
    assert Link(codec="plain", code="uncoded", channel="bsc:0").send(prepared).raw_ber == 0
    with pytest.raises(UsageError, match="cannot be sent by"):
        Link(codec="plain", code="repetition:3", channel="bsc:0").send(prepared)


def test_snr_where_there_is_one_and_only_there() -> None:
    with pytest.raises(UsageError, match=r"'bsc:0\.1' takes none"):
        Link(codec="plain", channel="bsc:0.1").transmit(photo(), snr_db=3.0)
    with pytest.raises(UsageError, match="'rayleigh:block' needs an SNR"):
        Link(codec="plain", channel="rayleigh:block").transmit(photo())
    with pytest.raises(UsageError, match="finite"):
        Link(codec="plain", channel="awgn").transmit(photo(), snr_db=math.nan)


def test_options_are_for_codecs_that_know_them() -> None:
    with pytest.raises(UsageError, match="concealment 'soft' given, but codec 'jpeg' takes none"):
        Link(codec="jpeg", concealment="soft")
    with pytest.raises(UsageError, match="model 'x' given, but codec 'deaf' takes none"):
        Link(codec="deaf", model="x")
    codec = Link(codec="deaf", concealment="soft").codec
    assert isinstance(codec, Deaf)
    assert codec.concealment == "soft"
    with pytest.raises(UsageError, match="one twice"):
        Link(codec="deaf:hard", concealment="soft")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"codec": "gif"}, "unknown codec 'gif'; allowed: jpeg, jpeg-restart"),
        ({"codec": "gif", "concealment": "soft"}, "unknown codec 'gif'"),
        ({"code": "rs:10,20"}, "k is 20"),
        ({"modulation": "qam32"}, "unknown modulation 'qam32'; allowed: bpsk, qpsk"),
        ({"channel": "awg"}, "unknown channel 'awg'"),
        ({"cbr": "0"}, "cbr is '0', must be above 0"),
        ({"cbr": "x"}, "cbr is 'x'"),
    ],
)
def test_wrong_words_are_named(options: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Link(**{"codec": "jpeg", **options})


def test_too_few_channel_uses() -> None:
    with pytest.raises(BudgetError, match="cbr 1/500 gives 122 channel uses: 244 coded bits are too few"):
        Link(codec="jpeg", cbr="1/500").prepare(photo())
    with pytest.raises(BudgetError, match=r"channel uses: a budget of \d+ bits is too small: jpeg needs"):
        Link(codec="jpeg", cbr="1/50").prepare(photo())


def test_cbr_may_be_given_in_any_form() -> None:
    uses = {Link(codec="plain", cbr=cbr).channel_uses((3, 64, 64)) for cbr in ("1/12", Fraction(1, 12))}
    assert uses == {1024}
    assert Link(codec="plain", cbr=0.25).channel_uses((1, 64, 64)) == 1024


def test_unfair_comparisons_are_told() -> None:
    shape = (3, 512, 768)
    first = Link(codec="jpeg", code="rs:255,191", modulation="qpsk")
    assert why_unfair(first, Link(codec="plain", code="uncoded", modulation="qam16"), shape) is None
    near = Link(codec="plain", code="uncoded", cbr=Fraction(98304 + 1020, 3 * 512 * 768))
    assert why_unfair(first, near, shape) is None
    far = Link(codec="plain", code="uncoded", cbr=Fraction(98304 + 1021, 3 * 512 * 768))
    assert "98304 channel uses against 99325" in str(why_unfair(first, far, shape))
