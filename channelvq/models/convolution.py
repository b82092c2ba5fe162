"""A 3 × 3 convolution that is quick where a network is only used, on a processor."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from channelvq.models.convolution_kernel import PIECE, SIDE, convolve
from channelvq.models.convolution_lanes import LANES, PANEL
from channelvq.threads import in_pieces

__all__ = ["Conv3x3"]

Floats = npt.NDArray[np.float32]

_GRAIN = 32  # output channels that any machine's panels divide


class Conv3x3(nn.Conv2d):
    """A convolution with 3 × 3 weights and a zero around the picture.

    On a processor, in float32 and where no gradient is asked for, it goes by Winograd's algorithm
    F(4 × 4, 3 × 3) [1]_: a quarter of the products, three times as quick. The error is some 1e-6 of the
    results' size, ten times that of a plain sum. Results depend neither on the number of threads nor on the
    batch. Anywhere else, and for channels that do not fill vectors (inputs in multiples of 16, outputs in
    multiples of 32), it is torch's.

    Parameters
    ----------
    inputs, outputs : int
        Channels.

    References
    ----------
    .. [1] A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016.

    Examples
    --------
    >>> convolution, x = Conv3x3(16, 32), torch.ones(1, 16, 10, 7)
    >>> with torch.no_grad():
    ...     quick = convolution(x)
    >>> quick.shape, torch.allclose(quick, convolution(x), atol=1e-4)
    (torch.Size([1, 32, 10, 7]), True)
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        self._packed: tuple[torch.Tensor, int, Floats] | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve x [b, inputs, h, w]; where it is quick the result's channels lie side by side."""
        if not self._is_quick(x):
            return super().forward(x)
        weights = self._transformed()
        assert self.bias is not None
        bias = self.bias.detach().numpy()
        _, _, h, w = x.shape
        rows, columns = -(-h // SIDE), -(-w // SIDE)
        results = []
        for plane in x.detach().permute(0, 2, 3, 1).contiguous().numpy():
            flat, y = plane.reshape(-1), np.empty((rows * SIDE, columns * SIDE, bias.size), np.float32)
            out = y.reshape(-1)

            def work(start: int, stop: int, flat: Floats = flat, out: Floats = out) -> None:
                convolve(flat, weights, bias, h, w, start, stop, out)

            in_pieces(work, rows * columns, PIECE)
            results.append(torch.from_numpy(y[:h, :w]))
        together = results[0][None] if len(results) == 1 else torch.stack(results)
        return together.contiguous().permute(0, 3, 1, 2)

    def _is_quick(self, x: torch.Tensor) -> bool:
        """Whether the quick way is open."""
        if not x.device.type == self.weight.device.type == "cpu":
            return False
        full = self.in_channels % LANES == 0 and self.out_channels % _GRAIN == 0
        fits = full and x.dim() == 4 and x.shape[1] == self.in_channels and x.numel() > 0
        plain = x.dtype == self.weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        return fits and plain and not torch.is_grad_enabled()

    def _transformed(self) -> Floats:
        """Give the weights as `convolve` wants them, made anew where they have changed."""
        weight = self.weight.detach()
        version = 0 if weight.is_inference() else weight._version
        if self._packed is not None:  # the old tensor is kept, so that no other can have its address
            old, old_version, packed = self._packed
            if (old.data_ptr(), old_version) == (weight.data_ptr(), version):
                return packed
        packed = _transform(weight.numpy())
        self._packed = weight, version, packed
        return packed


def _transform(weight: Floats) -> Floats:
    """Weights [outputs, inputs, 3, 3] -> [36, outputs / PANEL, inputs, PANEL], rounded once."""
    tall = _six(weight.astype(np.float64).transpose(2, 3, 0, 1))  # [6, 3, outputs, inputs]
    both = _six(tall.transpose(1, 0, 2, 3))  # [6, 6, outputs, inputs], columns first
    outputs, inputs = weight.shape[:2]
    spectra = both.transpose(1, 0, 2, 3).reshape(36, outputs // PANEL, PANEL, inputs)
    return np.ascontiguousarray(spectra.transpose(0, 1, 3, 2), dtype=np.float32)


def _six(g: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Transform three numbers (the first axis) to six: G of F(4, 3)."""
    ends, middle = g[0] + g[2], g[1]
    wide, twice = g[0] + 4 * g[2], 2 * middle
    return np.stack(
        [g[0] / 4, -(ends + middle) / 6, -(ends - middle) / 6, (wide + twice) / 24, (wide - twice) / 24, g[2]]
    )
