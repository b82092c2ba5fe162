"""How strong the latents of pictures are at each spatial frequency, and what power each is sent with."""

from __future__ import annotations

import math
from functools import lru_cache

import torch

__all__ = ["Spectrum", "dct", "dct_matrix", "fit_spectrum", "inverse_dct", "shrinkage", "water_filling"]

_LOWEST = 0.4  # frequency of the mean, in steps of the grid: it varies like something between 0 and 1
_BISECTIONS = 48


@lru_cache(maxsize=64)
def dct_matrix(size: int) -> torch.Tensor:
    """Orthonormal DCT-II of `size` values: float32 [size, size], rows are frequencies.

    Examples
    --------
    >>> matrix = dct_matrix(5)
    >>> bool(torch.allclose(matrix @ matrix.T, torch.eye(5), atol=1e-6))
    True
    """
    places = torch.arange(size, dtype=torch.float64)
    matrix = torch.cos(math.pi / size * places[:, None] * (places + 0.5)) * math.sqrt(2 / size)
    matrix[0] /= math.sqrt(2)
    return matrix.float()


@lru_cache(maxsize=32)
def _matrix(size: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Keep `dct_matrix` where it is used: a GPU would wait for each copy."""
    with torch.inference_mode(False):  # whoever asks first, others may train with it
        return dct_matrix(size).to(device, dtype)


def dct(field: torch.Tensor) -> torch.Tensor:
    """DCT over the last two dimensions, [..., h, w]."""
    h, w = field.shape[-2:]
    return _matrix(h, field.device, field.dtype) @ field @ _matrix(w, field.device, field.dtype).T


def inverse_dct(coefficients: torch.Tensor) -> torch.Tensor:
    """Undo `dct`.

    Examples
    --------
    >>> field = torch.arange(6.0).view(1, 2, 3)
    >>> bool(torch.allclose(inverse_dct(dct(field)), field, atol=1e-5))
    True
    """
    h, w = coefficients.shape[-2:]
    kind = coefficients.device, coefficients.dtype
    return _matrix(h, *kind).T @ coefficients @ _matrix(w, *kind)


class Spectrum(torch.nn.Module):
    r"""Variance of each channel's DCT over positions, for any size of the field.

    .. math:: \lambda_k(u, v) = \frac{c_k}{(1 + (u/\alpha_k)^2 + (v/\beta_k)^2)^{p_k}} ,

    u and v in cycles a position, vertical and horizontal.

    Parameters
    ----------
    channels : int
        Number of channels.

    Attributes
    ----------
    values : float tensor [channels, 4]
        Logarithms of c, α, β and p.
    """

    values: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("values", torch.zeros(channels, 4))

    def log_variance(self, height: int, width: int, change: torch.Tensor | None = None) -> torch.Tensor:
        """Natural logarithm of the variances, [channels, height, width]; `change` is added to the values."""
        return _log_variance(self.values if change is None else self.values + change, height, width)


def _log_variance(values: torch.Tensor, height: int, width: int) -> torch.Tensor:
    strength, vertical, horizontal, power = values.unbind(1)
    u, v = (
        torch.arange(size, device=values.device).clamp(min=_LOWEST) / (2 * size) for size in (height, width)
    )
    bend = (u[:, None] * torch.exp(-vertical)[:, None, None]).square()
    bend = bend + (v * torch.exp(-horizontal)[:, None, None]).square()
    return strength[:, None, None] - torch.exp(power)[:, None, None] * torch.log1p(bend)


def fit_spectrum(spectrum: Spectrum, fields: torch.Tensor, steps: int = 400) -> None:
    """Fit a spectrum to latents [n, channels, h, w] of pictures, by least squares on the logarithm."""
    variance = dct(fields.float()).square().mean(0)
    target = variance.clamp(min=1e-9).log()
    h, w = fields.shape[-2:]
    values = torch.zeros_like(spectrum.values)
    values[:, 0], values[:, 1:3] = target.amax((1, 2)), math.log(0.1)
    values.requires_grad_()
    optimiser = torch.optim.Adam([values], lr=0.05)
    with torch.enable_grad():
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = 0.05 * (1 - step / steps)
            optimiser.zero_grad()
            (_log_variance(values, h, w) - target).square().mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    spectrum.values.copy_(values.detach())


def water_filling(log_variance: torch.Tensor, noise: torch.Tensor, sent: torch.Tensor) -> torch.Tensor:
    r"""Gains that minimise the squared error of what is sent over parallel noisy channels.

    With mean power 1 over what is sent and noise of variance n, the error :math:`\sum \lambda / (1 + p/n)` of
    values of variance λ is least [1]_ for powers

    .. math:: p = \max(0, \sqrt{\lambda n / \mu} - n) ,

    and the gain of a value is :math:`\sqrt{p / \lambda}`.

    Parameters
    ----------
    log_variance : float tensor [n]
        Natural logarithm of λ.
    noise : float tensor [b]
        n, of as many settings as there are.
    sent : bool tensor [b, n]
        What is sent at all.

    Returns
    -------
    float tensor [b, n]
        Gains; 0 where nothing is sent.

    References
    ----------
    .. [1] K.-H. Lee, D. P. Petersen, "Optimal linear coding for vector channels", IEEE Trans. Commun. 24
       (1976); as SoftCast allots power, S. Jakubczak, D. Katabi, "A cross-layer design for scalable mobile
       video", MobiCom 2011.

    Examples
    --------
    >>> gains = water_filling(torch.zeros(4), torch.tensor([0.1]), torch.tensor([[True, True, False, False]]))
    >>> gains.round(decimals=3).tolist()
    [[1.0, 1.0, 0.0, 0.0]]
    """
    deviation = torch.exp(0.5 * log_variance)  # [n]
    root = deviation * noise.sqrt()[:, None]
    count = sent.sum(1)
    highest = torch.where(sent, root, 0).amax(1)  # the level is above what would give all to the strongest
    low = torch.log(highest / (noise + count) / 2)
    high = torch.log(highest / noise)
    for _ in range(_BISECTIONS):
        level = (low + high) / 2
        power = _powers(root, noise, level, sent).sum(1)
        low, high = torch.where(power > count, level, low), torch.where(power > count, high, level)
    power = _powers(root, noise, high, sent)
    power = power * (count / power.sum(1).clamp(min=1e-9))[:, None]
    return power.sqrt() / deviation


def _powers(root: torch.Tensor, noise: torch.Tensor, level: torch.Tensor, sent: torch.Tensor) -> torch.Tensor:
    """Powers at a level (logarithm of √μ)."""
    power = (root * torch.exp(-level)[:, None] - noise[:, None]).clamp(min=0)
    return torch.where(sent, power, 0)


def shrinkage(
    log_variance: torch.Tensor, gain: torch.Tensor, noise: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Best linear estimate (LMMSE) of values from gain · value + noise.

    Parameters
    ----------
    log_variance, gain, noise : float tensors, broadcastable
        Logarithm of the values' variance, what they were multiplied with, variance of the noise (may be
        infinite).

    Returns
    -------
    factor : float tensor
        What a received number is to be multiplied with.
    doubt : float tensor
        Share of the variance that is left: 1 where nothing is known, 0 where all is.

    Examples
    --------
    >>> factor, doubt = shrinkage(torch.zeros(3), torch.ones(3), torch.tensor([0.0, 1.0, torch.inf]))
    >>> factor.tolist(), doubt.tolist()
    ([1.0, 0.5, 0.0], [0.0, 0.5, 1.0])
    """
    signal = gain.square() * torch.exp(log_variance)
    known = signal / (signal + noise)
    known = torch.where(signal > 0, known, 0)
    factor = torch.where(signal > 0, known / gain, 0)
    return factor, 1 - known
