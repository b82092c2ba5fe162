"""Pictures in the page are those of the very trials; what cannot be had is said."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from report.small_sweep import make_images, small_plan, sweep

from channelvq.images import load_image, to_8bit
from channelvq.report.page.axis import Axis
from channelvq.report.page.received import Gallery, collect
from channelvq.sweep.plan import Plan
from channelvq.sweep.store import STORE_NAME, Store


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path]:
    root = tmp_path_factory.mktemp("received")
    plan = small_plan(make_images(root / "images"))
    return plan, sweep(plan, root / "sweep")


@pytest.fixture
def copy(done: tuple[Plan, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(done[1], tmp_path / "copy"))


def gallery(folder: Path, plan: Plan, **options: str) -> Gallery:
    with Store(folder) as store:
        return collect(store, Axis.of(plan.spec), **options)  # type: ignore[arg-type]


def test_every_point_has_the_picture_of_its_trial(done: tuple[Plan, Path]) -> None:
    plan, folder = done
    found = gallery(folder, plan)
    wide = next(image for image in plan.images if image.name == "wide")
    sent = load_image(wide.path)
    assert found.sent is not None
    np.testing.assert_array_equal(found.sent, to_8bit(sent).transpose(1, 2, 0))
    assert found.notes == ()
    for scheme, row in zip(plan.spec.schemes, found.shots, strict=True):
        for point, shot in zip(plan.spec.points, row, strict=True):
            case = next(c for c in plan.cases if c.scheme == scheme and c.point == point)
            received = case.options.build(point.channel).transmit(sent, point.snr_db, plan.spec.seed, 0)
            assert shot.trial is not None
            assert shot.trial.psnr_db == received.psnr_db
            assert shot.pixels is not None
            np.testing.assert_array_equal(shot.pixels, to_8bit(received.image).transpose(1, 2, 0))


def test_failures_are_grey(done: tuple[Plan, Path]) -> None:
    found = gallery(done[1], done[0])
    failed = [s for row in found.shots for s in row if s.trial is not None and s.trial.status == "failed"]
    assert failed
    assert all(shot.pixels is not None and (shot.pixels == 128).all() for shot in failed)


def test_the_account_is_the_links(done: tuple[Plan, Path]) -> None:
    plan, folder = done
    paid = gallery(folder, plan).paid
    assert [(entry.scheme, entry.first, entry.last) for entry in paid] == [(0, 0, 3), (1, 0, 3), (2, 0, 3)]
    for entry in paid:
        prepared = entry.options.build("awgn").prepare(load_image(plan.images[1].path))
        assert plan.images[1].name == "wide"
        assert entry.account == prepared.account


def test_a_trial_that_comes_out_otherwise_is_not_shown(done: tuple[Plan, Path], copy: Path) -> None:
    plan, _ = done
    db = sqlite3.connect(copy / STORE_NAME)
    with db:
        db.execute("UPDATE trials SET psnr_db = psnr_db + 0.5 WHERE status != 'failed'")
    db.close()
    found = gallery(copy, plan)
    kept = {0, 3}  # of 4 and 10 dB the store holds the picture
    for row in found.shots:
        for i, shot in enumerate(row):
            assert shot.trial is not None
            assert (shot.pixels is None) == (i not in kept and shot.trial.status != "failed")
    assert any("not as they were" in note and "8\xa0dB" in note for note in found.notes)


def test_without_images_the_kept_pictures_are_shown(
    done: tuple[Plan, Path], copy: Path, tmp_path: Path
) -> None:
    plan, folder = done
    whole = gallery(folder, plan)
    found = gallery(copy, plan, images=str(tmp_path / "nowhere"))
    assert found.sent is None
    assert found.paid == ()
    assert any(str(tmp_path / "nowhere") in note for note in found.notes)
    for row, complete in zip(found.shots, whole.shots, strict=True):
        for i in (0, 3):
            assert row[i].pixels is not None
            np.testing.assert_array_equal(row[i].pixels, complete[i].pixels)


def test_images_may_have_moved(done: tuple[Plan, Path], copy: Path, tmp_path: Path) -> None:
    plan, _ = done
    moved = shutil.copytree(Path(plan.images[0].path).parent, tmp_path / "moved")
    assert gallery(copy, plan, images=str(moved)).notes == ()


def test_other_images_are_noticed(done: tuple[Plan, Path], copy: Path, tmp_path: Path) -> None:
    plan, _ = done
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(plan.images[0].path, other / "wide.png")  # the other picture, under this one's name
    found = gallery(copy, plan, images=str(other))
    assert found.sent is None
    assert any("no longer those of the sweep" in note for note in found.notes)


def test_a_crop_is_the_specs(done: tuple[Plan, Path], tmp_path: Path) -> None:
    plan, _ = done
    images = Path(plan.images[0].path).parent
    cropped = small_plan(images, trials=1, pictures={"image": "wide", "crop": [8, 16, 40, 32]})
    found = gallery(sweep(cropped, tmp_path / "s"), cropped)
    assert found.sent is not None
    np.testing.assert_array_equal(
        found.sent, to_8bit(load_image(cropped.images[1].path)).transpose(1, 2, 0)[8:48, 16:48]
    )
