"""A plan is complete, knows what is done, and refuses comparisons that are not fair."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from channelvq.errors import UsageError
from channelvq.sweep.plan import make_plan
from channelvq.sweep.spec import SweepSpec


def changed(spec: SweepSpec, **values: object) -> SweepSpec:
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    return SweepSpec.model_validate({**content, **values})


def test_every_trial_is_planned_once(spec: SweepSpec) -> None:
    plan = make_plan(spec)
    keys = [(job.case, unit.image.hash, job.trial) for unit in plan.units() for job in unit.jobs]
    assert len(keys) == len(set(keys)) == plan.total == 2 * 2 * 3 * 3
    assert len(plan.units()) == 4  # image × scheme: an image is encoded once for a scheme
    assert [image.shape for image in plan.images] == [(3, 64, 96), (3, 96, 64)]


def test_done_trials_are_not_planned_again(spec: SweepSpec) -> None:
    plan = make_plan(spec)
    keys = {(job.case, unit.image.hash, job.trial) for unit in plan.units() for job in unit.jobs}
    half = set(sorted(keys)[::2])
    left = {(job.case, unit.image.hash, job.trial) for unit in plan.units(half) for job in unit.jobs}
    assert left == keys - half
    assert plan.units(keys) == []


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
