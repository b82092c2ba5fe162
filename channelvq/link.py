"""A link: codec, channel code, modulation and channel in a row, and the account of what it cost."""

from __future__ import annotations

import inspect
import math
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from channelvq.bits import hard_bits
from channelvq.channel_codes.base import Bits, ChannelCode, Llrs
from channelvq.channel_codes.unequal import Unequal, build_code
from channelvq.channels import CHANNELS
from channelvq.codecs import CODECS, is_analog
from channelvq.codecs.base import Codec, Decoded, Message, Picture
from channelvq.components import fraction, parse_spec
from channelvq.errors import BudgetError, UsageError
from channelvq.framing import Frame
from channelvq.images import check_picture, content_hash
from channelvq.interleaving import INTERLEAVINGS
from channelvq.layered_frame import LayeredFrame, make_frame
from channelvq.modulation import MODULATIONS, Modulation
from channelvq.randomness import generator
from channelvq.reception import Account, Image, Prepared, Protection, Reception
from channelvq.showing import Show, show
from channelvq.snr import Snr

if TYPE_CHECKING:
    from channelvq.adaptive_link import AdaptiveLink

__all__ = ["Account", "Link", "Prepared", "Reception", "why_unfair"]


class Link:
    """An image link.

    Parameters
    ----------
    codec, code, modulation, channel : str
        Components by name, `name` or `name:args`. Code and modulation are "rs:255,191" and "qpsk" by default;
        an analog codec ("deepjscc"), which sends symbols instead of bits, has none of them.
    concealment : str, optional
        How the codec makes up for what was lost, for codecs that know how; without it the best there is.
    cbr : str, float or Fraction
        Channel bandwidth ratio: a picture of C × H × W samples gets floor(cbr · C · H · W) channel uses.
    model : str, optional
        Weights of a learned codec; without it those that ship.
    interleaver : str, optional
        How code symbols are interleaved over the frame: "none", "random", "strong-first", "block" or
        "convolutional:BRANCHES,DEPTH"; without it as the code wants (LDPC the strong bits of symbols first,
        others at random, or not at all if uncoded).

    Raises
    ------
    UsageError
        Unknown component or bad argument; an option for a codec that has none.

    Notes
    -----
    The noise of a trial is keyed by (seed, stream, image, trial), neither by the SNR nor by the scheme:
    schemes compared at equal seeds meet the same noise (common random numbers). A channel of bits (`bsc`,
    ...) sits between mapper and demapper: the modulation still says how many bits a channel use carries.

    Unequal protection: `code` may be several codes, each but the last with its share of the channel,
    "ldpc:1/3@0.15;ldpc:2/3": the first protects the bits that the codec ranks highest (of the VQ codec header
    and depth map, then stage after stage; of a JPEG file its beginning), and so on.

    Examples
    --------
    >>> link = Link(codec="jpeg", code="rs:255,191", modulation="qpsk", channel="awgn", cbr="1/6")
    >>> picture = np.tile(np.linspace(0, 1, 128, dtype=np.float32), (3, 96, 1))
    >>> received = link.transmit(picture, snr_db=9.0, seed=0)
    >>> received.status, received.account.channel_uses, received.message_ber
    ('ok', 6144, 0.0)
    """

    def __new__(cls, codec: str = "vqvae", *args: Any, **kwargs: Any) -> Link:
        """Make the link that suits the codec: one of bits, or one of symbols."""
        if cls is Link and is_analog(codec):
            from channelvq.analog_link import AnalogLink

            return super().__new__(AnalogLink)
        return super().__new__(cls)

    def __init__(
        self,
        codec: str = "vqvae",
        code: str | None = None,
        modulation: str | None = None,
        channel: str = "awgn",
        concealment: str | None = None,
        cbr: str | float | Fraction = "1/12",
        model: str | None = None,
        interleaver: str | None = None,
    ) -> None:
        self.cbr = cbr if isinstance(cbr, Fraction) and cbr > 0 else fraction(str(cbr), "cbr")
        self.code: ChannelCode | Unequal = build_code(code or "rs:255,191")
        self.modulation: Modulation = MODULATIONS.build(modulation or "qpsk")
        self.channel = CHANNELS.build(channel)
        self.interleaver = None if interleaver is None else str(INTERLEAVINGS.build(interleaver).spec)
        options = {"concealment": concealment, "model": model}
        self.codec = build_codec(codec, options, ranked=isinstance(self.code, Unequal))
        self.show: Show = show

    def __repr__(self) -> str:
        named = ", ".join(f"{key}={value!r}" for key, value in self.components.items())
        return f"Link({named}, cbr='{self.cbr}')"

    @property
    def components(self) -> dict[str, str]:
        """Codec, code, modulation and channel, and an interleaver that was asked for, in canonical names."""
        parts = {"codec": self.codec, "code": self.code, "modulation": self.modulation}
        named = {key: str(part.spec) for key, part in {**parts, "channel": self.channel}.items()}
        return named if self.interleaver is None else {**named, "interleaver": self.interleaver}

    @property
    def takes_snr(self) -> bool:
        """Whether the channel is one of symbols, which has an SNR."""
        return "snr" in inspect.signature(self.channel.transmit).parameters

    def check_snr(self, snr_db: float | None) -> Snr | None:
        """Take an SNR where the channel has one, and only there.

        Raises
        ------
        UsageError
            If it is missing, not finite, or given to a channel of bits.
        """
        if not self.takes_snr:
            if snr_db is not None:
                raise UsageError(
                    f"SNR of {snr_db:g} dB given, but channel {self.channel.spec!r} takes none: leave it out"
                )
            return None
        if snr_db is None:
            raise UsageError(f"channel {self.channel.spec!r} needs an SNR: give snr_db, Es/N0 in dB")
        return Snr.from_esn0_db(snr_db)

    def channel_uses(self, shape: tuple[int, ...]) -> int:
        """Channel uses for a picture [C, H, W], floor(cbr · C · H · W)."""
        return math.floor(self.cbr * math.prod(shape))

    def block_uses(self, uses: int) -> int:
        """Channel uses of the longest block of the code in a frame of `uses`."""
        bits = self.modulation.bits_per_symbol
        levels = [level.code for level in self.code.levels] if isinstance(self.code, Unequal) else [self.code]
        runs = [run for code in levels for run in code.fill(uses * bits)]
        return max((-(-run.code.n_bits // bits) for run in runs), default=1)

    def prepare(self, picture: Image) -> Prepared[Image]:
        """Encode a picture [C, H, W] in [0, 1] for as many trials as are wanted.

        Any link of the same codec, code, modulation and CBR may send it, whatever its channel.

        Raises
        ------
        UsageError
            If it is no picture.
        BudgetError
            If the channel uses do not hold even the coarsest description.
        """
        begin = time.perf_counter()
        checked = as_picture(picture)
        uses = self.channel_uses(checked.shape)
        try:
            frame = make_frame(self.code, uses, self.modulation, self.interleaver)
            message = self.codec.encode(checked, frame.message_bits)
        except BudgetError as error:
            raise BudgetError(f"cbr {self.cbr} gives {uses} channel uses: {error}") from None
        return Prepared(
            given=picture,
            picture=checked,
            image_hash=content_hash(checked),
            message=message,
            frame=frame,
            coded_bits=frame.encode(message.bits),
            account=_account(message, frame, uses, checked.size),
            scheme=self._scheme,
            seconds=time.perf_counter() - begin,
        )

    def send(
        self, prepared: Prepared[Image], snr_db: float | None = None, seed: int = 0, trial: int = 0
    ) -> Reception[Image]:
        """Send a prepared picture once.

        Parameters
        ----------
        prepared : Prepared
            From `prepare` of a link of the same codec, code, modulation and CBR.
        snr_db : float, optional
            Es/N0, for channels of symbols.
        seed, trial : int
            What keys the channel's draws.

        Raises
        ------
        UsageError
            If the SNR is missing or not wanted, or another scheme prepared the picture.
        """
        begin = time.perf_counter()
        snr = self.check_snr(snr_db)
        if prepared.scheme != self._scheme:
            raise UsageError(f"picture prepared for {prepared.scheme}, cannot be sent by {self._scheme}")
        llrs = self._cross(prepared, snr, seed, trial)
        unframed = prepared.frame.decode(llrs)
        seconds = time.perf_counter() - begin
        shown = self.show(self.codec, prepared, unframed)
        decoded = shown.decoded
        sent = prepared.message
        ok = unframed.blocks_ok
        return Reception(
            image=like(decoded.picture, prepared.given),
            psnr_db=shown.psnr_db,
            ssim=shown.ssim,
            ms_ssim=shown.ms_ssim,
            status=decoded.status,
            account=prepared.account,
            raw_ber=_error_rate(prepared.coded_bits, llrs),
            message_ber=_error_rate(sent.bits, unframed.llrs[: sent.bits.size]),
            index_error_rate=_index_error_rate(sent, decoded),
            block_error_rate=None if ok is None else float(1 - ok.mean()),
            seconds=seconds + shown.seconds,
            snr_db=None if snr is None else snr.esn0_db,
            seed=seed,
            trial=trial,
            components=self.components,
            notes=decoded.notes,
        )

    def transmit(
        self, picture: Image, snr_db: float | None = None, seed: int = 0, trial: int = 0
    ) -> Reception[Image]:
        """Encode and send a picture [C, H, W] in [0, 1], an array or a tensor; see `prepare` and `send`."""
        self.check_snr(snr_db)
        prepared = self.prepare(picture)
        reception = self.send(prepared, snr_db, seed, trial)
        values = {**vars(reception), "seconds": prepared.seconds + reception.seconds}
        return Reception(**values)

    @property
    def _scheme(self) -> tuple[str, ...]:
        named = self.components
        return *(named[key] for key in named if key != "channel"), str(self.cbr)

    def _cross(self, prepared: Prepared[Image], snr: Snr | None, seed: int, trial: int) -> Llrs:
        """Send the coded bits over the channel: LLRs [n]."""

        def seed_of(stream: str) -> np.random.Generator:
            return generator(seed, stream, prepared.image_hash, trial)

        bits = torch.from_numpy(prepared.coded_bits)[None]
        with torch.no_grad():
            if snr is None:
                llrs = self.channel.transmit(bits, seed_of=seed_of)
            else:
                received = self.channel.transmit(self.modulation.map(bits), snr, seed_of)
                llrs = self.modulation.demap(received)
        received_llrs: Llrs = llrs[0].numpy()
        return received_llrs


def why_unfair(
    first: Link | AdaptiveLink, second: Link | AdaptiveLink, shape: tuple[int, int, int]
) -> str | None:
    """Say why two links must not be compared on a picture [C, H, W], or None if they may.

    They may if their channel uses differ by no more than one block of either's code.

    Examples
    --------
    >>> a, b = Link(codec="jpeg", cbr="1/12"), Link(codec="jpeg", cbr="1/6")
    >>> why_unfair(a, a, (3, 64, 64)) is None
    True
    >>> why_unfair(a, b, (3, 64, 96))
    '1536 channel uses against 3072 for 3 x 64 x 96 samples, apart by more than a code block of 1020'
    """
    uses = first.channel_uses(shape), second.channel_uses(shape)
    block = max(link.block_uses(count) for link, count in zip((first, second), uses, strict=True))
    if abs(uses[0] - uses[1]) <= block:
        return None
    size = " x ".join(map(str, shape))
    counts = f"{uses[0]} channel uses against {uses[1]} for {size} samples"
    return f"{counts}, apart by more than a code block of {block}"


def build_codec(text: str, options: dict[str, str | None], *, ranked: bool) -> Codec:
    """Make a codec, its constructor given the options that are set; only one that knows an option gets it.

    `ranked` asks a codec that can for a message in order of importance, unless its name says otherwise.
    """
    spec = parse_spec(text)
    given = {name: value for name, value in options.items() if value is not None}
    if not (given or ranked):
        built: Codec = CODECS.build(text)
        return built
    factory, _ = CODECS.factory(spec.name)
    known = inspect.signature(factory).parameters
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"{name} {value!r} given, but codec {spec.name!r} takes none: leave it out")
    if ranked and "layout" in known and "layout" not in spec.options:
        given["layout"] = "ranked"
    if not given:
        return CODECS.build(text)  # type: ignore[no-any-return]
    try:
        codec: Codec = factory(*spec.args, **spec.options, **given)
    except TypeError:  # too many, or one in both places
        named = ", ".join(f"{name}={value!r}" for name, value in given.items())
        raise UsageError(f"codec {text!r} does not go with {named}: wrong arguments, or one twice") from None
    return codec


def _account(message: Message, frame: Frame | LayeredFrame, uses: int, samples: int) -> Account:
    """Add up what a message costs in its frame."""
    filling = frame.message_bits - message.bits.size
    return Account(
        source_bits=message.bits.size,
        parts=dict(message.parts),
        protection=_protection(message, frame),
        crc_bits=frame.crc_bits,
        parity_bits=frame.parity_bits,
        padding_bits=frame.padding_bits + filling,
        paid_bits=frame.coded_bits,
        channel_uses=uses,
        cbr=uses / samples,
    )


def _protection(message: Message, frame: Frame | LayeredFrame) -> tuple[Protection, ...]:
    """Say of each code which parts of the message it carries, and what it adds."""
    ends = np.cumsum([0, *message.parts.values()])
    protections, start = [], 0
    for share in frame.shares:
        end = start + share.message_bits
        common = np.minimum(ends[1:], end) - np.maximum(ends[:-1], start)
        parts = {name: int(bits) for name, bits in zip(message.parts, common, strict=True) if bits > 0}
        protections.append(Protection(share.code, parts, share.crc_bits, share.parity_bits))
        start = end
    return tuple(protections)


def _error_rate(sent: Bits, llrs: Llrs) -> float:
    """Share of bits whose hard decision is wrong."""
    return float(np.mean(hard_bits(llrs) != sent)) if sent.size else 0.0


def _index_error_rate(sent: Message, decoded: Decoded) -> float | None:
    """Share of wrong indices; those that the receiver does not have are wrong."""
    if sent.indices is None:
        return None
    if decoded.indices is None or not sent.indices.size:
        return float(sent.indices.size > 0)
    common = min(sent.indices.size, decoded.indices.size)
    right = int((sent.indices[:common] == decoded.indices[:common]).sum())
    return 1 - right / sent.indices.size


def as_picture(given: npt.NDArray[Any] | torch.Tensor) -> Picture:
    """Take an array or a tensor, and make sure that it is a picture."""
    return check_picture(given.detach().cpu().numpy() if isinstance(given, torch.Tensor) else given)


def like(picture: Picture, given: Image) -> Image:
    """Give the picture as an array or, on the same device, as a tensor."""
    if isinstance(given, torch.Tensor):
        return torch.from_numpy(picture).to(given.device)
    return picture
