"""A spec says in one line what is wrong: file, line, key, value, what is allowed."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channelvq.errors import UsageError
from channelvq.sweep.spec import SweepSpec, from_json, load_spec
from channelvq.sweep.toml import line_of

GOOD = """\
name = "test"
images = "builtin"
cbr = "1/12"
channel = "awgn"
snr_db = { from = -2, to = 16, step = 2 }
trials = 8
seed = 3

[[scheme]]
name = "A"
codec = "jpeg"
code = "rs:255,191"

[[scheme]]
name = "B"
codec = "jpeg"
code = "uncoded"
modulation = "qam16"

[pictures]
snr_db = [0, 4]
"""


def load(tmp_path: Path, text: str) -> SweepSpec:
    path = tmp_path / "spec.toml"
    path.write_text(text, encoding="utf-8")
    return load_spec(path)


def test_a_good_spec(tmp_path: Path) -> None:
    spec = load(tmp_path, GOOD)
    assert spec.cbr == Fraction(1, 12)
    assert [point.snr_db for point in spec.points] == [-2, 0, 2, 4, 6, 8, 10, 12, 14, 16]
    assert [scheme.modulation for scheme in spec.schemes] == ["qpsk", "qam16"]
    assert from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("trials = 8", "trails = 8", "line 6: unknown key 'trails'; allowed: name, description, images, cbr"),
        (
            'code = "uncoded"',
            'cod = "x"',
            "line 17: unknown key 'cod' in scheme 2; allowed: name, codec, code",
        ),
        ("trials = 8", "trials = 0", "line 6: trials is 0: input should be greater than or equal to 1"),
        ("trials = 8", 'trials = "8"', "line 6: trials is '8': input should be a valid integer"),
        ("seed = 3", "seed = -1", "line 7: seed is -1: "),
        ('cbr = "1/12"', 'cbr = "-1/12"', "line 3: cbr is '-1/12': cbr is '-1/12', must be above 0"),
        ('"rs:255,191"', '"rs:10,20"', "line 12: scheme 1, code is 'rs:10,20': bad channel code 'rs:10,20'"),
        ('"rs:255,191"', '"turbo"', "unknown channel code 'turbo'; allowed: uncoded, repetition, rs"),
        (
            '"qam16"',
            '"qam32"',
            "line 18: scheme 2, modulation is 'qam32': unknown modulation 'qam32'; allowed: bpsk",
        ),
        ('codec = "jpeg"\ncode = "rs', 'code = "rs', "line 9: key 'codec' is missing in scheme 1"),
        (
            'codec = "jpeg"\ncode = "rs',
            'codec = "jpg"\ncode = "rs',
            "unknown codec 'jpg'; allowed: jpeg, jpeg-restart",
        ),
        (
            'channel = "awgn"',
            'channel = "agwn"',
            "line 4: channel is 'agwn': unknown channel 'agwn'; allowed: awgn",
        ),
        (
            "step = 2",
            "stp = 2",
            "line 5: snr_db: must be {from = -2, to = 16, step = 2}, with these three keys",
        ),
        ("step = 2", "step = 0", "line 5: snr_db: step must be above 0"),
        ("step = 2", "step = 0.001", "line 5: snr_db: that is 18001 SNRs, more than 1000"),
        ("{ from = -2, to = 16, step = 2 }", "[0, 300]", "line 5: snr_db 2 is 300: "),
        ("{ from = -2, to = 16, step = 2 }", "[0, 0]", "snr_db 0.0 is given twice"),
        ("{ from = -2, to = 16, step = 2 }", "true", "line 5: snr_db is True: must be a number, a list"),
        ('name = "B"', 'name = "A"', "scheme name 'A' is given twice"),
        (
            "snr_db = [0, 4]",
            "snr_db = [0, 5]",
            "pictures: snr_db 5.0 is not on the sweep's axis; allowed: -2, 0, 2",
        ),
        ('channel = "awgn"\n', "", "give either channel"),
        ('channel = "awgn"\n', 'channels = ["bsc:0.1"]\n', "channels are bit channels, which take no snr_db"),
        ("seed = 3", "seed = ", "is not valid TOML: Invalid value (at line 7"),
    ],
)
def test_a_wrong_spec_is_explained_in_one_line(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    with pytest.raises(UsageError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    message = str(caught.value)
    assert complaint in message
    assert "\n" not in message
    assert "spec.toml" in message


def test_several_mistakes_are_counted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape("(and 1 more)")):
        load(tmp_path, GOOD.replace("seed = 3", "seed = -1").replace("trials = 8", "trials = 0"))


def test_a_spec_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such spec"):
        load_spec(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="cannot read the spec"):
        load_spec(tmp_path)


def test_content_hash_follows_content_only(tmp_path: Path) -> None:
    spec = load(tmp_path, GOOD)
    other_name = load(tmp_path, GOOD.replace('"test"', '"other"').replace("[0, 4]", "[2]"))
    other_seed = load(tmp_path, GOOD.replace("seed = 3", "seed = 4"))
    assert spec.content_hash == other_name.content_hash
    assert spec.content_hash != other_seed.content_hash


@given(st.integers(-40, 10), st.integers(0, 30), st.sampled_from(["0.1", "0.25", "0.5", "1", "3"]))
def test_a_range_has_its_ends_and_no_rounding(first: int, steps: int, step: str) -> None:
    last = Fraction(first) + steps * Fraction(step)
    spec = SweepSpec.model_validate(
        {
            "name": "n",
            "channel": "awgn",
            "snr_db": {"from": first, "to": float(last), "step": float(step)},
            "scheme": [{"name": "A", "codec": "jpeg"}],
        }
    )
    assert [p.snr_db for p in spec.points] == [float(first + i * Fraction(step)) for i in range(steps + 1)]


def test_bit_channels_are_an_axis() -> None:
    spec = SweepSpec.model_validate(
        {"name": "n", "channels": ["bsc:0.001", "bsc:0.01"], "scheme": [{"name": "A", "codec": "jpeg"}]}
    )
    assert [(p.channel, p.snr_db) for p in spec.points] == [("bsc:0.001", None), ("bsc:0.01", None)]


def test_lines_are_found_in_tables_and_after_comments() -> None:
    text = "# seed = 0\nseed = 1\n[pictures]  # which\nsnr_db = [1]\n[[scheme]]\nname='a'\n"
    text += "[[scheme]]\nname='b'\n"
    assert line_of(text, ("seed",)) == 2
    assert line_of(text, ("pictures", "snr_db", 0)) == 4
    assert line_of(text, ("pictures", "image")) == 3
    assert line_of(text, ("scheme", 1, "name")) == 8
    assert line_of(text, ("nowhere",)) is None


SIMS = sorted(Path(__file__).parents[2].glob("sims/*.toml"))


@pytest.mark.parametrize("path", SIMS, ids=lambda path: path.name)
def test_specs_that_ship_are_valid(path: Path) -> None:
    if "[[scheme]]" not in path.read_text(encoding="utf-8"):
        pytest.skip("not a sweep")
    assert load_spec(path).schemes


def test_the_spec_in_the_readme_is_valid(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", readme, flags=re.DOTALL)
    assert [load(tmp_path, block).name for block in blocks] == ["My experiment"]
