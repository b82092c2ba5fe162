"""Weight spectrum of a convolutional code, from which its error rates are bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelvq.errors import UsageError

__all__ = ["WeightSpectrum", "weight_spectrum"]

_MAX_CONSTRAINT = 12
_MAX_STEPS = 10_000
_MAX_COUNT = 1 << 58  # sums over states and phases stay below 2^63


@dataclass(frozen=True)
class WeightSpectrum:
    """Error events of a convolutional code by weight, summed over the steps of a period at which they begin.

    The union bound [1]_ of maximum likelihood decoding: a message bit is wrong with at most probability
    sum_d c_d / P · P2(d), and an event begins at a step with at most sum_d a_d / P · P2(d), where P is the
    period and P2(d) the probability of mistaking two words at distance d, Q(√(2 d Es/N0)) in Gaussian noise.

    Attributes
    ----------
    free_distance : int
        d_free, the least weight of an error event: a path that leaves state 0 and comes back for the first
        time.
    events : tuple of int
        a_d for d = d_free, d_free + 1, ...: how many events have weight d.
    bits : tuple of int
        c_d: how many wrong message bits they have altogether.
    period : int
        P, message bits in a puncturing period, 1 without puncturing.

    References
    ----------
    .. [1] A. J. Viterbi, "Convolutional codes and their performance in communication systems", IEEE Trans.
       Commun. Technol. 19(5), 1971.
    """

    free_distance: int
    events: tuple[int, ...]
    bits: tuple[int, ...]
    period: int

    @property
    def distances(self) -> tuple[int, ...]:
        """The weights d that `events` and `bits` count."""
        return tuple(range(self.free_distance, self.free_distance + len(self.events)))


def weight_spectrum(
    generators: Sequence[int],
    constraint_length: int,
    pattern: Sequence[str] | None = None,
    terms: int = 10,
) -> WeightSpectrum:
    """Count the error events of a feed-forward code of rate 1/n, punctured or not, by their weight.

    Parameters
    ----------
    generators : sequence of int
        The n generators; the highest bit meets the newest input.
    constraint_length : int
        K, from 2 to 12.
    pattern : sequence of str, optional
        For each generator which of its outputs are sent, a character ("1" or "0") a step; all equally long.
        Without it all are sent.
    terms : int
        How many weights from the free distance on.

    Raises
    ------
    UsageError
        If an argument is out of range, or the code is catastrophic: events of any length have a low weight.

    References
    ----------
    .. [1] J. Conan, "The weight spectra of some short low-rate convolutional codes", IEEE Trans. Commun.
       32(9), 1984; D. Haccoun, G. Bégin, "High-rate punctured convolutional codes for Viterbi and sequential
       decoding", IEEE Trans. Commun. 37(11), 1989, whose sums over a period these are.

    Examples
    --------
    >>> spectrum = weight_spectrum((0o133, 0o171), 7, terms=5)
    >>> spectrum.free_distance, spectrum.events, spectrum.bits
    (10, (11, 0, 38, 0, 193), (36, 0, 211, 0, 1404))
    >>> weight_spectrum((0o133, 0o171), 7, pattern=("110", "101"), terms=3)  # rate 3/4
    WeightSpectrum(free_distance=5, events=(8, 31, 160), bits=(42, 201, 1492), period=3)
    """
    sent = _checked(generators, constraint_length, pattern)
    if terms < 1:
        raise UsageError(f"terms is {terms}, must be at least 1")
    distance = _free_distance(generators, constraint_length, sent)
    most = distance + terms - 1
    events, bits = np.zeros(most + 1, np.int64), np.zeros(most + 1, np.int64)
    for phase in range(sent.shape[0]):
        more_events, more_bits = _events(generators, constraint_length, sent, phase, most)
        events, bits = events + more_events, bits + more_bits
    return WeightSpectrum(
        distance, tuple(events[distance:].tolist()), tuple(bits[distance:].tolist()), sent.shape[0]
    )


def _free_distance(generators: Sequence[int], constraint_length: int, sent: npt.NDArray[np.int64]) -> int:
    """Least weight of an event: the first for which any is found."""
    for most in range(len(generators) * constraint_length + 1):  # an impulse weighs no more
        for phase in range(sent.shape[0]):
            if _events(generators, constraint_length, sent, phase, most)[0].any():
                return most
    raise AssertionError("one wrong bit makes an event")


def _checked(
    generators: Sequence[int], constraint_length: int, pattern: Sequence[str] | None
) -> npt.NDArray[np.int64]:
    """Whether output i of step t of a period is sent, [period, n]."""
    if not 2 <= constraint_length <= _MAX_CONSTRAINT:
        raise UsageError(f"constraint_length is {constraint_length}, must be from 2 to {_MAX_CONSTRAINT}")
    if not generators or any(not 0 < g < 1 << constraint_length for g in generators):
        octal = ", ".join(f"0o{g:o}" for g in generators)
        raise UsageError(f"generators are ({octal}), must each have 1 to {constraint_length} bits")
    rows = pattern if pattern is not None else ["1"] * len(generators)
    if (
        len(rows) != len(generators)
        or len({len(row) for row in rows}) != 1
        or set("".join(rows)) - {"0", "1"}
    ):
        raise UsageError(f"pattern is {rows}, must be {len(generators)} equally long rows of 0 and 1")
    sent = np.array([[int(c) for c in row] for row in rows], np.int64).T
    if not sent.any():
        raise UsageError(f"pattern is {rows}, must send something")
    return sent


def _events(
    generators: Sequence[int], constraint_length: int, sent: npt.NDArray[np.int64], phase: int, most: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Events that begin in this phase and their wrong bits, by weight from 0 to `most`.

    Steps through the trellis with the number of paths in each state by weight, and their inputs of 1.
    """
    states, half = 1 << (constraint_length - 1), 1 << (constraint_length - 2)
    outputs = np.array(
        [[[(r & g).bit_count() & 1 for g in generators] for r in (s, states | s)] for s in range(states)]
    )  # [state, input, n]; the register is input and state
    paths, ones = np.zeros((states, most + 1), np.int64), np.zeros((states, most + 1), np.int64)
    events, bits = np.zeros(most + 1, np.int64), np.zeros(most + 1, np.int64)
    first = int(outputs[0, 1] @ sent[phase])
    if first <= most:
        paths[half, first], ones[half, first] = 1, 1
    for step in range(1, _MAX_STEPS):
        if not paths.any():
            return events, bits
        weights = outputs @ sent[(phase + step) % sent.shape[0]]
        after, after_ones = np.zeros_like(paths), np.zeros_like(ones)
        for s in np.flatnonzero(paths.any(axis=1)).tolist():
            for u in (0, 1):
                w, there = int(weights[s, u]), u * half + (s >> 1)
                if w > most:
                    continue
                after[there, w:] += paths[s, : most + 1 - w]
                after_ones[there, w:] += ones[s, : most + 1 - w] + u * paths[s, : most + 1 - w]
        events, bits = events + after[0], bits + after_ones[0]
        if max(bits.max(), after_ones.max()) > _MAX_COUNT:
            raise UsageError(f"counts exceed {_MAX_COUNT}, must be of fewer terms")
        after[0], after_ones[0] = 0, 0
        paths, ones = after, after_ones
    raise UsageError("the code is catastrophic: some of its error events never gain weight")
