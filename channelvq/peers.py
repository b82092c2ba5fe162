"""Other implementations of the same codes, decoding the same LLRs: for comparisons, never for results.

They come with the extras `reference` (Sionna) and `bench`, and are imported when they are asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from channelvq.channel_codes.base import Bits, BlockCode, Llrs, Outcome
from channelvq.channel_codes.ldpc import LDPC
from channelvq.channel_codes.polar import Polar
from channelvq.channel_codes.punctured import PuncturedConvolutional
from channelvq.errors import UsageError

__all__ = ["Peer", "peer_of"]


class Peer:
    """Our encoder with another implementation's decoder.

    Parameters
    ----------
    code : BlockCode
        The code; its encoder makes the blocks.
    decode_bits : callable
        LLRs [blocks, n] -> message bits [blocks, k].
    """

    def __init__(self, code: BlockCode, decode_bits: Callable[[Llrs], Bits]) -> None:
        self._code, self._decode_bits = code, decode_bits
        self.k_bits, self.n_bits = code.k_bits, code.n_bits

    def encode(self, bits: Bits) -> Bits:
        """[blocks, k] of 0/1 -> [blocks, n]."""
        return self._code.encode(bits)

    def decode(self, llrs: Llrs) -> Outcome:
        """[blocks, n] float32 -> Outcome; its LLRs are ±1, and it has no verdict."""
        bits = self._decode_bits(llrs)
        return Outcome(1 - 2 * bits.astype(np.float32), bits, None)


def peer_of(code: BlockCode, name: str = "sionna") -> Peer:
    """Make the peer of a code.

    Sionna [1]_ decodes LDPC by as many iterations of flooding belief propagation, with exact check nodes,
    polar codes with as long a list, and the unpunctured convolutional code by the Viterbi algorithm.

    Parameters
    ----------
    code : LDPC, Polar or PuncturedConvolutional
        The code, zero-tailed and of rate 1/2 if convolutional.
    name : {"sionna"}
        Whose decoder.

    Raises
    ------
    UsageError
        If there is none for this code, or the extra is not installed.

    References
    ----------
    .. [1] J. Hoydis et al., "Sionna: an open-source library for next-generation physical layer research",
       arXiv:2203.11854, 2022.
    """
    if name != "sionna":
        raise UsageError(f"peer is {name!r}, must be sionna")
    makers: dict[type, Callable[[Any], Any]] = {
        LDPC: _sionna_ldpc,
        Polar: _sionna_polar,
        PuncturedConvolutional: _sionna_viterbi,
    }
    if type(code) not in makers:
        raise UsageError(f"sionna has no decoder for {type(code).__name__}")
    decoder = makers[type(code)](code)

    def decode_bits(llrs: Llrs) -> Bits:
        with torch.no_grad():
            bits: Bits = decoder(torch.from_numpy(-llrs)).numpy().astype(np.uint8)
        return bits[:, : code.k_bits]

    return Peer(code, decode_bits)


def _sionna(module: str) -> Any:
    try:
        return importlib.import_module(f"sionna.phy.fec.{module}")
    except ImportError:
        raise UsageError("sionna is not installed: pip install channelvq[reference]") from None


def _sionna_ldpc(code: LDPC) -> Any:
    ldpc = _sionna("ldpc")
    order = {} if code.modulation_order == 1 else {"num_bits_per_symbol": code.modulation_order}
    encoder = ldpc.LDPC5GEncoder(code.k_bits, code.n_bits, **order)
    return ldpc.LDPC5GDecoder(encoder, num_iter=code.iterations, cn_update="boxplus", hard_out=True)


def _sionna_polar(code: Polar) -> Any:
    polar = _sionna("polar")
    if code.crc != 11 or not code.channel_interleaver:
        raise UsageError("sionna's polar chain has CRC-11 and the channel interleaver, this code has not")
    encoder = polar.Polar5GEncoder(code.k, code.n)
    return polar.Polar5GDecoder(encoder, dec_type="SCL", list_size=code.list_size)


def _sionna_viterbi(code: PuncturedConvolutional) -> Any:
    conv = _sionna("conv")
    if 2 * (code.k_bits + 6) != code.n_bits:
        raise UsageError(f"sionna's Viterbi decoder is for rate 1/2 with a zero tail, not for {code.spec!r}")
    encoder = conv.ConvEncoder(gen_poly=("1011011", "1111001"), terminate=True)
    return conv.ViterbiDecoder(encoder=encoder, method="soft_llr")
