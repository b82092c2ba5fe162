"""A sweep with a scheme of symbols beside one of bits: no bits, no failures, refusals with a reason."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from analog_samples import save_small_analog

from channelvq.errors import UsageError
from channelvq.images import load_image
from channelvq.link import Link
from channelvq.report.table import point_rows, to_csv
from channelvq.sweep.executors import Serial
from channelvq.sweep.plan import make_plan
from channelvq.sweep.runner import run_plan
from channelvq.sweep.spec import SweepSpec, from_json
from channelvq.sweep.store import Store
from channelvq.sweep.summary import load_results


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_small_analog(tmp_path_factory.mktemp("weights"))


def spec(folder: Path, weights: str, **changes: Any) -> SweepSpec:
    schemes = [
        {"name": "analog", "codec": "deepjscc", "model": weights},
        {"name": "JPEG", "codec": "jpeg", "code": "rs:255,127"},
    ]
    content = {
        "name": "both",
        "images": str(folder),
        "cbr": "1/4",
        "channel": "awgn",
        "snr_db": [1, 7],
        "trials": 4,
        "scheme": schemes,
    }
    return SweepSpec.model_validate({**content, **changes})


def test_a_scheme_of_symbols_needs_no_code(folder: Path, weights: str) -> None:
    wanted = spec(folder, weights)
    analog, jpeg = wanted.schemes
    assert (analog.code, analog.modulation) == ("none", "none")
    assert (jpeg.code, jpeg.modulation) == ("rs:255,127", "qpsk")
    assert from_json(wanted.to_json()) == wanted


def test_what_it_gives(folder: Path, weights: str, tmp_path: Path) -> None:
    plan = make_plan(spec(folder, weights))
    assert list(plan.weights) == ["analog"]
    with Store(tmp_path, writable=True) as store:
        run_plan(plan, store, executor=Serial())
        assert not store.errors()
        trials = list(store.trials(plan.cases[1].hash))
        results = load_results(store)
    # a trial is what the link gives
    link = Link(codec="deepjscc", model=weights, cbr="1/4")
    for trial in trials[:3]:
        image = next(image for image in plan.images if image.hash == trial.image)
        received = link.transmit(load_image(image.path), snr_db=7.0, seed=plan.spec.seed, trial=trial.trial)
        assert (trial.psnr_db, trial.ssim, trial.status) == (received.psnr_db, received.ssim, "ok")
        assert (trial.raw_ber, trial.message_ber, trial.blocks) == (None, None, None)
        assert (trial.paid_bits, trial.channel_uses) == (0, received.channel_uses)
    rows = point_rows(results)
    analog, jpeg = rows[:2], rows[2:]
    for row in analog:
        assert (row["code"], row["modulation"], row["raw_ber"], row["outage"]) == ("none", "none", None, 0.0)
    assert all(row["raw_ber"] is not None for row in jpeg)
    assert analog[0]["channel_uses"] == jpeg[0]["channel_uses"]
    assert "deepjscc" in to_csv(rows)
    # no failure is allowed for where there can be none: the interval is that of the trials alone
    width = analog[1]["psnr_db_high"] - analog[1]["psnr_db_low"]  # type: ignore[operator]
    assert width < 1.0
    mean = results.summaries[1].means["psnr_db"]
    assert (mean.unseen_low, mean.unseen_high) == (0.0, 0.0)
    assert all(math.isfinite(float(row["psnr_db"])) for row in rows)  # type: ignore[arg-type]


def test_it_stops_by_its_own_spread(folder: Path, weights: str, tmp_path: Path) -> None:
    # trials of one picture differ by a few hundredths of a dB; room for unseen failures would never fit
    wanted = spec(
        folder,
        weights,
        scheme=[{"name": "analog", "codec": "deepjscc", "model": weights}],
        snr_db=[10],
        trials=200,
        stop={"tolerance_db": 0.2, "min_trials": 3},
    )
    plan = make_plan(wanted)
    with Store(tmp_path, writable=True) as store:
        run_plan(plan, store, executor=Serial())
        summary = load_results(store).summaries[0]
    assert summary.stopped == "tolerance"
    assert summary.trials < 200


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        (
            {"codec": "deepjscc", "code": "ldpc:1/2"},
            "code 'ldpc:1/2' given, but codec 'deepjscc' sends symbols",
        ),
        ({"codec": "jpeg", "code": "none"}, "unknown channel code 'none'"),
        ({"codec": "deepjscc", "model": "nowhere"}, "unknown model 'nowhere'"),
    ],
)
def test_wrong_schemes_are_refused(folder: Path, weights: str, scheme: dict[str, str], reason: str) -> None:
    wanted = {"name": "wrong", "model": weights, **scheme}
    if scheme["codec"] == "jpeg":
        del wanted["model"]
    with pytest.raises(UsageError) as caught:
        make_plan(spec(folder, weights, scheme=[wanted]))
    assert str(caught.value).startswith(f"scheme 'wrong': {reason}")


def test_channels_of_bits_are_refused(folder: Path, weights: str) -> None:
    content = spec(folder, weights).model_dump(mode="json", by_alias=True, exclude={"channel", "snr_db"})
    wanted = SweepSpec.model_validate({**content, "channel": None, "channels": ["bsc:0.1"], "pictures": None})
    with pytest.raises(UsageError, match=r"channel 'bsc:0\.1' carries bits"):
        make_plan(wanted)
