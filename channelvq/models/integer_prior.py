"""The context prior in integers: the same frequencies on every machine, for an entropy coder."""

from __future__ import annotations

from decimal import Context, Decimal
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from channelvq.models.prior import WINDOW, ContextPrior

__all__ = ["TAPS", "IntegerPrior"]

TAPS = [(tap // WINDOW - WINDOW // 2, tap % WINDOW - WINDOW // 2) for tap in range(WINDOW * WINDOW // 2)]
"""Row and column, from the middle, of the positions in the window that come before it in raster order."""

_FEATURE = 6  # binary places of features ...
_WEIGHT = 12  # ... of the first layer's weights ...
_HIDDEN = 5  # ... of what hidden layers give ...
_LOGIT = 6  # ... and of logarithms of probabilities
_LARGEST = 2047  # that a hidden layer gives
_EXACT = 1 << 24  # integers up to here, and their sums up to here, are exact in single precision
_RANGE = 21 << _LOGIT  # codes that are e^-21 as likely as the likeliest, or less, are alike
_ONE = 1 << 30


class IntegerPrior:
    """How often each code is to be expected, by a `ContextPrior` that is rounded to integers.

    Everything is an integer that floating point holds exactly, every sum included, whatever its order; scales
    are powers of two. So any machine, library or number of threads gives the same frequencies, which a range
    coder needs [1]_. The first layer counts in double precision (sums below 2⁵³), the others in single
    (below 2²⁴: their weights get as many binary places as the largest possible sum allows).

    Parameters
    ----------
    prior : ContextPrior
        Trained.
    codebooks : float tensor [stages, codes, dim]
        Code vectors.
    log_prior : float tensor [stages, codes]
        Logarithm of how often each is sent.
    spread : float tensor [dim]
        Standard deviation of the latents.

    Attributes
    ----------
    vectors : float tensor [stages, codes, dim + 2]
        What each code adds to the features of its position, integers.

    References
    ----------
    .. [1] J. Ballé, N. Johnston, D. Minnen, "Integer networks for data compression with latent-variable
       models", ICLR 2019.
    """

    def __init__(
        self, prior: ContextPrior, codebooks: torch.Tensor, log_prior: torch.Tensor, spread: torch.Tensor
    ) -> None:
        self.stages, self.codes, dim = codebooks.shape
        self.features = dim + 2
        self.vectors = torch.zeros(self.stages, self.codes, self.features)
        self.vectors[:, :, :dim] = _features(codebooks, log_prior, spread)
        for stage in range(min(2, self.stages)):  # how certain: of the first stage, and of the others
            self.vectors[stage, :, dim + stage] = 1 << _FEATURE
        around = _whole(prior.around.weight, _WEIGHT).flatten(2)[:, :, : len(TAPS)]
        self._around = around.permute(2, 1, 0).reshape(len(TAPS) * self.features, -1).contiguous()
        self._map = _map_table(prior).flatten(0, 1)
        self._map_rows = torch.arange(9) * (self.stages + 2)
        self._here = torch.stack([_whole(layer.weight, _WEIGHT).T for layer in _linear(prior.here)])
        self._here_bias = torch.stack(
            [_whole(layer.bias, _FEATURE + _WEIGHT) for layer in _linear(prior.here)]
        )[:, None]
        skip = torch.eye(len(prior.hidden.weight))
        self._hidden = _Layer([prior.hidden.weight + skip], [prior.hidden.bias], _HIDDEN)
        self._out = _Layer([layer.weight for layer in _linear(prior.out)], None, _HIDDEN)
        scores = list(_linear(prior.codes))
        self._scores = _Layer([layer.weight for layer in scores], [layer.bias for layer in scores], _LOGIT)

    def around(self, taps: torch.Tensor, depths: torch.Tensor) -> torch.Tensor:
        """Sum up the first layer but for the positions themselves.

        Parameters
        ----------
        taps : float tensor [n, len(TAPS) · features]
            Features of the positions before, 0 where there is none.
        depths : int64 tensor [n, 9]
            Stages that the 3×3 positions around send, row by row; stages + 1 outside the picture.

        Returns
        -------
        float64 tensor [n, width], integers
        """
        mapped = self._map[depths + self._map_rows].sum(1)
        return torch.addmm(mapped, taps.double(), self._around)

    def frequencies(self, stage: int, around: torch.Tensor, below: torch.Tensor) -> npt.NDArray[np.float64]:
        """Tell how often each code of a stage is to be expected.

        Parameters
        ----------
        stage : int
            From 0.
        around : float64 tensor [n, width]
            From the method of that name.
        below : float tensor [n, features]
            Sum of `vectors` of the stages before, at the same positions.

        Returns
        -------
        ndarray of float64 [n, codes]
            Integers from 1 to 2³⁰; the largest of each row is 2³⁰.
        """
        first = torch.addmm(self._here_bias[stage], below.double(), self._here[stage]).add_(around)
        first = _rounded(first, _FEATURE + _WEIGHT - _HIDDEN, 0).float()
        second = self._hidden(0, first, 0)
        scores = self._scores.sums(stage, self._out(stage, second, -_LARGEST)).numpy()
        below_best = scores.max(1, keepdims=True) - scores
        below_best *= 2.0**-self._scores.shift
        place = np.rint(np.minimum(below_best, _RANGE, out=below_best), out=below_best).astype(np.int32)
        frequencies: npt.NDArray[np.float64] = _exponentials().take(place)
        return frequencies


class _Layer:
    """Linear layers whose sums stay exact in single precision: input and output have `_HIDDEN` places.

    Parameters
    ----------
    weights : list of tensor [out, in]
        One or one a stage.
    biases : list of tensor [out], optional
        As many.
    places : int
        Binary places of the output.
    """

    def __init__(self, weights: list[torch.Tensor], biases: list[torch.Tensor] | None, places: int) -> None:
        self._weights, self._bias = [], []
        for binary in range(_WEIGHT, -_WEIGHT, -1):  # as fine as it can be
            self._weights = [_whole(weight, binary) for weight in weights]
            self._bias = [
                _whole(bias, binary + _HIDDEN)
                for bias in biases or [row.new_zeros(len(row)) for row in weights]
            ]
            largest = max(
                float((_LARGEST * weight.abs().sum(1) + bias.abs()).max())
                for weight, bias in zip(self._weights, self._bias, strict=True)
            )
            if largest < _EXACT:
                break
        self.shift = binary + _HIDDEN - places
        self._weights = [weight.T.float().contiguous() for weight in self._weights]
        self._bias = [bias.float() for bias in self._bias]

    def sums(self, number: int, values: torch.Tensor) -> torch.Tensor:
        """Give the sums of layer `number`, not yet scaled."""
        return torch.addmm(self._bias[number], values, self._weights[number])

    def __call__(self, number: int, values: torch.Tensor, least: int) -> torch.Tensor:
        """Give the output of layer `number`, at least `least`."""
        return _rounded(self.sums(number, values), self.shift, least)


def _rounded(sums: torch.Tensor, shift: int, least: int) -> torch.Tensor:
    return sums.mul_(2.0**-shift).round_().clamp_(least, _LARGEST)


def _whole(values: torch.Tensor, places: int) -> torch.Tensor:
    """Round to so many binary places, and count in the last."""
    return (values.detach().double() * 2.0**places).round()


def _linear(layers: torch.nn.Module) -> list[torch.nn.Linear]:
    return [layer for layer in layers.children() if isinstance(layer, torch.nn.Linear)]


def _map_table(prior: ContextPrior) -> torch.Tensor:
    """Tell what each depth (the last: outside) adds at each of 3×3 places: float64 [9, stages + 2, width]."""
    weight = _whole(prior.around_depth.weight, _WEIGHT).flatten(2).permute(2, 1, 0)  # [9, code, width]
    codes = _whole(prior.depth_code.weight, _WEIGHT)
    table = weight.new_zeros(9, len(codes) + 1, weight.shape[2])
    table[:, :-1] = ((codes @ weight) * 2.0 ** (_FEATURE - _WEIGHT)).round()
    if prior.around_depth.bias is not None:
        table[4] += _whole(prior.around_depth.bias, _FEATURE + _WEIGHT)
    return table


def _features(codebooks: torch.Tensor, log_prior: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """Code vectors less the stage's average, in standard deviations, `_FEATURE` binary places."""
    logs = log_prior.double().numpy()
    distinct, place = np.unique(logs, return_inverse=True)
    share = np.array([_exponential(value) for value in distinct])[place.reshape(logs.shape)]
    books = codebooks.double().numpy()
    weighted = share[..., None] * books
    usual = np.add.accumulate(weighted, axis=1)[:, -1:]  # one after the other, never in another order
    scaled = (books - usual) / spread.double().numpy()
    return torch.from_numpy(np.rint(scaled * (1 << _FEATURE)))


def _exponential(value: float) -> float:
    """Raise e to a power, correctly rounded: libraries differ in the last bit."""
    return float(Decimal(float(value)).exp(Context(prec=25)))


@lru_cache(maxsize=1)
def _exponentials() -> npt.NDArray[np.float64]:
    """Frequency of a code whose logarithm is so much below the best."""
    steps = np.arange(_RANGE + 1) / (1 << _LOGIT)
    return np.array([max(1.0, float(round(_ONE * _exponential(-step)))) for step in steps])
