"""A small analog model, quick to make: the linear path, and networks that have learnt nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from samples import photo_like

from channelvq.models.analog import AnalogShape, AnalogTransform
from channelvq.models.analog_weights import save_analog_model
from channelvq.models.spectrum import fit_spectrum


def small_analog(*, awake: bool = False) -> AnalogTransform:
    """The linear path of made pictures; `awake` networks add something, as trained ones do."""
    torch.manual_seed(0)
    network = AnalogTransform(AnalogShape(channels=32, width=8, encoder_blocks=1, decoder_blocks=1))
    samples = torch.from_numpy(np.stack([photo_like(128, 128, seed) for seed in range(6)]))
    with torch.no_grad():
        blocks = torch.nn.functional.pixel_unshuffle(samples, 8).permute(0, 2, 3, 1).reshape(-1, 192)
        network.fit_klt(blocks)
        fit_spectrum(network.spectrum, network.project(samples)[:, :32], steps=100)
        if awake:
            for name, value in network.named_parameters():
                if "out" in name or "condition" in name or "second" in name:
                    value.normal_(0, 0.1)
    return network.eval().requires_grad_(requires_grad=False)


def save_small_analog(folder: Path, *, awake: bool = False) -> str:
    """Write it down; gives the file's path."""
    path = folder / ("awake.safetensors" if awake else "linear.safetensors")
    save_analog_model(path, small_analog(awake=awake), path.stem, {})
    return str(path)
