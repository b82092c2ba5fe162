"""The codecs of the lineage on MNIST: `mnist-ae` and `mnist-vae` send latents, `mnist-vqvae` sends indices.

They know digits of 28 × 28 pixels and nothing else: that is the image's size class, and no header is sent.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from channelvq.codecs.analog import Observation, Symbols
from channelvq.codecs.base import Decoded, Message, Picture
from channelvq.concealment import CONCEALMENTS
from channelvq.concealment.base import Concealment
from channelvq.concealment.digits import conceal_indices
from channelvq.errors import BudgetError, UsageError
from channelvq.models.lineage import GRID, SIDE, VqAutoEncoder, as_rows, belief, unit_power
from channelvq.models.lineage_weights import load_lineage_model
from channelvq.models.posterior import SURE, index_labels, llrs_to_indices
from channelvq.snr import Snr

__all__ = ["MnistAe", "MnistVae", "MnistVqvae"]

_POSITIONS = GRID * GRID


class MnistAe:
    """Sends the latents of an autoencoder as analog symbols, two a symbol.

    The receiver takes a latent for standard normal, as it is on average over those of a digit, and gives the
    decoder its mean and variance given what arrived.

    Parameters
    ----------
    model : str, optional
        Name of a shipped model or path of a .safetensors file; `mnist-ae` by default.
    """

    network: ClassVar[str] = "ae"

    def __init__(self, model: str | None = None) -> None:
        self.model = load_lineage_model(model or f"mnist-{self.network}", self.network)
        self._named = model

    @classmethod
    def from_args(cls, model: str | None = None) -> MnistAe:
        """Make the codec from text: its name, or `name:MODEL`."""
        return cls(model)

    @property
    def spec(self) -> str:
        """Its name as text, with the model's if one was named."""
        return ":".join([f"mnist-{self.network}", *([self._named] if self._named else [])])

    @property
    def uses(self) -> int:
        """Complex symbols that the latents of a digit take."""
        return self.model.network.shape.latents * _POSITIONS // 2

    def check(self, shape: tuple[int, int, int], uses: int) -> None:
        """Refuse what cannot be sent; see `AnalogCodec.check`.

        Raises
        ------
        UsageError
            It is no grey picture of 28 × 28.
        BudgetError
            Too few channel uses for the latents.
        """
        _check_digit(shape)
        if uses < self.uses:
            raise BudgetError(f"{uses} channel uses do not hold the latents of a digit, {self.uses} would")

    @torch.inference_mode()
    def modulate(self, picture: Picture, uses: int, snr: Snr) -> Symbols:
        """Make `uses` complex symbols of a digit [1, 28, 28]; those beyond the latents are silent.

        Raises what `check` does.
        """
        del snr  # the sender does not adapt
        channels, height, width = picture.shape
        self.check((channels, height, width), uses)
        latents = self.model.network.encode(torch.from_numpy(picture)[None])
        pairs = unit_power(latents).reshape(-1, 2).numpy()
        symbols = np.zeros(uses, np.complex64)
        symbols[: self.uses] = (pairs[:, 0] + 1j * pairs[:, 1]) * np.float32(np.sqrt(0.5))
        return symbols

    @torch.inference_mode()
    def demodulate(self, observation: Observation, shape: tuple[int, int, int]) -> Decoded:
        """Make a digit of received symbols; see `AnalogCodec.demodulate`."""
        # silent symbols leave their power to the others
        gain = len(observation.symbols) / self.uses
        symbols = torch.from_numpy(observation.symbols[: self.uses]) * (2 / gain) ** 0.5
        noise = torch.from_numpy(observation.noise_variance[: self.uses] / np.float32(gain))
        grid = (1, self.model.network.shape.latents, GRID, GRID)
        received = torch.view_as_real(symbols).reshape(grid)
        expected, doubt = belief(received, noise.repeat_interleave(2).view(grid))
        shown = self.model.network.decode(expected, doubt.mean(1, keepdim=True))
        lost = not bool(torch.isfinite(noise).all())
        return Decoded(shown[0].clamp(0, 1).numpy().reshape(shape), "concealed" if lost else "ok")


