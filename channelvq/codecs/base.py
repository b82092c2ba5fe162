"""What a codec is: it turns a picture into message bits within a budget, and message LLRs into a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = ["Codec", "Decisive", "Decoded", "Message", "Picture", "Status", "encode_tight", "grey_picture"]

Picture = npt.NDArray[np.float32]
"""A picture inside the library: [3, H, W] (RGB) or [1, H, W] (grey), float32 in [0, 1]."""

_PADDING = 512

Status = Literal["ok", "concealed", "failed"]


@dataclass(frozen=True)
class Message:
    """What a codec sends.

    Attributes
    ----------
    bits : ndarray of uint8 [n]
        0 and 1.
    parts : dict of str to int
        How many of the bits serve what ("header", "map", "guard", "indices", "stream", ...); sums to n.
    indices : ndarray of int [m], optional
        The code indices sent, in message order, for a codec that has them.
    """

    bits: npt.NDArray[np.uint8]
    parts: dict[str, int]
    indices: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class Decoded:
    """What a codec makes of received LLRs.

    Attributes
    ----------
    picture : ndarray of float32 [C, H, W]
        In [0, 1]; flat mid-grey where `status` is "failed".
    status : {"ok", "concealed", "failed"}
        "ok": nothing is known to be wrong; "concealed": something was lost and made up for.
    indices : ndarray of int [m], optional
        The hard-decided code indices, in message order.
    notes : dict of str to str
        What the receiver noticed ("map CRC failed", ...).
    """

    picture: Picture
    status: Status
    indices: npt.NDArray[np.int64] | None = None
    notes: dict[str, str] = field(default_factory=dict)


@runtime_checkable
class Codec(Protocol):
    """Picture to message and back. A codec keeps no state between calls."""

    @property
    def spec(self) -> str:
        """The component's name, `name` or `name:args`."""
        ...

    def encode(self, picture: Picture, budget_bits: int) -> Message:
        """Describe the picture in at most `budget_bits` bits, using as many of them as help.

        Raises
        ------
        BudgetError
            If the budget does not hold even the coarsest description; says how many bits would.
        """
        ...

    def decode(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Make a picture from message LLRs; never raises on corrupt input.

        Parameters
        ----------
        llrs : ndarray of float32 [n]
            log p(0) - log p(1) of each message bit, padding included (n is what the link leaves).
        shape : (C, H, W)
            Size of the picture to show if the message cannot be read.
        trusted : ndarray of bool [n], optional
            Whether the channel code vouches for each bit; None where no code can tell.
        """
        ...


@runtime_checkable
class Decisive(Protocol):
    """A codec whose decoder does not go by all that it gets, and that says what it goes by."""

    def essence(self, llrs: npt.NDArray[np.float32], trusted: npt.NDArray[np.bool_] | None = None) -> bytes:
        """Give what determines the picture: equal essences (and shapes) are decoded to equal pictures.

        Takes what `Codec.decode` takes. Best given by the very steps that begin the decoder, so that it
        cannot be otherwise.
        """
        ...


def encode_tight(codec: Codec, picture: Picture, budget_bits: int) -> Message:
    """Encode without padding to speak of, where nothing but the message is paid for (a file).

    A codec that has nothing left to say at a high rate fills the rest of a link's budget with zeros.
    """
    message = codec.encode(picture, budget_bits)
    padding = message.parts.get("padding", 0)
    return codec.encode(picture, budget_bits - padding) if padding > _PADDING else message


def grey_picture(shape: tuple[int, int, int]) -> Picture:
    """Make what a receiver shows that cannot decode: flat mid-grey.

    Examples
    --------
    >>> grey_picture((3, 2, 2)).mean().round(3)
    np.float32(0.502)
    """
    return np.full(shape, 128 / 255, dtype=np.float32)
