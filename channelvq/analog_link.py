"""A link of symbols: an analog codec straight on the channel, under the same power and the same account."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import torch

from channelvq.channels import CHANNELS
from channelvq.codecs.analog import AnalogCodec, Observation, Symbols, equalised, normalised
from channelvq.codecs.base import Message
from channelvq.components import fraction
from channelvq.errors import BudgetError, UsageError
from channelvq.evaluation.metrics import psnr, similarities
from channelvq.framing import NoFrame
from channelvq.images import content_hash
from channelvq.link import Link, as_picture, build_codec, like
from channelvq.randomness import generator
from channelvq.reception import Account, Image, Prepared, Reception
from channelvq.showing import Show, show
from channelvq.snr import Snr

__all__ = ["AnalogLink", "PreparedSymbols"]

_KEPT_SNRS = 4


@dataclass(frozen=True)
class PreparedSymbols(Prepared[Image]):
    """A picture ready to be sent as symbols; these follow the SNR, and the last few are kept."""

    symbols: dict[float, Symbols] = field(default_factory=dict)


class AnalogLink(Link):
    """An image link of an analog codec: what ``Link(codec="deepjscc", ...)`` makes.

    The codec's symbols are scaled to E|x|² = 1 over the picture's own, cross the channel, are divided by the
    channel's gain, which the receiver knows, and go to the codec with the variance of what noise is left on
    each. The sender knows the mean SNR, as the sender of bits does who chooses code and modulation; neither
    side knows anything else that was not sent.

    Parameters
    ----------
    codec, channel, cbr, model
        As for `Link`; the channel is one of symbols.
    code, modulation, concealment, interleaver
        There are none; "none" will do for the first two.

    Raises
    ------
    UsageError
        One of these given, a channel of bits, an unknown component.

    Examples
    --------
    A codec that sends grey pictures as they are, two samples a symbol:

    >>> class Plain:
    ...     spec = "plain"
    ...     def check(self, shape, uses):
    ...         assert 2 * uses == np.prod(shape)
    ...     def modulate(self, picture, uses, snr):
    ...         return (2 * picture.reshape(-1)[: 2 * uses] - 1).view(np.complex64)
    ...     def demodulate(self, observation, shape):
    ...         sent = observation.symbols.view(np.float32) * np.float32(2**0.5)
    ...         return Decoded((sent.clip(-1, 1).reshape(shape) + 1) / 2, "ok")
    >>> from channelvq.codecs.base import Decoded
    >>> link = AnalogLink.of(Plain(), channel="rayleigh:block", cbr="1/2")
    >>> picture = np.indices((1, 16, 16)).sum(0, dtype=np.float32) % 2
    >>> received = link.transmit(picture, snr_db=40.0)
    >>> received.status, received.channel_uses, received.raw_ber, received.psnr_db > 30
    ('ok', 128, None, True)
    """

    codec: AnalogCodec  # type: ignore[assignment]

    def __init__(
        self,
        codec: str = "deepjscc",
        code: str | None = None,
        modulation: str | None = None,
        channel: str = "awgn",
        concealment: str | None = None,
        cbr: str | float | Fraction = "1/12",
        model: str | None = None,
        interleaver: str | None = None,
    ) -> None:
        _refuse(codec, code=code, modulation=modulation, concealment=concealment, interleaver=interleaver)
        built = build_codec(codec, {"model": model}, ranked=False)
        assert isinstance(built, AnalogCodec)
        self._set(built, channel, cbr)

    @classmethod
    def of(
        cls, codec: AnalogCodec, channel: str = "awgn", cbr: str | float | Fraction = "1/12"
    ) -> AnalogLink:
        """Make the link of a codec that has no name."""
        link = object.__new__(cls)
        link._set(codec, channel, cbr)
        return link

    def _set(self, codec: AnalogCodec, channel: str, cbr: str | float | Fraction) -> None:
        self.cbr = cbr if isinstance(cbr, Fraction) and cbr > 0 else fraction(str(cbr), "cbr")
        self.codec = codec
        self.channel = CHANNELS.build(channel)
        self.interleaver = None
        self.show: Show = show  # of no use to symbols, of which no two are received alike
        if not self.takes_snr:
            raise UsageError(
                f"channel {self.channel.spec!r} carries bits, codec {codec.spec!r} sends symbols: take"
                " awgn, rayleigh or rician"
            )

    @property
    def components(self) -> dict[str, str]:
        """Codec and channel in canonical names; code and modulation are "none"."""
        names = {"codec": str(self.codec.spec), "code": "none", "modulation": "none"}
        return {**names, "channel": str(self.channel.spec)}

    def block_uses(self, uses: int) -> int:
        """Channel uses that go together: each is on its own."""
        return 1

    def prepare(self, picture: Image) -> PreparedSymbols[Image]:
        """Take a picture [C, H, W] in [0, 1] for as many trials as are wanted, at any SNR.

        Raises
        ------
        UsageError
            If it is no picture, or none that the codec can send.
        BudgetError
            If the channel uses are too few for the codec.
        """
        begin = time.perf_counter()
        checked = as_picture(picture)
        uses = self.channel_uses(checked.shape)
        channels, height, width = checked.shape
        try:
            self.codec.check((channels, height, width), uses)
        except BudgetError as error:
            raise BudgetError(f"cbr {self.cbr} gives {uses} channel uses: {error}") from None
        return PreparedSymbols(
            given=picture,
            picture=checked,
            image_hash=content_hash(checked),
            message=Message(np.zeros(0, np.uint8), {}),
            frame=NoFrame(),
            coded_bits=np.zeros(0, np.uint8),
            account=_account(uses, checked.size),
            scheme=self._scheme,
            seconds=time.perf_counter() - begin,
        )

    def send(
        self, prepared: Prepared[Image], snr_db: float | None = None, seed: int = 0, trial: int = 0
    ) -> Reception[Image]:
        """Send a prepared picture once; see `Link.send`. Its symbols are made on the first call at an SNR.

        Raises
        ------
        UsageError
            If the SNR is missing, or another scheme prepared the picture.
        """
        begin = time.perf_counter()
        snr = self.check_snr(snr_db)
        if prepared.scheme != self._scheme or not isinstance(prepared, PreparedSymbols):
            raise UsageError(f"picture prepared for {prepared.scheme}, cannot be sent by {self._scheme}")
        assert snr is not None
        observation = self._observe(prepared, self.symbols(prepared, snr), snr, seed, trial)
        channels, height, width = prepared.picture.shape
        decoded = self.codec.demodulate(observation, (channels, height, width))
        seconds = time.perf_counter() - begin
        single, multiple = similarities(prepared.picture, decoded.picture)
        return Reception(
            image=like(decoded.picture, prepared.given),
            psnr_db=psnr(prepared.picture, decoded.picture),
            ssim=single,
            ms_ssim=multiple,
            status=decoded.status,
            account=prepared.account,
            raw_ber=None,
            message_ber=None,
            index_error_rate=None,
            block_error_rate=None,
            seconds=seconds,
            snr_db=snr.esn0_db,
            seed=seed,
            trial=trial,
            components=self.components,
            notes=decoded.notes,
        )

    def symbols(self, prepared: PreparedSymbols[Image], snr: Snr) -> Symbols:
        """Make what is sent of a prepared picture: complex64 [uses], mean power 1."""
        kept = prepared.symbols
        if snr.esn0_db not in kept:
            uses = prepared.account.channel_uses
            made = self.codec.modulate(prepared.picture, uses, snr)
            if made.shape != (uses,) or not np.isfinite(made).all():
                raise RuntimeError(f"codec {self.codec.spec} made no {uses} finite symbols: {made.shape}")
            while len(kept) >= _KEPT_SNRS:
                kept.pop(next(iter(kept)))
            kept[snr.esn0_db] = normalised(made.astype(np.complex64))
        return kept[snr.esn0_db]

    def _observe(
        self, prepared: Prepared[Image], symbols: Symbols, snr: Snr, seed: int, trial: int
    ) -> Observation:
        """Send symbols over the channel and divide by its gain."""

        def seed_of(stream: str) -> np.random.Generator:
            return generator(seed, stream, prepared.image_hash, trial)

        with torch.no_grad():
            received = self.channel.transmit(torch.from_numpy(symbols)[None], snr, seed_of)
        gain = received.gain.expand(received.symbols.shape)[0].numpy()
        return equalised(received.symbols[0].numpy(), gain, float(received.noise_variance), snr)


def _refuse(codec: str, **given: str | None) -> None:
    """Refuse what belongs to bits."""
    for name, value in given.items():
        if value is not None and not (value == "none" and name in ("code", "modulation")):
            raise UsageError(
                f"{name} {value!r} given, but codec {codec!r} sends symbols, not bits: leave it out"
            )


def _account(uses: int, samples: int) -> Account:
    """Pay in channel uses alone."""
    return Account(
        source_bits=0,
        parts={},
        protection=(),
        crc_bits=0,
        parity_bits=0,
        padding_bits=0,
        paid_bits=0,
        channel_uses=uses,
        cbr=uses / samples,
    )
