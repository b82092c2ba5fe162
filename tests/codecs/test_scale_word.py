"""The word that tells the scale: exact where it can be read, careful where it cannot."""

from __future__ import annotations

import numpy as np
import pytest

from channelvq.codecs.scale_word import ScaleWord


def receive(word: ScaleWord, value: float, noise: np.ndarray, rng: np.random.Generator) -> float:
    normals = rng.normal(size=(2, word.length)) * np.sqrt(noise / 2)
    symbols = (word.encode(value) + normals[0] + 1j * normals[1]).astype(np.complex64)
    return word.decode(symbols, noise.astype(np.float32))


@pytest.mark.parametrize("length", [4, 16, 64])
def test_words_are_biorthogonal_and_of_unit_power(length: int) -> None:
    word = ScaleWord(length)
    words = np.array([word.encode(value) for value in word.values])
    np.testing.assert_allclose(np.abs(words), 1, atol=1e-6)
    products = (words @ words.conj().T).real
    assert set(np.unique(products.round(3))) == {-length, 0, length}


def test_the_value_is_read_to_half_a_step() -> None:
    word = ScaleWord(64)
    step = word.values[1] - word.values[0]
    for value in (-5.9, -0.4, 0.0, 1.1, 2.95):
        told = word.decode(word.encode(value), np.full(64, 0.01, np.float32))
        assert abs(told - value) <= step / 2 + 1e-6


def test_it_survives_where_pictures_do_not() -> None:
    # -3 dB: the energy of a word is 32 N0, an error has probability below 256/2 exp(-16), 1.4e-5
    rng, word = np.random.default_rng(0), ScaleWord(64)
    told = [receive(word, 0.5, np.full(64, 2.0), rng) for _ in range(200)]
    assert np.abs(np.array(told) - 0.5).max() < 0.05


def test_what_cannot_be_read_is_taken_for_usual() -> None:
    word = ScaleWord(64)
    assert abs(word.decode(np.zeros(64, np.complex64), np.full(64, np.inf, np.float32))) < 0.1
    lost = np.where(np.arange(64) < 32, np.inf, 0.1)
    symbols = np.where(np.isinf(lost), 0, word.encode(1.3)).astype(np.complex64)
    # half of the symbols leave pairs of words alike, which the usual size decides between
    assert np.isfinite(word.decode(symbols, lost.astype(np.float32)))
