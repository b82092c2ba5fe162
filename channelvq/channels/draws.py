"""Random draws of the channels, the same for a row of a batch whatever the batch and the frame length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from channelvq.tensors import compact, is_plain
from channelvq.threads import in_pieces

__all__ = [
    "add_noise",
    "complex_normals",
    "expand_blocks",
    "row_generators",
    "uniforms",
]


def row_generators(rng: np.random.Generator, rows: int) -> list[np.random.Generator]:
    """Make one generator for each row of a batch.

    Row i is keyed by words 2i and 2i + 1 of `rng`, so it does not depend on how many rows there are nor on
    how much the others draw; within a row, a longer frame begins with the draws of a shorter one (common
    random numbers).

    Examples
    --------
    >>> few = row_generators(np.random.default_rng(1), 2)
    >>> many = row_generators(np.random.default_rng(1), 5)
    >>> bool(few[1].random() == many[1].random())
    True
    """
    return [np.random.Generator(np.random.Philox(key=key)) for key in _row_keys(rng, rows)]


def _row_keys(rng: np.random.Generator, rows: int) -> npt.NDArray[np.uint64]:
    return rng.integers(0, 2**64, size=(rows, 2), dtype=np.uint64)


def complex_normals(rng: np.random.Generator, rows: int, count: int, like: torch.Tensor) -> torch.Tensor:
    """Draw circular complex Gaussians of unit variance: 1/2 in each real dimension.

    They are drawn in double precision on the CPU, on torch's number of threads, and rounded to the type of
    `like` and moved to its device.

    Returns
    -------
    complex tensor [rows, count]

    Notes
    -----
    Draw j of a row is made of the 128 bits that Philox-4x32-10 [1]_ gives for counter j under the row's key
    (128 bits drawn from `rng`: the first 64 are the key, the others the upper half of the counter), by the
    method of Box and Muller [2]_: radius sqrt(-ln u), u of 52 bits, so that the tail reaches to 8.5 standard
    deviations, and a phase of 54 bits. So a draw can be made without those before it, and it is the same to
    the last bit whatever the thread, the length and the machine: IEEE 754 arithmetic without fused steps.

    References
    ----------
    .. [1] J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    .. [2] G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates", Ann. Math.
       Statist. 29 (1958).

    Examples
    --------
    >>> draws = complex_normals(np.random.default_rng(0), 2, 5, torch.zeros(1, dtype=torch.complex64))
    >>> draws.shape, draws.dtype
    (torch.Size([2, 5]), torch.complex64)
    """
    from channelvq.channels.draws_kernel import fill_normals

    keys = _row_keys(rng, rows)
    draws = np.empty((rows, count), np.complex64 if like.dtype == torch.complex64 else np.complex128)
    in_pieces(lambda start, stop: fill_normals(keys, start, stop, draws), draws.size)
    return torch.from_numpy(draws).to(like.device, like.dtype)


def add_noise(
    symbols: torch.Tensor, variance: torch.Tensor, rng: np.random.Generator, gain: torch.Tensor | None = None
) -> torch.Tensor:
    """Receive y = gain · x + n, n of `complex_normals` scaled to a variance; differentiable.

    Parameters
    ----------
    symbols : complex tensor [rows, uses]
        x.
    variance : float tensor []
        N0, in the symbols' precision.
    rng : Generator
        Where the noise comes from.
    gain : complex tensor [rows, uses], optional
        1 without it.

    Examples
    --------
    >>> silent, none = torch.zeros(1, 3, dtype=torch.complex64), torch.tensor(0.0)
    >>> add_noise(silent, none, np.random.default_rng(0)).abs()
    tensor([[0., 0., 0.]])
    """
    rows, uses = symbols.shape
    factors = () if gain is None else (gain,)
    if symbols.dtype != torch.complex64 or not is_plain(symbols, variance, *factors):
        noise = complex_normals(rng, rows, uses, like=symbols)
        return (symbols if gain is None else gain * symbols) + noise * variance.sqrt()

    from channelvq.channels.draws_kernel import add_normals

    keys, deviation = _row_keys(rng, rows), np.float32(variance.sqrt().item())
    x = compact(symbols.contiguous())
    h = np.empty((0, 0), np.complex64) if gain is None else compact(gain)
    y = np.empty((rows, uses), np.complex64)
    in_pieces(lambda start, stop: add_normals(x, h, keys, deviation, start, stop, y), y.size)
    return torch.from_numpy(y)


def uniforms(rng: np.random.Generator, rows: int, count: int) -> npt.NDArray[np.float64]:
    """Draw numbers from [0, 1), one after the other in each row: [rows, count].

    An event of probability p is "below p": what happens at some p happens at every larger one too.

    Examples
    --------
    >>> uniforms(np.random.default_rng(0), 2, 3).shape
    (2, 3)
    """
    draws = np.empty((rows, count))
    for row, generator in zip(draws, row_generators(rng, rows), strict=True):
        generator.random(out=row)
    return draws


def expand_blocks(values: torch.Tensor, length: int | None, count: int) -> torch.Tensor:
    """Hold each value of [rows, blocks] for `length` places (None: for all of them): [rows, count].

    Examples
    --------
    >>> expand_blocks(torch.tensor([[1, 2]]), 3, 5)
    tensor([[1, 1, 1, 2, 2]])
    """
    if length is None:
        return values[:, :1].expand(-1, count)
    return values if length == 1 else values[:, torch.arange(count, device=values.device) // length]
