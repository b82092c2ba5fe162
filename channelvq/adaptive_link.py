"""A link whose sender knows the gain of a fading channel, and takes code and modulation accordingly."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from channelvq.channels.fading import Fading
from channelvq.errors import UsageError
from channelvq.images import content_hash
from channelvq.link import Link, as_picture
from channelvq.randomness import generator
from channelvq.reception import Image, Reception
from channelvq.snr import Snr

__all__ = ["AdaptiveLink"]


class AdaptiveLink:
    """Links of one channel of block fading; each transmission is by the one that suits its gain.

    With one gain h for a whole transmission, y = h·x + n is AWGN of the SNR |h|² Es/N0. The sender is told it
    (transmitter CSI, exact and free) and takes the link of the highest rung that is not above it, or the
    lowest rung, which then is likely to fail. It does not adapt its power.

    Parameters
    ----------
    rungs : sequence of (float, Link)
        From which SNR on, Es/N0 in dB, to take which link.

    Raises
    ------
    UsageError
        If there is no rung, two have one SNR, channels or CBRs differ, or a channel has not one gain for the
        whole transmission.

    References
    ----------
    .. [1] A. J. Goldsmith, S.-G. Chua, "Variable-rate variable-power MQAM for fading channels", IEEE Trans.
       Commun. 45(10), 1997.

    Examples
    --------
    >>> import numpy as np
    >>> links = [Link("jpeg", code, "qpsk", "rayleigh:block", cbr="1/4") for code in ("ldpc:1/3", "ldpc:2/3")]
    >>> link = AdaptiveLink([(0.0, links[0]), (3.0, links[1])])
    >>> picture = np.tile(np.linspace(0, 1, 128, dtype=np.float32), (3, 96, 1))
    >>> [link.transmit(picture, snr_db=5.0, trial=t).components["code"] for t in range(3)]
    ['ldpc:2/3', 'ldpc:2/3', 'ldpc:1/3']
    """

    def __init__(self, rungs: Sequence[tuple[float, Link]]) -> None:
        self.rungs = tuple(sorted(rungs, key=lambda rung: rung[0]))
        if not self.rungs:
            raise UsageError("an adaptive link needs a link to take")
        self._starts = [start for start, _ in self.rungs]
        if len(set(self._starts)) < len(self._starts):
            raise UsageError("two links are to be taken from one SNR on")
        first = self.rungs[0][1]
        if any((rung.channel.spec, rung.cbr) != (first.channel.spec, first.cbr) for _, rung in self.rungs):
            raise UsageError(
                "links over different channels, or of different CBRs, are not one link's choices"
            )
        channel = first.channel
        if not isinstance(channel, Fading) or channel.pace.coherence is not None:
            raise UsageError(
                f"channel {channel.spec!r} has no gain for the sender to know: csi goes with block fading of"
                ' one gain a transmission, "rayleigh:block"'
            )
        self.channel, self.cbr, self.codec = channel, first.cbr, first.codec

    @property
    def components(self) -> dict[str, str]:
        """Those that all its links have, and under `csi` in what they differ."""
        every = [rung.components for _, rung in self.rungs]
        common = {key: value for key, value in every[0].items() if all(p.get(key) == value for p in every)}
        rungs = (
            " ".join([f"{start:g} dB:", *(value for key, value in parts.items() if key not in common)])
            for start, parts in zip(self._starts, every, strict=True)
        )
        return {**common, "csi": "; ".join(rungs)}

    def check_snr(self, snr_db: float | None) -> Snr | None:
        """Take a mean SNR; see `Link.check_snr`."""
        return self.rungs[0][1].check_snr(snr_db)

    def channel_uses(self, shape: tuple[int, ...]) -> int:
        """Channel uses for a picture [C, H, W], whatever the gain."""
        return self.rungs[0][1].channel_uses(shape)

    def block_uses(self, uses: int) -> int:
        """Channel uses of the longest block of any of its codes in a frame of `uses`."""
        return max(rung.block_uses(uses) for _, rung in self.rungs)

    def pick(self, image_hash: str, snr_db: float | None, seed: int, trial: int) -> int:
        """Say which rung a transmission takes, by the gain that the channel will have in it.

        Raises
        ------
        UsageError
            If the SNR is missing.
        """
        snr = self.check_snr(snr_db)
        assert snr is not None
        power = self.channel.power_gain(lambda stream: generator(seed, stream, image_hash, trial))
        met = snr.esn0_db + 10 * math.log10(power) if power > 0 else -math.inf
        return max(bisect_right(self._starts, met) - 1, 0)

    def transmit(
        self, picture: Image, snr_db: float | None = None, seed: int = 0, trial: int = 0
    ) -> Reception[Image]:
        """Encode and send a picture [C, H, W] in [0, 1] as suits the gain; `snr_db` is the mean."""
        rung = self.pick(content_hash(as_picture(picture)), snr_db, seed, trial)
        return self.rungs[rung][1].transmit(picture, snr_db, seed, trial)
