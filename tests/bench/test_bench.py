"""The benchmark: right before fast, honest about what is missing."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from channelvq.bench.codes import Row, run_rows
from channelvq.bench.timing import Contender, Measured, side_by_side
from channelvq.cli import main
from channelvq.errors import UsageError


def test_contenders_take_turns_and_the_best_run_counts() -> None:
    now, order = 0.0, []
    lengths = {"a": iter([9.0, 3.0, 2.0, 4.0, 4.0]), "b": iter([9.0, 5.0, 6.0, 7.0, 7.0])}

    def runner(name: str) -> Contender:
        def run() -> None:
            nonlocal now
            order.append(name)
            now += next(lengths[name])

        return Contender(name, run, 12.0)

    first, second = side_by_side([runner("a"), runner("b")], seconds=1.0, clock=lambda: now)
    assert (first.best_seconds, first.rate) == (2.0, 6.0)  # the first run, which compiles, does not count
    assert (second.best_seconds, second.rate) == (5.0, 2.4)
    assert all(one != two for one, two in pairwise(order))


def test_promises_are_of_rates_and_of_ratios() -> None:
    ours, peer = Measured("channelvq", 0.1, 1.0, 50.0), Measured("peer", 0.1, 1.0, 1.0)
    assert Row("x", "Mb/s", [ours, peer], 50, {"peer": 50}).held
    assert not Row("x", "Mb/s", [ours, peer], 51).held
    assert not Row("x", "Mb/s", [ours, peer], 50, {"peer": 51}).held
    assert Row("x", "Mb/s", [ours], 50, {"peer": 51}).held  # not installed: nothing to hold


def test_a_line_says_what_is_missing() -> None:
    (row,) = run_rows(only="16 wrong bytes", seconds=0.01)
    assert [measured.name for measured in row.measured][:2] == ["channelvq", "reedsolo"]
    assert row.measured[0].rate > 0
    if len(row.measured) == 2:
        assert "pip install --no-deps --target DIR reedsolo" in row.notes[0]


def test_unknown_lines_are_named() -> None:
    with pytest.raises(UsageError, match="no line is called 'turbo'"):
        next(run_rows(only="turbo"))


def test_command_prints_json(tmp_path: Path) -> None:
    command = ["bench", "codes", "--only", "clean words", "--seconds", "0.01", "--json"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code in (0, 1)  # the promise may not hold on a slow machine
    made = json.loads(done.stdout)
    assert made["rows"][0]["what"] == "RS(255,223), clean words"
    assert made["made_by"]["machine"]["cores"] >= 1
