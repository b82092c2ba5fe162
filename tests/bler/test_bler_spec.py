"""The TOML file of block error rates."""

from __future__ import annotations

from pathlib import Path

import pytest

from channelvq.bler.spec import load_bler_spec
from channelvq.errors import UsageError

GOOD = """
name = "Some codes"
block_errors = 20
most_blocks = 300

[[curve]]
name = "RS(20, 15)"
code = "rs:20,15"
coded_bits = 160
ebn0_db = { from = 4, to = 6, step = 1 }

[[curve]]
name = "copies"
code = "repetition:3"
coded_bits = 3
ebn0_db = [0, 4]
modulation = "bpsk"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "codes.toml"
    path.write_text(text)
    return path


def test_reads_what_is_there(tmp_path: Path) -> None:
    spec = load_bler_spec(written(tmp_path, GOOD))
    assert [curve.name for curve in spec.curves] == ["RS(20, 15)", "copies"]
    assert spec.curves[0].ebn0_db == (4.0, 5.0, 6.0)
    assert spec.curves[0].block_code().k_bits == 120
    assert spec.curves[0].snr(3.0103).esn0_db == pytest.approx(4.7712, abs=1e-3)  # rate 3/4, 2 bits a symbol


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('code = "rs:20,15"', 'code = "rs:15,20"', "line 8: .*k is 20"),
        ("coded_bits = 160", "coded_bits = 320", "with 2 blocks, must be 1"),
        ("coded_bits = 160", "coded_bits = 20", "with 0 blocks, must be 1"),
        ('name = "copies"', 'name = "RS(20, 15)"', "two curves are called"),
        ('modulation = "bpsk"', 'modulation = "qam32"', "unknown modulation 'qam32'"),
        ("block_errors = 20", "block_errors = 0", "block_errors"),
        ("ebn0_db = [0, 4]", 'ebn0_db = "high"', "ebn0_db"),
        ('modulation = "bpsk"', 'colour = "red"', "colour"),
        ('modulation = "bpsk"', 'reference = "matlab"', "sionna"),
    ],
)
def test_says_what_is_wrong_and_where(tmp_path: Path, old: str, new: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        load_bler_spec(written(tmp_path, GOOD.replace(old, new)))


def test_committed_sims_are_valid() -> None:
    load_bler_spec(Path(__file__).parents[2] / "sims" / "codes.toml")
