"""A worker encodes once, remembers what is the same, keeps errors, and refuses what was not planned."""

from __future__ import annotations

import io
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from channelvq.codecs.jpeg import Jpeg
from channelvq.errors import UsageError
from channelvq.evaluation.metrics import ms_ssim
from channelvq.images import load_image, to_8bit
from channelvq.link import Link
from channelvq.sweep import desk, worker
from channelvq.sweep.desk import PictureMissingError
from channelvq.sweep.plan import Job, Plan, Unit, make_plan
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.worker import work


@pytest.fixture(autouse=True)
def _fresh_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_local", threading.local())


def unit_of(plan: Plan, case: int, image: int = 0, trials: int = 3) -> Unit:
    chosen = plan.cases[case]
    jobs = tuple(Job(chosen.hash, chosen.point, number) for number in range(trials))
    return Unit(chosen.options, plan.images[image], plan.spec.seed, jobs)


def test_remembering_changes_nothing(spec: SweepSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(spec)
    calls: list[int] = []
    decode = Jpeg.decode
    monkeypatch.setattr(Jpeg, "decode", lambda self, *a: calls.append(0) or decode(self, *a))
    clean = work(unit_of(plan, 2, trials=6), 1000.0)  # rate 1/2 at 10 dB: all blocks are right
    assert len(calls) == 1
    lost = work(unit_of(plan, 0, trials=6), 1000.0)  # at 4 dB: the first block is lost each time
    assert len(calls) == 2
    some = work(unit_of(plan, 4, trials=6), 1000.0)  # rate 3/4 at 7 dB: one has lost something
    assert len(calls) == 4
    assert [trial.status for trial in some.trials].count("concealed") == 1
    picture = load_image(plan.images[0].path)
    for done, snr, code in ((clean, 10, "rs:255,127"), (lost, 4, "rs:255,127"), (some, 7, "rs:255,191")):
        link = Link(codec="jpeg", code=code, cbr="1/4")
        for trial in done.trials:
            theirs = link.transmit(picture, snr_db=snr, seed=5, trial=trial.trial)
            assert (trial.psnr_db, trial.ssim, trial.status) == (theirs.psnr_db, theirs.ssim, theirs.status)
            assert (trial.raw_ber, trial.message_ber) == (theirs.raw_ber, theirs.message_ber)
            assert trial.block_errors is not None
            assert trial.blocks is not None
            assert trial.block_errors / trial.blocks == pytest.approx(theirs.block_error_rate)


def test_trials_have_an_ms_ssim_where_the_picture_is_large_enough(folder: Path, spec: SweepSpec) -> None:
    assert work(unit_of(make_plan(spec), 2, trials=1), 1000.0).trials[0].ms_ssim is None
    for path in folder.iterdir():
        with Image.open(path) as image:
            image.resize((176, 168), Image.Resampling.BICUBIC).save(path)
    plan = make_plan(spec)
    for case in (0, 2):  # lost and whole
        (trial,) = work(unit_of(plan, case, trials=1), 1000.0).trials
        picture = load_image(plan.images[0].path)
        snr = plan.cases[case].point.snr_db
        received = Link(codec="jpeg", code="rs:255,127", cbr="1/4").transmit(picture, snr_db=snr, seed=5)
        assert trial.ms_ssim == received.ms_ssim == ms_ssim(picture, received.image)


def test_failed_trials_tell_what_there_was_to_lose(spec: SweepSpec) -> None:
    plan = make_plan(spec)
    clean = work(unit_of(plan, 2), 1000.0).trials
    lost = work(unit_of(plan, 3), 1000.0).trials
    assert {trial.status for trial in clean} == {"ok"}
    assert {trial.clean_psnr_db for trial in clean} == {None}
    assert {trial.status for trial in lost} == {"failed"}
    ideal = Link(codec="jpeg", code="rs:255,191", cbr="1/4")
    perfect = ideal.transmit(load_image(plan.images[0].path), snr_db=60).psnr_db
    assert {trial.clean_psnr_db for trial in lost} == {perfect}


def test_uncoded_links_have_no_blocks(spec: SweepSpec) -> None:
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    plan = make_plan(SweepSpec.model_validate({**content, "scheme": [{"name": "A", "codec": "jpeg"}]}))
    (trial,) = work(unit_of(plan, 0, trials=1), 1000.0).trials
    assert (trial.blocks, trial.block_errors, trial.block_error_rate) == (None, None, None)


def test_time_ends_a_slice(spec: SweepSpec) -> None:
    plan = make_plan(spec)
    assert [t.trial for t in work(unit_of(plan, 0), 0.0).trials] == [0]


def test_errors_are_kept_in_order(spec: SweepSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(spec)
    send = Link.send

    def fail(self: Link, prepared: Any, snr_db: float, seed: int, trial: int) -> Any:
        if trial == 1:
            raise UsageError("a receiver must not complain")  # it is not the user's fault
        return send(self, prepared, snr_db, seed, trial)

    monkeypatch.setattr(Link, "send", fail)
    done = work(unit_of(plan, 0), 1000.0)
    assert [t.trial for t in done.trials] == [0, 2]
    assert [(e.trial, e.kind, e.message) for e in done.errors] == [
        (1, "RuntimeError", "receiver: a receiver must not complain")
    ]
    assert done.jobs == 3


def test_a_picture_can_be_sent_along(spec: SweepSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(spec)
    unit = unit_of(plan, 0)
    expected = [replace(t, seconds=0.0) for t in work(unit, 1000.0).trials]
    monkeypatch.setattr(worker, "_local", threading.local())
    elsewhere = replace(unit, image=replace(unit.image, path="/nowhere/one.png"))
    with pytest.raises(PictureMissingError):
        work(elsewhere, 1000.0)
    picture = load_image(unit.image.path)
    with pytest.raises(UsageError, match="has changed since the sweep began"):
        work(elsewhere, 1000.0, 1 - picture)
    assert [replace(t, seconds=0.0) for t in work(elsewhere, 1000.0, picture).trials] == expected
    assert [replace(t, seconds=0.0) for t in work(elsewhere, 1000.0).trials] == expected  # it has it now


def test_other_code_refuses(spec: SweepSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(spec)
    monkeypatch.setattr("channelvq.sweep.identity.source_fingerprint", lambda: "other")
    with pytest.raises(UsageError, match="this worker would compute something else than was planned"):
        work(unit_of(plan, 0), 1000.0)


def test_memory_is_bounded(spec: SweepSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(spec)
    monkeypatch.setattr(desk, "_MEMORY", 1)
    monkeypatch.setattr(desk, "_PICTURES", 1)
    for image in (0, 1, 0):
        work(unit_of(plan, 0, image, trials=1), 1000.0)
        kept = worker.own_desk()
        assert (len(kept._ready), len(kept._pictures)) == (1, 1)


def test_png_is_the_picture(folder: Path) -> None:
    picture = load_image(folder / "one.png")
    again = np.asarray(Image.open(io.BytesIO(worker.png(picture))))
    assert np.array_equal(again.transpose(2, 0, 1), to_8bit(picture))
    grey = picture[:1]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(worker.png(grey)))), to_8bit(grey)[0])
