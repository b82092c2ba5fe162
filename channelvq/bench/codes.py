"""The speed table of the channel codes and of the physical layer, with what was promised."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from channelvq.bench.reed_solomon_peers import creedsolo_run, reedsolo_run
from channelvq.bench.timing import Contender, Measured, side_by_side
from channelvq.bler.blocks import send_blocks
from channelvq.channel_codes import LDPC, Polar, PuncturedConvolutional, ReedSolomon
from channelvq.channel_codes.base import Bits, BlockCode, Llrs
from channelvq.channels import CHANNELS
from channelvq.errors import UsageError
from channelvq.modulation import MODULATIONS
from channelvq.peers import peer_of
from channelvq.randomness import generator
from channelvq.snr import Snr

__all__ = ["Row", "run_rows"]

MEGA = 1e6


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    what : str
        What was decoded.
    unit : str
        Of the rates.
    measured : list of Measured
        Ours first, then the peers.
    promised : float
        Rate that is promised.
    ratios : dict of str to float
        How many times faster than a peer it is promised to be.
    notes : list of str
        Peers that are not installed, and other remarks.
    """

    what: str
    unit: str
    measured: list[Measured]
    promised: float
    ratios: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def ratio(self, peer: Measured) -> float:
        """How many times faster ours is."""
        return self.measured[0].rate / peer.rate

    @property
    def held(self) -> bool:
        """Whether the promises hold, as far as peers are there."""
        ratios = all(self.ratio(p) >= self.ratios.get(p.name, 0.0) for p in self.measured[1:])
        return self.measured[0].rate >= self.promised and ratios


def run_rows(*, only: str = "", seconds: float = 2.0, creedsolo: Path | None = None) -> Iterator[Row]:
    """Measure the lines whose name contains `only`, one after the other.

    Parameters
    ----------
    only : str
        Part of a line's name.
    seconds : float
        Time for each contender.
    creedsolo : Path, optional
        Folder with the wheel of reedsolo's pre-release, for its compiled decoder.

    Raises
    ------
    UsageError
        If no line is called so.
    """
    rows: dict[str, Callable[[str], Row]] = {
        "RS(255,223), 16 wrong bytes a word": lambda what: _reed_solomon(what, 16, seconds, creedsolo),
        "RS(255,223), clean words": lambda what: _reed_solomon(what, 0, seconds, None),
        "LDPC k=1024 n=2048, float32, Eb/N0 2 dB": lambda what: _block(
            what, LDPC(1024, 2048), 2.0, 2000, 30, seconds, peer_blocks=50, ratio=100
        ),
        "LDPC k=1024 n=2048, 8 bit, Eb/N0 2 dB": lambda what: _block(
            what, LDPC(1024, 2048, precision="int8"), 2.0, 2000, 60, seconds, peer_blocks=50, ratio=100
        ),
        "LDPC k=8448 n=12672, float32, Eb/N0 2 dB": lambda what: _block(
            what, LDPC(8448, 12672), 2.0, 200, 40, seconds
        ),
        "LDPC k=8448 n=12672, 8 bit, Eb/N0 2 dB": lambda what: _block(
            what, LDPC(8448, 12672, precision="int8"), 2.0, 200, 40, seconds
        ),
        "Viterbi K=7, soft in and out, k=1024, 3 dB": lambda what: _block(
            what, PuncturedConvolutional("1/2", 1024, crc=0), 3.0, 512, 20, seconds, peer_blocks=64
        ),
        "polar (512,256), list 8, Eb/N0 2 dB": lambda what: _block(
            what, Polar(256, 512), 2.0, 2000, 1, seconds, peer_blocks=100
        ),
        "AWGN + 16-QAM, mapping and demapping": lambda what: _physical_layer(what, seconds),
    }
    chosen = {what: run for what, run in rows.items() if only.lower() in what.lower()}
    if not chosen:
        raise UsageError(f"no line is called {only!r}; there are: {'; '.join(rows)}")
    threads = torch.get_num_threads()
    try:
        for what, run in chosen.items():
            torch.set_num_threads(1)
            yield run(what)
    finally:
        torch.set_num_threads(threads)


