"""A half-done sweep says what it lacks."""

from __future__ import annotations

import dataclasses

from channelvq.report.missing import missing
from channelvq.sweep.summary import Results


def test_what_is_missing_is_listed_by_scheme(results: Results) -> None:
    first, second, third, *others = results.summaries
    nothing = others[1].means  # of a point that was not simulated
    changed = (
        dataclasses.replace(first, trials=3, means=nothing),
        dataclasses.replace(second, trials=10),
        dataclasses.replace(third, trials=14, lost=2),
        *others,
    )
    assert missing(dataclasses.replace(results, summaries=changed)) == [
        "A, soft: too few to draw at awgn 0 dB (3 of 16 trials); not complete at awgn 5 dB (10 of 16 trials);"
        " trials raised errors at awgn 10 dB (2)",
        "B: no trials at awgn 5 dB",
    ]


def test_a_complete_sweep_lacks_nothing(bit_channel_results: Results) -> None:
    assert missing(bit_channel_results) == []


def test_long_lists_are_cut(bit_channel_results: Results) -> None:
    many = [dataclasses.replace(bit_channel_results.summaries[0], trials=0) for _ in range(9)]
    (line,) = missing(dataclasses.replace(bit_channel_results, summaries=tuple(many)))
    assert line.count("bsc:0.001") == 4
    assert line.endswith("and 5 more points")
