"""Code blocks of a frame: how many, and how long each is, in the manner of TS 38.212, clause 5.2.2."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["segment"]


def segment(coded_bits: int, rate: Fraction, limit: int) -> list[tuple[int, int, int]]:
    """Cut a frame into as few blocks as possible, as equal as possible.

    Every message length k is a multiple of 8, so that bytes stay whole; the coded bits are all used, and the
    total rate is as near to the one asked for as bytes allow, no block's above 0.95.

    Parameters
    ----------
    coded_bits : int
        Bits of the frame.
    rate : Fraction
        Message bits, CRCs included, per coded bit.
    limit : int
        Longest message of a block, in bits.

    Returns
    -------
    list of (k, n, blocks)
        At most three kinds of blocks, the longest first; none where not even a byte fits.

    Examples
    --------
    >>> segment(40_000, Fraction(1, 2), 8448)
    [(6672, 13334, 1), (6664, 13333, 2)]
    """
    most = limit // 8
    total = int(Fraction(max(0, coded_bits)) * rate / 8 + Fraction(1, 2))
    while total > 0 and most > 0:
        blocks = -(-total // most)
        small, longer = divmod(total, blocks)
        short, wider = divmod(coded_bits, blocks)
        kinds = [
            (
                8 * (small + (i < longer)),
                short + (i < wider),
                min(x for x in (longer, wider, blocks) if x > i) - i,
            )
            for i in sorted({0, longer, wider} - {blocks})
        ]
        if all(k > 0 and 100 * k <= 95 * n for k, n, _ in kinds):
            return kinds
        total -= 1
    return []
