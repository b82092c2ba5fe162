"""Curves of others are read as they stand in the files, and only laid over sweeps that they belong to."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import pytest

import channelvq
from channelvq.errors import UsageError
from channelvq.evaluation.published import find_curves, published_curves, published_rates

FOLDER = Path(channelvq.__file__).parent / "evaluation" / "published"


def test_every_row_is_in_one_curve() -> None:
    with (FOLDER / "published_curves.csv").open(encoding="utf-8") as file:
        rows = {
            (
                r["system"],
                r["dataset"],
                r["channel"],
                Fraction(r["cbr"]),
                float(r["snr_db"]),
                float(r["value"]),
            )
            for r in csv.DictReader(file)
        }
    read = [
        (curve.system, curve.dataset, curve.channel, curve.cbr, snr, value)
        for curve in published_curves()
        for snr, value in zip(curve.snr_db, curve.values, strict=True)
    ]
    assert len(read) == len(set(read)) == len(rows)
    assert set(read) == rows


def test_curves_ascend_in_snr_and_in_quality() -> None:
    for curve in published_curves():
        assert list(curve.snr_db) == sorted(set(curve.snr_db))
        assert list(curve.values) == sorted(curve.values)
        assert curve.error == (0.15 if curve.how.startswith("read off") else 0.0)
    for rates in published_rates():
        assert list(rates.bpp) == sorted(set(rates.bpp))
        assert list(rates.psnr_db) == sorted(rates.psnr_db)


def test_rates_of_the_reference_file() -> None:
    codecs = {rates.codec: rates for rates in published_rates()}
    assert (
        dict(zip(codecs["BPG 4:4:4 8 bit x265"].bpp, codecs["BPG 4:4:4 8 bit x265"].psnr_db, strict=True))[
            0.685
        ]
        == 34.86
    )
    assert sum(len(rates.bpp) for rates in codecs.values()) == 38


def test_a_system_may_have_curves_of_two_kinds() -> None:
    found = find_curves(["WITT", "BPG + 5G LDPC"], dataset="Kodak", channel="awgn", cbr=Fraction(1, 16))
    assert [curve.system for curve in found] == ["WITT", "BPG + 5G LDPC"]
    assert found[1].values == (28.6, 29.75, 31.1, 33.3, 35.45)


@pytest.mark.parametrize(
    ("system", "dataset", "channel", "cbr", "complaint"),
    [
        ("WIT", "Kodak", "awgn", "1/16", r"no published curve of 'WIT' for Kodak .*: 'DeepJSCC \(one model"),
        ("WITT", "Kodak", "awgn", "1/12", "at CBR 1/12; there are: 'SwinJSCC"),
        ("WITT", "Kodak", "rayleigh:block", "1/16", "there are: none at all"),  # theirs is another channel
        ("WITT", "MNIST", "awgn", "1/6", "none at all"),
    ],
)
def test_what_does_not_match_is_refused(
    system: str, dataset: str, channel: str, cbr: str, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        find_curves([system], dataset=dataset, channel=channel, cbr=Fraction(cbr))
