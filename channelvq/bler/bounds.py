"""What theory says of a code's block error rate: exact, an upper bound, or what the best code would reach."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from channelvq.bler.spec import Curve
from channelvq.channel_codes.base import BlockCode
from channelvq.channel_codes.punctured import PuncturedConvolutional
from channelvq.channel_codes.reed_solomon import ReedSolomon
from channelvq.channel_codes.repetition import Repetition
from channelvq.evaluation.theory import (
    byte_error_rate,
    dispersion_modulation,
    normal_error_rate,
    repetition_soft_ber,
    union_bound_soft,
    word_failure_rate,
)
from channelvq.modulation import MODULATIONS
from channelvq.snr import Snr

__all__ = ["Bound", "bound_of"]

_RICE = {"awgn": math.inf, "rayleigh:fast": 0.0}
"""Channels whose symbols are independent, by their Rice factor."""


@dataclass(frozen=True)
class Bound:
    """A statement of theory.

    Attributes
    ----------
    kind : {"exact", "plain decoding", "union bound", "normal approximation"}
        What kind of statement.
    block_error_rate : float
        What it says.
    """

    kind: str
    block_error_rate: float


def bound_of(code: BlockCode, curve: Curve, ebn0_db: float) -> Bound | None:
    """Say what is known of a code's block error rate at an SNR; None if nothing is.

    Reed-Solomon words fail by the binomial law of their bytes, where whole symbols make a byte; decoding by
    generalised minimum distance, of which no closed form is known, does better than that. The blocks of
    a convolutional code are bounded by the union over the steps at which an error event can begin. For other
    codes the normal approximation tells what the best code of their length and rate would do with this
    constellation: no bound, but no code is far below it.
    """
    if curve.channel not in _RICE:
        return None
    snr, rice_k = curve.snr(ebn0_db), _RICE[curve.channel]
    bits = MODULATIONS.build(curve.modulation).bits_per_symbol
    if isinstance(code, ReedSolomon):
        if 8 % bits:
            return None
        wrong = byte_error_rate(curve.modulation, snr, rice_k=rice_k)
        rate = word_failure_rate(code.n, code.k, wrong)
        return Bound("plain decoding" if code.gmd else "exact", rate)
    if isinstance(code, Repetition):
        if bits > (2 if rice_k else 1):
            return None
        return Bound("exact", repetition_soft_ber(curve.modulation, snr, code.n_bits, rice_k=rice_k))
    if isinstance(code, PuncturedConvolutional):
        # Under fading the two bits of a QPSK symbol share a gain: no bound for independent ones.
        known = bits <= (2 if rice_k else 1)
        return _convolutional(code, curve.modulation, snr, rice_k) if known else None
    uses = code.n_bits / bits
    channel = dispersion_modulation(curve.modulation, snr, rice_k=rice_k)
    return Bound("normal approximation", float(normal_error_rate(channel, uses, code.k_bits)))


def _convolutional(code: PuncturedConvolutional, modulation: str, snr: Snr, rice_k: float) -> Bound:
    """Union over the starts of error events, one a message bit."""
    spectrum = code.spectrum()
    events = np.array(spectrum.events) / spectrum.period  # a message bit
    first = union_bound_soft(spectrum.distances, events, modulation, snr, rice_k=rice_k)
    return Bound("union bound", code.k_bits * first)
