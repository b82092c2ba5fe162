"""The Gilbert-Elliott channel: errors in bursts."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from channelvq.channels.base import Seeding
from channelvq.channels.draws import row_generators, uniforms
from channelvq.channels.inputs import bit_llrs, check_bits, error_llr, number
from channelvq.components import real
from channelvq.errors import UsageError

__all__ = ["GilbertElliott"]

_STAYS = 256  # pairs of stays drawn at a time: part of what a seed means


class GilbertElliott:
    r"""The Gilbert-Elliott channel: a BSC whose flip probability follows a two-state Markov chain [1]_ [2]_.

    In the good state a bit is flipped with probability e_G, in the bad one with e_B. The chain moves once a
    bit and starts stationary. The user states what can be measured: the error rate p over all bits and the
    mean length L of a stay in the bad state, in bits; they give

    .. math:: \pi_B = \frac{p - e_G}{e_B - e_G}, \quad P(B \to G) = \frac{1}{L}, \quad
              P(G \to B) = \frac{\pi_B}{L (1 - \pi_B)} .

    What the receiver knows of the channel (CSI) decides the LLR of a received bit r. By default (`csi`
    "none") it knows p but not the state, and takes each bit on its own:

    .. math:: L(r) = (1 - 2r) \log\frac{1-p}{p} ;

    with "state" it is told the state s of every bit, and p is replaced by e_s. Both are held within
    ±``CERTAIN_LLR``. Neither uses the memory to guess the state from other bits: an interleaver before this
    channel makes it a BSC to the receiver. Draws come from the streams "states" and "flips".

    Parameters
    ----------
    p : float
        Stationary bit error rate, above `good` and below `bad`; 0 makes no errors if `good` is 0.
    burst : float
        L, mean stay in the bad state, in bits, at least 1 (errors make up the share `bad` of it).
    bad, good : float
        e_B and e_G; with `bad` 0.5 a bit in a burst tells nothing.
    csi : {"none", "state"}
        What the receiver knows.

    Raises
    ------
    UsageError
        If a value is out of its range, or bursts so short would have to begin more often than once a bit:
        L must be at least π_B / (1 - π_B).

    References
    ----------
    .. [1] E. N. Gilbert, "Capacity of a burst-noise channel", Bell Syst. Tech. J. 39, 1253-1265, 1960.
    .. [2] E. O. Elliott, "Estimates of error rates for codes on burst-noise channels", Bell Syst. Tech. J.
       42, 1977-1997, 1963.

    Examples
    --------
    >>> from channelvq.randomness import generator
    >>> zeros = torch.zeros(1, 1_000_000, dtype=torch.uint8)
    >>> channel = GilbertElliott(0.01, burst=8)
    >>> llrs = channel.transmit(zeros, lambda stream: generator(0, stream))
    >>> round((llrs < 0).double().mean().item(), 3)
    0.01
    >>> channel.spec
    'gilbert-elliott:0.01,burst=8'
    """

    def __init__(
        self, p: float, *, burst: float = 10.0, bad: float = 0.5, good: float = 0.0, csi: str = "none"
    ) -> None:
        if not 0 <= good < bad <= 1:
            raise UsageError(f"good is {good:g} and bad is {bad:g}, must be 0 <= good < bad <= 1")
        if not good <= p < bad or p > 0.5:
            allowed = f"from {good:g} up to {bad:g}" if bad <= 0.5 else f"from {good:g} to 0.5"
            raise UsageError(f"p is {p:g}, must be {allowed}, for good {good:g} and bad {bad:g}")
        if csi not in ("none", "state"):
            raise UsageError(f"csi is {csi!r}, must be none or state")
        self.p, self.burst, self.bad, self.good, self.csi = p, burst, bad, good, csi
        shortest = max(1.0, self.bad_share / (1 - self.bad_share))
        if not shortest <= burst < math.inf:
            raise UsageError(f"burst is {burst:g}, must be a finite number from {shortest:g} on")

    def __repr__(self) -> str:
        return (
            f"GilbertElliott({self.p!r}, burst={self.burst!r}, bad={self.bad!r}, good={self.good!r}, "
            f"csi={self.csi!r})"
        )

    @classmethod
    def from_args(
        cls, p: str, *, burst: str = "10", bad: str = "0.5", good: str = "0", csi: str = "none"
    ) -> GilbertElliott:
        """Build it from `p`, `burst=BITS`, `bad=P`, `good=P` and `csi=none|state`."""
        return cls(
            real(p, "p", 0.0, 0.5),
            burst=real(burst, "burst", 1.0, 1e9),
            bad=real(bad, "bad", 0.0, 1.0),
            good=real(good, "good", 0.0, 1.0),
            csi=csi,
        )

    @property
    def spec(self) -> str:
        """The component's name; `bad`, `good` and `csi` only where they are not the usual ones."""
        text = f"gilbert-elliott:{number(self.p)},burst={number(self.burst)}"
        text += f",bad={number(self.bad)}" if self.bad != 0.5 else ""
        text += f",good={number(self.good)}" if self.good != 0 else ""
        return text + (f",csi={self.csi}" if self.csi != "none" else "")

    @property
    def bad_share(self) -> float:
        """π_B: the share of bits sent in the bad state."""
        return (self.p - self.good) / (self.bad - self.good)

    @property
    def leave_good(self) -> float:
        """P(G → B), once a bit."""
        return self.bad_share / (self.burst * (1 - self.bad_share))

    @property
    def leave_bad(self) -> float:
        """P(B → G), once a bit."""
        return 1 / self.burst

    def transmit(self, bits: torch.Tensor, seed_of: Seeding) -> torch.Tensor:
        """Send bits [batch, n] of 0 and 1; returns LLRs [batch, n], float32.

        Raises
        ------
        UsageError
            If these are not bits [batch, n].
        """
        check_bits(bits)
        rows, count = bits.shape
        generators = row_generators(seed_of("states"), rows)
        states = [self._states(generator, count) for generator in generators]
        bad = np.stack(states) if states else np.zeros((0, count), dtype=np.bool_)
        rates = np.where(bad, self.bad, self.good)
        flips = torch.from_numpy(uniforms(seed_of("flips"), rows, count) < rates)
        magnitudes = error_llr(rates if self.csi == "state" else self.p)
        return bit_llrs(bits.bool() ^ flips.to(bits.device), magnitudes)

    def _states(self, rng: np.random.Generator, count: int) -> npt.NDArray[np.bool_]:
        """Draw the chain, stay by stay: whether each bit is sent in the bad state [count]."""
        first_bad = rng.random() < self.bad_share
        order = np.array([first_bad, not first_bad] * _STAYS)
        leave = np.where(order, self.leave_bad, self.leave_good)
        bad = np.empty(count, dtype=np.bool_)
        filled = 0
        while filled < count:
            # The stay is memoryless, so that the first one, seen from within, has the law of all others.
            stays = _geometric(rng.random(2 * _STAYS), leave, count)
            ends = np.minimum(filled + np.cumsum(stays), count)
            lengths = np.diff(ends, prepend=filled)
            bad[filled : ends[-1]] = np.repeat(order, lengths)
            filled = int(ends[-1])
        return bad


def _geometric(
    uniform: npt.NDArray[np.float64], leave: npt.NDArray[np.float64], most: int
) -> npt.NDArray[np.int64]:
    """Turn uniform draws into stays: P(stay > m) = (1 - leave)^m, cut at `most` and at least 1.

    Examples
    --------
    >>> _geometric(np.array([0.4, 0.6, 0.9]), np.array([0.5, 0.5, 0.0]), 100)
    array([  1,   2, 100])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        # log1p(-u) / log1p(-leave): 0/0 where the state is never left, x/-inf = 0 where it is at once.
        stays = np.ceil(np.log1p(-uniform) / np.log1p(-leave))
    stays = np.where(leave > 0, stays, most)
    return np.clip(stays, 1, most).astype(np.int64)
