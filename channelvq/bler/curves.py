"""Points of block error rate: our decoder, another one on the same LLRs, and what theory says."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass

from channelvq.bler.blocks import Counts, curtailed_interval, run_until
from channelvq.bler.bounds import Bound, bound_of
from channelvq.bler.spec import BlerSpec, Curve
from channelvq.channel_codes.base import BlockCode
from channelvq.channels import CHANNELS
from channelvq.modulation import MODULATIONS

__all__ = ["BlerPoint", "run_curve", "run_spec", "to_csv"]


@dataclass(frozen=True)
class BlerPoint:
    """One code at one SNR, decoded by one implementation.

    Attributes
    ----------
    curve, code, decoder : str
        Name, canonical code, "channelvq" or the reference's name.
    k, n : int
        Message and coded bits of a block.
    modulation, channel : str
        Components.
    ebn0_db, esn0_db : float
        SNR per message bit and per symbol.
    blocks, block_errors, undetected, bit_errors : int
        Counts.
    bler, bler_low, bler_high : float
        Block error rate and its 95 % interval.
    bound : float or None
        What theory says of the block error rate here.
    bound_kind : str or None
        What kind of statement that is.
    """

    curve: str
    code: str
    decoder: str
    k: int
    n: int
    modulation: str
    channel: str
    ebn0_db: float
    esn0_db: float
    blocks: int
    block_errors: int
    undetected: int
    bit_errors: int
    bler: float
    bler_low: float
    bler_high: float
    bound: float | None
    bound_kind: str | None


def run_curve(spec: BlerSpec, curve: Curve) -> list[BlerPoint]:
    """Simulate one curve, from its lowest SNR up to the floor."""
    code = curve.block_code()
    points: list[BlerPoint] = []
    for ebn0_db in sorted(curve.ebn0_db):
        bound = bound_of(code, curve, ebn0_db)
        ours = _simulate(spec, curve, code, ebn0_db, spec.most_blocks)
        points.append(_point(curve, code, "channelvq", ebn0_db, ours, spec.block_errors, bound))
        if curve.reference is not None:
            from channelvq.peers import peer_of

            peer = peer_of(code, curve.reference)
            theirs = _simulate(spec, curve, peer, ebn0_db, min(curve.reference_blocks, spec.most_blocks))
            points.append(_point(curve, code, curve.reference, ebn0_db, theirs, spec.block_errors, bound))
        if ours.block_errors == 0 or ours.block_errors / ours.blocks < spec.floor:
            break
    return points


def run_spec(
    spec: BlerSpec, *, workers: int = 1, progress: Callable[[str], None] | None = None
) -> list[BlerPoint]:
    """Simulate all curves, each in a process of its own if there are several workers; canonical order."""
    tell = progress or (lambda name: None)
    if workers == 1:
        return [point for curve in spec.curves for point in _told(run_curve(spec, curve), curve, tell)]
    with ProcessPoolExecutor(workers, initializer=_one_thread) as pool:
        futures = [pool.submit(run_curve, spec, curve) for curve in spec.curves]
        return [
            point
            for future, curve in zip(futures, spec.curves, strict=True)
            for point in _told(future.result(), curve, tell)
        ]


def to_csv(points: list[BlerPoint]) -> str:
    """Write points as CSV, floats in full."""
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(BlerPoint.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(point) for point in points)
    return file.getvalue()


def _told(points: list[BlerPoint], curve: Curve, tell: Callable[[str], None]) -> Iterator[BlerPoint]:
    tell(curve.name)
    yield from points


def _one_thread() -> None:
    """Keep torch to one thread: processes are the parallelism."""
    import torch

    torch.set_num_threads(1)


def _simulate(spec: BlerSpec, curve: Curve, code: BlockCode, ebn0_db: float, most_blocks: int) -> Counts:
    """Count at one SNR."""
    return run_until(
        code,
        MODULATIONS.build(curve.modulation),
        CHANNELS.build(curve.channel),
        curve.snr(ebn0_db),
        block_errors=spec.block_errors,
        most_blocks=most_blocks,
        seed=spec.seed,
    )


def _point(
    curve: Curve,
    code: BlockCode,
    decoder: str,
    ebn0_db: float,
    counts: Counts,
    target: int,
    bound: Bound | None,
) -> BlerPoint:
    low, high = curtailed_interval(counts.blocks, counts.block_errors, target)
    return BlerPoint(
        curve=curve.name,
        code=curve.code,
        decoder=decoder,
        k=code.k_bits,
        n=code.n_bits,
        modulation=curve.modulation,
        channel=curve.channel,
        ebn0_db=ebn0_db,
        esn0_db=curve.snr(ebn0_db).esn0_db,
        blocks=counts.blocks,
        block_errors=counts.block_errors,
        undetected=counts.undetected,
        bit_errors=counts.bit_errors,
        bler=counts.block_errors / counts.blocks,
        bler_low=low,
        bler_high=high,
        bound=None if bound is None else bound.block_error_rate,
        bound_kind=None if bound is None else bound.kind,
    )
