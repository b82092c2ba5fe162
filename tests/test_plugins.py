"""Packages add codecs and channels by entry point: the example that ships, and packages that are broken."""

from __future__ import annotations

import importlib
import json
import logging
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from samples import photo_like

from channelvq import plugins
from channelvq.channels import CHANNELS
from channelvq.cli import main
from channelvq.codecs import CODECS, is_analog
from channelvq.codecs.jpeg import Jpeg
from channelvq.errors import UsageError
from channelvq.images import save_image
from channelvq.link import Link
from channelvq.randomness import generator
from channelvq.sweep.identity import case_content
from channelvq.sweep.spec import SweepSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLE = Path(__file__).parents[1] / "examples" / "plugin"

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Make a package visible as pip would: its code and the .dist-info folder that names its entry points."""
    before = set(sys.modules)

    def install(project: Path, name: str, version: str, groups: dict[str, dict[str, str]]) -> None:
        site = tmp_path / f"site-{name}-{version}"
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [
            line
            for group, entries in groups.items()
            for line in (f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for folder in (site, project):
            monkeypatch.syspath_prepend(folder)

    plugins._warn.cache_clear()
    yield install
    for name in set(sys.modules) - before:
        if name.startswith("channelvq_"):
            del sys.modules[name]


@pytest.fixture
def example(install: Install) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    install(EXAMPLE, project["name"], project["version"], project["entry-points"])


@pytest.mark.usefixtures("example")
def test_the_example_is_found_by_name() -> None:
    link = Link(codec="thumbnail", code="ldpc:1/2", channel="z:0.1", cbr="1/4")
    assert type(link.codec).__module__ == type(link.channel).__module__ == "channelvq_example"
    assert link.components["channel"] == "z:0.1"
    received = link.transmit(photo_like(64, 64))
    assert received.status == "ok"
    assert received.psnr_db > 20
    assert not is_analog("thumbnail")
    assert "thumbnail" in CODECS.names()


@pytest.mark.usefixtures("example")
def test_the_example_channel_says_what_bayes_says() -> None:
    p, channel = 0.2, CHANNELS.build("z:0.2")
    bits = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (1, 200_000)).astype(np.uint8))
    llrs = channel.transmit(bits, lambda stream: generator(0, stream))
    ones = bits == 1
    assert bool((llrs[~ones] > 0).all())
    assert (llrs[ones] > 0).float().mean().item() == pytest.approx(p, abs=0.006)  # 4 sigma
    among = ones[llrs > 0].float().mean().item()  # with 0 and 1 equally frequent p / (1 + p)
    assert among == pytest.approx(1 / (1 + math.exp(float(llrs.max()))), abs=0.006)


@pytest.mark.usefixtures("example")
def test_the_example_codec_takes_expected_values() -> None:
    codec, shape = CODECS.build("thumbnail"), (1, 16, 16)
    picture = np.linspace(0, 1, 256, dtype=np.float32).reshape(shape)
    message = codec.encode(picture, 8 * 256)
    clean = codec.decode(50.0 - 100.0 * message.bits.astype(np.float32), shape)
    assert np.abs(clean.picture - picture).max() <= 0.5 / 255 + 1e-6
    unknown = codec.decode(np.zeros(8 * 256, np.float32), shape)
    assert unknown.picture == pytest.approx(0.5)


@pytest.mark.usefixtures("example")
def test_the_example_runs_from_the_command_line(tmp_path: Path) -> None:
    save_image(photo_like(48, 64), tmp_path / "photo.png")
    arguments = ["transmit", str(tmp_path / "photo.png"), "--codec", "thumbnail", "--code", "uncoded"]
    result = CliRunner().invoke(main, [*arguments, "--channel", "z:0.01", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["components"]["codec"] == "thumbnail"
    wrong = CliRunner().invoke(main, [*arguments, "--channel", "z"])
    assert wrong.exit_code == 2
    assert "(usage: z:P)" in wrong.stderr


@pytest.mark.usefixtures("example")
def test_a_sweep_may_name_it() -> None:
    scheme = {"name": "A", "codec": "thumbnail", "code": "ldpc:1/2"}
    spec = SweepSpec.model_validate({"name": "n", "channels": ["z:0.1"], "scheme": [scheme]})
    assert spec.schemes[0].codec == "thumbnail"


@pytest.mark.usefixtures("example")
def test_a_trial_says_which_package_made_it() -> None:
    link = Link(codec="thumbnail", channel="z:0.1", cbr="1/4")
    content = case_content(link, link.cbr, None, 0)
    assert content["packages"] == dict.fromkeys(("codec", "channel"), "channelvq-example 0.1.0")
    ours = Link(codec="jpeg", cbr="1/4")
    assert "packages" not in case_content(ours, ours.cbr, 3.0, 0)


def module_of(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    importlib.invalidate_caches()
    return folder


GOOD = "class Mine:\n    spec = 'mine'\n    @classmethod\n    def from_args(cls): return cls()\n"


def test_another_version_is_another_trial(tmp_path: Path, install: Install) -> None:
    code = module_of(tmp_path / "code", "channelvq_mine", GOOD)
    install(code, "mine", "1.0", {"channelvq.codecs": {"mine": "channelvq_mine:Mine"}})
    install(code, "mine", "2.0", {"channelvq.codecs": {"mine": "channelvq_mine:Mine"}})
    link = Link(codec="mine")
    # The one found first on the path is the one installed.
    assert case_content(link, link.cbr, 3.0, 0)["packages"] == {"codec": "mine 2.0"}


def test_built_in_names_win(tmp_path: Path, install: Install) -> None:
    code = module_of(tmp_path / "code", "channelvq_mine", GOOD)
    install(code, "mine", "1.0", {"channelvq.codecs": {"jpeg": "channelvq_mine:Mine"}})
    assert isinstance(CODECS.build("jpeg"), Jpeg)
    assert CODECS.names().count("jpeg") == 1


def test_what_cannot_be_imported_is_named_and_left_out(
    tmp_path: Path, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    code = module_of(tmp_path / "code", "channelvq_broken", "raise RuntimeError('no licence\\nfound')\n")
    module_of(code, "channelvq_mine", GOOD)
    entries = {
        "mine": "channelvq_mine:Mine",
        "broken": "channelvq_broken:Broken",
        "absent": "channelvq_mine:Absent",
        "number": "channelvq_mine:__name__",
    }
    install(code, "mine", "1.0", {"channelvq.codecs": entries})
    with caplog.at_level(logging.WARNING, "channelvq"), pytest.raises(UsageError) as caught:
        CODECS.build("unknown")
    assert str(caught.value).endswith(", mine")
    lines = sorted(record.getMessage() for record in caplog.records)
    assert [line.split("'")[1] for line in lines] == ["absent", "broken", "number"]
    assert lines[1] == (
        "channelvq: 'broken' of mine 1.0 cannot be imported: RuntimeError: no licence found; it is left out"
    )
    with pytest.raises(UsageError, match=r"^'broken' of mine 1.0 cannot be imported: RuntimeError: no lic"):
        Link(codec="broken")
    with pytest.raises(UsageError, match="must be a class with from_args"):
        CODECS.build("number")
    assert CODECS.build("mine").spec == "mine"


def test_a_name_that_two_packages_offer_is_refused(tmp_path: Path, install: Install) -> None:
    code = module_of(tmp_path / "code", "channelvq_mine", GOOD)
    for package in ("one", "two"):
        install(code, package, "1.0", {"channelvq.codecs": {"mine": "channelvq_mine:Mine"}})
    with pytest.raises(UsageError, match=r"codec 'mine' is offered by one 1.0 and by two 1.0: uninstall one"):
        CODECS.build("mine")


def test_a_codec_of_symbols_is_one_of_symbols(tmp_path: Path, install: Install) -> None:
    text = GOOD + "    def check(self, shape, uses): pass\n    def modulate(self, picture, uses, snr): pass\n"
    text += "    def demodulate(self, observation, shape): pass\n"
    code = module_of(tmp_path / "code", "channelvq_mine", text)
    install(code, "mine", "1.0", {"channelvq.codecs": {"mine": "channelvq_mine:Mine"}})
    assert is_analog("mine")
    assert type(Link(codec="mine")).__name__ == "AnalogLink"
    assert not is_analog("unknown")


def test_a_modulation_may_be_added(tmp_path: Path, install: Install) -> None:
    text = "from channelvq.modulation import Modulation\nclass Qam1024(Modulation):\n"
    text += "    def __init__(self): super().__init__('qam1024', axis_bits=5, axes=2)\n"
    text += "    @classmethod\n    def from_args(cls): return cls()\n"
    code = module_of(tmp_path / "code", "channelvq_mine", text)
    install(code, "mine", "1.0", {"channelvq.modulations": {"qam1024": "channelvq_mine:Qam1024"}})
    link = Link(codec="jpeg", modulation="qam1024", cbr="1/4")
    assert link.transmit(photo_like(64, 64), snr_db=45.0).status == "ok"
    assert case_content(link, link.cbr, 45.0, 0)["packages"] == {"modulation": "mine 1.0"}
