"""Block error rates of a channel code, by simulation: random messages, a channel, the decoder, and counts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

from channelvq.channel_codes.base import Bits, BlockCode, Llrs
from channelvq.errors import UsageError
from channelvq.modulation import Demapping, Modulation
from channelvq.randomness import generator
from channelvq.snr import Snr

__all__ = ["Counts", "Judged", "Sent", "curtailed_interval", "judge", "run_until", "send_blocks"]

_BATCH_BITS = 1 << 22  # coded bits in memory at once
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Counts:
    """What was counted; counts of different blocks add up.

    Attributes
    ----------
    blocks : int
        Blocks sent.
    block_errors : int
        Blocks with any message bit wrong.
    undetected : int
        Those of them that the decoder took for right.
    bit_errors : int
        Wrong message bits.

    Examples
    --------
    >>> Counts(10, 2, 0, 5) + Counts(10, 1, 1, 3)
    Counts(blocks=20, block_errors=3, undetected=1, bit_errors=8)
    """

    blocks: int = 0
    block_errors: int = 0
    undetected: int = 0
    bit_errors: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Sent:
    """A batch of blocks that has crossed a channel.

    Attributes
    ----------
    bits : ndarray of uint8 [blocks, k]
        The messages.
    llrs : ndarray of float32 [blocks, n]
        What the demapper says of the coded bits.
    """

    bits: Bits
    llrs: Llrs


def send_blocks(
    code: BlockCode,
    modulation: Modulation,
    channel: Any,
    snr: Snr | None,
    *,
    blocks: int,
    seed: int = 0,
    batch: int = 0,
    demapping: Demapping = "exact",
) -> Sent:
    """Encode random messages and send them over a channel.

    A block begins with a new symbol, so that blocks share none: on a channel without memory they are
    independent. Where a channel's gain lasts for a whole transmission, every block is a transmission.

    Parameters
    ----------
    code : BlockCode
        A code of fixed length.
    modulation : Modulation
        For channels of symbols; channels of bits pass it by.
    channel : SymbolChannel or BitChannel
        The channel.
    snr : Snr or None
        Es/N0; None for a channel of bits.
    blocks : int
        How many.
    seed, batch : int
        Key of messages and noise.
    demapping : {"exact", "maxlog"}
        How LLRs are made; "maxlog" decides for the nearest point, as the closed forms of error rates do.
    """
    name = f"{blocks} blocks of {code.n_bits}"
    bits = generator(seed, "payload", name, batch).integers(0, 2, (blocks, code.k_bits), dtype=np.uint8)
    coded = code.encode(bits)
    missing = 0 if snr is None else -code.n_bits % modulation.bits_per_symbol
    padded = np.pad(coded, ((0, 0), (0, missing)))
    a_block_a_row = getattr(getattr(channel, "pace", None), "coherence", 0) is None
    rows = torch.from_numpy(padded if a_block_a_row else padded.reshape(1, -1))

    def seed_of(stream: str) -> np.random.Generator:
        return generator(seed, stream, name, batch)

    if snr is None:
        llrs = channel.transmit(rows, seed_of)
    else:
        llrs = modulation.demap(channel.transmit(modulation.map(rows), snr, seed_of), demapping)
    received = llrs.numpy().reshape(padded.shape)[:, : code.n_bits]
    return Sent(bits, np.ascontiguousarray(received))


@dataclass(frozen=True)
class Judged:
    """What became of each block of a batch.

    Attributes
    ----------
    wrong, undetected : ndarray of bool [blocks]
        Any message bit wrong; and the decoder did not notice.
    bit_errors : ndarray of int [blocks]
        Wrong message bits.
    """

    wrong: npt.NDArray[np.bool_]
    undetected: npt.NDArray[np.bool_]
    bit_errors: npt.NDArray[np.int64]

    def counts(self, blocks: int | None = None) -> Counts:
        """Count the first `blocks` of them, or all."""
        parts = (self.wrong, self.undetected, self.bit_errors)
        return Counts(len(self.wrong[:blocks]), *(int(part[:blocks].sum()) for part in parts))


def judge(code: BlockCode, sent: Sent) -> Judged:
    """Decode a batch and compare it with what was sent."""
    out = code.decode(sent.llrs)
    differ = out.bits != sent.bits
    wrong = differ.any(axis=1)
    undetected = np.zeros_like(wrong) if out.ok is None else wrong & out.ok
    return Judged(wrong, undetected, differ.sum(axis=1))


def run_until(
    code: BlockCode,
    modulation: Modulation,
    channel: Any,
    snr: Snr | None,
    *,
    block_errors: int,
    most_blocks: int,
    seed: int = 0,
) -> Counts:
    """Send blocks until so many are wrong, or so many are sent.

    Blocks count in their order up to the one that completes `block_errors`: the interval of their error rate
    is that of inverse binomial sampling (`curtailed_interval`).

    Raises
    ------
    UsageError
        If a number is below 1.
    """
    if min(block_errors, most_blocks) < 1:
        raise UsageError(f"block_errors is {block_errors}, most_blocks {most_blocks}: must be at least 1")
    size = max(1, min(_BATCH_BITS // code.n_bits, most_blocks))
    total, batch = Counts(), 0
    while total.blocks < most_blocks and total.block_errors < block_errors:
        sent = send_blocks(code, modulation, channel, snr, blocks=size, seed=seed, batch=batch)
        judged = judge(code, sent)
        last = most_blocks - total.blocks
        places = np.flatnonzero(judged.wrong)
        needed = block_errors - total.block_errors
        if len(places) >= needed:
            last = min(last, int(places[needed - 1]) + 1)
        total, batch = total + judged.counts(last), batch + 1
    return total


def curtailed_interval(blocks: int, errors: int, target: int) -> tuple[float, float]:
    """Bound an error rate that was estimated by `run_until`: exact 95 % interval.

    With the target reached, the number of blocks is negative binomial: the limits are the quantiles
    Beta(errors, blocks - errors + 1) at 2.5 % and Beta(errors, blocks - errors) at 97.5 % [1]_; else the
    number of errors is binomial, and they are those of Clopper and Pearson [2]_. Outcomes of the two kinds
    are ordered by their estimates, so that the limits of each hold for the plan as a whole.

    References
    ----------
    .. [1] J. B. S. Haldane, "On a method of estimating frequencies", Biometrika 33, 1945; G. M. Clemans,
       "Confidence limits in the case of the geometric distribution", Biometrika 46, 1959.
    .. [2] C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of
       the binomial", Biometrika 26, 1934.

    Examples
    --------
    >>> low, high = curtailed_interval(1000, 0, 100)  # nothing seen: an upper bound
    >>> low, round(high, 5)
    (0.0, 0.00368)
    """
    tail = (1 - _CONFIDENCE) / 2
    low = 0.0 if errors == 0 else float(stats.beta.ppf(tail, errors, blocks - errors + 1))
    if errors >= target:
        high = 1.0 if errors == blocks else float(stats.beta.ppf(1 - tail, errors, blocks - errors))
    else:
        high = 1.0 if errors == blocks else float(stats.beta.ppf(1 - tail, errors + 1, blocks - errors))
    return low, high