def _reed_solomon(what: str, wrong: int, seconds: float, creedsolo: Path | None) -> Row:
    """Decode 1000 words with so many wrong bytes each; the peers a part of them."""
    code, rng = ReedSolomon(255, 223, crc=0), np.random.default_rng(0)
    bits = rng.integers(0, 2, (1000, code.k_bits), dtype=np.uint8)
    words = np.packbits(code.encode(bits), axis=1)
    for word in words:
        places = rng.permutation(255)[:wrong]
        word[places] ^= rng.integers(1, 256, wrong).astype(np.uint8)
    llrs = (4 - 8 * np.unpackbits(words, axis=1).astype(np.float32)).astype(np.float32)
    contenders = [Contender("channelvq", lambda: code.decode(llrs), bits.size)]
    ratios: dict[str, float] = {}
    notes: list[str] = []
    if wrong:
        for name, count, ratio in (("reedsolo", 20, 75.0), ("creedsolo", 200, 8.0)):
            peer = _peer(name, words[:count], count * code.k_bits, creedsolo)
            if isinstance(peer, str):
                notes.append(peer)
            else:
                contenders.append(peer)
                ratios[name] = ratio
    _check_right(code, llrs, bits)
    return Row(
        what,
        "Mb/s",
        _in_mega(side_by_side(contenders, seconds=seconds)),
        300 if not wrong else 80,
        ratios,
        notes,
    )


def _peer(name: str, words: Bits, bits: int, creedsolo: Path | None) -> Contender | str:
    """Prepare a peer, or say why it is not there."""
    try:
        run = reedsolo_run(words) if name == "reedsolo" else creedsolo_run(words, creedsolo)
    except UsageError as error:
        return str(error)
    return Contender(name, run, bits)


def _block(
    what: str,
    code: BlockCode,
    ebn0_db: float,
    blocks: int,
    promised: float,
    seconds: float,
    *,
    peer_blocks: int = 0,
    ratio: float = 0.0,
) -> Row:
    """Decode blocks that have crossed AWGN with QPSK; Sionna a part of the same blocks."""
    snr = Snr.from_ebn0_db(ebn0_db, bits_per_symbol=2, code_rate=code.k_bits / code.n_bits)
    sent = send_blocks(code, MODULATIONS.build("qpsk"), CHANNELS.build("awgn"), snr, blocks=blocks)
    contenders = [Contender("channelvq", lambda: code.decode(sent.llrs), sent.bits.size)]
    notes = []
    if peer_blocks:
        try:
            peer = peer_of(code)
            some = sent.llrs[:peer_blocks]
            contenders.append(Contender("sionna", lambda: peer.decode(some), peer_blocks * code.k_bits))
        except UsageError as error:
            notes.append(str(error))
    wrong = (code.decode(sent.llrs).bits != sent.bits).any(axis=1).mean()
    notes.append(f"block error rate {wrong:.1e} of {blocks}")
    return Row(
        what, "Mb/s", _in_mega(side_by_side(contenders, seconds=seconds)), promised, {"sionna": ratio}, notes
    )


def _physical_layer(what: str, seconds: float) -> Row:
    """Map, add noise and demap 4 million symbols on two threads, in wall-clock time."""
    modulation, channel = MODULATIONS.build("qam16"), CHANNELS.build("awgn")
    bits = torch.randint(0, 2, (1, 16_000_000), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.set_num_threads(2)

    def run() -> object:
        symbols = modulation.map(bits)
        return modulation.demap(channel.transmit(symbols, Snr(10.0), lambda stream: generator(0, stream)))

    measured = side_by_side(
        [Contender("channelvq", run, bits.numel() / 4)], seconds=seconds, clock=time.perf_counter
    )
    return Row(what, "Msymbol/s", _in_mega(measured), 50, notes=["two threads, wall-clock time"])


def _check_right(code: ReedSolomon, llrs: Llrs, bits: Bits) -> None:
    """Refuse to time a decoder that is wrong."""
    out = code.decode(llrs)
    if out.ok is None or not out.ok.all() or not np.array_equal(out.bits, bits):
        raise AssertionError("the Reed-Solomon decoder is wrong")


def _in_mega(measured: list[Measured]) -> list[Measured]:
    return [Measured(m.name, m.first_seconds, m.best_seconds, m.rate / MEGA) for m in measured]
