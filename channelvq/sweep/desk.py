"""What a worker keeps between slices: links, pictures, and these encoded."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from channelvq.adaptive_link import AdaptiveLink
from channelvq.bits import bits_to_llrs
from channelvq.codecs.base import Codec, Picture
from channelvq.errors import BudgetError, UsageError
from channelvq.framing import Unframed
from channelvq.images import content_hash, load_image
from channelvq.link import Link, Prepared, Reception
from channelvq.provenance import source_fingerprint
from channelvq.sweep.axis import Point
from channelvq.sweep.identity import case_content, content_digest
from channelvq.sweep.memory import Memory, essence
from channelvq.sweep.options import AdaptiveOptions, LinkOptions, Options
from channelvq.sweep.plan import SweepImage
from channelvq.sweep.unsent import Unsent, receive_nothing

__all__ = ["Desk", "PictureMissingError", "Ready"]

_MEMORY = 512 << 20  # bytes of encoded pictures a worker keeps
_PICTURES = 128 << 20  # and of pictures
_BYTES_A_FRAMED_BIT = 24  # its place in the interleaver and in the scrambler


class PictureMissingError(Exception):
    """The worker does not see the image's file (it is on another machine): send the picture along."""


@dataclass(frozen=True)
class Ready:
    """A picture encoded by a scheme, and what its receivers have shown.

    Attributes
    ----------
    prepared : Prepared
        As `Link.prepare` gives it.
    codec : Codec
        What decodes it.
    unframed : Unframed
        What the channel code hands on when all is right.
    memory : Memory
        The picture then, once somebody asked, and some others.
    """

    prepared: Prepared[Any]
    codec: Codec
    unframed: Unframed
    memory: Memory

    @classmethod
    def of(cls, prepared: Prepared[Any], codec: Codec) -> Ready:
        """Send the coded bits through no channel at all."""
        unframed = prepared.frame.decode(bits_to_llrs(prepared.coded_bits))
        return cls(prepared, codec, unframed, Memory(pinned=essence(codec, unframed)))

    @property
    def blocks(self) -> int | None:
        """Blocks of the channel code whose fate it can tell; None if it cannot."""
        ok = self.unframed.blocks_ok
        return None if ok is None else int(ok.size)

    def clean_psnr_db(self) -> float:
        """PSNR over an error-free channel."""
        return self.memory.show(self.codec, self.prepared, self.unframed).psnr_db

    @property
    def bytes(self) -> int:
        """How much memory it takes; what it shares with others, picture and frame, is not counted."""
        indices = self.prepared.message.indices
        own = self.unframed.llrs.nbytes + (0 if indices is None else indices.nbytes)
        return own + self.prepared.coded_bits.nbytes + self.memory.nbytes


class Desk:
    """Links, pictures and encoded pictures, the latest used first to stay."""

    def __init__(self) -> None:
        self._links: dict[tuple[Options, str], Link | AdaptiveLink] = {}
        self._checked: set[str] = set()
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._ready: OrderedDict[tuple[LinkOptions, str], Ready] = OrderedDict()

    def link(self, options: Options, point: Point, seed: int, case: str) -> Link | AdaptiveLink:
        """Build a link, or give the one that is there; make sure that it is what was planned.

        Raises
        ------
        UsageError
            If weights or code of this worker are not those of the plan.
        """
        key = options, point.channel
        if key not in self._links:
            self._links[key] = options.build(point.channel)
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

    def sender(
        self, options: Options, point: Point, seed: int, case: str, image: str, trial: int
    ) -> tuple[LinkOptions, Link]:
        """Give the link of one transmission, of an image (its hash): a sender that knows the gain picks it.

        Raises
        ------
        UsageError
            As `link` does.
        """
        link = self.link(options, point, seed, case)
        if isinstance(link, AdaptiveLink):
            assert isinstance(options, AdaptiveOptions)
            rung = link.pick(image, point.snr_db, seed, trial)
            return options.rungs[rung][1], link.rungs[rung][1]
        assert isinstance(options, LinkOptions)
        return options, link

    def ready(
        self, link: Link, options: LinkOptions, image: SweepImage, picture: Picture | None = None
    ) -> Ready:
        """Encode an image, or give it if it is there; of one that does not fit the budget, nothing is sent.

        Raises
        ------
        PictureMissingError
            If the image's file is not there, and `picture` was not given.
        """
        key = options, image.hash
        if key not in self._ready:
            self._ready[key] = self._encode(link, options, self._picture(image, picture))
            _shrink(self._ready, _MEMORY, self._sizes())
        self._ready.move_to_end(key)
        return self._ready[key]

    def send(self, link: Link, ready: Ready, snr_db: float | None, seed: int, trial: int) -> Reception[Any]:
        """Send an encoded picture once."""
        if isinstance(ready.codec, Unsent):
            shown = ready.memory.show(ready.codec, ready.prepared, ready.unframed)
            return receive_nothing(link, ready.prepared, shown, snr_db, seed, trial)
        link.show = ready.memory.show
        return link.send(ready.prepared, snr_db=snr_db, seed=seed, trial=trial)

    def _encode(self, link: Link, options: LinkOptions, picture: Picture) -> Ready:
        """Encode a picture; a budget too small for its codec is a failure at every trial, and no error."""
        try:
            prepared = link.prepare(picture)
        except BudgetError as error:
            unsent = Unsent(str(error))
            return Ready.of(unsent.prepare(link, picture), unsent)
        return Ready.of(self._share(prepared, options), link.codec)

    def _share(self, prepared: Prepared[Any], options: LinkOptions) -> Prepared[Any]:
        """Drop what is there already: the picture, and the frame of another picture as large."""
        if np.array_equal(prepared.picture, prepared.given):
            prepared = replace(prepared, picture=prepared.given)
        for (others, _), ready in self._ready.items():
            frame = ready.prepared.frame
            if others == options and frame.coded_bits == prepared.frame.coded_bits:
                return replace(prepared, frame=frame)
        return prepared

    def _sizes(self) -> dict[tuple[LinkOptions, str], int]:
        """Memory that each encoded picture takes, its share of the frame included."""
        users = Counter(id(ready.prepared.frame) for ready in self._ready.values())
        sizes = {}
        for key, ready in self._ready.items():
            frame = ready.prepared.frame
            sizes[key] = ready.bytes + _BYTES_A_FRAMED_BIT * frame.coded_bits // users[id(frame)]
        return sizes

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