class MnistVae(MnistAe):
    """Sends the mean of what a variational autoencoder takes the latents for, in the way of `MnistAe`."""

    network = "vae"


class MnistVqvae:
    """Sends the indices of a VQ-VAE as bits, of as many stages as the link has room for.

    The message is the indices of the first stage, position by position, then those of the second; their
    number follows from the message's length.

    Parameters
    ----------
    model : str, optional
        Name of a shipped model or path of a .safetensors file; `mnist-vqvae` by default.
    concealment : str
        What to do about broken indices: "soft" (expected code vector), "none" or "neighbour".
    """

    def __init__(self, model: str | None = None, concealment: str | None = None) -> None:
        self.model = load_lineage_model(model or "mnist-vqvae", "vqvae")
        self.concealment: Concealment = CONCEALMENTS.build(concealment or "soft")
        if self.concealment.spec.startswith("context"):
            raise UsageError("codec 'mnist-vqvae' has no context prior; use soft, none or neighbour")
        self._named = model

    @classmethod
    def from_args(cls, model: str | None = None, concealment: str | None = None) -> MnistVqvae:
        """Make the codec from text: `mnist-vqvae` or `mnist-vqvae:MODEL`."""
        return cls(model, concealment)

    @property
    def spec(self) -> str:
        """What makes the message, as text (the concealment is the receiver's)."""
        return ":".join(["mnist-vqvae", *([self._named] if self._named else [])])

    @property
    def network(self) -> VqAutoEncoder:
        """The network."""
        network = self.model.network
        assert isinstance(network, VqAutoEncoder)
        return network

    def stages(self, bits: int) -> int:
        """How many stages a message of `bits` bits has room for, at most those that there are."""
        shape = self.network.shape
        return min(shape.stages, bits // (_POSITIONS * shape.index_bits))

    @torch.inference_mode()
    def encode(self, picture: Picture, budget_bits: int) -> Message:
        """Describe a digit [1, 28, 28] by the indices of as many stages as fit.

        Raises
        ------
        UsageError
            It is no grey picture of 28 × 28.
        BudgetError
            There is no room for one stage.
        """
        _check_digit(picture.shape)
        shape, stages = self.network.shape, self.stages(budget_bits)
        if not stages:
            least = _POSITIONS * shape.index_bits
            raise BudgetError(f"a budget of {budget_bits} bits does not hold one stage, {least} bits would")
        latents = self.network.encode(torch.from_numpy(picture)[None])
        found, _ = self.network.quantizer.search(as_rows(latents))
        indices = found[:, :stages].T.reshape(-1)
        bits = index_labels(shape.codes).to(torch.uint8)[indices].reshape(-1).numpy()
        return Message(bits, {"indices": bits.size}, indices.numpy())

    @torch.inference_mode()
    def decode(
        self,
        llrs: npt.NDArray[np.float32],
        shape: tuple[int, int, int],
        trusted: npt.NDArray[np.bool_] | None = None,
    ) -> Decoded:
        """Make a digit of message LLRs [n]; see `Codec.decode`."""
        del trusted  # the LLRs say it all
        sizes, stages = self.network.shape, self.stages(len(llrs))
        used = np.ascontiguousarray(llrs[: stages * _POSITIONS * sizes.index_bits], np.float32)
        received = torch.from_numpy(used).view(stages, _POSITIONS, sizes.index_bits)
        depth = torch.full((_POSITIONS,), stages)
        expected, doubt = conceal_indices(
            self.network, self.concealment, received.transpose(0, 1), self.model.log_prior, depth
        )
        shown = self.network.decode(expected, doubt)[0].clamp(0, 1).numpy().reshape(shape)
        unsure = not bool((received.abs() >= SURE).all())
        indices = llrs_to_indices(received.flatten(0, 1)).numpy()
        return Decoded(shown, "concealed" if unsure else "ok", indices)


def _check_digit(shape: tuple[int, ...]) -> None:
    if shape != (1, SIDE, SIDE):
        size = " x ".join(map(str, shape))
        raise UsageError(f"picture is {size}, the mnist codecs take grey ones of 1 x {SIDE} x {SIDE}")
