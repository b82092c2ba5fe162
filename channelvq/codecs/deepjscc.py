"""The codec `deepjscc`: a picture becomes real numbers that cross the channel as they are, two a symbol."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from channelvq.codecs.analog import Observation, Symbols
from channelvq.codecs.base import Decoded, Picture
from channelvq.codecs.scale_word import ScaleWord
from channelvq.components import integer, real
from channelvq.errors import BudgetError, UsageError
from channelvq.models.analog import Arrival, Plan, make_plan
from channelvq.models.analog_refinement import refined
from channelvq.models.analog_weights import load_analog_model
from channelvq.models.network import BLOCK
from channelvq.models.spectrum import Spectrum
from channelvq.randomness import generator
from channelvq.snr import Snr

__all__ = ["DeepJscc"]

_LARGEST = 65536
_LONGEST_WORD, _SHORTEST_WORD = 64, 4
_USES_A_WORD_SYMBOL = 16
_LARGEST_SYMBOL = 1e6  # what is received beyond is no symbol


@dataclass(frozen=True)
class _Layout:
    """Where everything lies in a transmission; follows from size, channel uses and SNR, so nothing is sent.

    `word` and `data` are the places of symbols, `sent` the numbers of coefficients in the order in which they
    are sent, two a symbol of `data`; the symbols of no place are silent, and the others `boost` stronger.
    """

    plan: Plan
    word: npt.NDArray[np.int64]
    data: npt.NDArray[np.int64]
    sent: torch.Tensor
    boost: float


class DeepJscc:
    """Convolutional analog autoencoder for pictures of any size, for any SNR and channel bandwidth ratio.

    Networks on both sides add to a linear path: KLT of blocks, DCT over positions, gains by water-filling,
    linear estimate. The strongest coefficients are sent, as many as there are channel uses for, in an order
    that is strewn over the transmission. A few symbols (64 of them from 1024 uses on) tell how large the
    numbers were, see `ScaleWord`. With more uses than coefficients the others are silent.

    Parameters
    ----------
    model : str, optional
        Name of a shipped model or path of a .safetensors file.
    told : float, optional
        Es/N0 in dB that the sender takes for the channel's, whatever it is; without it, it knows the mean.
    refine : int
        Steps in which the sender refines what it sends of each picture, see `refined`: 8 of them give 0.15
        to 0.3 dB on Kodak (most at high SNR) and take about 40 s of a core a megapixel.

    References
    ----------
    .. [1] E. Bourtsoulatze, D. B. Kurka, D. Gündüz, "Deep joint source-channel coding for wireless image
       transmission", IEEE Trans. Cogn. Commun. Netw. 5 (2019).
    .. [2] J. Xu et al., "Wireless image transmission using deep source channel coding with attention
       modules", IEEE Trans. Circuits Syst. Video Technol. 32 (2022): networks that are told the SNR.
    """

    def __init__(
        self, model: str | None = None, told: float | str | None = None, refine: int | str = 0
    ) -> None:
        self.model = load_analog_model(model)
        self.refine = integer(str(refine), "refine", 0, 1000)
        self.told = None if told is None else Snr(real(str(told), "told", -100.0, 100.0))
        self._named = model

    @classmethod
    def from_args(cls, model: str | None = None, *, told: str | None = None, refine: str = "0") -> DeepJscc:
        """Make the codec from text: `deepjscc`, `deepjscc:MODEL`, `deepjscc:told=7`, `deepjscc:refine=8`."""
        return cls(model, told, refine)

    @property
    def spec(self) -> str:
        """What it is, as text."""
        parts = [self._named] if self._named else []
        if self.told is not None:
            parts.append(f"told={self.told.esn0_db:g}")
        if self.refine:
            parts.append(f"refine={self.refine}")
        return ":".join(["deepjscc", ",".join(parts)]) if parts else "deepjscc"

    def check(self, shape: tuple[int, int, int], uses: int) -> None:
        """Refuse what cannot be sent; see `AnalogCodec.check`.

        Raises
        ------
        UsageError
            A side above 65536.
        BudgetError
            Fewer channel uses than a picture can be sent with.
        """
        if max(shape[1:]) > _LARGEST:
            raise UsageError(f"picture is {shape[2]}×{shape[1]}, sides must be at most {_LARGEST} px")
        if uses <= (word := _word_length(uses)):
            raise BudgetError(f"{uses} channel uses do not hold a picture, {word + 1} would")

    @torch.inference_mode()
    def modulate(self, picture: Picture, uses: int, snr: Snr) -> Symbols:
        """Make symbols of a picture [3 or 1, H, W]; see `AnalogCodec.modulate`, raises what `check` does."""
        channels, height, width = picture.shape
        self.check((channels, height, width), uses)
        layout = self._layout(height, width, uses, snr)
        told, padded = self._told(snr), _padded(picture)
        network = self.model.network
        share = torch.tensor([len(layout.sent) / layout.plan.log_variance.numel()])
        latents = network.analyse_whole(padded, torch.tensor([told.esn0_db]), share)
        field = network.emit(latents, layout.plan)
        if self.refine:
            noise = told.n0 / layout.boost
            field = refined(network, padded, field, layout.plan, noise, told.esn0_db, self.refine)
        numbers = field.reshape(-1)[layout.sent].double()
        log_scale = 0.5 * float(numbers.square().mean().clamp(min=1e-12).log())
        pairs = (numbers * float(np.exp(-log_scale) * np.sqrt(0.5))).numpy().reshape(-1, 2)
        symbols = np.zeros(uses, np.complex64)
        symbols[layout.word] = ScaleWord(len(layout.word)).encode(log_scale)
        symbols[layout.data] = pairs[:, 0] + 1j * pairs[:, 1]
        return symbols

    @torch.inference_mode()
    def demodulate(self, observation: Observation, shape: tuple[int, int, int]) -> Decoded:
        """Make a picture of received symbols; see `AnalogCodec.demodulate`."""
        channels, height, width = shape
        network = self.model.network
        layout = self._layout(height, width, len(observation.symbols), observation.snr)
        lost = ~(np.abs(observation.symbols) < _LARGEST_SYMBOL) | ~np.isfinite(observation.noise_variance)
        kept = np.where(lost, 0, observation.symbols).astype(np.complex64)
        heard: Symbols = kept / np.float32(np.sqrt(layout.boost))
        noise = np.where(lost, np.float32(np.inf), observation.noise_variance / np.float32(layout.boost))
        log_scale = ScaleWord(len(layout.word)).decode(heard[layout.word], noise[layout.word])
        size = layout.plan.log_variance.shape
        received = np.ascontiguousarray(heard[layout.data]).view(np.float32) * np.float32(np.sqrt(2))
        numbers, variance = torch.zeros(size), torch.full(size, torch.inf)
        numbers.view(-1)[layout.sent] = torch.from_numpy(received)
        variance.view(-1)[layout.sent] = torch.from_numpy(noise[layout.data]).repeat_interleave(2)
        told = torch.tensor([self._told(observation.snr).esn0_db])
        arrival = Arrival(numbers[None], variance[None], torch.tensor([log_scale]), told)
        latents, doubt = network.estimate(arrival, layout.plan)
        shown = network.synthesise_whole(latents, doubt, arrival)[0, :, :height, :width].clamp(0, 1).numpy()
        if channels == 1:
            shown = shown.mean(0, keepdims=True)
        return Decoded(np.ascontiguousarray(shown), "concealed" if lost.any() else "ok")

    def _told(self, snr: Snr) -> Snr:
        return self.told or snr

    def _layout(self, height: int, width: int, uses: int, snr: Snr) -> _Layout:
        spectrum = self.model.network.spectrum
        return _make_layout(spectrum, -(-height // BLOCK), -(-width // BLOCK), uses, self._told(snr).esn0_db)


@lru_cache(maxsize=4)
def _make_layout(spectrum: Spectrum, h: int, w: int, uses: int, snr_db: float) -> _Layout:
    """Say what is sent where, of a field of h × w positions."""
    length = _word_length(uses)
    numbers = spectrum.values.shape[0] * h * w
    count = min(2 * (uses - length), numbers)
    plan = make_plan(spectrum, (h, w), torch.tensor([count]), torch.tensor([snr_db]))
    sent = torch.nonzero(plan.sent.reshape(-1))[:, 0]
    order = generator(0, "deepjscc", trial=count).permutation(count)
    active = length + count // 2
    word = (np.arange(length) * active) // length  # all over the transmission: a fade does not take it whole
    data = np.setdiff1d(np.arange(active), word)
    return _Layout(plan, word, data, sent[torch.from_numpy(order)], uses / active)


def _word_length(uses: int) -> int:
    """Symbols of the word that tells the scale.

    Examples
    --------
    >>> _word_length(24576), _word_length(500), _word_length(40)
    (64, 16, 4)
    """
    length = _LONGEST_WORD
    while length > _SHORTEST_WORD and length * _USES_A_WORD_SYMBOL > uses:
        length //= 2
    return length


def _padded(picture: Picture) -> torch.Tensor:
    """Three channels, sides a multiple of a block, edges repeated: [1, 3, H, W]."""
    _, height, width = picture.shape
    room = ((0, 0), (0, -height % BLOCK), (0, -width % BLOCK))
    padded = np.pad(np.asarray(picture, dtype=np.float32), room, mode="edge")
    return torch.from_numpy(np.broadcast_to(padded, (3, *padded.shape[1:])).copy())[None]
