"""What a sweep's figure lacks, in words: points without trials, trials that are not there yet or raised."""

from __future__ import annotations

from channelvq.sweep.summary import Results, Summary

__all__ = ["missing"]

_LISTED = 4


def missing(results: Results) -> list[str]:
    """Say of each scheme at which points what is missing; nothing of a sweep that is complete.

    A point is only drawn if every image was sent there at least once.
    """
    lines = []
    for scheme in results.spec.schemes:
        summaries = results.of(scheme)
        parts = [
            _part("no trials at", [s.point.label for s in summaries if not s.trials and not s.lost]),
            _part("too few to draw at", [_count(s) for s in summaries if s.trials and _undrawn(s)]),
            _part(
                "not complete at",
                [_count(s) for s in summaries if s.trials and not _undrawn(s) and not s.complete],
            ),
            _part("trials raised errors at", [f"{s.point.label} ({s.lost})" for s in summaries if s.lost]),
        ]
        if any(parts):
            lines.append(f"{scheme.name}: {'; '.join(filter(None, parts))}")
    return lines


def _undrawn(summary: Summary) -> bool:
    """Say whether a point has no mean."""
    return summary.means["psnr_db"].value is None


def _count(summary: Summary) -> str:
    """Say how many trials a point has."""
    return f"{summary.point.label} ({summary.trials} of {summary.planned} trials)"


def _part(head: str, points: list[str]) -> str:
    """Name points, not too many of them."""
    if not points:
        return ""
    rest = len(points) - _LISTED
    more = f" and {rest} more points" if rest > 1 else ""
    return f"{head} {', '.join(points[: _LISTED if more else None])}{more}"
