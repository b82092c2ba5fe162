"""Weight spectra against published tables and against counting with the encoder."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from channelvq.channel_codes.convolutional import Convolutional
from channelvq.channel_codes.punctured import PATTERNS, PuncturedConvolutional
from channelvq.channel_codes.weight_spectrum import weight_spectrum
from channelvq.errors import UsageError

# Conan 1984 for 1/2; Haccoun and Bégin 1989 and Yasuda et al. 1984 for the punctured ones.
PUBLISHED = {
    "1/2": (10, [11, 0, 38, 0, 193, 0, 1331], [36, 0, 211, 0, 1404, 0, 11633]),
    "2/3": (6, [1, 16, 48, 158, 642], [3, 70, 285, 1276, 6160]),
    "3/4": (5, [8, 31, 160, 892], [42, 201, 1492, 10469]),
    "5/6": (4, [14, 69, 654], [92, 528, 8694]),
    "7/8": (3, [2, 46, 499], [9, 500, 7437]),
}


@pytest.mark.parametrize("rate", list(PUBLISHED))
def test_spectra_of_the_punctured_code_are_the_published_ones(rate: str) -> None:
    distance, events, bits = PUBLISHED[rate]
    spectrum = weight_spectrum((0o133, 0o171), 7, PATTERNS[Fraction(rate)], terms=len(events))
    assert spectrum.free_distance == distance
    assert spectrum.events == tuple(events)
    assert spectrum.bits == tuple(bits)
    assert spectrum.period == len(PATTERNS[Fraction(rate)][0])
    assert spectrum.distances == tuple(range(distance, distance + len(events)))


def test_spectrum_of_the_smallest_code_is_its_transfer_function() -> None:
    """(5, 7): T(D, N) = D^5 N / (1 - 2 D N), so a_d = 2^(d-5) and c_d = (d-4) 2^(d-5) (Viterbi 1971)."""
    spectrum = weight_spectrum((0o5, 0o7), 3, terms=20)
    assert spectrum.events == tuple(2**i for i in range(20))
    assert spectrum.bits == tuple((i + 1) * 2**i for i in range(20))


@pytest.mark.parametrize("rate", ["3/4", "5/6", "7/8"])
def test_light_words_of_the_encoder_are_as_many(rate: str) -> None:
    """Below 2 d_free a code word is one event: count those that begin in the first period."""
    length = 16
    messages = np.array(list(itertools.product((0, 1), repeat=length)), np.uint8)[1:]
    period = len(PATTERNS[Fraction(rate)][0])
    messages = messages[messages[:, :period].any(axis=1)]
    weights = PuncturedConvolutional(rate, length, crc=0).encode(messages).sum(axis=1)
    spectrum = weight_spectrum((0o133, 0o171), 7, PATTERNS[Fraction(rate)], terms=1)
    light = weights == spectrum.free_distance
    assert weights.min() == spectrum.free_distance
    # Some of the events are longer than these messages.
    assert spectrum.events[0] / 2 <= light.sum() <= spectrum.events[0]
    assert messages[light].sum() <= spectrum.bits[0]


@pytest.mark.parametrize("generators", [(0o5, 0o7, 0o7), (0o133, 0o145, 0o175), (0o2353, 0o2671, 0o3175)])
def test_free_distance_is_that_of_the_code(generators: tuple[int, ...]) -> None:
    length = max(generators).bit_length()
    spectrum = weight_spectrum(generators, length, terms=1)
    assert spectrum.free_distance == Convolutional(generators, length).free_distance


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (((0o6, 0o5), 3), "catastrophic"),  # both divisible by 1 + D
        (((0o133, 0o171), 13), "constraint_length is 13"),
        (((0o133, 0o171), 6), "generators are"),
        (((), 3), "generators are"),
        (((0o5, 0o7), 3, ("11", "1")), "equally long rows"),
        (((0o5, 0o7), 3, ("1", "1", "1")), "2 equally long rows"),
        (((0o5, 0o7), 3, ("0", "0")), "must send something"),
        (((0o5, 0o7), 3, None, 0), "terms is 0"),
        (((0o5, 0o7), 3, None, 70), "fewer terms"),
    ],
)
def test_wrong_arguments_are_refused(arguments: tuple[object, ...], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        weight_spectrum(*arguments)  # type: ignore[arg-type]
