"""Tuning: at each point the best of all codes and modulations, first by reliability, then by a race."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from channelvq.sweep.axis import Point
from channelvq.sweep.plan import SweepImage, find_images
from channelvq.sweep.tuned import Tuned, TunedChoice
from channelvq.tuning.candidates import Candidate, beyond_capacity, candidates_of, memoryless, undominated
from channelvq.tuning.pool import Pool
from channelvq.tuning.race import Runner, race
from channelvq.tuning.reliability import Reliability, reliable_ones
from channelvq.tuning.spec import DEFAULT_BLOCK_ERROR_RATE, TuneSpec

__all__ = ["Known", "tune"]

Criterion: TypeAlias = Literal["block_error_rate", "psnr"]

_HOPELESS = 0.1  # block error rate of a candidate that no codec makes up for
_ROBUST = 2  # candidates that are tried where none is reliable

Counts: TypeAlias = dict[int, Reliability]
Known: TypeAlias = dict[tuple[Any, ...], Counts]
Tell: TypeAlias = Callable[[str, int, int], None]


def tune(
    spec: TuneSpec,
    *,
    images: str | None = None,
    workers: int = 0,
    tell: Tell = lambda what, done, total: None,
    known: Known | None = None,
) -> Tuned:
    """Choose a code and a modulation for each point.

    Two stages. First, on channels without memory, random payloads tell how reliable the candidates are: from
    the largest payload that theory does not rule out down to the first that loses nothing. All smaller ones
    are out, for a codec that fills its payload shows a better picture with more. Then the candidates that are
    left race over the images, receivers that failed scored as grey.

    By `criterion = "block_error_rate"` only those race that keep the bound (`count_blocks`); where none does,
    the two of the smallest payload race, and the choice is marked as one that does not work. By "psnr" all
    others race, too, but for those that lose a tenth of their blocks; on channels with memory every candidate
    does, for there a loss is a matter of luck that each pays for.

    Parameters
    ----------
    spec : TuneSpec
        What to choose from, and where.
    images : str, optional
        A set of images instead of the spec's.
    workers : int
        Processes; 0 works in this one. Their number changes nothing but the time.
    tell : callable
        Called with what is being done, how many steps of it are done, and of how many.
    known : dict, optional
        What was counted for other specs, and is added to: how reliable a code and a modulation are does not
        depend on the codec, so that specs that differ in it alone need one count.

    Raises
    ------
    UsageError
        If a candidate cannot be built, or an image cannot be read.
    """
    found = find_images(images or spec.images, spec.tune.most_images)
    candidates = candidates_of(spec, found[0].shape)
    criterion = _criterion(spec, candidates[0])
    bound = spec.tune.block_error_rate or DEFAULT_BLOCK_ERROR_RATE
    with Pool(workers) as pool:
        counts = _count(
            spec, candidates, found[0], criterion, bound, pool, tell, {} if known is None else known
        )
        fields = {point: _contenders(candidates, counts[point], point, criterion) for point in spec.points}
        ranked = race(fields, found, trials=spec.trials, seed=spec.seed, pool=pool, tell=tell)
    choices = [
        _choice(spec, point, ranked[point][0], candidates, counts[point], criterion) for point in spec.points
    ]
    return Tuned(
        name=spec.name,
        codecs=spec.tune.codecs,
        cbr=spec.cbr,
        channel=spec.channel,
        criterion=criterion,
        block_error_rate=bound if criterion == "block_error_rate" else None,
        images=tuple(image.name for image in found),
        weights=tuple(_weights(spec, candidates)),
        trials=spec.trials,
        seed=spec.seed,
        choices=tuple(choices),
    )


def _weights(spec: TuneSpec, candidates: list[Candidate]) -> list[str]:
    """Name the weights of the codecs that have some."""
    one_each = {(c.options.codec, c.options.model): c.options for c in candidates}
    links = (options.build(spec.points[0].channel) for options in one_each.values())
    models: list[Any] = [getattr(link.codec, "model", None) for link in links]
    return sorted({str(model.full_id) for model in models if model is not None})


def _criterion(spec: TuneSpec, candidate: Candidate) -> Criterion:
    """Take the criterion that is asked for, or the one that suits codec and channel."""
    asked = spec.tune.criterion
    if asked is not None:
        return asked
    if spec.tune.block_error_rate is not None:
        return "block_error_rate"
    link = candidate.options.build(spec.points[0].channel)
    steady = all(memoryless(point.channel) for point in spec.points)
    return "psnr" if hasattr(link.codec, "concealment") or not steady else "block_error_rate"


def _count(
    spec: TuneSpec,
    candidates: list[Candidate],
    image: SweepImage,
    criterion: Criterion,
    bound: float,
    pool: Pool,
    tell: Tell,
    known: Known,
) -> dict[Point, Counts]:
    """Count lost blocks wherever that decides something; of graded ones only if a bound is asked for."""
    counted = [point for point in spec.points if criterion == "block_error_rate" or memoryless(point.channel)]
    places = [
        place
        for place, candidate in enumerate(candidates)
        if criterion == "block_error_rate" or not candidate.graded
    ]
    some = [candidates[place] for place in places]
    uses = candidates[0].options.build(spec.points[0].channel).channel_uses(image.shape)
    ways = tuple(candidate.sending for candidate in some)
    keys = {point: (ways, point, uses, bound, spec.seed) for point in counted}
    missing = [point for point in counted if keys[point] not in known]
    calls = [(some, point, uses, bound, spec.seed) for point in missing]
    seen = pool.map(reliable_ones, calls, lambda done, total: tell("block errors", done, total))
    known.update((keys[point], counts) for point, counts in zip(missing, seen, strict=True))
    found: dict[Point, Counts] = {point: {} for point in spec.points}
    for point in counted:
        found[point] = {places[place]: count for place, count in known[keys[point]].items()}
    return found


def _contenders(
    candidates: list[Candidate], counts: Counts, point: Point, criterion: Criterion
) -> list[Candidate]:
    """Pick those that race at a point."""
    kept = [place for place, count in counts.items() if count.keeps]
    if criterion == "block_error_rate":
        places = kept or sorted(range(len(candidates)), key=lambda p: candidates[p].payload_bits)[:_ROBUST]
        return [candidates[place] for place in places]
    if not memoryless(point.channel):
        return candidates if point.snr_db is None else undominated(candidates)
    sure = [place for place in kept if not counts[place].frame_errors]
    floor = max((candidates[place].payload_bits for place in sure), default=0)
    graded = [
        place
        for place, candidate in enumerate(candidates)
        if candidate.graded and candidate.payload_bits > floor and not _lost(candidate, point)
    ]
    whole = [place for place, count in counts.items() if count.rate <= _HOPELESS]
    if not whole:
        robust = [place for place, candidate in enumerate(candidates) if not candidate.graded]
        whole = robust[-_ROBUST:]
    return [candidates[place] for place in sorted({*graded, *whole})]


def _lost(candidate: Candidate, point: Point) -> bool:
    """Say whether the part that is protected best cannot arrive; what is not protected at all may."""
    return ";" in candidate.options.code and beyond_capacity(candidate, point)


def _choice(
    spec: TuneSpec,
    point: Point,
    winner: Runner,
    candidates: list[Candidate],
    counts: Counts,
    criterion: Criterion,
) -> TunedChoice:
    """Write the winner of a point down."""
    options = winner.candidate.options
    count = counts.get(candidates.index(winner.candidate))
    works = winner.outage < 1 if criterion == "psnr" else count is not None and count.keeps
    return TunedChoice(
        snr_db=point.snr_db,
        channel=None if point.snr_db is not None else point.channel,
        code=options.code,
        modulation=options.modulation,
        codec=options.codec if len(spec.tune.codecs) > 1 else None,
        concealment=options.concealment,
        payload_bits=winner.candidate.payload_bits,
        psnr_db=round(winner.mean_db, 4),
        outage=round(winner.outage, 6),
        blocks=None if count is None else count.blocks,
        block_errors=None if count is None else count.block_errors,
        works=works,
    )
