"""Where results come from: command, commit, machine, versions."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import channelvq

__all__ = ["collect", "commit", "cpu", "now"]

_PACKAGES = ("torch", "numpy", "scipy", "numba", "pillow", "constriction")


def collect(*, command: list[str] | None = None, weights: dict[str, str] | None = None) -> dict[str, Any]:
    """Describe this run so that another person can repeat it.

    Parameters
    ----------
    command : list of str, optional
        Program and arguments; None takes those of this process.
    weights : dict of str to str, optional
        Identity of the weights that each scheme uses.
    """
    arguments = command or [Path(sys.argv[0]).name, *sys.argv[1:]]
    return {
        "command": shlex.join(arguments),
        "date": now(),
        "channelvq": channelvq.__version__,
        "commit": commit(),
        "weights": weights or {},
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "machine": {"cpu": cpu(), "cores": os.cpu_count(), "system": platform.platform(terse=True)},
    }


def now() -> str:
    """Give the time, UTC, ISO 8601, to the second."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def commit() -> str | None:
    """Give the commit of this package, "+changes" added if tracked files differ; None outside of git."""
    folder = Path(__file__).resolve().parents[1]

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    # An installed package may lie inside a repository that is not its own: then that commit says nothing.
    if not git("ls-files", "channelvq/__init__.py"):
        return None
    head = git("rev-parse", "HEAD")
    if head is None:
        return None
    # What a sweep leaves in results/ does not change what it computes.
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)results")
    return head + "+changes" if changed else head


def _version(package: str) -> str | None:
    """Version of an installed package, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu() -> str:
    """Name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
