"""The network of the `deepjscc` codec: pictures to real numbers that are sent as they are, and back.

A linear path, which is the best there is among linear ones: the KLT of 8×8×3 blocks, its strongest channels
transformed over positions, each coefficient with the gain that suits the SNR, a linear estimate at the
receiver. Residual networks on both sides add to it, starting at zero, and are told the SNR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from channelvq.models.network import BLOCK
from channelvq.models.spectrum import Spectrum, dct, inverse_dct, shrinkage, water_filling

__all__ = ["AnalogShape", "AnalogTransform", "Arrival", "Plan", "make_plan"]

_PIXELS = 3 * BLOCK * BLOCK
_HIDDEN = 64
_RANK_STEPS = 64.0
_STRIPE = 128


@dataclass(frozen=True)
class AnalogShape:
    """Everything that fixes the tensors of a model.

    Attributes
    ----------
    channels : int
        Real numbers that a position (of 8×8 pixels) has at most.
    width : int
        Channels of the residual networks.
    encoder_blocks, decoder_blocks : int
        Residual blocks on each side; each sees two positions further.
    """

    channels: int = 32
    width: int = 192
    encoder_blocks: int = 3
    decoder_blocks: int = 4


class ConditionedBlock(nn.Module):
    """x + conv(act(a · conv(act(x)) + b)), where a and b follow the channel; starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.condition = nn.Linear(_HIDDEN, 2 * width)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.condition.weight)
        nn.init.zeros_(self.condition.bias)

    def forward(self, x: torch.Tensor, facts: torch.Tensor) -> torch.Tensor:
        scale, shift = self.condition(facts)[:, :, None, None].chunk(2, dim=1)
        inner = self.first(functional.silu(x)) * (1 + scale) + shift
        added: torch.Tensor = self.second(functional.silu(inner))
        return x + added


@dataclass(frozen=True)
class Plan:
    """What of the coefficients is sent, and with which gain.

    Attributes
    ----------
    log_variance : float tensor [channels, h, w]
        What is known of the coefficients beforehand.
    sent : bool tensor [b, channels, h, w]
        Which are sent.
    gain : float tensor [b, channels, h, w]
        What they are multiplied with; 0 where they are not sent.
    """

    log_variance: torch.Tensor
    sent: torch.Tensor
    gain: torch.Tensor

    def repeated(self, times: int) -> Plan:
        """Take each setting several times, one after the other."""
        sent, gain = (part.repeat_interleave(times, 0) for part in (self.sent, self.gain))
        return Plan(self.log_variance, sent, gain)


@dataclass(frozen=True)
class Arrival:
    """What a receiver knows of a transmission; per picture of a batch.

    Attributes
    ----------
    numbers : float tensor [b, channels, h, w]
        Received numbers, of mean power 1 as they were sent.
    noise : float tensor, broadcastable to [b, channels, h, w]
        Variance of the noise on each; infinite where nothing arrived.
    log_scale : float tensor [b]
        Natural logarithm of what the sender divided the numbers by.
    snr_db : float tensor [b]
        Es/N0 that the sender was told.
    """

    numbers: torch.Tensor
    noise: torch.Tensor
    log_scale: torch.Tensor
    snr_db: torch.Tensor


def make_plan(spectrum: Spectrum, size: tuple[int, int], counts: torch.Tensor, snr_db: torch.Tensor) -> Plan:
    """Choose the strongest coefficients of a field, and their gains.

    Parameters
    ----------
    spectrum : Spectrum
        How strong they are.
    size : (h, w)
        Positions.
    counts : int64 tensor [b]
        How many are sent.
    snr_db : float tensor [b]
        Es/N0 in dB.
    """
    log_variance = spectrum.log_variance(*size)
    flat = log_variance.reshape(-1)
    # In steps, so that sender and receiver agree on the order whatever their last bit.
    order = torch.argsort((flat * _RANK_STEPS).round(), descending=True, stable=True)
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order), device=order.device)
    sent = ranks[None] < counts[:, None]
    gain = water_filling(flat, 10 ** (-snr_db / 10), sent)
    wide = (len(counts), *log_variance.shape)
    return Plan(log_variance, sent.view(wide), gain.view(wide))


