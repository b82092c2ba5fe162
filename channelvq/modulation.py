"""Modulation: bits to complex symbols of unit power, and received symbols to LLRs."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from channelvq.channels.base import Received
from channelvq.components import Family
from channelvq.demapping import Demapping, demap
from channelvq.errors import UsageError, unknown_name
from channelvq.tensors import is_plain
from channelvq.threads import in_pieces

__all__ = [
    "MODULATIONS",
    "Bpsk",
    "Demapping",
    "Modulation",
    "Qam16",
    "Qam64",
    "Qam256",
    "Qpsk",
    "bit_weakness",
]


class Modulation:
    r"""One or two Gray-labelled amplitude modulations (PAM): the real axis, and for QAM the imaginary one.

    Labels and levels of QPSK and QAM are those of 5G NR [1]_: of the bits b0, b1, b2, ... of a symbol the
    even ones choose the real part, the odd ones the imaginary part, each by

    .. math:: a(b_0, b_2, b_4, \dots) = c\,(1-2b_0)\,[2^{m-1} - (1-2b_2)\,[2^{m-2} - (1-2b_4)\,[\dots]]]

    with m bits an axis and :math:`c = \sqrt{3 / (2 (4^m - 1))}`, so that E|x|² = 1. BPSK is real: 0 is sent
    as +1, 1 as -1 (not on the diagonal, as in NR).

    Parameters
    ----------
    spec : str
        The component's name.
    axis_bits : int
        m, bits on each axis.
    axes : {1, 2}
        1: the real axis alone.

    Notes
    -----
    Demapping. With y = h·x + n, h and the variance N0 of n known, each axis is on its own: with
    z = Re(h* y) (Im for the imaginary axis) the log-likelihood of the level a is, but for a constant,

    .. math:: \Lambda(a) = (2 a z - |h|^2 a^2) / N_0 ,

    and the LLR of a bit is, over the levels whose label has 0 or 1 in its place,

    .. math:: L = \log \sum_{a: b=0} e^{\Lambda(a)} - \log \sum_{a: b=1} e^{\Lambda(a)} ,

    which "exact" takes as it stands; "maxlog" takes the largest term of each sum, and then the sign of L is
    the label of the nearest point. Nothing is divided by h: a gain of 0 gives LLRs of 0. LLRs are held within
    ±``CERTAIN_LLR``; an observation that is not a number (or infinite) says nothing, and gives 0.

    References
    ----------
    .. [1] 3GPP TS 38.211, "NR; Physical channels and modulation", clause 5.1.

    Examples
    --------
    >>> from channelvq.snr import Snr
    >>> qam = Qam16()
    >>> bits = torch.tensor([[0, 1, 1, 0]], dtype=torch.uint8)
    >>> symbols = qam.map(bits)
    >>> symbols * math.sqrt(10)
    tensor([[3.-1.j]])
    >>> n0 = torch.tensor(Snr.from_esn0_db(30.0).n0)
    >>> qam.demap(Received(symbols, torch.ones_like(symbols), n0)) < 0
    tensor([[False,  True,  True, False]])
    """

    def __init__(self, spec: str, axis_bits: int, axes: int) -> None:
        self.spec = spec
        self.axes = axes
        self.axis_bits = axis_bits
        power = axes * (4**axis_bits - 1) / 3
        levels = [_nr_level(label, axis_bits) / math.sqrt(power) for label in range(2**axis_bits)]
        self._levels = torch.tensor(levels, dtype=torch.float64)
        self._points = _points(self._levels, axes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @property
    def bits_per_symbol(self) -> int:
        """Bits that one channel use carries."""
        return self.axis_bits * self.axes

    @property
    def levels(self) -> torch.Tensor:
        """Amplitudes of one axis by label, the axis's first bit most significant: float64 [2^axis_bits]."""
        return self._levels.clone()

    @property
    def points(self) -> torch.Tensor:
        """The constellation by label, b0 most significant: complex64 [2^bits_per_symbol]."""
        return self._points.clone()

    def map(self, bits: torch.Tensor) -> torch.Tensor:
        """Turn bits into symbols.

        Parameters
        ----------
        bits : uint8 tensor [batch, n]
            0 and 1; n a multiple of `bits_per_symbol`.

        Returns
        -------
        complex64 tensor [batch, n / bits_per_symbol]
            E|x|² = 1 over all labels.

        Raises
        ------
        UsageError
            If the shape is another, or something other than 0 and 1 is in it.
        """
        if bits.ndim != 2 or bits.shape[1] % self.bits_per_symbol:
            raise UsageError(
                f"bits have shape {tuple(bits.shape)}, must be [batch, n] with n a multiple of "
                f"{self.bits_per_symbol}, the bits of a {self.spec} symbol"
            )
        if bits.dtype.is_floating_point or bits.dtype.is_complex:
            raise UsageError(f"bits are of type {bits.dtype}, must be whole numbers 0 and 1")
        if bits.dtype == torch.uint8 and is_plain(bits):
            return self._map_by_kernel(bits)
        uses = bits.shape[1] // self.bits_per_symbol
        labels = bits.reshape(bits.shape[0], uses, self.bits_per_symbol).long()
        if bool((labels >> 1).any()):
            raise UsageError("bits hold something other than 0 and 1")
        places = torch.arange(self.bits_per_symbol - 1, -1, -1, device=bits.device)
        return self._points.to(bits.device)[(labels << places).sum(dim=2)]

    def _map_by_kernel(self, bits: torch.Tensor) -> torch.Tensor:
        from channelvq.modulation_kernel import map_bits

        symbols = np.empty((bits.shape[0], bits.shape[1] // self.bits_per_symbol), np.complex64)
        flat, points, into = bits.contiguous().numpy().reshape(-1), self._points.numpy(), symbols.reshape(-1)

        def work(start: int, stop: int) -> bool:
            return bool(map_bits(flat, points, self.bits_per_symbol, start, stop, into))

        if not all(in_pieces(work, symbols.size)):
            raise UsageError("bits hold something other than 0 and 1")
        return torch.from_numpy(symbols)

    def demap(self, received: Received, method: Demapping = "exact") -> torch.Tensor:
        """Turn what was received into LLRs, log p(0) - log p(1); differentiable.

        Parameters
        ----------
        received : Received
            y, h and N0; symbols [batch, uses].
        method : {"exact", "maxlog"}
            The sum over all levels, or its largest term.

        Returns
        -------
        float32 tensor [batch, uses * bits_per_symbol]
            In the order of the bits; finite, within ±``CERTAIN_LLR``.

        Raises
        ------
        UsageError
            If `method` is another, or the symbols are not complex [batch, uses].
        """
        if method not in ("exact", "maxlog"):
            raise unknown_name("demapping", method, ("exact", "maxlog"))
        y = received.symbols
        if y.ndim != 2 or not y.is_complex():
            raise UsageError(
                f"symbols have shape {tuple(y.shape)} of {y.dtype}, must be complex [batch, uses]"
            )
        return demap(received, self._levels, self.axes, method)


@lru_cache(maxsize=64)  # of each link's modulation once, not with every picture
def bit_weakness(modulation: Modulation) -> npt.NDArray[np.uint8]:
    """Rank the bits of a symbol by how far apart the points are that they tell apart: 0 is the strongest.

    The distance of a bit is the mean over points of that to the nearest point which has it otherwise. Of a
    modulation that does not tell its points all bits count as equally strong.

    Returns
    -------
    ndarray of uint8 [bits_per_symbol]

    Examples
    --------
    >>> bit_weakness(Qam64()), bit_weakness(Qpsk())
    (array([0, 0, 1, 1, 2, 2], dtype=uint8), array([0, 0], dtype=uint8))
    """
    bits = int(modulation.bits_per_symbol)
    if not hasattr(modulation, "points"):
        return np.zeros(bits, np.uint8)
    points = modulation.points.numpy()
    labels = np.arange(points.size)
    apart = np.abs(points[:, None] - points)
    distances = []
    for place in range(bits):
        bit = labels >> (bits - 1 - place) & 1
        distances.append(np.where(bit[:, None] != bit, apart, np.inf).min(axis=1).mean())
    levels = np.unique(-np.round(distances, 6), return_inverse=True)[1]
    weakness: npt.NDArray[np.uint8] = levels.astype(np.uint8)
    weakness.setflags(write=False)  # it is shared
    return weakness


def _points(levels: torch.Tensor, axes: int) -> torch.Tensor:
    """Constellation by label, complex64: the bits of the axes' labels alternate, the real axis first.

    Examples
    --------
    >>> _points(torch.tensor([1.0, -1.0]), 2)
    tensor([ 1.+1.j,  1.-1.j, -1.+1.j, -1.-1.j])
    """
    bits = levels.numel().bit_length() - 1
    labels = torch.arange(2 ** (bits * axes))
    index = torch.zeros(axes, labels.numel(), dtype=torch.long)
    for place in range(bits * axes):
        bit = (labels >> (bits * axes - 1 - place)) & 1
        index[place % axes] = 2 * index[place % axes] + bit
    amplitudes = levels.to(torch.float32)[index]  # [axes, points]
    return torch.complex(amplitudes[0], amplitudes[1] if axes == 2 else torch.zeros_like(amplitudes[0]))


def _nr_level(label: int, axis_bits: int) -> int:
    """Odd integer amplitude of a label, by the nested formula of TS 38.211.

    Examples
    --------
    >>> [_nr_level(label, 2) for label in range(4)]
    [1, 3, -1, -3]
    """
    level = 1
    for place in range(axis_bits - 1):
        level = 2 ** (place + 1) - (1 - 2 * (label >> place & 1)) * level
    return (1 - 2 * (label >> (axis_bits - 1) & 1)) * level


class Bpsk(Modulation):
    """One bit a use: +1 for 0, -1 for 1.

    Examples
    --------
    >>> Bpsk().points
    tensor([ 1.+0.j, -1.+0.j])
    """

    def __init__(self) -> None:
        super().__init__("bpsk", axis_bits=1, axes=1)

    @classmethod
    def from_args(cls) -> Bpsk:
        """Build it from the name alone."""
        return cls()


class Qpsk(Modulation):
    """Two bits a use, one on each axis: (±1 ± j) / √2.

    Examples
    --------
    >>> Qpsk().bits_per_symbol
    2
    """

    def __init__(self) -> None:
        super().__init__("qpsk", axis_bits=1, axes=2)

    @classmethod
    def from_args(cls) -> Qpsk:
        """Build it from the name alone."""
        return cls()


class Qam16(Modulation):
    """Four bits a use: levels ±1, ±3 over √10 on each axis.

    Examples
    --------
    >>> Qam16().bits_per_symbol
    4
    """

    def __init__(self) -> None:
        super().__init__("qam16", axis_bits=2, axes=2)

    @classmethod
    def from_args(cls) -> Qam16:
        """Build it from the name alone."""
        return cls()


class Qam64(Modulation):
    """Six bits a use: levels ±1 to ±7 over √42 on each axis.

    Examples
    --------
    >>> Qam64().bits_per_symbol
    6
    """

    def __init__(self) -> None:
        super().__init__("qam64", axis_bits=3, axes=2)

    @classmethod
    def from_args(cls) -> Qam64:
        """Build it from the name alone."""
        return cls()


class Qam256(Modulation):
    """Eight bits a use: levels ±1 to ±15 over √170 on each axis.

    Examples
    --------
    >>> Qam256().bits_per_symbol
    8
    """

    def __init__(self) -> None:
        super().__init__("qam256", axis_bits=4, axes=2)

    @classmethod
    def from_args(cls) -> Qam256:
        """Build it from the name alone."""
        return cls()


MODULATIONS = Family(
    "modulation",
    {
        name: (f"channelvq.modulation:{name.capitalize()}", name)
        for name in ("bpsk", "qpsk", "qam16", "qam64", "qam256")
    },
    "channelvq.modulations",
)
"""The modulations by name."""
