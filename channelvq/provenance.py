"""Where results come from: command, commit, machine, versions."""

from __future__ import annotations

import functools
import hashlib
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

__all__ = ["collect", "commit", "cpu", "now", "own_command", "source_fingerprint"]

# What cannot change a trial: who hands it out, who shows it, and what is not part of a link. Whatever is new
# counts until it is named here.
_APART = frozenset(
    {
        "bler",
        "cli",
        "plugins.py",
        "report",
        "sweep",
        "training",
        "tuning",
        "__main__.py",
        "errors.py",
        "provenance.py",
    }
)
_APART_DEEPER = frozenset({"evaluation/theory", "evaluation/rate_distortion.py", "models/weights"})

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
    return {
        "command": shlex.join(command) if command else own_command(),
        "date": now(),
        "channelvq": channelvq.__version__,
        "source": source_fingerprint(),
        "commit": commit(),
        "weights": weights or {},
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "machine": {"cpu": cpu(), "cores": os.cpu_count(), "system": platform.platform(terse=True)},
    }


def own_command() -> str:
    """Give the command that started this process, without folders in front of the program's name."""
    program = Path(sys.argv[0]).name
    start = ["python", "-m", "channelvq"] if program == "__main__.py" else [program]
    return shlex.join([*start, *sys.argv[1:]])


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


@functools.cache
def source_fingerprint() -> str:
    """Hash of the code that determines results, so that rows of other code are never taken for its own.

    The version alone would not do: code changes far more often than it. Counted are the files of this package
    that a transmission runs through, code and tables (weights have hashes of their own), without blank lines
    and lines of comment, whatever the system's line ends. Read once a process: it is the code that runs.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    root = Path(__file__).resolve().parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.suffix in {".pyc", ".md", ".typed"} or not path.is_file() or _stands_apart(name):
            continue
        content = _bare(path.read_bytes()) if path.suffix == ".py" else path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def _stands_apart(name: str) -> bool:
    """Say whether a file of the package has no part in a transmission."""
    parts = name.split("/")
    hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
    return hidden or parts[0] in _APART or "/".join(parts[:2]) in _APART_DEEPER


def _bare(code: bytes) -> bytes:
    """Leave out blank lines and lines of comment; line ends as on Unix."""
    lines = (line.rstrip() for line in code.splitlines())
    return b"\n".join(line for line in lines if line and not line.lstrip().startswith(b"#"))


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
