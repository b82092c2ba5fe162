"""How well the lineage does on digits that it was not trained on."""

from __future__ import annotations

import torch

from channelvq.concealment.digits import conceal_indices
from channelvq.concealment.soft import SoftConcealment
from channelvq.models.lineage import GRID, AutoEncoder, VqAutoEncoder, as_field, as_rows, unit_power
from channelvq.training.lineage_loss import send_indices, send_latents

__all__ = ["validate"]

_SNRS_DB = (-5, 0, 5, 10, 15, 20)


@torch.no_grad()
def validate(
    network: AutoEncoder, digits: torch.Tensor, log_prior: torch.Tensor | None = None
) -> dict[str, float]:
    """Mean PSNR in dB of digits [n, 1, 28, 28] sent over AWGN, by SNR.

    Of a VQ-VAE the indices of the first stage are sent, uncoded by QPSK, and "clean" is what arrives without
    noise, by number of bits.
    """
    if isinstance(network, VqAutoEncoder) and log_prior is not None:
        return _validate_vqvae(network, digits, log_prior)
    latents, found = unit_power(network.encode(digits)), {}
    for snr_db in _SNRS_DB:
        n0, draw = torch.full((len(digits),), 10 ** (-snr_db / 10)), torch.Generator().manual_seed(0)
        found[f"{snr_db} dB SNR"] = _psnr_db(digits, network.decode(*send_latents(latents, n0, draw)))
    return found


def _validate_vqvae(
    network: VqAutoEncoder, digits: torch.Tensor, log_prior: torch.Tensor
) -> dict[str, float]:
    rows, found = as_rows(network.encode(digits)), {}
    indices, _ = network.quantizer.search(rows)
    known = torch.zeros(len(digits), 1, GRID, GRID)
    for stages in range(1, network.shape.stages + 1):
        codes = network.quantizer.assemble(indices, torch.full((len(rows),), stages))
        bits = stages * GRID**2 * network.shape.index_bits
        found[f"{bits} bits, clean"] = _psnr_db(digits, network.decode(as_field(codes), known))
    for snr_db in _SNRS_DB:
        n0, draw = torch.full((len(digits),), 10 ** (-snr_db / 10)), torch.Generator().manual_seed(0)
        llrs = send_indices(indices[:, :1], network.shape.codes, n0, draw)
        one = torch.ones(len(rows), dtype=torch.int64)
        received = conceal_indices(network, SoftConcealment(), llrs, log_prior, one)
        found[f"{snr_db} dB SNR"] = _psnr_db(digits, network.decode(*received))
    return found


def _psnr_db(digits: torch.Tensor, shown: torch.Tensor) -> float:
    """Mean over images of 8-bit samples."""
    error = (digits - (shown.clamp(0, 1) * 255).round() / 255).square().flatten(1).mean(1)
    return float(-10 * error.clamp(min=1e-6).log10().mean())
