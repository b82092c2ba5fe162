"""Points of block error rate: reproducible, ended by the floor, beside theory, drawn and written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from scipy import stats

from channelvq.bler.bounds import bound_of
from channelvq.bler.curves import BlerPoint, run_curve, run_spec, to_csv
from channelvq.bler.figure import draw_bler
from channelvq.bler.spec import BlerSpec, Curve
from channelvq.channel_codes import ReedSolomon
from channelvq.cli import main
from channelvq.evaluation import theory

RS = Curve(name="RS(20, 15)", code="rs:20,15", coded_bits=160, ebn0_db=(6.0, 4.0, 5.0, 14.0, 16.0))
CONV = Curve(name="conv", code="conv:3/4", coded_bits=200, ebn0_db=(5.0,))
LDPC = Curve(name="ldpc", code="ldpc:1/2", coded_bits=256, ebn0_db=(1.0,))
SPEC = BlerSpec(name="small", curves=(RS, CONV, LDPC), block_errors=30, most_blocks=3000, floor=1e-3)


@pytest.fixture(scope="module")
def points() -> list[BlerPoint]:
    return run_spec(SPEC)


def test_points_come_in_order_and_end_at_the_floor(points: list[BlerPoint]) -> None:
    of_rs = [point.ebn0_db for point in points if point.curve == "RS(20, 15)"]
    assert of_rs == [4.0, 5.0, 6.0, 14.0]  # none wrong at 14 dB: 16 is not simulated
    assert [point.curve for point in points[len(of_rs) :]] == ["conv", "ldpc"]


def test_exact_bounds_lie_in_wide_intervals(points: list[BlerPoint]) -> None:
    """Interval of 1 - 1e-6 instead of 95 %, at three points: a false alarm in 3e5 runs."""
    for point in points[:3]:
        assert point.bound is not None
        assert point.bound_kind == "exact"
        assert stats.binomtest(point.block_errors, point.blocks, point.bound).pvalue > 1e-6


def test_other_bounds_are_of_their_kinds(points: list[BlerPoint]) -> None:
    kinds = {point.curve: point.bound_kind for point in points}
    assert kinds["conv"] == "union bound"
    assert kinds["ldpc"] == "normal approximation"
    conv = next(point for point in points if point.curve == "conv")
    assert conv.bler_low < conv.bound  # type: ignore[operator]


def test_number_of_workers_changes_nothing(points: list[BlerPoint]) -> None:
    assert to_csv(run_spec(SPEC, workers=2)) == to_csv(points)


def test_csv_reads_back(points: list[BlerPoint]) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(points))))
    assert [float(row["bler"]) for row in rows] == [point.bler for point in points]
    assert rows[0]["k"] == "120"


def test_a_reference_decodes_the_same_blocks() -> None:
    pytest.importorskip("sionna.phy")
    curve = LDPC.model_copy(update={"reference": "sionna", "reference_blocks": 60})
    spec = SPEC.model_copy(update={"curves": (curve,), "most_blocks": 60})
    ours, theirs = run_curve(spec, curve)
    assert (ours.decoder, theirs.decoder) == ("channelvq", "sionna")
    assert theirs.undetected == 0
    assert theirs.block_errors > 0
    assert abs(ours.bler - theirs.bler) < 0.35  # of 30 to 60 equal blocks


def test_bounds_know_their_limits() -> None:
    code = ReedSolomon(20, 15)
    exact = bound_of(code, RS, 6.0)
    wrong = theory.byte_error_rate("qpsk", RS.snr(6.0))
    assert exact is not None
    assert exact.block_error_rate == theory.word_failure_rate(20, 15, wrong)
    assert bound_of(ReedSolomon(20, 15, gmd=True), RS, 6.0).kind == "plain decoding"  # type: ignore[union-attr]
    for change in ({"modulation": "qam64"}, {"channel": "rayleigh:block"}):
        assert bound_of(code, RS.model_copy(update=change), 6.0) is None
    fading = CONV.model_copy(update={"channel": "rayleigh:fast"})  # two bits of a symbol share the gain
    assert bound_of(fading.block_code(), fading, 6.0) is None


def test_figure_shows_every_curve_and_arrows(points: list[BlerPoint]) -> None:
    axes = draw_bler(points, "title").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["RS(20, 15)", "conv", "ldpc"]
    assert axes.get_yscale() == "log"
    none = next(point for point in points if not point.block_errors)
    limits = [line for line in axes.lines if none.bler_high in list(line.get_ydata())]
    assert limits


def test_command_leaves_table_figure_and_provenance(tmp_path: Path) -> None:
    spec = tmp_path / "codes.toml"
    spec.write_text(
        'name = "one"\nblock_errors = 5\nmost_blocks = 50\n'
        '[[curve]]\nname = "RS"\ncode = "rs:20,15"\ncoded_bits = 160\nebn0_db = [5]\n'
    )
    out = tmp_path / "out"
    done = CliRunner().invoke(main, ["bler", str(spec), "--out", str(out), "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in out.iterdir()) == [
        "figure.png",
        "figure.svg",
        "provenance.json",
        "table.csv",
    ]
    made = json.loads((out / "provenance.json").read_text())
    assert made["spec"]["curve"][0]["code"] == "rs:20,15"
    assert "commit" in made["made_by"]


def test_command_names_what_is_wrong(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["bler", str(tmp_path / "none.toml")])
    assert done.exit_code == 2
    assert "no such spec" in done.output
