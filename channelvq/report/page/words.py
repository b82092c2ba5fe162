"""What the numbers say, in sentences: what was simulated, who wins where."""

from __future__ import annotations

from collections.abc import Sequence

from channelvq.report.page.axis import Axis
from channelvq.report.page.curves import along
from channelvq.report.page.numbers import bracket, counted, listed, number, percent, ranges
from channelvq.report.page.ranking import Standing
from channelvq.report.table import trial_count
from channelvq.sweep.summary import Results, Summary

__all__ = ["facts", "statement"]


def facts(results: Results) -> list[tuple[str, str]]:
    """Say what was simulated, as terms and their values."""
    spec = results.spec
    channel = spec.channel or ", ".join(dict.fromkeys(point.channel for point in spec.points))
    axis = Axis.of(spec)
    where = ranges(range(len(axis.points)), axis.names, axis.unit)
    found = [("Channel", channel)]
    if spec.channel is not None:
        found.append(("SNR, Es/N0", f"{where}, {counted(len(axis.points), 'point')}"))
    names = ", ".join(results.images)
    shown = f": {names}" if len(names) <= 60 else ""
    return [
        *found,
        ("Bandwidth ratio (CBR)", f"{spec.cbr}, complex channel uses per source sample"),
        ("Images", f"{spec.images}, {counted(len(results.images), 'image')}{shown}"),
        ("Transmissions", f"{trial_count(results)}, {_total(results)} in all; seed {spec.seed}"),
        ("Schemes", str(len(spec.schemes))),
    ]


def statement(results: Results, axis: Axis, standings: Sequence[Standing]) -> list[str]:
    """Say who wins where, by how much at most, and who fails where: only what the tables hold."""
    schemes = results.spec.schemes
    if len(schemes) < 2:
        return [*_alone(results, axis), *_failures(results, axis)]
    sentences = [*_winners(results, axis, standings), *_largest_lead(results, axis, standings)]
    if any(place.is_starred for standing in standings for place in standing.places):
        sentences.append(
            "This goes by what was seen; failures too rare to show in so few transmissions are not ruled out."
        )
    return [*sentences, *_failures(results, axis)]


def _total(results: Results) -> int:
    """Transmissions that count."""
    return sum(summary.trials for summary in results.summaries)


def _at(axis: Axis, chosen: Sequence[int]) -> str:
    """Name places of the axis."""
    return ranges(list(chosen), axis.names, axis.unit)


def _names(results: Results, numbers: Sequence[int]) -> str:
    """Name schemes, in the spec's order, for names may hold commas in quotation marks."""
    return listed([f"“{results.spec.schemes[s].name}”" for s in sorted(numbers)])


def _winners(results: Results, axis: Axis, standings: Sequence[Standing]) -> list[str]:
    """Say which scheme, or which tied ones, have the highest mean PSNR where."""
    groups: dict[tuple[int, ...], list[int]] = {}
    undecided: dict[tuple[int, ...], list[int]] = {}
    for i, standing in enumerate(standings):
        if standing.is_open:
            undecided.setdefault((standing.places[0].scheme,), []).append(i)
        elif len(standing.places) > 1:
            groups.setdefault(tuple(sorted(standing.best)), []).append(i)
    images = counted(len(results.images), "image")
    sentences = []
    if groups:
        parts = [_group(results, axis, standings, best, where) for best, where in groups.items()]
        sentences.append(f"Highest mean PSNR over the {images}: {'; '.join(parts)}.")
    if undecided:
        parts = [f"{_names(results, best)} at {_at(axis, where)}" for best, where in undecided.items()]
        needed = max(place.needed for standing in standings for place in standing.places)
        sentences.append(
            f"Highest mean PSNR over the {images}, undecided for too few transmissions (at least {needed}"
            f" pairs and two of each image tell schemes apart): {'; '.join(parts)}."
        )
    return sentences or ["No point was simulated for two schemes yet, so none is compared with another."]


def _group(
    results: Results, axis: Axis, standings: Sequence[Standing], best: tuple[int, ...], where: Sequence[int]
) -> str:
    """Say where the same schemes are best."""
    if len(best) == 1:
        return f"{_names(results, best)} at {_at(axis, where)}"
    if len(best) > 2 and all(len(standings[i].places) == len(best) for i in where):
        return f"all {len(best)} schemes, tied, at {_at(axis, where)}"
    return f"{_names(results, best)}, tied, at {_at(axis, where)}"


def _largest_lead(results: Results, axis: Axis, standings: Sequence[Standing]) -> list[str]:
    """Say how far a scheme that wins alone is before the next, at most."""
    leads = []
    for i, standing in enumerate(standings):
        follower = standing.next
        if len(standing.best) == 1 and follower is not None and follower.behind is not None:
            leads.append((follower.behind.value or 0.0, -i, standing, follower))
    if not leads:
        return []
    value, place, standing, follower = max(leads, key=lambda lead: lead[:2])
    behind = follower.behind
    interval = "" if behind is None else bracket(behind.low, behind.high, 2)
    names = results.spec.schemes[standing.places[0].scheme].name, results.spec.schemes[follower.scheme].name
    return [
        f"The largest lead over the second is {number(value, 2)} dB {interval}, of “{names[0]}” over"
        f" “{names[1]}” at {axis.full(-place)}.".replace("  ", " ")
    ]


def _failures(results: Results, axis: Axis) -> list[str]:
    """Say whose receivers failed where."""
    parts = []
    for scheme in results.spec.schemes:
        row = along(results, scheme, axis)
        failing = [i for i, summary in enumerate(row) if summary.outage.events]
        if failing:
            shares = [row[i].outage.value or 0.0 for i in failing]
            least, most = percent(min(shares)), percent(max(shares))
            spread = least if least == most else f"{least} to {most}"
            parts.append(f"“{scheme.name}” at {_at(axis, failing)} ({spread})")
    if parts:
        return [f"Receivers that could not decode and showed flat grey: {'; '.join(parts)}."]
    if any(summary.outage.units for summary in results.summaries):
        return [f"No receiver failed in {_total(results)} transmissions."]
    return []


def _alone(results: Results, axis: Axis) -> list[str]:
    """Say what a sweep of one scheme gives."""
    row = along(results, results.spec.schemes[0], axis)
    known = [(i, summary) for i, summary in enumerate(row) if summary.means["psnr_db"].value is not None]
    if not known:
        return ["Nothing was simulated yet."]
    (first, one), (last, two) = known[0], known[-1]
    text = f"One scheme, so none is compared. Mean PSNR is {_mean(one)} at {axis.at(first)}"
    return [f"{text}{f' and {_mean(two)} at {axis.at(last)}' if last != first else ''}."]


def _mean(summary: Summary) -> str:
    """Print a mean PSNR with its interval."""
    mean = summary.means["psnr_db"]
    return f"{number(mean.value, 2)} dB {bracket(mean.low, mean.high, 2)}".strip()
