"""The page's tables: who wins where, how far behind the others are, and all numbers."""

from __future__ import annotations

from collections.abc import Sequence

from channelvq.report.page.axis import Axis
from channelvq.report.page.curves import Measure, along, drawn
from channelvq.report.page.markup import Markup, element, join, table
from channelvq.report.page.numbers import bracket, number, percent, signed
from channelvq.report.page.ranking import Place, Standing
from channelvq.sweep.means import Mean
from channelvq.sweep.summary import Results, Summary

__all__ = ["numbers_table", "standings_tables"]

MOST_ROWS = 600
"""Rows of a table that anyone would read; more are in the CSV."""


def standings_tables(results: Results, axis: Axis, standings: Sequence[Standing]) -> Markup:
    """Make the table of winners, and that of everyone's distance from them."""
    winners = table(
        "Who has the highest mean PSNR at each point",
        [
            axis.quantity or axis.label,
            "Highest mean",
            "Mean PSNR, dB",
            "Tied with it",
            "Next",
            "Behind by, dB [95 %]",
            "p",
        ],
        [_winner_row(results, axis, i, standing) for i, standing in enumerate(standings)],
        numbers=99,
        class_="winners",
    )
    distances = table(
        "Mean PSNR minus that of the point's best scheme, dB",
        ["Scheme", *(axis.full(i) for i in range(len(axis.points)))],
        [_distance_row(results, s, standings) for s in range(len(results.spec.schemes))],
        numbers=1,
        class_="distances",
    )
    starred = any(place.is_starred for standing in standings for place in standing.places)
    return join([winners, distances, _star() if starred else None])


def numbers_table(results: Results, axis: Axis) -> Markup:
    """Make the table behind the charts, a row for each scheme at each point."""
    measures = drawn(results)
    rows = [
        [
            scheme.name,
            axis.full(i),
            f"{summary.trials}",
            *(_cell(summary, measure) for measure in measures),
            _rate(summary.means["raw_ber"]),
            _rate(summary.means["message_ber"]),
        ]
        for scheme in results.spec.schemes
        for i, summary in enumerate(along(results, scheme, axis))
    ]
    if len(rows) > MOST_ROWS:
        return element("p", f"{len(rows)} rows: too many for a page; the CSV file has them all.")
    heads = [
        "Scheme",
        axis.quantity or "Channel",
        "Trials",
        *(m.label + m.unit.replace(" ", ", ") for m in measures),
    ]
    return table(
        "Means with 95 % intervals",
        [*heads, "Bit errors on the channel", "after decoding"],
        rows,
        numbers=1,
        class_="numbers",
    )


def _winner_row(results: Results, axis: Axis, point: int, standing: Standing) -> list[str]:
    """Say who wins at a point."""
    where = axis.full(point)
    if len(standing.places) < 2:
        return [where, "not simulated by two schemes", "", "", "", "", ""]
    best, follower = standing.places[0], standing.next
    tied = [_named(results, place.scheme) for place in standing.places if place.is_tied and not place.is_open]
    if standing.is_open:
        tied.append(element("span", "undecided: too few transmissions", class_="open"))
    name = lead = p = ""
    if follower is not None and follower.behind is not None:
        behind = follower.behind
        name = _named(results, follower.scheme)
        star = "*" if follower.is_starred else ""
        lead = f"{number(behind.value, 2)}{star} {bracket(behind.low, behind.high, 2)}"
        p = _probability(behind.p)
    return [
        where,
        _named(results, best.scheme),
        number(best.psnr_db, 2),
        join(tied) if tied else "",
        name,
        lead,
        p,
    ]


def _distance_row(results: Results, scheme: int, standings: Sequence[Standing]) -> list[str]:
    """Say how far a scheme is from the best at each point."""
    cells = []
    for standing in standings:
        place = next((place for place in standing.places if place.scheme == scheme), None)
        if place is None:
            cells.append(element("span", "–", title="not simulated"))
        else:
            cells.append(_distance(place, standing))
    return [_named(results, scheme), *cells]


def _distance(place: Place, standing: Standing) -> Markup:
    """Print one distance; best and tied ones are marked in words, not in colour."""
    behind = place.behind
    if behind is None:
        if standing.is_open:
            return element("span", "highest ", number(0.0, 2))
        alone = len(standing.best) == 1
        return (
            element("strong", "best")
            if alone
            else element("span", element("strong", "tied "), number(0.0, 2))
        )
    value = None if behind.value is None else -behind.value
    text = f"{signed(value, 2)}{'*' if place.is_starred else ''}"
    limits = "" if behind.low is None or behind.high is None else bracket(-behind.high, -behind.low, 2)
    if place.is_open:
        return element("span", "undecided ", text, title=limits or None)
    if place.is_tied:
        return element("span", element("strong", "tied "), text, title=limits or None)
    return element("span", text, title=limits or None)


def _star() -> Markup:
    """Explain the star."""
    return element(
        "p",
        "* by what was seen: failures too rare to show in so few transmissions could still turn it.",
        class_="note",
    )


def _named(results: Results, scheme: int) -> Markup:
    """Name a scheme beside its colour and marker, which the script draws."""
    key = element("span", class_="key", data_scheme=scheme, aria_hidden="true")
    return element("span", key, results.spec.schemes[scheme].name, class_="named")


def _probability(p: float | None) -> str:
    """Print a p-value."""
    if p is None:
        return "–"
    return "< 1e−9" if p < 1e-9 else f"{p:.2g}".replace("-", "−")


def _cell(summary: Summary, measure: Measure) -> str:
    """Print one mean with its interval."""
    if measure.key == "outage":
        outage = summary.outage
        if outage.value is None or outage.high is None:
            return "not simulated"
        bound = "" if outage.events else f", below {percent(outage.high)}"
        return f"{outage.events} of {outage.units}{bound}"
    mean = summary.means[measure.key]
    if mean.value is None:
        return "not simulated" if measure.key == "psnr_db" else "–"
    capped = "≥ " if summary.capped and measure.key == "psnr_db" else ""
    text = f"{capped}{number(mean.value, measure.digits)} {bracket(mean.low, mean.high, measure.digits)}"
    return text.strip()


def _rate(mean: Mean) -> str:
    """Print a rate."""
    if mean.value is None:
        return "–"
    return f"{mean.value:.2g}".replace("-", "−") if mean.value else "0"
