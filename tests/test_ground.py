"""The project's files agree with each other."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import channelvq

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def name(requirement: str) -> str:
    return re.split(r"[\s<>=!;\[]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {name(line): line for line in lines if line and not line.startswith("#")}


def test_one_version() -> None:
    assert project()["version"] == channelvq.__version__


def test_every_direct_dependency_is_pinned() -> None:
    parts = project()
    wanted = {name(r) for r in parts["dependencies"]}
    wanted |= {name(r) for extra in ("dev", "reference") for r in parts["optional-dependencies"][extra]}
    assert wanted <= set(constraints())
    assert constraints()["torch"] == "torch==2.13.0"


def test_pins_name_versions_and_no_addresses() -> None:
    for line in constraints().values():
        assert re.fullmatch(r'[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*(; python_version >= "3\.\d+")?', line), line


def test_imports_are_declared() -> None:
    declared = {name(r).replace("-", "_") for r in project()["dependencies"]}
    declared |= {
        "PIL",
        "skimage",
        "channelvq",
        "av",
        "pillow_jxl",
        "pyarrow",
        "distributed",
    }  # packages of other names, and extras
    pattern = re.compile(r"^\s*(?:from|import) ([A-Za-z0-9_]+)", re.MULTILINE)
    for path in (ROOT / "channelvq").rglob("*.py"):
        code = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        used = set(pattern.findall(code)) - set(sys.stdlib_module_names) - {"tomllib", "tomli"}
        assert used <= declared, f"{path}: {used - declared}"


def test_files_are_short_enough_to_read() -> None:
    for path in (ROOT / "channelvq").rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path
