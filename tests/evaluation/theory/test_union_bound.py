"""Union bounds against maximum-likelihood decoding of the Hamming code, and the known convolutional code."""

from __future__ import annotations

import math

import numpy as np
import pytest

from channelvq.errors import UsageError
from channelvq.evaluation.theory import (
    block_error_rate,
    repetition_soft_ber,
    union_bound_bsc,
    union_bound_soft,
)
from channelvq.snr import Snr

HAMMING = ([3, 4, 7], [7, 7, 1])  # weights of the (7, 4) code
# Information bits of the free distances of (133, 171): J. Conan, "The weight spectra of some short low-rate
# convolutional codes", IEEE Trans. Commun. 32(9), 1984.
CONVOLUTIONAL = ([10, 12, 14, 16, 18, 20], [36, 211, 1404, 11633, 77433, 502690])


def hamming_words() -> np.ndarray:
    parity = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]])
    messages = (np.arange(16)[:, None] >> np.arange(4)) & 1
    return np.concatenate([messages, messages @ parity % 2], axis=1)


@pytest.mark.parametrize(("k", "esn0_db", "slack"), [(math.inf, 3.0, 1.1), (0.0, 9.0, 1.6)])
def test_soft_bound_lies_closely_above_maximum_likelihood(k: float, esn0_db: float, slack: float) -> None:
    words, snr, draws = hamming_words(), Snr(esn0_db), 400_000
    assert np.bincount(words.sum(axis=1)).tolist() == [1, 0, 0, 7, 7, 0, 0, 1]
    rng = np.random.default_rng(11)
    gain = np.ones((draws, 7)) if math.isinf(k) else np.sqrt(rng.exponential(size=(draws, 7)))
    received = gain * (gain + rng.normal(size=(draws, 7)) * math.sqrt(snr.n0 / 2))  # zeros sent as +1
    wrong = int(((received @ (1 - 2 * words).T).argmax(axis=1) != 0).sum())
    bound = union_bound_soft(*HAMMING, "bpsk", snr, rice_k=k)
    deviation = math.sqrt(wrong)
    assert wrong > 500
    assert bound * draws > wrong - 6.2 * deviation  # false alarm 6e-10
    assert bound * draws < slack * wrong + 6.2 * deviation


def test_bsc_bound_lies_above_the_perfect_code() -> None:
    for p in (1e-4, 0.01, 0.1):
        assert union_bound_bsc(*HAMMING, p) > block_error_rate(7, 1, p)
    # For small p each of 21 pairs of errors is counted twice: by a word of weight 3, half by two of weight 4.
    assert union_bound_bsc(*HAMMING, 1e-5) == pytest.approx(42e-10, rel=1e-3)


def test_the_code_of_constraint_length_7_gains_5_db() -> None:
    # For 1e-5 uncoded BPSK needs 9.59 dB, Viterbi decoding some 4.2 (Proakis & Salehi 2008, section 8.6).
    rate = [
        union_bound_soft(*CONVOLUTIONAL, "bpsk", Snr.from_ebn0_db(x, bits_per_symbol=1, code_rate=0.5))
        for x in (4.1, 4.3)
    ]
    assert rate[0] > 1e-5 > rate[1]
    # Far out the first term is all.
    snr = Snr(6.0)
    assert union_bound_soft(*CONVOLUTIONAL, "bpsk", snr) == pytest.approx(
        36 * repetition_soft_ber("bpsk", snr, 10), rel=0.02
    )
    # Hard decisions cost some 2 dB.
    p = repetition_soft_ber("bpsk", Snr.from_ebn0_db(6.3, bits_per_symbol=1, code_rate=0.5), 1)
    assert 0.1 < union_bound_bsc(*CONVOLUTIONAL, p) / 1e-5 < 10


def test_qpsk_is_bpsk_of_half_the_energy() -> None:
    twice = Snr(2.0 + 10 * math.log10(2))
    for k in (0.0, 3.0, math.inf):
        assert union_bound_soft(*HAMMING, "qpsk", twice, rice_k=k) == pytest.approx(
            union_bound_soft(*HAMMING, "bpsk", Snr(2.0), rice_k=k)
        )


def test_wrong_input_is_refused() -> None:
    with pytest.raises(UsageError, match="must both be"):
        union_bound_bsc([1, 2], [1], 0.1)
    with pytest.raises(UsageError, match="distances are"):
        union_bound_bsc([0], [1], 0.1)
    with pytest.raises(UsageError, match="distances are"):
        union_bound_soft([1.5], [1], "bpsk", Snr(0.0))
    with pytest.raises(UsageError, match="counts are"):
        union_bound_bsc([1], [-1], 0.1)
    with pytest.raises(UsageError, match="modulation is"):
        union_bound_soft([1], [1], "qam16", Snr(0.0))
