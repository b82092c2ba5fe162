"""The results as a table: for a terminal, and as CSV or Parquet for other tools."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from channelvq.errors import UsageError
from channelvq.report.files import whole_file
from channelvq.sweep.means import Mean
from channelvq.sweep.stopping import PSNR_CAP_DB
from channelvq.sweep.summary import MEASURES, Results, Summary

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Cell", "point_rows", "rich_table", "to_csv", "trial_count", "write_parquet"]

Cell = str | int | float | None
"""What a field of the table holds; None (empty in CSV) means not simulated or not applicable."""


def point_rows(results: Results) -> list[dict[str, Cell]]:
    """One row for each scheme at each point, with 95 % intervals.

    `*_low` and `*_high` hold for the images of the sweep, `*_population_low` and `*_population_high` for all
    images of which these are a sample. Under a stopping rule intervals allow for its looks; those of a point
    that it has not ended yet are wider (99.9 %).
    """
    return [_point_row(results, summary) for summary in results.summaries]


def _point_row(results: Results, summary: Summary) -> dict[str, Cell]:
    """Flatten one summary."""
    scheme = summary.scheme.at(summary.point)
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
        "trials_lost": summary.lost,
        "stopped": summary.stopped,
    }
    for name in MEASURES:
        mean = summary.means[name]
        row |= {name: mean.value, f"{name}_low": mean.low, f"{name}_high": mean.high}
        if name in ("psnr_db", "ssim", "ms_ssim"):
            row |= {
                f"{name}_image_sd": mean.image_sd,
                f"{name}_population_low": mean.population_low,
                f"{name}_population_high": mean.population_high,
            }
    for name, part in (("outage", summary.outage), ("concealed", summary.concealed)):
        row |= {name: part.value, f"{name}_low": part.low, f"{name}_high": part.high}
    counted = summary.blocks.units > 0
    row |= {
        "trials_capped": summary.capped if summary.trials else None,
        "block_errors": summary.blocks.events if counted else None,
        "blocks": summary.blocks.units if counted else None,
        "channel_uses": summary.channel_uses,
        "source_bits": summary.source_bits,
        "paid_bits": summary.paid_bits,
    }
    return row


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
    table = Table(title=f"{spec.name}: PSNR in dB, 95 %", title_justify="left", caption=_caption(results))
    table.caption_justify = "left"
    table.add_column("SNR (dB)" if snrs else "channel", justify="right" if snrs else "left")
    for scheme in spec.schemes:
        table.add_column(scheme.name, justify="right")
    by_scheme = [results.of(scheme) for scheme in spec.schemes]
    for row, point in enumerate(spec.points):
        head = f"{point.snr_db:g}" if snrs else point.channel
        table.add_row(head, *(_cell(summaries[row]) for summaries in by_scheme))
    return table


def trial_count(results: Results) -> str:
    """Say how many trials each image had at each point.

    Under a stopping rule that is the least and the most.
    """
    spec = results.spec
    if spec.rule.fixed:
        return f"{spec.trials} trial{'s' if spec.trials != 1 else ''} each"
    images = max(len(results.images), 1)
    counts = [summary.trials // images for summary in results.summaries]
    fewest, most = min(counts, default=0), max(counts, default=0)
    return f"{fewest} trials each" if fewest == most else f"{fewest} to {most} trials each"


def _cell(summary: Summary) -> str:
    """Show "30.12 ± 0.05" or "30.12 −1.20/+0.01", and the share of receivers that failed."""
    psnr = summary.means["psnr_db"]
    if psnr.value is None:
        return f"not simulated ({summary.trials}/{summary.planned})"
    mark = "≥ " if summary.capped else ""
    lost = (
        f"  [red]{100 * summary.outage.events / summary.outage.units:.0f} % lost[/red]"
        if summary.outage.events
        else ""
    )
    part = "" if summary.complete else f"  ({summary.trials}/{summary.planned})"
    raised = f"  [red]{summary.lost} raised[/red]" if summary.lost else ""
    return f"{mark}{psnr.value:.2f}{_margin(psnr)}{lost}{part}{raised}"


def _margin(mean: Mean) -> str:
    """Show an interval about its mean, as one number if it is the same on both sides."""
    if mean.value is None or mean.low is None or mean.high is None:
        return ""
    below, above = f"{mean.value - mean.low:.2f}", f"{mean.high - mean.value:.2f}"
    return f" ± {above}" if below == above else f" −{below}/+{above}"


def _caption(results: Results) -> str:
    """Say over what the means are."""
    spec = results.spec
    images = f"{len(results.images)} image{'s' if len(results.images) != 1 else ''}"
    text = f"{images}, {trial_count(results)}; CBR {spec.cbr}; seed {spec.seed}; SNR is Es/N0"
    if any(mean.unseen_low or mean.unseen_high for mean in (s.means["psnr_db"] for s in results.summaries)):
        text += "\nIntervals allow for failures too rare to have been seen in so few trials"
    if any(summary.capped for summary in results.summaries):
        text += f"\n≥: trials above {PSNR_CAP_DB:g} dB (identical pictures, say) count as that"
    return text
