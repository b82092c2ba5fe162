"""Tables keep every number, and leave empty what there is no number for."""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import io
from pathlib import Path

import pytest
from rich.console import Console

from channelvq.errors import UsageError
from channelvq.report.table import point_rows, rich_table, to_csv, trial_count, write_parquet
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.statistics import share
from channelvq.sweep.summary import Results


def test_csv_has_a_row_for_each_point(results: Results) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(point_rows(results)))))
    assert [(row["scheme"], row["snr_db"]) for row in rows[:2]] == [("A, soft", "0.0"), ("A, soft", "5.0")]
    first, hole = rows[0], rows[4]
    assert (first["psnr_db"], first["psnr_db_low"], first["psnr_db_high"]) == ("20.0", "19.5", "20.5")
    assert (first["outage"], first["cbr"], first["trials"]) == ("0.25", "1/12", "16")
    assert (hole["psnr_db"], hole["outage"], hole["trials"]) == ("", "", "0")


def test_csv_has_both_intervals_and_counts(results: Results) -> None:
    first = results.summaries[0]
    mean = dataclasses.replace(first.means["psnr_db"], population_low=18.0, population_high=22.0)
    changed = dataclasses.replace(
        first, means={**first.means, "psnr_db": mean}, blocks=share(3, 60), lost=1, capped=2, stopped="budget"
    )
    rows = point_rows(dataclasses.replace(results, summaries=(changed, *results.summaries[1:])))
    row, hole = rows[0], rows[4]
    assert (row["psnr_db_population_low"], row["psnr_db_population_high"]) == (18.0, 22.0)
    assert (row["block_errors"], row["blocks"], row["trials_lost"], row["stopped"]) == (3, 60, 1, "budget")
    assert row["trials_capped"] == 2
    assert (hole["blocks"], hole["trials_capped"], hole["outage_high"]) == (None, None, None)
    bound = rows[1]
    assert (bound["outage"], bound["outage_low"]) == (0.0, 0.0)
    assert bound["outage_high"] == pytest.approx(1 - 0.025 ** (1 / 16))


def test_terminal_table_shows_lopsided_capped_and_lost(results: Results) -> None:
    first = results.summaries[0]
    mean = dataclasses.replace(first.means["psnr_db"], low=18.25, unseen_low=1.2)
    changed = dataclasses.replace(first, means={**first.means, "psnr_db": mean}, lost=2, capped=1)
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(rich_table(dataclasses.replace(results, summaries=(changed, *results.summaries[1:]))))
    text = console.export_text()
    assert "≥ 20.00 −1.75/+0.50" in text
    assert "2 raised" in text
    assert "too rare to have been seen" in text
    assert "above 60 dB" in text


def test_a_stopping_rule_shows_how_many_trials_it_took(results: Results) -> None:
    stop = {"tolerance_db": 0.1, "min_trials": 3}
    content = results.spec.model_dump(mode="json", by_alias=True) | {"stop": stop}
    spec = SweepSpec.model_validate({key: value for key, value in content.items() if value is not None})
    assert trial_count(dataclasses.replace(results, spec=spec)) == "0 to 8 trials each"


def test_csv_keeps_full_precision(results: Results) -> None:
    rows = point_rows(results)
    rows[0]["psnr_db"] = 0.1 + 0.2
    again = next(csv.DictReader(io.StringIO(to_csv(rows))))
    assert float(again["psnr_db"]) == 0.1 + 0.2


def test_terminal_table_shows_interval_outage_and_holes(results: Results) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(rich_table(results))
    text = console.export_text()
    assert "24.00 ± 0.50" in text
    assert "25 % lost" in text
    assert "not simulated (0/16)" in text
    assert "2 images, 8 trials each; CBR 1/12; seed 0; SNR is Es/N0" in text


def test_no_rows_no_text() -> None:
    assert to_csv([]) == ""


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_parquet_without_pyarrow_says_what_to_install(results: Results, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pip install 'channelvq\[parquet\]'"):
        write_parquet(point_rows(results), tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


def test_parquet_comes_back(results: Results, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_parquet(point_rows(results), tmp_path / "a.parquet")
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == point_rows(results)
