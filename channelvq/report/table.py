"""The results as a table: for a terminal, and as CSV or Parquet for other tools."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from channelvq.errors import UsageError
from channelvq.report.files import whole_file
from channelvq.sweep.summary import MEASURES, Results, Summary

if TYPE_CHECKING:
    from rich.table import Table

    from channelvq.sweep.store import Store

__all__ = ["Cell", "point_rows", "rich_table", "to_csv", "trial_rows", "write_parquet"]

_CASE_COLUMNS = ("codec", "code", "modulation", "concealment", "model", "channel", "snr_db", "cbr", "seed")

Cell = str | int | float | None
"""What a field of the table holds; None (empty in CSV) means not simulated or not applicable."""


def point_rows(results: Results) -> list[dict[str, Cell]]:
    """One row for each scheme at each point, with 95 % intervals `*_low` and `*_high`."""
    return [_point_row(results, summary) for summary in results.summaries]


def _point_row(results: Results, summary: Summary) -> dict[str, Cell]:
    """Flatten one summary."""
    scheme = summary.scheme
    row: dict[str, Cell] = {
        "scheme": scheme.name,
        "codec": scheme.codec,
        "code": scheme.code,
        "modulation": scheme.modulation,
        "interleaver": scheme.interleaver,
        "concealment": scheme.concealment,
        "channel": summary.point.channel,
        "snr_db": summary.point.snr_db,
        "cbr": str(scheme.cbr or results.spec.cbr),
        "images": summary.images,
        "trials": summary.trials,
        "trials_planned": summary.planned,
    }
    for name in MEASURES:
        mean = summary.means[name]
        row |= {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
        if name in ("psnr_db", "ssim"):
            row[f"{name}_image_sd"] = mean.image_sd
    for name, part in (("outage", summary.outage), ("concealed", summary.concealed)):
        row |= {name: part.value, f"{name}_low": part.low, f"{name}_high": part.high}
    row |= {
        "channel_uses": summary.channel_uses,
        "source_bits": summary.source_bits,
        "paid_bits": summary.paid_bits,
    }
    return row


def trial_rows(store: Store) -> list[dict[str, Cell]]:
    """One row for each trial that the store has, of whatever plan: case, image, measures."""
    cases = store.cases()
    rows: list[dict[str, Cell]] = []
    for trial in store.trials():
        content = cases[trial.case]
        rows.append({key: content[key] for key in _CASE_COLUMNS} | asdict(trial))
    return rows


def to_csv(rows: Sequence[Mapping[str, Cell]]) -> str:
    r"""Write rows as CSV: a header, full precision, nothing where there is no value.

    Examples
    --------
    >>> to_csv([{"scheme": "JPEG, RS", "psnr_db": 30.5, "snr_db": None}])
    'scheme,psnr_db,snr_db\r\n"JPEG, RS",30.5,\r\n'
    """
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def write_parquet(rows: Sequence[Mapping[str, Cell]], path: Path) -> None:
    """Write rows as a Parquet file.

    Raises
    ------
    UsageError
        If pyarrow, which comes with the extra `parquet`, is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(
            "Parquet needs pyarrow: pip install 'channelvq[parquet]'; or take --format csv"
        ) from None
    table = pa.Table.from_pylist([dict(row) for row in rows])
    with whole_file(path) as temporary:
        pq.write_table(table, temporary)


def rich_table(results: Results) -> Table:
    """Mean PSNR and its interval, points down and schemes across, with outage where there was any."""
    from rich.table import Table

    spec = results.spec
    snrs = spec.channel is not None
    table = Table(title=f"{spec.name}: PSNR in dB ± 95 %", title_justify="left", caption=_caption(results))
    table.caption_justify = "left"
    table.add_column("SNR (dB)" if snrs else "channel", justify="right" if snrs else "left")
    for scheme in spec.schemes:
        table.add_column(scheme.name, justify="right")
    by_scheme = [results.of(scheme) for scheme in spec.schemes]
    for row, point in enumerate(spec.points):
        head = f"{point.snr_db:g}" if snrs else point.channel
        table.add_row(head, *(_cell(summaries[row]) for summaries in by_scheme))
    return table


def _cell(summary: Summary) -> str:
    """Show "30.12 ± 0.05", and the share of receivers that failed."""
    psnr = summary.means["psnr_db"]
    if psnr.value is None:
        return f"not simulated ({summary.trials}/{summary.planned})"
    half = "" if psnr.high is None else f" ± {psnr.high - psnr.value:.2f}"
    lost = (
        f"  [red]{100 * summary.outage.events / summary.outage.units:.0f} % lost[/red]"
        if summary.outage.events
        else ""
    )
    part = "" if summary.complete else f"  ({summary.trials}/{summary.planned})"
    return f"{psnr.value:.2f}{half}{lost}{part}"


def _caption(results: Results) -> str:
    """Say over what the means are."""
    spec = results.spec
    images = f"{len(results.images)} image{'s' if len(results.images) != 1 else ''}"
    trials = f"{spec.trials} trial{'s' if spec.trials != 1 else ''} each"
    return f"{images}, {trials}; CBR {spec.cbr}; seed {spec.seed}; SNR is Es/N0"
