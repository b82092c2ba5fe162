"""`channelvq transmit`, `rd` and what every command has in common."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from channelvq.cli import main
from channelvq.images import load_image, to_8bit
from channelvq.link import Link

Run = Callable[..., Result]
Wrong = Callable[..., str]
JPEG = ("--codec", "jpeg", "--code", "rs:255,191", "--cbr", "1/4")


def test_json_has_every_promised_key(cli: Run, photo: Path) -> None:
    result = cli("transmit", photo, *JPEG, "--snr-db", 9, "--seed", 3, "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    promised = (
        "psnr_db ssim status channel_uses cbr source_bits paid_bits raw_ber message_ber index_error_rate"
    )
    assert set(promised.split()) | {"seconds", "seed"} <= set(shown)
    assert (shown["status"], shown["seed"], shown["channel_uses"], shown["cbr"]) == ("ok", 3, 4608, 0.25)
    assert shown["paid_bits"] == 9216
    assert shown["ms_ssim"] is None  # too small to have one


def test_it_is_what_python_gives(cli: Run, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "received.png"
    result = cli("transmit", photo, *JPEG, "--snr-db", 6.5, "--trial", 2, "--json", "--out", out)
    shown = json.loads(result.stdout)
    reception = Link(codec="jpeg", cbr="1/4").transmit(load_image(photo), snr_db=6.5, trial=2)
    assert (shown["psnr_db"], shown["raw_ber"]) == (reception.psnr_db, reception.raw_ber)
    assert (to_8bit(load_image(out)) == to_8bit(reception.image)).all()


def test_summary_for_people(cli: Run, photo: Path) -> None:
    result = cli("transmit", photo, *JPEG, "--channel", "bsc:0.001")
    assert result.exit_code == 0, result.output
    assert "picture   ok: PSNR" in result.stdout
    assert "channel   4608 uses, CBR 0.25000" in result.stdout


def test_a_picture_that_cannot_be_decoded_is_shown_all_the_same(cli: Run, photo: Path) -> None:
    result = cli("transmit", photo, *JPEG, "--snr-db", -10, "--json")
    assert (result.exit_code, json.loads(result.stdout)["status"]) == (0, "failed")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--code", "rs:10,20"), "bad channel code 'rs:10,20'"),
        (("--modulation", "qam32"), "unknown modulation 'qam32'; allowed: bpsk, qpsk, qam16, qam64, qam256"),
        (("--codec", "jpg"), "unknown codec 'jpg'; allowed: jpeg, jpeg-restart"),
        (("--channel", "agwn"), "unknown channel 'agwn'; allowed: awgn"),
        (("--channel", "bsc:2"), "bad channel 'bsc:2'"),
        (("--channel", "bsc:0.1"), "channel 'bsc:0.1' takes none"),
        (("--concealment", "soft"), "codec 'jpeg'"),
        (("--cbr", "1/5000"), "cbr 1/5000 gives 3 channel uses"),
        (("--cbr", "1/500"), "cbr 1/500 gives 36 channel uses"),
        (("--cbr", "0"), "--cbr is '0', must be above 0"),
        (("--cbr", "a"), "--cbr is 'a', must be a ratio such as 1/12"),
        (("--seed", "-1"), "Invalid value for '--seed'"),
        (("--seed", "x"), "(see"),
        (("--snr-db", "nan"), "SNR is nan dB, must be a finite number"),
        (("--out", "/nowhere/at/all.png"), "there is no folder /nowhere/at"),
        (("--out", "received.xyz"), "received.xyz"),
        (("--frequency", "1"), "No such option"),
    ],
)
def test_wrong_options_are_one_line(
    wrong: Wrong,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    given = dict(zip(JPEG[::2], JPEG[1::2], strict=True)) | {"--snr-db": "9"} | dict([options])
    assert complaint in wrong("transmit", photo, *(word for pair in given.items() for word in pair))
    assert sorted(tmp_path.rglob("*")) == before  # no half-written file


def test_missing_snr_and_images(wrong: Wrong, photo: Path, tmp_path: Path) -> None:
    assert "channel 'awgn' needs an SNR" in wrong("transmit", photo, *JPEG)
    assert "none.png" in wrong("transmit", tmp_path / "none.png", *JPEG, "--snr-db", 3)
    (tmp_path / "text.png").write_text("not a picture")
    assert "text.png" in wrong("transmit", tmp_path / "text.png", *JPEG, "--snr-db", 3)
    assert "Missing argument 'IMAGE'" in wrong("transmit")


def test_unknown_command_lists_the_commands(wrong: Wrong) -> None:
    assert wrong("transmitt").startswith("unknown command 'transmitt'; allowed: transmit, encode, decode")


def test_rd_pays_for_every_bit(cli: Run, photo: Path) -> None:
    result = cli("rd", "--codec", "jpeg", "--bpp", "1.5,3", "--images", photo.parent, "--json")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["images"] == 1
    assert [set(point) for point in shown["points"]] == [{"bpp_target", "bpp", "psnr_db", "ssim"}] * 2
    low, high = shown["points"]
    assert low["bpp"] <= low["bpp_target"] == 1.5
    assert low["psnr_db"] < high["psnr_db"]


def test_rd_table(cli: Run, photo: Path) -> None:
    result = cli("rd", "--codec", "jpeg", "--bpp", "2", "--images", photo)
    assert result.stdout.splitlines()[0] == "jpeg, mean over 1 images"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--bpp", "0.3,x"), "--bpp is '0.3,x', must be numbers such as 0.35,0.5,0.7"),
        (("--bpp", "0"), "every number must be above 0"),
        (("--bpp", "0.01"), "image 'photo' at 0.01 bpp: "),
        (("--images", "/nowhere"), "unknown image set '/nowhere'"),
        (("--model", "m"), "codec 'jpeg'"),
    ],
)
def test_rd_wrong_options(wrong: Wrong, photo: Path, options: tuple[str, str], complaint: str) -> None:
    given = {"--codec": "jpeg", "--bpp": "2", "--images": str(photo.parent)} | dict([options])
    assert complaint in wrong("rd", *(word for pair in given.items() for word in pair))


@pytest.mark.parametrize("command", ["", *main.commands])
def test_every_command_has_help_with_an_example(cli: Run, command: str) -> None:
    result = cli(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"  channelvq {command}".rstrip() in result.output


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from channelvq.cli import main; main(['--help'], standalone_mode=False);"
        "heavy = {'torch', 'numba', 'numpy', 'scipy', 'matplotlib', 'skimage', 'PIL', 'pydantic', 'rich'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_import_is_light_and_complete() -> None:
    code = (
        "import sys, channelvq as cvq;"
        "print(sorted({'torch', 'numba', 'matplotlib', 'skimage'} & set(sys.modules)));"
        "print(all(hasattr(cvq, name) for name in cvq.__all__), cvq.Link, set(cvq.__all__) <= set(dir(cvq)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "True <class 'channelvq.link.Link'> True"]


def test_python_dash_m_is_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "channelvq", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("channelvq, version ")
