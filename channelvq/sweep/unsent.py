"""A picture of which nothing is sent, the budget being too small for its codec: a failure that is counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from channelvq.codecs.base import Decoded, Message, Picture, grey_picture
from channelvq.errors import BudgetError
from channelvq.framing import NoFrame
from channelvq.images import content_hash
from channelvq.link import Link
from channelvq.reception import Account, Prepared, Reception
from channelvq.showing import Shown

__all__ = ["Unsent", "receive_nothing"]


class Unsent:
    """Stands for the codec of a picture that does not fit: its receivers show grey, and have failed.

    Parameters
    ----------
    reason : str
        Why nothing is sent.

    Examples
    --------
    >>> nothing = Unsent("a budget of 20 bits is too small")
    >>> nothing.decode(np.zeros(0, np.float32), (3, 16, 16)).status
    'failed'
    """

    spec = "unsent"

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def encode(self, picture: Picture, budget_bits: int) -> Message:
        """Raise `BudgetError`: nothing fits."""
        raise BudgetError(self.reason)

    def decode(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Show grey."""
        return Decoded(grey_picture(shape), "failed", notes={"budget": self.reason})

    def prepare(self, link: Link, picture: Picture) -> Prepared[Any]:
        """Make a transmission without a message; it takes the channel uses that the picture has."""
        uses = link.channel_uses(picture.shape)
        modulation = getattr(link, "modulation", None)  # symbols have none
        bits = 0 if modulation is None else uses * int(modulation.bits_per_symbol)
        account = Account(
            source_bits=0,
            parts={},
            protection=(),
            crc_bits=0,
            parity_bits=0,
            padding_bits=bits,
            paid_bits=bits,
            channel_uses=uses,
            cbr=uses / picture.size,
        )
        return Prepared(
            given=picture,
            picture=picture,
            image_hash=content_hash(picture),
            message=Message(np.zeros(0, np.uint8), {}),
            frame=NoFrame(),
            coded_bits=np.zeros(0, np.uint8),
            account=account,
            scheme=(),
            seconds=0.0,
        )


def receive_nothing(
    link: Link, prepared: Prepared[Any], shown: Shown, snr_db: float | None, seed: int, trial: int
) -> Reception[Any]:
    """Give what a receiver has to whom nothing was sent: grey, and none of the rates of what was sent."""
    snr = link.check_snr(snr_db)
    return Reception(
        image=shown.decoded.picture,
        psnr_db=shown.psnr_db,
        ssim=shown.ssim,
        ms_ssim=shown.ms_ssim,
        status=shown.decoded.status,
        account=prepared.account,
        raw_ber=None,
        message_ber=None,
        index_error_rate=None,
        block_error_rate=None,
        seconds=shown.seconds,
        snr_db=None if snr is None else snr.esn0_db,
        seed=seed,
        trial=trial,
        components=link.components,
        notes=shown.decoded.notes,
    )
