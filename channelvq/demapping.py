"""Demapping: received symbols to LLRs, axis by axis; by a kernel, or by torch where a gradient is due."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, TypeAlias

import numpy as np
import torch

from channelvq.bits import CERTAIN_LLR
from channelvq.channels.base import Received
from channelvq.tensors import compact, is_plain
from channelvq.threads import in_pieces

__all__ = ["Demapping", "demap", "demap_by_torch"]

Demapping: TypeAlias = Literal["exact", "maxlog"]

_CHUNK = 1 << 15  # amplitudes demapped at once: bounds the memory, and 16 levels of it stay in the cache
_HUGE = 1e30  # ceiling of what is squared or summed, far from the end of float32
_TINY = 1e-30  # floor of a probability ratio: log(1e-30) = -69 lies beyond ±CERTAIN_LLR


def demap(received: Received, levels: torch.Tensor, axes: int, method: Demapping) -> torch.Tensor:
    """Demap y [batch, uses] to LLRs [batch, uses * axes * log2(levels)], float32.

    complex64 on the CPU, where no gradient is due, goes to a kernel, on torch's number of threads. Its LLRs
    are the same to the last bit whatever the machine, the batch and the threads; from those that double
    precision gives for the same float32 2z/N0 and |h|²/N0 they differ by at most 1e-6, plus 3e-7 of the
    largest |Λ|. Anything else goes through torch, and differs by rounding.

    Parameters
    ----------
    received : Received
        y, h and N0.
    levels : float64 tensor [2^m]
        Amplitudes of an axis by label, as 5G NR labels them: ``Modulation.levels``.
    axes : {1, 2}
        1: the real axis alone.
    method : {"exact", "maxlog"}
        The sum over all levels, or its largest term.

    Examples
    --------
    >>> one = torch.ones(1, 1, dtype=torch.complex64)
    >>> demap(Received(0.5 * one, one, torch.tensor(1.0)), torch.tensor([1.0, -1.0]), 1, "exact")
    tensor([[2.]])
    """
    y, h, n0 = received.symbols, received.gain, received.noise_variance
    if y.dtype == h.dtype == torch.complex64 and is_plain(y, h, n0):
        return _by_kernel(received, levels, axes, method)
    return demap_by_torch(received, levels, axes, method)


def _by_kernel(received: Received, levels: torch.Tensor, axes: int, method: Demapping) -> torch.Tensor:
    from channelvq.modulation_kernel import demap_symbols

    (rows, uses), bits = received.symbols.shape, int(math.log2(levels.numel()))
    y = compact(received.symbols.contiguous())
    h = compact(received.gain.expand(rows, uses))
    n0 = compact(received.noise_variance.to(torch.float32).expand(rows, uses))
    llrs = np.empty((rows, uses, bits, axes), np.float32)
    amplitudes, limit = levels.numpy().astype(np.float32), np.float32(CERTAIN_LLR)
    maxlog = method == "maxlog"

    def work(start: int, stop: int) -> None:
        demap_symbols(y, h, n0, amplitudes, axes, maxlog, limit, start, stop, llrs)

    in_pieces(work, rows * uses)
    return torch.from_numpy(llrs.reshape(rows, uses * bits * axes))


def demap_by_torch(received: Received, levels: torch.Tensor, axes: int, method: Demapping) -> torch.Tensor:
    """Do as `demap` does, on any device and in any precision; differentiable.

    Examples
    --------
    >>> one = torch.ones(1, 1, dtype=torch.complex128)
    >>> demap_by_torch(Received(0.5 * one, one, torch.tensor(1.0)), torch.tensor([1.0, -1.0]), 1, "exact")
    tensor([[2.]])
    """
    y, h = received.symbols, received.gain
    # Floor and ceilings keep N0 = 0 (no noise) from making 0/0 or inf - inf of what is certain.
    scale = (1 / received.noise_variance.clamp_min(1e-12)).to(y.real.dtype).expand(y.shape)
    known = torch.where(y.isfinite(), y, torch.full_like(y, math.nan))
    matched = torch.view_as_real(h.conj().expand_as(y) * known * (2 * scale))  # [batch, uses, 2]
    correlation = matched[..., :axes].reshape(-1).clamp(-_HUGE, _HUGE)
    strength = ((h.real**2 + h.imag**2) * scale).clamp_max(_HUGE)
    strength = strength[..., None].expand(*y.shape, axes).reshape(-1)
    bits = int(math.log2(levels.numel()))
    pieces = [_demap_axis(c, s, levels, method) for c, s in _chunks(correlation, strength)]
    llrs = torch.cat(pieces, dim=1) if pieces else correlation.new_zeros(bits, 0)
    # [bits, batch * uses * axes] -> the bits of a symbol: real, imaginary, real, ...
    llrs = llrs.reshape(bits, *y.shape, axes).permute(1, 2, 0, 3)
    return llrs.reshape(y.shape[0], y.shape[1] * bits * axes).float()


def _demap_axis(
    correlation: torch.Tensor, strength: torch.Tensor, levels: torch.Tensor, method: Demapping
) -> torch.Tensor:
    """Demap 2z/N0 [n] and |h|²/N0 [n] of one axis's levels to LLRs [bits, n]."""
    levels = levels.to(correlation)[:, None]
    bits = int(math.log2(levels.numel()))
    metrics = levels * correlation - levels**2 * strength  # [2^bits, n]
    if bits == 1:  # one level a side: the sums have one term
        llrs = [metrics[0] - metrics[1]]
    else:
        maxlog = method == "maxlog"
        weights = metrics if maxlog else (metrics - metrics.detach().amax(dim=0)).exp()
        llrs = []
        for place in range(bits):  # label: bits before, bit, bits after
            sides = weights.reshape(2**place, 2, -1, weights.shape[1])
            side = sides.amax(dim=(0, 2)) if maxlog else sides.sum(dim=(0, 2)).clamp_min(_TINY).log()
            llrs.append(side[0] - side[1])
    return torch.stack(llrs).nan_to_num(nan=0.0).clamp(-CERTAIN_LLR, CERTAIN_LLR)


def _chunks(*tensors: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """Cut tensors [n] into equal pieces."""
    for start in range(0, tensors[0].shape[0], _CHUNK):
        yield tuple(tensor[start : start + _CHUNK] for tensor in tensors)
