"""A trial's identity follows everything that determines it, and nothing else."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest

import channelvq
from channelvq import provenance
from channelvq.errors import UsageError
from channelvq.link import Link
from channelvq.sweep.identity import TrialName, case_content, content_digest, trial_id


def digest(small_weights: str, **changes: object) -> str:
    options = {"codec": "vqvae", "code": "rs:255,191", "modulation": "qpsk", "channel": "awgn"}
    options |= {"concealment": "soft", "model": small_weights, "cbr": "1/4"}
    trial = {"snr_db": 3.0, "seed": 1}
    for key, value in changes.items():
        (trial if key in trial else options)[key] = value
    link = Link(**options)  # type: ignore[arg-type]
    return content_digest(case_content(link, Fraction(str(options["cbr"])), trial["snr_db"], trial["seed"]))  # type: ignore[arg-type]


def test_what_matters_is_in_it(small_weights: str) -> None:
    base = digest(small_weights)
    changes: list[dict[str, object]] = [
        {"code": "rs:255,127"},
        {"modulation": "qam16"},
        {"channel": "rayleigh:block"},
        {"concealment": "none"},
        {"cbr": "1/5"},
        {"snr_db": 3.5},
        {"seed": 2},
        {"interleaver": "block"},
    ]
    others = [digest(small_weights, **change) for change in changes]
    assert len({base, *others}) == len(changes) + 1


def test_spelling_and_places_are_not(small_weights: str, tmp_path: Path) -> None:
    moved = shutil.copy(small_weights, tmp_path / "other name.safetensors")
    assert digest(small_weights, model=str(moved)) == digest(small_weights)
    assert digest(small_weights, code="rs: 255, 191", cbr="0.25") == digest(small_weights)


def test_another_version_or_other_code_is_another_trial(
    small_weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = digest(small_weights)
    with monkeypatch.context() as patch:
        patch.setattr(channelvq, "__version__", "99")
        assert digest(small_weights) != base
    monkeypatch.setattr("channelvq.sweep.identity.source_fingerprint", lambda: "other")
    assert digest(small_weights) != base


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package's code, which the fingerprint is taken of."""
    root = tmp_path / "channelvq"
    for name in ("link.py", "provenance.py", "codecs/jpeg.py", "cli/sweep.py", "evaluation/metrics.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(provenance.__file__).parent / name, root / name)
    monkeypatch.setattr(provenance, "__file__", str(root / "provenance.py"))
    return root


def fingerprint() -> str:
    return provenance.source_fingerprint.__wrapped__()


def test_the_fingerprint_follows_code_that_computes(package: Path) -> None:
    base = fingerprint()
    for name in ("link.py", "codecs/jpeg.py", "evaluation/metrics.py"):
        before = (package / name).read_text()
        (package / name).write_text(before + "\nX = 1\n")
        assert fingerprint() != base, name
        (package / name).write_text(before)
    (package / "codecs" / "new.py").write_text("x = 1\n")
    assert fingerprint() != base


def test_the_fingerprint_does_not_follow_the_rest(package: Path) -> None:
    base = fingerprint()
    (package / "cli" / "sweep.py").write_text("x = 1\n")
    text = (package / "link.py").read_text()
    (package / "link.py").write_bytes(("# a comment\n\n" + text).replace("\n", "\r\n").encode())
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "link.nbi").write_bytes(b"compiled")
    assert fingerprint() == base


def test_ids_are_read_back() -> None:
    name = TrialName.parse(trial_id("ab" * 32, "cd" * 32, 12))
    assert (name.case, name.image, name.trial) == ("ab" * 8, "cd" * 8, 12)
    for wrong in ("", "ab-cd", "xy-cd-1", "ab-cd-1-2", "ab-cd--1"):
        with pytest.raises(UsageError, match="is no trial's id"):
            TrialName.parse(wrong)
