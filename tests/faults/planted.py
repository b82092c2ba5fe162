"""Faults of the kind that this field makes, to be planted one at a time: a pytest plugin.

`pytest -p faults.planted` with CHANNELVQ_FAULT=NAME in the environment runs the suite with that fault in the
package; run.py does so for all of them and says which test noticed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from channelvq import framing, link, modulation
from channelvq.bits import CERTAIN_LLR
from channelvq.channel_codes import LDPC, Polar, PuncturedConvolutional, ReedSolomon, Repetition
from channelvq.channel_codes.base import Outcome
from channelvq.channels.awgn import Awgn
from channelvq.channels.base import Received
from channelvq.channels.bec import BinaryErasure
from channelvq.channels.bsc import BinarySymmetric
from channelvq.channels.fading import Fading, Pace
from channelvq.channels.gilbert_elliott import GilbertElliott
from channelvq.channels.packet_erasure import PacketErasure
from channelvq.interleavers import Interleaver
from channelvq.modulation import Modulation
from channelvq.randomness import generator
from channelvq.snr import Snr

FAULTS: dict[str, tuple[str, Callable[[], None]]] = {}
"""Name to (what is wrong, how to plant it)."""


def fault(what: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function that plants a fault."""

    def register(plant: Callable[[], None]) -> Callable[[], None]:
        FAULTS[plant.__name__] = what, plant
        return plant

    return register


def change(owner: Any, name: str, wrong: Callable[..., Any]) -> None:
    """Replace a function or method by `wrong(original, *args)`."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *args, **kwargs: wrong(original, *args, **kwargs))


def change_outcome(code: type, wrong: Callable[[Outcome], Outcome]) -> None:
    """Change what a decoder gives."""
    change(code, "decode", lambda decode, self, llrs: wrong(decode(self, llrs)))


def change_llrs(code: type, wrong: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change what a decoder is given."""
    change(code, "decode", lambda decode, self, llrs: decode(self, wrong(llrs).astype(np.float32)))


def pytest_configure() -> None:
    """Plant what the environment names."""
    name = os.environ.get("CHANNELVQ_FAULT")
    if name:
        FAULTS[name][1]()


# --- noise and SNR ------------------------------------------------------------------------------------------


def _awgn(shift_db: float, told: float) -> None:
    """Noise of another power, and another one told to the receiver (1: the right one)."""

    def wrong(transmit: Any, self: Awgn, symbols: torch.Tensor, snr: Snr, seed_of: Any) -> Received:
        received = transmit(self, symbols, Snr(snr.esn0_db + shift_db), seed_of)
        variance = torch.tensor(snr.n0 * told, dtype=received.noise_variance.dtype)
        return Received(received.symbols, received.gain, variance)

    change(Awgn, "transmit", wrong)


@fault("noise 3 dB too weak: N0/2 taken for the variance of the complex noise")
def noise_too_weak() -> None:
    _awgn(10 * np.log10(2), 1.0)


@fault("noise 3 dB too strong: N0 in each real dimension")
def noise_too_strong() -> None:
    _awgn(-10 * np.log10(2), 1.0)


@fault("noise 0.1 dB too weak")
def noise_slightly_off() -> None:
    _awgn(0.1, 1.0)


@fault("the receiver is told N0/2 for N0: LLRs twice as large")
def told_half_the_noise() -> None:
    _awgn(0.0, 0.5)


@fault("code rate counted twice in Eb/N0")
def rate_counted_twice() -> None:
    def wrong(build: Any, ebn0_db: float, *, bits_per_symbol: int, code_rate: float) -> Snr:
        return build(ebn0_db, bits_per_symbol=bits_per_symbol, code_rate=code_rate**2)

    change(Snr, "from_ebn0_db", wrong)


@fault("bits per symbol forgotten in Eb/N0")
def bits_per_symbol_forgotten() -> None:
    def wrong(build: Any, ebn0_db: float, *, bits_per_symbol: int, code_rate: float) -> Snr:
        return build(ebn0_db, bits_per_symbol=1, code_rate=code_rate)

    change(Snr, "from_ebn0_db", wrong)


# --- modulation ---------------------------------------------------------------------------------------------


@fault("sign of the LLRs")
def llr_sign() -> None:
    change(Modulation, "demap", lambda demap, *args, **kwargs: -demap(*args, **kwargs))


@fault("LLRs half as large")
def llr_scale() -> None:
    change(Modulation, "demap", lambda demap, *args, **kwargs: demap(*args, **kwargs) / 2)


@fault("natural instead of Gray labels, at both ends")
def natural_labels() -> None:
    modulation._nr_level = lambda label, bits: 2**bits - 1 - 2 * label  # type: ignore[assignment]


@fault("real and imaginary bits change places in the mapper alone")
def bit_order() -> None:
    def wrong(map_: Any, self: Modulation, bits: torch.Tensor) -> torch.Tensor:
        symbols = map_(self, bits)
        return symbols if self.axes == 1 else torch.complex(symbols.imag, symbols.real)

    change(Modulation, "map", wrong)


