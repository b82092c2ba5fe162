"""A plan is complete, knows what is done, and refuses comparisons that are not fair."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from channelvq.errors import UsageError
from channelvq.evaluation.metrics import psnr
from channelvq.images import load_image
from channelvq.sweep.identity import TrialName, trial_id
from channelvq.sweep.plan import make_plan
from channelvq.sweep.spec import SweepSpec


def changed(spec: SweepSpec, **values: object) -> SweepSpec:
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    return SweepSpec.model_validate({**content, **values})


def test_a_plan_has_every_case_and_image(spec: SweepSpec) -> None:
    plan = make_plan(spec)
    assert plan.total == 2 * 2 * 3 * 3
    named = [(case.scheme.name, case.point.snr_db) for case in plan.cases]
    assert named == [(scheme, snr) for scheme in ("strong", "weak") for snr in (4, 7, 10)]
    assert [image.shape for image in plan.images] == [(3, 64, 96), (3, 96, 64)]
    for image in plan.images:
        grey = psnr(load_image(image.path), np.full(image.shape, 128 / 255, np.float32))
        assert image.grey_psnr_db == pytest.approx(grey, rel=1e-12)


def test_a_trial_is_found_by_its_id(spec: SweepSpec) -> None:
    plan = make_plan(spec)
    case, image = plan.cases[4], plan.images[1]
    unit = plan.find(TrialName.parse(trial_id(case.hash, image.hash, 2)))
    assert (unit.image, unit.options, unit.seed) == (image, case.options, 5)
    assert [(job.case, job.point, job.trial) for job in unit.jobs] == [(case.hash, case.point, 2)]
    with pytest.raises(UsageError, match="spec, weights or code have changed"):
        plan.find(TrialName("0" * 16, image.hash, 0))
    with pytest.raises(UsageError, match="give the --images that it had"):
        plan.find(TrialName(case.hash, "0" * 16, 0))


def test_kept_pictures_are_those_that_are_chosen_within_the_limit(spec: SweepSpec) -> None:
    assert make_plan(spec).kept() == ()
    pictures = {"image": "two", "snr_db": [4, 10], "trials": [0, 2]}
    plan = make_plan(changed(spec, pictures=pictures))
    two = plan.images[1].hash
    chosen = [case.hash for case in plan.cases if case.point.snr_db != 7]
    assert plan.kept() == tuple((case, two, trial) for trial in (0, 2) for case in chosen)
    size = 64 * 96 * 3
    few = make_plan(changed(spec, pictures={**pictures, "max_mb": 3.5 * size / 1e6}))
    assert few.kept() == plan.kept()[:3]
    assert make_plan(changed(spec, pictures={**pictures, "max_mb": 0})).kept() == ()


def test_cases_are_told_apart_by_what_matters_only(spec: SweepSpec) -> None:
    def hashes(other: SweepSpec) -> list[str]:
        return [case.hash for case in make_plan(other).cases]

    base = hashes(spec)
    assert len(set(base)) == len(base)
    assert hashes(changed(spec, name="other", trials=50)) == base
    assert set(hashes(changed(spec, snr_db=[4, 5, 7, 10]))) > set(base)
    for key, value in (("seed", 6), ("cbr", "1/5"), ("channel", "rayleigh:fast")):
        assert not set(hashes(changed(spec, **{key: value}))) & set(base)
    scheme = {"name": "strong", "codec": "jpeg", "code": "rs: 255, 127"}
    assert set(hashes(changed(spec, scheme=[scheme]))) == set(base[:3])  # spelt otherwise, still the same


def test_unequal_channel_uses_are_refused(spec: SweepSpec) -> None:
    schemes = [
        {"name": "A", "codec": "jpeg", "code": "rs:255,191"},
        {"name": "B", "codec": "jpeg", "code": "rs:255,191", "cbr": "1/2"},
    ]
    with pytest.raises(
        UsageError, match=r"schemes 'A' and 'B' cannot be compared: 4608 channel uses against 9216"
    ):
        make_plan(changed(spec, scheme=schemes))
    schemes[1]["cbr"] = "251/1000"  # within one code block
    assert make_plan(changed(spec, scheme=schemes)).total == 36


def test_wrong_schemes_are_named(spec: SweepSpec) -> None:
    soft = [{"name": "A", "codec": "jpeg", "concealment": "soft"}]
    with pytest.raises(UsageError, match=r"scheme 'A': .*codec 'jpeg'"):
        make_plan(changed(spec, scheme=soft))
    with pytest.raises(UsageError, match=r"scheme 'strong': .*bsc.*takes none"):
        make_plan(changed(spec, channel="bsc:0.1"))


def test_wrong_images_are_named(spec: SweepSpec, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown image in \[pictures\] 'three'; allowed: one, two"):
        make_plan(changed(spec, pictures={"image": "three"}))
    shutil.copy(folder / "one.png", folder / "copy.png")
    with pytest.raises(UsageError, match="'copy' and 'one' are the same picture"):
        make_plan(spec)
    with pytest.raises(UsageError, match="unknown image set"):
        make_plan(spec, images=str(folder / "none"))


def test_images_can_be_given_instead(spec: SweepSpec, folder: Path) -> None:
    plan = make_plan(spec, images=str(folder / "two.png"))
    assert [image.name for image in plan.images] == ["two"]
