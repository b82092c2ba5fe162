"""Batches over an analog channel: the whole way from pictures to pictures, differentiable."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from channelvq.models.analog import AnalogTransform, Arrival, make_plan
from channelvq.models.network import BLOCK
from channelvq.training.deepjscc_recipe import AnalogChannelPart, AnalogRatePart
from channelvq.training.device import torch_generator

__all__ = ["Crossing", "draw_crossing", "relay"]


@dataclass(frozen=True)
class Crossing:
    """How the photographs of a batch are sent; each has `b / photographs` crops, one after the other.

    Attributes
    ----------
    counts : float tensor [photographs]
        Numbers that a position is sent with, on average.
    snr_db : float tensor [photographs]
        What both sides know.
    noise : float tensor [b, channels, h, w]
        Normal, of unit variance.
    power : float tensor [b, channels, h, w] or [b, 1, 1, 1]
        |h|² of each number's symbol.
    """

    counts: torch.Tensor
    snr_db: torch.Tensor
    noise: torch.Tensor
    power: torch.Tensor


def draw_crossing(
    rate: AnalogRatePart,
    channel: AnalogChannelPart,
    rng: np.random.Generator,
    photographs: int,
    size: tuple[int, int, int, int],
    device: torch.device | None = None,
) -> Crossing:
    """Draw rate, SNR, noise and fading for a batch whose latents have a size [b, channels, h, w].

    Noise and fading are drawn on the device, where they are needed: a GPU draws others than a CPU.
    """
    crops = size[0] // photographs
    which = rng.random(photographs)
    anything = np.exp(rng.uniform(math.log(rate.lowest), math.log(size[1]), photographs))
    counts = np.where(which < rate.main_share + rate.all_share, size[1], anything)
    counts = np.where(which < rate.main_share, rate.main, counts)
    snr = rng.uniform(channel.lowest_snr_db, channel.highest_snr_db, photographs)
    draw = torch_generator(rng, device)
    noise = torch.randn(size, generator=draw, device=device)
    power = torch.ones(size, device=device)
    for photograph in np.flatnonzero(rng.random(photographs) < channel.fading):
        part = power[photograph * crops : (photograph + 1) * crops]
        if rng.integers(2):
            part.fill_(rng.exponential())
        else:
            part.exponential_(generator=draw)
    there = partial(torch.as_tensor, dtype=torch.float32, device=device)
    return Crossing(there(counts), there(snr), noise, power)


def relay(
    network: AnalogTransform,
    pictures: torch.Tensor,
    crossing: Crossing,
    dtype: torch.dtype,
    analyse: Callable[..., torch.Tensor] | None = None,
    synthesise: Callable[..., torch.Tensor] | None = None,
) -> torch.Tensor:
    """Send pictures [b, 3, H, W] and show what arrives, [b, 3, H, W], not clipped.

    `analyse` and `synthesise` are the network's, perhaps compiled.
    """
    analyse, synthesise = analyse or network.analyse, synthesise or network.synthesise
    device = pictures.device
    groups = len(crossing.counts)
    crops = len(pictures) // groups
    size = pictures.shape[2] // BLOCK, pictures.shape[3] // BLOCK
    snr = crossing.snr_db.to(device)
    whole = network.shape.channels * size[0] * size[1]
    counts = (crossing.counts.to(device) * size[0] * size[1]).round().long()
    plan = make_plan(network.spectrum, size, counts, snr).repeated(crops)
    told, share = snr.repeat_interleave(crops), (counts / whole).repeat_interleave(crops)
    amp = torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)
    with amp:
        latents = analyse(pictures.contiguous(memory_format=torch.channels_last), told, share)
    numbers = network.emit(latents, plan)
    power = numbers.square().sum((1, 2, 3)).view(groups, crops).sum(1) / (counts * crops)
    scale = (power + 1e-9).sqrt().repeat_interleave(crops)
    spread = 10 ** (-told / 10)[:, None, None, None] / crossing.power.to(device).clamp(min=1e-6)
    received = numbers / scale[:, None, None, None] + spread.sqrt() * crossing.noise.to(device)
    variance = torch.where(plan.sent, spread, torch.inf)
    arrival = Arrival(received, variance, scale.log(), told)
    estimated, doubt = network.estimate(arrival, plan)
    with amp:
        return synthesise(estimated.contiguous(memory_format=torch.channels_last), doubt, arrival)
