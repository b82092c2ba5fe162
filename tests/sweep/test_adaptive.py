"""Schemes whose code and modulation follow the SNR, and pictures for which a budget is too small."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from channelvq.errors import UsageError
from channelvq.report.table import point_rows
from channelvq.sweep.executors import Serial
from channelvq.sweep.options import options_of
from channelvq.sweep.plan import make_plan
from channelvq.sweep.rows import Trial
from channelvq.sweep.runner import run_plan
from channelvq.sweep.scheme import Scheme
from channelvq.sweep.spec import Point, SweepSpec, from_json, load_spec
from channelvq.sweep.store import Store
from channelvq.sweep.summary import Results, load_results
from channelvq.sweep.tuned import Tuned, load_tuned

CHOICES = [
    {"snr_db": 4.0, "code": "rs:255,127", "modulation": "qpsk"},
    {"snr_db": 9.0, "code": "rs:255,191", "modulation": "qpsk"},
]

SWEEP = """\
name = "quick"
cbr = "1/4"
channel = "awgn"
snr_db = [4, 7, 10]

[[scheme]]
name = "fixed"
codec = "jpeg"
code = "rs:255,191"

[[scheme]]
name = "best"
codec = "jpeg"
tuned = "tables/jpeg.toml"
"""

TUNED = Tuned.model_validate(
    {
        "name": 'jpeg "quick"',
        "codecs": ["jpeg"],
        "cbr": "1/4",
        "channel": "awgn",
        "criterion": "block_error_rate",
        "block_error_rate": 1e-3,
        "images": ["one", "two"],
        "trials": 1,
        "seed": 0,
        "choice": [{**choice, "payload_bits": 100, "psnr_db": 30.5, "outage": 0.0} for choice in CHOICES],
    }
)


def scheme_of(choices: list[dict[str, Any]] = CHOICES, **values: object) -> Scheme:
    return Scheme.model_validate({"name": "A", "codec": "jpeg", "choice": choices, **values})


def place(folder: Path, sweep: str = SWEEP, tuned: Tuned = TUNED) -> Path:
    """Write a sweep and the table that it names."""
    (folder / "tables").mkdir(exist_ok=True)
    (folder / "tables" / "jpeg.toml").write_text(tuned.to_toml(["made by hand", ""]), encoding="utf-8")
    (folder / "sweep.toml").write_text(sweep, encoding="utf-8")
    return folder / "sweep.toml"


def run(spec: SweepSpec, path: Path) -> tuple[list[Trial], Results]:
    path.mkdir()
    with Store(path, writable=True) as store:
        outcome = run_plan(make_plan(spec), store, executor=Serial())
        assert not outcome.errors
        return [replace(trial, seconds=0.0) for trial in store.trials()], load_results(store)


@given(
    st.lists(st.integers(-50, 50), min_size=1, unique=True),
    st.floats(-100, 100, allow_nan=False),
)
def test_the_choice_is_that_of_the_highest_snr_not_above(snrs: list[int], snr: float) -> None:
    choices = [{"snr_db": float(s), "code": f"repetition:{s + 60}", "modulation": "qpsk"} for s in snrs]
    taken = int(scheme_of(choices).at(Point(channel="awgn", snr_db=snr)).code.partition(":")[2]) - 60
    below = [s for s in snrs if s <= snr]
    assert taken == (max(below) if below else min(snrs))


def test_a_choice_of_bit_channels_is_for_that_channel() -> None:
    choices = [
        {"channel": "bsc:0.01", "code": "ldpc:3/4", "modulation": "qpsk"},
        {"channel": "bsc:0.1", "code": "ldpc:1/3", "modulation": "qpsk", "concealment": "soft"},
    ]
    scheme = scheme_of(choices)
    assert scheme.at(Point(channel="bsc:0.1")).code == "ldpc:1/3"
    assert scheme.at(Point(channel="bsc:0.1")).concealment == "soft"
    kept = scheme_of(choices, concealment="none").at(Point(channel="bsc:0.1"))
    assert kept.concealment == "none"
    with pytest.raises(ValueError, match=r"no choice for channel 'bsc:0\.05', only bsc:0\.01, bsc:0\.1"):
        scheme.at(Point(channel="bsc:0.05"))
    with pytest.raises(ValueError, match="has choices for bit channels, but the sweep has SNRs"):
        scheme.at(Point(channel="awgn", snr_db=3.0))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"code": "rs:255,191"}, "code is 'rs:255,191', but the choices say which"),
        ({"modulation": "qpsk"}, "modulation is 'qpsk', but the choices say which"),
        ({"choice": [*CHOICES, CHOICES[0]]}, r"two choices are for 4\.0"),
        ({"choice": [{"code": "uncoded", "modulation": "qpsk"}]}, "one snr_db or for one channel"),
        ({"choice": [{**CHOICES[0], "code": "turbo"}]}, "unknown channel code 'turbo'"),
        ({"choice": [], "code": "tuned"}, "needs tuned = "),
        ({"choice": [], "tuned": "x.toml"}, "tuned is read by load_spec"),
        (
            {"choice": [*CHOICES, {"channel": "bsc:0.1", "code": "uncoded", "modulation": "qpsk"}]},
            "either all for an snr_db or all for a channel",
        ),
    ],
)
def test_wrong_choices_are_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Scheme.model_validate({"name": "A", "codec": "jpeg", "choice": CHOICES, **values})


def test_a_tuned_file_is_read_back(tmp_path: Path) -> None:
    place(tmp_path)
    assert load_tuned(tmp_path / "tables" / "jpeg.toml") == TUNED
    with pytest.raises(UsageError, match=r"no such file: .*none\.toml; `channelvq tune` makes it"):
        load_tuned(tmp_path / "none.toml")


def test_a_spec_holds_what_its_file_chose(tmp_path: Path) -> None:
    spec = load_spec(place(tmp_path))
    (tmp_path / "tables" / "jpeg.toml").unlink()
    assert from_json(spec.to_json()) == spec
    there = [options_of(spec.schemes[1], spec.cbr, point).code for point in spec.points]
    assert there == ["rs:255,127", "rs:255,127", "rs:255,191"]
    other = load_spec(place(tmp_path, tuned=TUNED.model_copy(update={"name": "x", "seed": 9})))
    assert other.content_hash == spec.content_hash
    moved = TUNED.model_copy(update={"choices": TUNED.choices[:1]})
    assert load_spec(place(tmp_path, tuned=moved)).content_hash != spec.content_hash


def test_one_choice_may_meet_all_snrs_and_other_channels(tmp_path: Path) -> None:
    text = SWEEP.replace('"awgn"', '"rayleigh:block"') + "tuned_at_snr_db = 8\n"
    scheme = load_spec(place(tmp_path, text)).schemes[1]
    assert (scheme.code, scheme.modulation, scheme.choices) == ("rs:255,127", "qpsk", ())
    assert scheme.tuned_at_snr_db == 8


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('codec = "jpeg"\ntuned', 'codec = "vqvae"\ntuned', "made for codec jpeg, the scheme has 'vqvae'"),
        ('cbr = "1/4"', 'cbr = "1/6"', "made for CBR 1/4, the scheme has 1/6"),
        ('"awgn"', '"rayleigh:fast"', "made for awgn, the sweep has rayleigh:fast; one choice of it"),
        ("tables/jpeg", "tables/none", r"no such file: \S+none\.toml; `channelvq tune` makes it"),
        ('tuned = "tables/jpeg.toml"', "tuned = 3", "must be the path of a file that `channelvq tune` wrote"),
        ('tuned = "tab', 'code = "uncoded"\ntuned = "tab', "the file says which code: leave code out"),
        ('jpeg.toml"', 'jpeg.toml"\ntuned_at_snr_db = "7"', "tuned_at_snr_db must be one number"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    head, found, tail = SWEEP.rpartition(old)
    assert found
    with pytest.raises(UsageError, match=complaint) as caught:
        load_spec(place(tmp_path, head + new + tail))
    assert re.search(r"sweep\.toml, line 1[3-5]: scheme 2, tuned: ", str(caught.value))
    assert "\n" not in str(caught.value)


def test_a_broken_tuned_file_is_named(tmp_path: Path) -> None:
    path = place(tmp_path)
    file = tmp_path / "tables" / "jpeg.toml"
    file.write_text(file.read_text().replace("rs:255,127", "rs:1,2"), encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"jpeg\.toml, line \d+: choice 1, code is 'rs:1,2': bad channel code"
    ):
        load_spec(path)


def adaptive(spec: SweepSpec) -> SweepSpec:
    schemes = (*spec.schemes, scheme_of())
    return spec.model_copy(update={"schemes": schemes})


def test_a_point_of_an_envelope_is_the_fixed_scheme(spec: SweepSpec, tmp_path: Path) -> None:
    fixed, plan = make_plan(spec), make_plan(adaptive(spec))
    strong, weak, best = (plan.cases[start : start + 3] for start in (0, 3, 6))
    assert [case.hash for case in plan.cases[:6]] == [case.hash for case in fixed.cases]
    assert [case.hash for case in best] == [strong[0].hash, strong[1].hash, weak[2].hash]
    trials, results = run(adaptive(spec), tmp_path / "all")
    assert len(trials) == fixed.total  # the envelope costs nothing
    rows = [row for row in point_rows(results) if row["scheme"] == "A"]
    assert [row["code"] for row in rows] == ["rs:255,127", "rs:255,127", "rs:255,191"]
    assert {row["modulation"] for row in rows} == {"qpsk"}
    means = {(s.scheme.name, s.point.snr_db): s.means["psnr_db"].value for s in results.summaries}
    assert [means["A", snr] for snr in (4, 7, 10)] == [
        means["strong", 4],
        means["strong", 7],
        means["weak", 10],
    ]


def test_fairness_is_checked_at_each_point(spec: SweepSpec) -> None:
    # A block of LDPC is as long as the frame, so that beside it unequal uses pass for equal.
    loose = {"snr_db": -10.0, "code": "ldpc:1/5", "modulation": "bpsk"}
    tight = {"snr_db": 7.0, "code": "uncoded", "modulation": "qpsk"}
    uncoded = Scheme.model_validate({"name": "B", "codec": "jpeg", "code": "uncoded"})
    schemes = (uncoded, scheme_of([loose, tight], cbr="61/240"))
    with pytest.raises(UsageError, match=r"'B' and 'A' cannot be compared: .* \(awgn 7 dB\)"):
        make_plan(spec.model_copy(update={"schemes": schemes}))
    fair = spec.model_copy(update={"schemes": schemes, "snr_db": (4.0,)})
    assert len(make_plan(fair).cases) == 2


def test_a_picture_that_does_not_fit_is_a_failure_that_is_counted(spec: SweepSpec, tmp_path: Path) -> None:
    small = spec.model_copy(update={"cbr": Fraction(1, 9), "schemes": spec.schemes[:1]})
    plan = make_plan(small)
    trials, results = run(small, tmp_path / "small")
    assert len(trials) == plan.total == 18
    uses = 64 * 96 * 3 // 9
    for trial in trials:
        image = next(image for image in plan.images if image.hash == trial.image)
        assert trial.status == "failed"
        assert trial.psnr_db == trial.clean_psnr_db == pytest.approx(image.grey_psnr_db)
        assert (trial.channel_uses, trial.paid_bits, trial.source_bits) == (uses, 2 * uses, 0)
        assert (trial.raw_ber, trial.block_errors) == (None, None)
    first = results.summaries[0]
    assert (first.outage.events, first.outage.units) == (6, 6)
    mean = first.means["psnr_db"]
    assert mean.low == mean.value == mean.high  # nothing else can come of it
    assert point_rows(results)[0]["outage"] == 1.0


def test_only_the_picture_that_does_not_fit_fails(spec: SweepSpec, folder: Path, tmp_path: Path) -> None:
    with Image.open(folder / "one.png") as image:
        image.crop((0, 0, 16, 16)).save(folder / "tiny.png")
    trials, _ = run(spec.model_copy(update={"snr_db": (20.0,)}), tmp_path / "some")
    plan = make_plan(spec)
    tiny = next(image.hash for image in plan.images if image.name == "tiny")
    assert {trial.status for trial in trials if trial.image == tiny} == {"failed"}
    assert {trial.status for trial in trials if trial.image != tiny} == {"ok"}


def test_a_sender_that_knows_the_gain_makes_the_trials_of_what_it_takes(tmp_path: Path) -> None:
    """Each trial of the adaptive scheme is that of one of the fixed ones, and both are taken."""
    text = SWEEP.replace('"awgn"', '"rayleigh:block"').replace(
        "snr_db = [4, 7, 10]", "snr_db = 7\ntrials = 5"
    )
    other = '\n[[scheme]]\nname = "strong"\ncodec = "jpeg"\ncode = "rs:255,127"\n'
    trials, results = run(load_spec(place(tmp_path, text + "csi = true\n" + other)), tmp_path / "store")
    names = {case.hash: case.scheme.name for case in make_plan(results.spec).cases}
    made = {(names[t.case], t.image, t.trial): replace(t, case="") for t in trials}
    taken = {"fixed": 0, "strong": 0}
    for (name, *key), trial in made.items():
        if name == "best":
            same = [other for other in taken if made[other, key[0], key[1]] == trial]
            assert same
            if len(same) == 1:
                taken[same[0]] += 1
    assert min(taken.values()) > 0


def test_csi_wants_choices_for_awgn_and_a_gain_to_know(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="csi needs choices for SNRs"):
        Scheme.model_validate({"name": "A", "codec": "jpeg", "code": "uncoded", "csi": True})
    spec = load_spec(place(tmp_path, SWEEP + "csi = true\n"))
    with pytest.raises(UsageError, match="channel 'awgn' has no gain for the sender to know"):
        make_plan(spec)
