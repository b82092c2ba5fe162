"""What a transmission costs, scheme by scheme: source, header and map, CRC, parity, padding; and as a bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channelvq.report.page.axis import Axis
from channelvq.report.page.markup import Markup, element, join, table
from channelvq.report.page.numbers import percent, ranges
from channelvq.report.page.received import Gallery, Paid
from channelvq.sweep.summary import Results

__all__ = ["account_section"]

_SIDE = ("header", "map", "guard", "length")
_CHECK = ("crc", "check")
_KINDS = ("source", "side", "check", "parity", "padding")
_TITLES = ("Pictures' bits", "Header, map", "CRC", "Parity", "Padding", "Paid bits", "Channel uses")


def account_section(results: Results, axis: Axis, gallery: Gallery) -> Markup:
    """Make table and bars: of the shown image where it could be encoded, else the means of the store."""
    if not gallery.paid:
        return _from_store(results)
    rows = []
    for paid in gallery.paid:
        split, account = _split(paid.account), paid.account
        cells = [_count(split[kind]) for kind in _KINDS] if account.paid_bits else ["–"] * len(_KINDS)
        rows.append(
            [
                _label(results, axis, paid),
                Markup(_bar(split)) if account.paid_bits else "symbols, no bits",
                *cells,
                _count(account.paid_bits) if account.paid_bits else "–",
                _count(account.channel_uses),
            ]
        )
    made = table(
        f"Bits of one transmission of {gallery.image}",
        ["Scheme", "Share of the channel", *_TITLES],
        rows,
        numbers=2,
        class_="account",
    )
    return join([_legend(), made, _details(results, axis, gallery.paid)])


def _split(account: Any) -> dict[str, int]:
    """Sum an account up by kind."""
    parts = dict(account.parts)
    side = sum(parts.pop(name, 0) for name in _SIDE)
    filling = parts.pop("padding", 0)
    check = sum(parts.pop(name, 0) for name in _CHECK)
    return {
        "source": sum(parts.values()),
        "side": side,
        "check": account.crc_bits + check,
        "parity": account.parity_bits,
        "padding": account.padding_bits + filling,
    }


def _bar(split: dict[str, int]) -> Markup:
    """Draw the shares; the table beside it says the same in numbers."""
    total = sum(split.values()) or 1
    x, parts = 0.0, []
    for kind in _KINDS:
        width = 100 * split[kind] / total
        if width:
            parts.append(
                element("rect", class_=f"kind-{kind}", x=f"{x:.3f}", y=0, width=f"{width:.3f}", height=10)
            )
        x += width
    return element(
        "svg", *parts, class_="bar", viewBox="0 0 100 10", preserveAspectRatio="none", aria_hidden="true"
    )


def _legend() -> Markup:
    """Say which shade is what."""
    names = zip(_KINDS, ("source", "header and map", "CRC", "parity", "padding"), strict=True)
    items = [
        element(
            "li",
            element(
                "svg",
                element("rect", class_=f"kind-{kind}", width=12, height=12),
                viewBox="0 0 12 12",
                class_="swatch",
                aria_hidden="true",
            ),
            name,
        )
        for kind, name in names
    ]
    return element("ul", *items, class_="kinds")


def _label(results: Results, axis: Axis, paid: Paid) -> str:
    """Name a scheme, and where it does so if it changes along the axis."""
    name = results.spec.schemes[paid.scheme].name
    options = paid.options
    how = ", ".join(part for part in (options.code, options.modulation) if part not in (None, "none"))
    if (paid.first, paid.last) != (0, len(axis.points) - 1):
        how = f"{ranges(range(paid.first, paid.last + 1), axis.names, axis.unit)}: {how}"
    return join([name, element("small", how) if how else None])


def _details(results: Results, axis: Axis, paid: Sequence[Paid]) -> Markup:
    """List every part of every message, and which code carries it."""
    rows = []
    for entry in paid:
        label = _label(results, axis, entry)
        for level in entry.account.protection:
            parts = ", ".join(f"{name} {_count(bits)}" for name, bits in level.parts.items())
            rows.append([label, level.code, parts, _count(level.crc_bits), _count(level.parity_bits)])
    if not rows:
        return Markup("")
    made = table(
        "Which code carries which part of the message, in bits",
        ["Scheme", "Code", "Parts of the message", "CRC", "Parity"],
        rows,
        numbers=3,
    )
    return element("details", element("summary", "Parts of each message"), made)


def _from_store(results: Results) -> Markup:
    """Give the means over images that the trials themselves hold."""
    rows = []
    for scheme in results.spec.schemes:
        known = next((s for s in results.of(scheme) if s.channel_uses is not None), None)
        if (
            known is None
            or known.source_bits is None
            or known.paid_bits is None
            or known.channel_uses is None
        ):
            continue
        rate = percent(known.source_bits / known.paid_bits) if known.paid_bits else "–"
        numbers = (known.source_bits, known.paid_bits, known.channel_uses)
        rows.append([scheme.name, rate, *(_count(round(value)) for value in numbers)])
    heads = ["Scheme", "Source / paid", "Source bits", "Paid bits", "Channel uses"]
    return table("Bits of one transmission, mean over images", heads, rows, numbers=1)


def _count(value: int) -> str:
    """Print a count, thousands apart by thin spaces."""
    return f"{value:,}".replace(",", "\u202f")
