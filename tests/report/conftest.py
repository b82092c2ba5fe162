"""Results without a simulation: two schemes, one of which fails at a low SNR, one point not simulated."""

from __future__ import annotations

import dataclasses

import pytest

from channelvq.sweep.means import Mean
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.statistics import share
from channelvq.sweep.summary import MEASURES, Results, Summary


def results_of(spec: SweepSpec) -> Results:
    summaries = []
    for s, scheme in enumerate(spec.schemes):
        for p, point in enumerate(spec.points):
            psnr = Mean(20.0 + 4 * p + s, 19.5 + 4 * p + s, 20.5 + 4 * p + s, 2.0, 16)
            means = dict.fromkeys(MEASURES, Mean(None, None, None, None, 0)) | {
                "psnr_db": psnr,
                "ssim": Mean(0.5 + p / 10, 0.49 + p / 10, 0.51 + p / 10, 0.1, 16),
            }
            failed = share(4 if p == 0 else 0, 16)
            summaries.append(Summary(scheme, point, 2, 16, 16, means, failed, share(0, 16), 4608, 5000, 9216))
    return Results(spec, tuple(summaries), ("one", "two"), ({"commit": "c0ffee"},), "channelvq sweep x")


@pytest.fixture
def results() -> Results:
    spec = SweepSpec.model_validate(
        {
            "name": "test",
            "channel": "awgn",
            "snr_db": [0, 5, 10],
            "trials": 8,
            "scheme": [
                {"name": "A, soft", "codec": "jpeg"},
                {"name": "B", "codec": "jpeg", "code": "rs:255,191"},
            ],
        }
    )
    made = results_of(spec)
    hole = made.summaries[4]
    nothing = dict.fromkeys(MEASURES, Mean(None, None, None, None, 0))
    empty = dataclasses.replace(hole, trials=0, means=nothing, outage=share(0, 0), concealed=share(0, 0))
    return dataclasses.replace(made, summaries=(*made.summaries[:4], empty, *made.summaries[5:]))


@pytest.fixture
def bit_channel_results() -> Results:
    channels = ["bsc:0.001", "bsc:0.01", "bsc:0.1"]
    spec = SweepSpec.model_validate(
        {"name": "bits", "channels": channels, "scheme": [{"name": "A", "codec": "jpeg"}]}
    )
    return results_of(spec)
