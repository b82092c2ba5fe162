"""What a worker keeps between slices: links, pictures, and these encoded."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from channelvq.bits import bits_to_llrs
from channelvq.codecs.base import Codec, Decoded, Message, Picture
from channelvq.errors import UsageError
from channelvq.evaluation.metrics import psnr
from channelvq.framing import Unframed
from channelvq.images import content_hash, load_image
from channelvq.link import Link, Prepared, Reception
from channelvq.provenance import source_fingerprint
from channelvq.sweep.identity import case_content, content_digest
from channelvq.sweep.plan import LinkOptions, SweepImage
from channelvq.sweep.spec import Point

__all__ = ["Desk", "PictureMissingError", "Ready", "RememberingCodec"]

_MEMORY = 512 << 20  # bytes of encoded pictures a worker keeps
_PICTURES = 128 << 20  # and of pictures
_BYTES_A_CODED_BIT = 24  # the bit, its place in the interleaver and in the scrambler


class PictureMissingError(Exception):
    """The worker does not see the image's file (it is on another machine): send the picture along."""


class RememberingCodec:
    """A codec that decodes the error-free message of the picture at hand only once.

    Behind a channel code most trials at high SNR hand the decoder the very same LLRs. The same LLRs give the
    same picture, so results are not changed, only had sooner.

    Parameters
    ----------
    codec : Codec
        Does the work.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.ready: Ready | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.codec, name)

    @property
    def spec(self) -> str:
        """The codec's canonical name."""
        return str(self.codec.spec)

    def encode(self, picture: Picture, max_bits: int) -> Message:
        """Encode as the codec does."""
        return self.codec.encode(picture, max_bits)

    def decode(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Decode, or give what was decoded before from the same."""
        ready = self.ready
        if ready is None or not ready.is_clean(llrs, trusted):
            return self.codec.decode(llrs, shape, trusted)
        return ready.clean()


@dataclass
class Ready:
    """A picture encoded by a scheme, and what the receiver has where the channel made no error.

    Attributes
    ----------
    prepared : Prepared
        As `Link.prepare` gives it.
    codec : Codec
        What decodes it.
    unframed : Unframed
        What the channel code hands on when all is right.
    decoded : Decoded or None
        The picture then, once somebody asked.
    """

    prepared: Prepared[Any]
    codec: Codec
    unframed: Unframed
    decoded: Decoded | None = None
    _clean_psnr_db: float | None = None

    @classmethod
    def of(cls, prepared: Prepared[Any], codec: Codec) -> Ready:
        """Send the coded bits through no channel at all."""
        return cls(prepared, codec, prepared.frame.decode(bits_to_llrs(prepared.coded_bits)))

    @property
    def blocks(self) -> int | None:
        """Blocks of the channel code whose fate it can tell; None if it cannot."""
        ok = self.unframed.blocks_ok
        return None if ok is None else int(ok.size)

    def is_clean(self, llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None) -> bool:
        """Say whether these are, bit for bit, what an error-free channel gives."""
        if trusted is None or self.unframed.trusted is None:
            return False  # uncoded: soft values never repeat
        same = np.array_equal(trusted, self.unframed.trusted)
        return same and np.array_equal(llrs, self.unframed.llrs)

    def clean(self) -> Decoded:
        """Decode what an error-free channel gives, once."""
        if self.decoded is None:
            channels, height, width = self.prepared.picture.shape
            self.decoded = self.codec.decode(
                self.unframed.llrs, (channels, height, width), self.unframed.trusted
            )
        return self.decoded

    def clean_psnr_db(self) -> float:
        """PSNR over an error-free channel."""
        if self._clean_psnr_db is None:
            self._clean_psnr_db = psnr(self.prepared.picture, self.clean().picture)
        return self._clean_psnr_db

    @property
    def bytes(self) -> int:
        """About how much memory it takes, the picture sent not counted."""
        indices = self.prepared.message.indices
        own = self.unframed.llrs.nbytes + (0 if indices is None else indices.nbytes)
        return own + _BYTES_A_CODED_BIT * self.prepared.coded_bits.size + self.prepared.picture.nbytes


class Desk:
    """Links, pictures and encoded pictures, the latest used first to stay."""

    def __init__(self) -> None:
        self._links: dict[tuple[LinkOptions, str], Link] = {}
        self._checked: set[str] = set()
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._ready: OrderedDict[tuple[LinkOptions, str], Ready] = OrderedDict()

    def link(self, options: LinkOptions, point: Point, seed: int, case: str) -> Link:
        """Build a link, or give the one that is there; make sure that it is what was planned.

        Raises
        ------
        UsageError
            If weights or code of this worker are not those of the plan.
        """
        key = options, point.channel
        if key not in self._links:
            link = options.build(point.channel)
            link.codec = RememberingCodec(link.codec)
            self._links[key] = link
        link = self._links[key]
        if case not in self._checked:
            content = case_content(link, options.cbr, point.snr_db, seed)
            if content_digest(content) != case:
                code = f"{content['channelvq']}, source {source_fingerprint()}"
                raise UsageError(
                    "this worker would compute something else than was planned: its weights"
                    f" ({content['model']}) or its code ({code}) are others; start the sweep again"
                )
            self._checked.add(case)
        return link

    def ready(
        self, link: Link, options: LinkOptions, image: SweepImage, picture: Picture | None = None
    ) -> Ready:
        """Encode an image, or give it if it is there.

        Raises
        ------
        PictureMissingError
            If the image's file is not there, and `picture` was not given.
        """
        key = options, image.hash
        if key not in self._ready:
            prepared = link.prepare(self._picture(image, picture))
            codec = link.codec.codec if isinstance(link.codec, RememberingCodec) else link.codec
            self._ready[key] = Ready.of(prepared, codec)
            _shrink(self._ready, _MEMORY, {name: ready.bytes for name, ready in self._ready.items()})
        self._ready.move_to_end(key)
        return self._ready[key]

    def send(self, link: Link, ready: Ready, snr_db: float | None, seed: int, trial: int) -> Reception[Any]:
        """Send an encoded picture once."""
        if isinstance(link.codec, RememberingCodec):
            link.codec.ready = ready
        return link.send(ready.prepared, snr_db=snr_db, seed=seed, trial=trial)

    def _picture(self, image: SweepImage, given: Picture | None) -> Picture:
        """Read an image, and make sure that it is still the one that was planned."""
        if image.hash not in self._pictures:
            if given is None:
                try:
                    given = load_image(image.path)
                except UsageError:
                    raise PictureMissingError(image.path) from None
            if content_hash(given) != image.hash:
                raise UsageError(f"{image.path} has changed since the sweep began; start it again")
            self._pictures[image.hash] = given
            _shrink(self._pictures, _PICTURES, {name: kept.nbytes for name, kept in self._pictures.items()})
        self._pictures.move_to_end(image.hash)
        return self._pictures[image.hash]


def _shrink(kept: OrderedDict[Any, Any], limit: int, sizes: dict[Any, int]) -> None:
    """Forget what was not used for longest, until the rest fits; the latest stays in any case."""
    total = sum(sizes.values())
    while total > limit and len(kept) > 1:
        name, _ = kept.popitem(last=False)
        total -= sizes[name]