@fault("unit power in each real dimension: the constellation is 3 dB too strong")
def power_per_dimension() -> None:
    def wrong(init: Any, self: Modulation, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if self.axes == 2:
            self._levels = self._levels * 2**0.5
            self._points = self._points * 2**0.5

    change(Modulation, "__init__", wrong)


@fault("power normalised over the batch of symbols that happens to be sent")
def power_over_the_batch() -> None:
    def wrong(map_: Any, self: Modulation, bits: torch.Tensor) -> torch.Tensor:
        symbols = map_(self, bits)
        return symbols / symbols.abs().square().mean().sqrt() if symbols.numel() else symbols

    change(Modulation, "map", wrong)


@fault("LLRs after equalisation with the noise variance before it")
def equalised_with_wrong_variance() -> None:
    def wrong(demap: Any, self: Modulation, received: Received, *args: Any, **kwargs: Any) -> torch.Tensor:
        equalised = received.symbols / received.gain
        one = torch.ones_like(received.gain)
        return demap(self, Received(equalised, one, received.noise_variance), *args, **kwargs)

    change(Modulation, "demap", wrong)


# --- fading and bit channels --------------------------------------------------------------------------------


@fault("Rayleigh as a real gain")
def real_gain() -> None:
    def wrong(gain: Any, self: Fading, *args: Any) -> torch.Tensor:
        gains = gain(self, *args)
        return torch.complex(gains.real * 2**0.5, torch.zeros_like(gains.real))

    change(Fading, "_gain", wrong)


@fault("a gain of mean power 2")
def gain_too_strong() -> None:
    change(Fading, "_gain", lambda gain, *args: gain(*args) * 2**0.5)


@fault("block fading drawn anew for every symbol")
def block_fading_is_fast() -> None:
    def wrong(gain: Any, self: Fading, *args: Any) -> torch.Tensor:
        pace, self.pace = self.pace, Pace(1)
        try:
            return gain(self, *args)
        finally:
            self.pace = pace

    change(Fading, "_gain", wrong)


@fault("a BSC that takes p for the LLR of twice the confidence")
def bsc_overconfident() -> None:
    change(BinarySymmetric, "transmit", lambda transmit, *args, **kwargs: transmit(*args, **kwargs) * 2)


@fault("erased bits of a BEC read as sure zeros")
def erasures_read_as_zeros() -> None:
    def wrong(transmit: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        llrs = transmit(*args, **kwargs)
        return torch.where(llrs == 0, torch.full_like(llrs, CERTAIN_LLR), llrs)

    change(BinaryErasure, "transmit", wrong)


@fault("packets lost bit by bit")
def packets_lost_by_bits() -> None:
    def wrong(transmit: Any, self: PacketErasure, bits: torch.Tensor, seed_of: Any) -> torch.Tensor:
        return BinaryErasure(self.p).transmit(bits, seed_of)

    change(PacketErasure, "transmit", wrong)


@fault("a Gilbert-Elliott channel without memory")
def bursts_without_memory() -> None:
    def wrong(transmit: Any, self: GilbertElliott, bits: torch.Tensor, seed_of: Any) -> torch.Tensor:
        return BinarySymmetric(self.p).transmit(bits, seed_of)

    change(GilbertElliott, "transmit", wrong)


# --- codes --------------------------------------------------------------------------------------------------


@fault("Reed-Solomon takes erased bytes for received ones")
def erasures_ignored() -> None:
    change_llrs(ReedSolomon, lambda llrs: np.where(llrs == 0, np.float32(1e-3), llrs))


@fault("Reed-Solomon vouches for every block")
def reed_solomon_always_ok() -> None:
    change_outcome(ReedSolomon, lambda out: Outcome(out.llr, out.bits, np.ones_like(out.ok)))


@fault("LDPC decodes hard decisions")
def ldpc_hard_input() -> None:
    change_llrs(LDPC, lambda llrs: 4 * np.sign(llrs))


@fault("LDPC adds an offset to its LLRs (a punctured place taken for a likely zero)")
def ldpc_offset() -> None:
    change_llrs(LDPC, lambda llrs: np.where(llrs == 0, np.float32(1), llrs))


@fault("the list of the polar decoder is ignored: no CRC chooses")
def polar_always_ok() -> None:
    change_outcome(Polar, lambda out: Outcome(out.llr, out.bits, np.ones_like(out.ok)))


@fault("Viterbi takes erased bits for likely zeros")
def viterbi_offset() -> None:
    change_llrs(PuncturedConvolutional, lambda llrs: np.where(llrs == 0, np.float32(2), llrs))


@fault("copies of a repetition code vote instead of adding their LLRs")
def repetition_votes() -> None:
    change_llrs(Repetition, lambda llrs: np.sign(llrs))


# --- frame and link -----------------------------------------------------------------------------------------


@fault("interleaver not undone")
def interleaver_not_undone() -> None:
    change(Interleaver, "deinterleave", lambda undo, self, array: array)


@fault("scrambler not undone")
def scrambler_not_undone() -> None:
    def wrong(decode: Any, self: framing.Frame, llrs: np.ndarray, told: Any = None) -> framing.Unframed:
        return decode(self, np.where(framing.scrambler(self.coded_bits, self.seed), -llrs, llrs), told)

    change(framing.Frame, "decode", wrong)


@fault("CRCs that are always right")
def crc_ignored() -> None:
    change(framing, "row_checks", lambda checks, width, bits: np.zeros_like(checks(width, bits)))


@fault("CRC bits not counted")
def crc_not_paid() -> None:
    framing.Frame.crc_bits = property(lambda self: 0)  # type: ignore[assignment]


@fault("the same noise in every trial")
def same_noise_every_trial() -> None:
    link.generator = lambda seed, stream, image="", trial=0: generator(seed, stream, image, 0)  # type: ignore[attr-defined]


@fault("noise that depends on the scheme")
def noise_of_the_scheme() -> None:
    def wrong(cross: Any, self: link.Link, prepared: Any, snr: Any, seed: int, trial: int) -> np.ndarray:
        return cross(self, prepared, snr, seed + len(self.code.spec), trial)

    change(link.Link, "_cross", wrong)
