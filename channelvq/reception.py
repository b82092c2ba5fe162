"""What a transmission gives: the received picture, how good it is, and what it cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy.typing as npt
import torch

from channelvq.channel_codes.base import Bits
from channelvq.codecs.base import Message, Picture, Status
from channelvq.framing import Frame, NoFrame
from channelvq.layered_frame import LayeredFrame

__all__ = ["Account", "Image", "Prepared", "Protection", "Reception"]

Image = TypeVar("Image", npt.NDArray[Any], torch.Tensor)
"""A picture as its user has it: what goes in as an array comes out as one, and a tensor as a tensor."""


@dataclass(frozen=True)
class Protection:
    """What one channel code of a link carries, and adds to it.

    Attributes
    ----------
    code : str
        The code's canonical name.
    parts : dict of str to int
        The bits of the message that it carries, by part.
    crc_bits, parity_bits : int
        What framing and the code add to them.
    """

    code: str
    parts: dict[str, int]
    crc_bits: int
    parity_bits: int


@dataclass(frozen=True)
class Account:
    """What a transmission cost: source + CRC + parity + padding bits = paid bits = channel uses × bits a use.

    An analog codec pays in channel uses alone, and has no bits.

    Attributes
    ----------
    source_bits : int
        Bits of the codec's message.
    parts : dict of str to int
        What these serve ("header", "map", "stream", ...).
    protection : tuple of Protection
        Which code carries which of them: one, or several where the link protects unequally. (Of a codec whose
        message is not in order of importance the parts lie mixed, and the split by part does not hold.)
    crc_bits, parity_bits : int
        What framing and the channel code add.
    padding_bits : int
        What the message leaves of its frame and the blocks leave of the channel uses.
    paid_bits : int
        All bits on the channel.
    channel_uses : int
        Complex symbols.
    cbr : float
        Channel uses per source sample (3·H·W samples in colour, H·W in grey).
    """

    source_bits: int
    parts: dict[str, int]
    protection: tuple[Protection, ...]
    crc_bits: int
    parity_bits: int
    padding_bits: int
    paid_bits: int
    channel_uses: int
    cbr: float


@dataclass(frozen=True)
class Prepared(Generic[Image]):
    """A picture ready to be sent, again and again: encoded, framed, and paid for.

    Attributes
    ----------
    given : array or tensor [C, H, W]
        The picture as it was given.
    picture : ndarray of float32 [C, H, W]
        The same as codecs see it.
    image_hash : str
        Its identity, which keys the noise.
    message : Message
        The codec's bits.
    frame : Frame, LayeredFrame or NoFrame
        How they lie on the channel.
    coded_bits : ndarray of uint8 [n]
        What is sent.
    account : Account
        What it costs.
    scheme : tuple of str
        Codec, code and modulation that made it.
    seconds : float
        Time that encoding took.
    """

    given: Image
    picture: Picture
    image_hash: str
    message: Message
    frame: Frame | LayeredFrame | NoFrame
    coded_bits: Bits
    account: Account
    scheme: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Reception(Generic[Image]):
    """What a transmission gave.

    Attributes
    ----------
    image : array or tensor [C, H, W]
        The received picture, float32 in [0, 1]; a tensor (on the same device) if a tensor was sent.
    psnr_db, ssim, ms_ssim : float
        Against the picture sent, 8 bits a sample; PSNR is infinite if they are the same, MS-SSIM is NaN if a
        side is below 161 px.
    status : {"ok", "concealed", "failed"}
        As the receiver sees it, see `Decoded`.
    account : Account
        What it cost.
    raw_ber : float or None
        Share of wrong bits on the channel, hard-decided before the channel code; None without bits.
    message_ber : float or None
        The same of the codec's message, after the channel code.
    index_error_rate : float or None
        Share of wrong code indices; None for a codec without.
    block_error_rate : float or None
        Share of blocks that code and CRC gave up; None for a code that cannot tell.
    seconds : float
        Time of encoding (where it was part of the call), sending and decoding; not of scoring.
    snr_db : float or None
        Es/N0; None on a channel of bits.
    seed, trial : int
        What keyed the channel's draws.
    components : dict of str to str
        Codec, code, modulation and channel, in canonical names.
    notes : dict of str to str
        What the receiver noticed.
    """

    image: Image
    psnr_db: float
    ssim: float
    ms_ssim: float
    status: Status
    account: Account
    raw_ber: float | None
    message_ber: float | None
    index_error_rate: float | None
    block_error_rate: float | None
    seconds: float
    snr_db: float | None
    seed: int
    trial: int
    components: dict[str, str]
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def channel_uses(self) -> int:
        """Complex symbols sent."""
        return self.account.channel_uses

    @property
    def cbr(self) -> float:
        """Channel uses per source sample."""
        return self.account.cbr

    def to_json(self) -> dict[str, Any]:
        """Give all but the picture as plain values; as None what JSON lacks: infinity, and no MS-SSIM."""
        protection = [dict(vars(level)) for level in self.account.protection]
        account = {**vars(self.account), "protection": protection}
        values = {key: value for key, value in vars(self).items() if key not in ("image", "account")}
        for name in ("psnr_db", "ms_ssim"):
            values[name] = values[name] if math.isfinite(values[name]) else None
        return {**values, **account}