class AnalogTransform(nn.Module):
    """Pictures to latents, latents to numbers for the channel, and back.

    Parameters
    ----------
    shape : AnalogShape
        Sizes.
    """

    basis: torch.Tensor
    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, shape: AnalogShape) -> None:
        super().__init__()
        self.shape = shape
        width, channels = shape.width, shape.channels
        self.register_buffer("basis", torch.zeros(_PIXELS, _PIXELS))  # rows: eigenvectors, strongest first
        self.register_buffer("mean", torch.zeros(_PIXELS))
        self.register_buffer("spread", torch.ones(_PIXELS))  # standard deviation along each row
        self.spectrum = Spectrum(channels)
        self.belief = nn.Parameter(torch.zeros(channels, 4))  # what the receiver believes otherwise of it
        self.sender_facts = nn.Sequential(nn.Linear(2, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, _HIDDEN))
        self.encoder_in = nn.Conv2d(_PIXELS, width, 1)
        self.encoder = nn.ModuleList(ConditionedBlock(width) for _ in range(shape.encoder_blocks))
        self.encoder_out = nn.Conv2d(width, 2 * channels, 3, padding=1)
        self.receiver_facts = nn.Sequential(
            nn.Linear(3 + channels, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, _HIDDEN)
        )
        self.decoder_in = nn.Conv2d(channels, width, 3, padding=1)
        self.decoder = nn.ModuleList(ConditionedBlock(width) for _ in range(shape.decoder_blocks))
        self.decoder_out = nn.Conv2d(width, _PIXELS, 3, padding=1)
        for last in (self.encoder_out, self.decoder_out):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    @property
    def reach(self) -> int:
        """Positions that a result depends on, to each side (the larger of encoder and decoder)."""
        return 2 + 2 * max(self.shape.encoder_blocks, self.shape.decoder_blocks)

    @torch.no_grad()
    def fit_klt(self, blocks: torch.Tensor) -> None:
        """Set the linear path from sample blocks [n, 192] (principal axes of their covariance)."""
        values = blocks.double()
        self.mean.copy_(values.mean(0))
        variance, vectors = torch.linalg.eigh(torch.cov((values - values.mean(0)).T))
        order = torch.argsort(variance, descending=True)
        self.basis.copy_(vectors.T[order])
        self.spread.copy_((variance[order].clamp(min=0) + (1 / 255) ** 2).sqrt())

    def project(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures [b, 3, H, W] -> all KLT coefficients [b, 192, H/8, W/8]."""
        blocks = functional.pixel_unshuffle(pictures, BLOCK) - self.mean[:, None, None]
        axes: torch.Tensor = functional.conv2d(blocks, self.basis[:, :, None, None])
        return axes

    def analyse(self, pictures: torch.Tensor, snr_db: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """Pictures [b, 3, H, W] in [0, 1], sides multiples of 8 -> latents [b, channels, H/8, W/8].

        `snr_db` and `share`, the part of the latents that is sent, are [b].
        """
        channels = self.shape.channels
        with torch.autocast(pictures.device.type, enabled=False):  # the linear path stays exact
            axes = self.project(pictures)
        facts = self.sender_facts(torch.stack([snr_db / 10 - 1, torch.log(share)], 1))
        hidden = self.encoder_in(axes / self.spread[:, None, None])
        for block in self.encoder:
            hidden = block(hidden, facts)
        added, stretch = self.encoder_out(functional.silu(hidden)).float().chunk(2, dim=1)
        stretched = axes[:, :channels] * torch.exp(stretch)
        latents: torch.Tensor = stretched + added * self.spread[:channels, None, None]
        return latents

    def emit(self, latents: torch.Tensor, plan: Plan) -> torch.Tensor:
        """Latents [b, channels, h, w] -> numbers to be sent (of some power), as many; 0 where none is."""
        return dct(latents.float()) * plan.gain

    def estimate(self, arrival: Arrival, plan: Plan) -> tuple[torch.Tensor, torch.Tensor]:
        """Make the best linear estimate of the latents.

        Returns
        -------
        latents : float tensor [b, channels, h, w]
        doubt : float tensor [b, channels]
            Share of each channel's power that is unknown, from 0 to 1.
        """
        h, w = arrival.numbers.shape[-2:]
        log_variance = self.spectrum.log_variance(h, w, self.belief)
        factor, doubt = shrinkage(log_variance, plan.gain, arrival.noise)
        scale = torch.exp(arrival.log_scale)[:, None, None, None]
        latents = inverse_dct(arrival.numbers * factor * scale)
        weight = torch.exp(log_variance)
        return latents, (doubt * weight).sum((2, 3)) / weight.sum((1, 2))

    def synthesise(self, latents: torch.Tensor, doubt: torch.Tensor, arrival: Arrival) -> torch.Tensor:
        """Estimated latents to pictures [b, 3, 8h, 8w], not clipped; see `estimate`."""
        channels = self.shape.channels
        with torch.autocast(latents.device.type, enabled=False):
            linear = functional.conv2d(latents, self.basis[:channels].T[:, :, None, None])
            linear = linear + self.mean[:, None, None]
        known = torch.stack([arrival.snr_db / 10 - 1, arrival.log_scale, doubt.mean(1).sqrt()], 1)
        facts = self.receiver_facts(torch.cat([known, doubt.clamp(min=1e-4).log10()], 1))
        hidden = self.decoder_in(latents / self.spread[:channels, None, None])
        for block in self.decoder:
            hidden = block(hidden, facts)
        added = self.decoder_out(functional.silu(hidden))
        pictures: torch.Tensor = functional.pixel_shuffle(linear + 0.1 * added.float(), BLOCK)
        return pictures

    def analyse_whole(self, picture: torch.Tensor, snr_db: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """Do as `analyse`, in stripes of rows, so that memory does not grow with the picture."""

        def analyse(first: int, last: int) -> torch.Tensor:
            return self.analyse(picture[:, :, first * BLOCK : last * BLOCK], snr_db, share)

        return _striped(analyse, picture.shape[2] // BLOCK, self.reach, 1)

    def synthesise_whole(self, latents: torch.Tensor, doubt: torch.Tensor, arrival: Arrival) -> torch.Tensor:
        """Do as `synthesise`, in stripes of rows."""

        def synthesise(first: int, last: int) -> torch.Tensor:
            return self.synthesise(latents[:, :, first:last], doubt, arrival)

        return _striped(synthesise, latents.shape[2], self.reach, BLOCK)


def _striped(make: Callable[[int, int], torch.Tensor], height: int, reach: int, scale: int) -> torch.Tensor:
    """Call `make(first, last)` on stripes of rows with what they reach around them, and join the middles."""
    if height <= _STRIPE + 2 * reach:
        return make(0, height)
    parts = []
    for first in range(0, height, _STRIPE):
        last = min(first + _STRIPE, height)
        low, high = max(0, first - reach), min(height, last + reach)
        part = make(low, high)
        parts.append(part[:, :, (first - low) * scale : (last - low) * scale].clone())
    return torch.cat(parts, 2)
