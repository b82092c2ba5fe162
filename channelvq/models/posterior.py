"""What a receiver knows of an index: the channel's LLRs times the prior, as mean and variance of the code."""

from __future__ import annotations

import torch

from channelvq.bits import CERTAIN_LLR

__all__ = ["SURE", "expected_code", "index_labels", "index_likelihood", "llrs_to_indices"]

SURE = 14.0
"""From this LLR magnitude on (one error in 10⁶) a bit is taken as known."""


def index_labels(codes: int, device: torch.device | None = None) -> torch.Tensor:
    """Bits of every index, most significant first: float [codes, log2(codes)].

    Examples
    --------
    >>> index_labels(4).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    bits = codes.bit_length() - 1
    shifts = torch.arange(bits - 1, -1, -1, device=device)
    return ((torch.arange(codes, device=device)[:, None] >> shifts) & 1).float()


def llrs_to_indices(llrs: torch.Tensor) -> torch.Tensor:
    """Hard decision: LLRs [n, bits] -> indices [n] (an LLR of 0 counts as bit 0).

    Examples
    --------
    >>> llrs_to_indices(torch.tensor([[-3.0, 2.0, -1.0]])).item()
    5
    """
    bits = llrs.shape[1]
    weights = 1 << torch.arange(bits - 1, -1, -1, device=llrs.device)
    return ((llrs < 0).long() * weights).sum(1)


def index_likelihood(llrs: torch.Tensor) -> torch.Tensor:
    """Log-likelihood of every index, up to a constant a row: LLRs [n, bits] -> [n, 2**bits].

    Examples
    --------
    >>> index_likelihood(torch.tensor([[2.0, -1.0]])).tolist()
    [[0.0, 1.0, -2.0, -1.0]]
    """
    told = torch.nan_to_num(llrs).clamp(-CERTAIN_LLR, CERTAIN_LLR)  # infinity times bit 0 is NaN
    return -told @ index_labels(1 << llrs.shape[1], llrs.device).T


@torch.no_grad()
def expected_code(
    llrs: torch.Tensor, codebook: torch.Tensor, log_prior: torch.Tensor, chunk: int = 4096
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of the code vector, given the LLRs of its index.

    P(j | llrs) ∝ P(j) · Π_b exp(-bit_b(j) · llr_b): the receiver of least squared error [1]_. Where every
    bit is sure, the result is the code itself, to the last bit, and the variance is exactly 0.

    Parameters
    ----------
    llrs : float tensor [n, bits]
        log p(0) - log p(1) of each bit, most significant first; NaN says nothing.
    codebook : float tensor [2**bits, dim]
        Code vectors; an index is its label.
    log_prior : float tensor [2**bits]
        Logarithm of how often each code is sent.
    chunk : int
        Rows at a time, which bounds the memory.

    Returns
    -------
    mean : float tensor [n, dim]
    variance : float tensor [n]
        Expected squared distance from the mean, summed over dimensions.

    References
    ----------
    .. [1] M. Skoglund, "Soft decoding for vector quantization over noisy channels with memory", 1999.

    Examples
    --------
    >>> book = torch.tensor([[0.0], [1.0]])
    >>> even = torch.zeros(2)
    >>> mean, variance = expected_code(torch.tensor([[0.0], [-50.0]]), book, even)
    >>> mean[:, 0].tolist(), variance.tolist()
    ([0.5, 1.0], [0.25, 0.0])
    """
    mean = codebook[llrs_to_indices(llrs)]
    variance = torch.zeros(len(llrs), device=llrs.device)
    doubtful = torch.nonzero(~(llrs.abs() >= SURE).all(1))[:, 0]  # NaN is no certainty
    if not len(doubtful):
        return mean, variance
    norms = codebook.square().sum(1)
    for rows in torch.split(doubtful, chunk):
        share = torch.softmax(log_prior + index_likelihood(llrs[rows]), 1)
        centre = share @ codebook
        mean[rows] = centre
        variance[rows] = (share @ norms - centre.square().sum(1)).clamp(min=0)
    return mean, variance
