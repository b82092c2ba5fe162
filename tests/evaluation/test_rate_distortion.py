"""Clean rate-distortion leaves a rate out that is too small for an image, and says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from samples import photo_like

from channelvq.cli import main
from channelvq.codecs import CODECS
from channelvq.errors import UsageError
from channelvq.evaluation.rate_distortion import rate_distortion
from channelvq.images import save_image


def test_a_rate_that_is_too_small_for_one_image_has_no_numbers() -> None:
    images = [("large", photo_like(128, 128)), ("small", photo_like(32, 32))]
    few, many = rate_distortion(CODECS.build("jpeg"), images, [0.8, 8.0])
    assert (few.bpp, few.psnr_db, few.ssim) == (None, None, None)
    assert few.note is not None
    assert few.note.startswith("image 'small' at 0.8 bpp: a budget of 819 bits is too small: jpeg needs")
    assert many.note is None
    assert many.psnr_db is not None
    assert many.psnr_db > 30
    with pytest.raises(UsageError, match="no image to measure"):
        rate_distortion(CODECS.build("jpeg"), [], [1.0])


def test_the_command_line_says_which(tmp_path: Path) -> None:
    save_image(photo_like(32, 32), tmp_path / "small.png")
    arguments = ["rd", "--codec", "jpeg", "--bpp", "0.5,8", "--images", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert result.stderr.startswith("channelvq: image 'small' at 0.5 bpp: a budget of 512 bits is too small")
    assert [line.split()[0] for line in result.stdout.splitlines()[2:]] == ["0.500", "8.000"]
    points = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)["points"]
    assert [point["psnr_db"] is None for point in points] == [True, False]
