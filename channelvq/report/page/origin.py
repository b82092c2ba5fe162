"""Where a sweep comes from and how to make it again: commands, commits, weights, machines, versions, spec."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from channelvq.report.page.markup import Markup, element, join, table
from channelvq.sweep.spec import SweepSpec
from channelvq.sweep.summary import Results

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["origin_section", "spec_text", "to_toml"]

_TAKEN_IN = ("tuned", "tuned_at_snr_db")
"""Keys of a scheme that name a file beside the spec, whose content the spec has taken in."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def origin_section(results: Results) -> Markup:
    """Make lists and tables of it; without dates, so that equal sweeps give equal pages."""
    runs = distinct(results.runs)
    name, text = spec_text(results.spec)
    commands = "\n".join(dict.fromkeys(str(run.get("command", "")) for run in runs)) or results.command
    return join(
        [
            element("p", "Commands that made the trials:"),
            element("pre", element("code", commands), tabindex=0),
            _runs_table(runs),
            _weights_table(runs),
            element(
                "details",
                element("summary", f"The spec ({name})"),
                element("pre", element("code", text), tabindex=0),
            ),
        ]
    )


def distinct(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Leave out dates, and what then is there twice."""
    plain = [{key: value for key, value in run.items() if key != "date"} for run in runs]
    return [run for i, run in enumerate(plain) if run not in plain[:i]]


def spec_text(spec: SweepSpec) -> tuple[str, str]:
    """Give a file's name and text that `channelvq sweep` reads; JSON if TOML cannot hold it.

    What a scheme read from a file beside the spec is in the text itself. Bounds, on which no result depends,
    are left out: their files are elsewhere.
    """
    # Defaults are written out: another version's may differ.
    content = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"bounds": True})
    for scheme in content["scheme"]:
        for key in _TAKEN_IN:
            scheme.pop(key, None)
    content.get("published", {}).pop("curves", None)
    text = to_toml(content)
    try:
        if SweepSpec.model_validate(tomllib.loads(text)).content_hash == spec.content_hash:
            return "spec.toml", text
    except (ValidationError, tomllib.TOMLDecodeError):
        pass
    return "spec.json", json.dumps(json.loads(spec.to_json()), indent=2, ensure_ascii=False) + "\n"


def to_toml(content: Mapping[str, Any], path: str = "") -> str:
    r"""Write tables, arrays of tables and plain values as TOML; empty lists are left out.

    Examples
    --------
    >>> print(to_toml({"name": "a \"b\"", "snr_db": [0.0, 2.0], "scheme": [{"codec": "jpeg"}]}), end="")
    name = "a \"b\""
    snr_db = [0.0, 2.0]
    <BLANKLINE>
    [[scheme]]
    codec = "jpeg"
    """
    lines, tables = [], []
    for key, value in content.items():
        if value == []:
            continue
        name = f"{path}{_key(key)}"
        if isinstance(value, Mapping):
            tables.append(f"\n[{name}]\n{to_toml(value, f'{name}.')}")
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            tables += [f"\n[[{name}]]\n{to_toml(item, f'{name}.')}" for item in value]
        else:
            lines.append(f"{_key(key)} = {_value(value)}\n")
    return "".join([*lines, *tables])


def _key(name: str) -> str:
    """Write a key."""
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    """Write a plain value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _runs_table(runs: Sequence[Mapping[str, Any]]) -> Markup:
    """Say which code made the trials, and on what."""
    rows = []
    for run in runs:
        machine, packages = run.get("machine") or {}, run.get("packages") or {}
        versions = {"Python": run.get("python"), **packages}
        rows.append(
            [
                str(run.get("commit") or "unknown"),
                f"channelvq {run.get('channelvq', 'unknown')}, source {run.get('source', 'unknown')}",
                ", ".join(f"{name} {version}" for name, version in versions.items() if version),
                ", ".join(str(value) for value in _machine(machine)),
            ]
        )
    heads = ["Commit", "Code", "Versions", "Machine"]
    return table("Code and machines", heads, rows, numbers=99, class_="runs")


def _machine(machine: Mapping[str, Any]) -> list[str]:
    """Describe a machine."""
    cores = machine.get("cores")
    parts = (machine.get("cpu"), f"{cores} cores" if cores else None, machine.get("system"))
    return [str(part) for part in parts if part]


def _weights_table(runs: Sequence[Mapping[str, Any]]) -> Markup | None:
    """List the weights, whose hashes `channelvq models` shows."""
    pairs = dict.fromkeys(
        (scheme, str(name)) for run in runs for scheme, name in (run.get("weights") or {}).items()
    )
    if not pairs:
        return None
    return table("Weights, by their hash", ["Scheme", "Weights"], pairs, numbers=99)
