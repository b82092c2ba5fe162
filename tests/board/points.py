"""The theory board: points (code × modulation × channel × SNR) whose block error rate theory knows.

A point is sized so that an exact binomial test at its share of the family-wise false-alarm rate notices an
SNR that is wrong by 0.05 dB with 99 % power. Of codes without a closed form it is asked that they keep to
their bounds: no lower than any code of that length must err, no higher than the union bound of the decoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from channelvq.bler.blocks import judge, send_blocks
from channelvq.channel_codes import CHANNEL_CODES, PuncturedConvolutional
from channelvq.channel_codes.base import Outcome
from channelvq.channels import CHANNELS
from channelvq.evaluation import theory
from channelvq.modulation import MODULATIONS
from channelvq.snr import Snr

FALSE_ALARM = 1e-6  # of the whole board
SHIFT_DB = 0.05
POWER = 0.99
SMALL_STEP = 13  # `make test` runs every 13th point

RICE = {"awgn": math.inf, "rayleigh:fast": 0.0, "rician:4,fast": 4.0}


class Plain:
    """Blocks of as many bits as a symbol has, sent as they are."""

    def __init__(self, bits: int) -> None:
        self.k_bits = self.n_bits = bits

    def encode(self, bits: np.ndarray) -> np.ndarray:
        return bits

    def decode(self, llrs: np.ndarray) -> Outcome:
        return Outcome(llrs, (llrs < 0).astype(np.uint8), None)


@dataclass(frozen=True)
class Point:
    """One point of the board.

    `rate(shift_db)` is the block error rate with the SNR off by so many dB; `side` 0 asks for equality, +1
    that the simulated rate be no lower than `rate`, -1 no higher.
    """

    name: str
    code: Any
    modulation: str
    channel: str
    snr: Snr | None
    rate: Callable[[float], float]
    side: int = 0
    blocks: int | None = None
    demapping: str = "maxlog"

    def size(self, false_alarm: float) -> int:
        """Blocks that give the power."""
        if self.blocks is not None:
            return self.blocks
        p = self.rate(0.0)
        deep, strict = stats.norm.isf(1 - POWER), stats.norm.isf(false_alarm / 2)
        needed = [
            ((strict * math.sqrt(p * (1 - p)) + abs(deep) * math.sqrt(q * (1 - q))) / (p - q)) ** 2
            for q in (self.rate(SHIFT_DB), self.rate(-SHIFT_DB))
        ]
        return math.ceil(1.1 * max(needed))

    def count(self, blocks: int, seed: int) -> int:
        """Send blocks and count those that are wrong."""
        modulation, channel = MODULATIONS.build(self.modulation), CHANNELS.build(self.channel)
        size, errors, done = max(1, (1 << 21) // self.code.n_bits), 0, 0
        while done < blocks:
            sent = send_blocks(
                self.code,
                modulation,
                channel,
                self.snr,
                blocks=min(size, blocks - done),
                seed=seed,
                batch=done,
                demapping=self.demapping,
            )
            errors += int(judge(self.code, sent).wrong.sum())
            done += len(sent.bits)
        return errors

    def p_value(self, errors: int, blocks: int) -> float:
        """Probability of a count as extreme as this, were theory right."""
        p = min(1.0, self.rate(0.0))
        low, high = stats.binom.cdf(errors, blocks, p), stats.binom.sf(errors - 1, blocks, p)
        return float({0: min(1.0, 2 * min(low, high)), 1: low, -1: high}[self.side])


def snr_at(rate: Callable[[Snr], float], target: float) -> Snr:
    """SNR at which a falling error rate is the target, to a hundredth of a dB."""
    esn0_db = optimize.brentq(lambda db: math.log(max(rate(Snr(db)), 1e-300)) - math.log(target), -25.0, 60.0)
    return Snr(round(esn0_db, 2))


def over_snr(
    name: str, code: Any, modulation: str, channel: str, rate: Callable[[Snr], float], target: float
) -> Point:
    """Make a point of a symbol channel where the rate is about the target."""
    snr = snr_at(rate, target)
    title = f"{name} {modulation} {channel} {snr.esn0_db:g} dB"
    return Point(title, code, modulation, channel, snr, lambda shift: rate(Snr(snr.esn0_db + shift)))


def over_bits(name: str, code: Any, channel: str, rate: Callable[[float], float], p: float) -> Point:
    """Make a point of a bit channel, where 0.05 dB stand for 2 % of p."""

    def shifted(shift_db: float) -> float:
        return rate(p * (1 - 0.4 * shift_db))

    return Point(f"{name} {channel}:{p:g}", code, "bpsk", f"{channel}:{p:g}", None, shifted)


def uncoded_points() -> list[Point]:
    return [
        over_snr(
            "uncoded symbol",
            Plain(MODULATIONS.build(modulation).bits_per_symbol),
            modulation,
            channel,
            lambda snr, m=modulation, k=k: theory.symbol_error_rate(m, snr, rice_k=k),
            target,
        )
        for channel, k in RICE.items()
        for modulation in ("bpsk", "qpsk", "qam16", "qam64", "qam256")
        for target in (0.4, 0.2, 0.1, 0.05, 0.02)
        if modulation != "bpsk" or target < 0.4 or k == math.inf  # half the bits are wrong without any signal
    ]


def repetition_points() -> list[Point]:
    points = [
        over_snr(
            f"repetition:{n}",
            CHANNEL_CODES.build(f"repetition:{n}"),
            modulation,
            channel,
            lambda snr, n=n, m=modulation, k=RICE[channel]: theory.repetition_soft_ber(m, snr, n, rice_k=k),
            target,
        )
        for n in (2, 3, 5)
        for modulation, channel in (("bpsk", "awgn"), ("qpsk", "awgn"), ("bpsk", "rayleigh:fast"))
        for target in (0.2, 0.1, 0.03)
    ]
    for n in (3, 4):
        code = CHANNEL_CODES.build(f"repetition:{n}")
        points += [
            over_bits(f"repetition:{n}", code, "bsc", lambda p, n=n: theory.repetition_ber(n, p), p)
            for p in (0.1, 0.2, 0.3)
        ]
        points += [
            over_bits(f"repetition:{n}", code, "bec", lambda p, n=n: theory.repetition_bec_ber(n, p), p)
            for p in (0.3, 0.45)
        ]
    return points


def reed_solomon_points() -> list[Point]:
    def code(n: int, k: int) -> Any:
        return CHANNEL_CODES.build(f"rs:{n},{k},crc=0")

    points = [
        over_snr(
            f"rs:{n},{k}",
            code(n, k),
            modulation,
            channel,
            lambda snr, n=n, k=k, m=modulation, r=RICE[channel]: theory.word_failure_rate(
                n, k, theory.byte_error_rate(m, snr, rice_k=r)
            ),
            target,
        )
        for n, k in ((255, 223), (255, 191), (204, 188), (64, 32), (20, 15))
        for channel, modulations, targets in (
            ("awgn", ("bpsk", "qpsk", "qam16", "qam256"), (0.5, 0.2, 0.05)),
            ("rayleigh:fast", ("qpsk", "qam256"), (0.5, 0.25)),
        )
        for modulation in modulations
        for target in targets
    ]
    for n, k in ((255, 223), (64, 32), (20, 15)):
        t = (n - k) // 2
        for share in (0.7, 1.0):
            p = round(1 - (1 - share * t / n) ** (1 / 8), 6)
            points.append(
                over_bits(
                    f"rs:{n},{k}",
                    code(n, k),
                    "bsc",
                    lambda p, n=n, k=k: theory.word_failure_rate(n, k, theory.independent_error_rate(p)),
                    p,
                )
            )
            e = round(1 - (1 - share * (n - k) / n) ** (1 / 8), 6)
            points.append(
                over_bits(
                    f"rs:{n},{k}",
                    code(n, k),
                    "bec",
                    lambda e, n=n, k=k: theory.word_failure_rate(n, k, 0.0, theory.independent_error_rate(e)),
                    e,
                )
            )
    return points


def bounded_points() -> list[Point]:
    """Codes that decode iteratively or by a trellis, against what no code of their length can beat."""
    points = []
    for text, coded_bits, modulation, ebn0_dbs in (
        ("ldpc:1/2", 2048, "qpsk", (1.0, 1.5)),
        ("ldpc:1/3", 1200, "bpsk", (0.5, 1.0)),
        ("ldpc:3/4", 2048, "qam16", (4.5, 5.0)),
        ("ldpc:2/3", 4800, "qam64", (6.0, 6.5)),
        ("polar:1/2", 512, "qpsk", (1.0, 1.5)),
        ("polar:1/2", 128, "bpsk", (1.0, 2.0)),
        ("conv:1/2", 400, "qpsk", (2.0, 3.0)),
        ("conv:3/4", 400, "qpsk", (3.0, 4.0)),
        ("rs:255,223", 2040, "qpsk", (5.5, 6.0)),
    ):
        code = CHANNEL_CODES.build(text).fill(coded_bits)[0].code
        bits = MODULATIONS.build(modulation).bits_per_symbol
        for ebn0_db in ebn0_dbs:
            snr = Snr.from_ebn0_db(ebn0_db, bits_per_symbol=bits, code_rate=code.k_bits / code.n_bits)
            points.append(
                Point(
                    f"{text} n={code.n_bits} {modulation} awgn {ebn0_db} dB (Eb/N0) against the cone bound",
                    code,
                    modulation,
                    "awgn",
                    snr,
                    lambda shift, c=code, b=bits, s=snr: theory.awgn_error_bound(
                        -(-c.n_bits // b),
                        c.k_bits,
                        Snr(s.esn0_db + shift),
                        axes=min(b, 2),
                        equal_energy=b <= 2,
                    ),
                    side=1,
                    blocks=1000,
                    demapping="exact",
                )
            )
    for text, p in (("ldpc:1/2", 0.08), ("polar:1/2", 0.08), ("conv:1/2", 0.05), ("repetition:3", 0.1)):
        code = CHANNEL_CODES.build(text).fill(3 if text.startswith("rep") else 512)[0].code
        points.append(
            Point(
                f"{text} n={code.n_bits} bsc:{p} against the exact converse",
                code,
                "bpsk",
                f"bsc:{p}",
                None,
                lambda shift, c=code, p=p: theory.bsc_error_bound(c.n_bits, c.k_bits, p),
                side=1,
                blocks=2000,
            )
        )
    return points


def union_points() -> list[Point]:
    """Viterbi decoding is maximum likelihood: its block error rate keeps below the union bound."""
    points = []
    for rate, ebn0_dbs in (
        ("1/2", (3.5, 4.5)),
        ("2/3", (4.0, 5.0)),
        ("3/4", (4.5, 5.5)),
        ("5/6", (5.0, 6.0)),
        ("7/8", (5.5, 6.5)),
    ):
        code = CHANNEL_CODES.build(f"conv:{rate}").fill(600)[0].code
        assert isinstance(code, PuncturedConvolutional)
        spectrum = code.spectrum()
        for ebn0_db in ebn0_dbs:
            snr = Snr.from_ebn0_db(ebn0_db, bits_per_symbol=2, code_rate=code.k_bits / code.n_bits)
            events = np.array(spectrum.events) / spectrum.period
            bound = code.k_bits * theory.union_bound_soft(spectrum.distances, events, "qpsk", snr)
            points.append(
                Point(
                    f"conv:{rate} qpsk awgn {ebn0_db} dB (Eb/N0) against the union bound",
                    code,
                    "qpsk",
                    "awgn",
                    snr,
                    lambda shift, b=bound: min(1.0, b),
                    side=-1,
                    blocks=20_000,
                    demapping="exact",
                )
            )
    return points


def board() -> list[Point]:
    """All points, in a fixed order."""
    return [
        *uncoded_points(),
        *repetition_points(),
        *reed_solomon_points(),
        *bounded_points(),
        *union_points(),
    ]
