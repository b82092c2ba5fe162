"""Plant every fault of planted.py in turn and show which test notices: `make faults`.

Runs the suite up to its first failure with each fault, and once with none, which must pass. Exit status 1 if
a fault goes unnoticed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUITE = [
    "tests/board",
    "tests/test_modulation.py",
    "tests/channels",
    "tests/test_framing.py",
    "tests/test_interleaving.py",
    "tests/test_link.py",
    "tests/test_unequal_link.py",
    "tests/bler",
    "tests/channel_codes",
    "tests/evaluation",
]


def run_suite(fault: str | None) -> tuple[bool, str, float]:
    """Run it up to the first failure: (passed, first failing test, seconds)."""
    environment = {**os.environ, "CHANNELVQ_FAULT": fault or "", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(ROOT / "tests")
    # Pinned draws would notice any change at all: physics has to.
    options = ["-x", "-q", "-n", "0", "-p", "faults.planted", "-k", "not pinned"]
    command = [sys.executable, "-m", "pytest", *options, *SUITE]
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode not in (0, 1, 2):
        sys.exit(f"pytest itself failed with {fault}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0, failed[1] if failed else "", time.perf_counter() - begin


def main() -> None:
    """Print a table; write it as CSV if asked."""
    sys.path.insert(0, str(ROOT / "tests"))
    from faults.planted import FAULTS

    from channelvq.provenance import collect

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="Faults; all without any.")
    parser.add_argument("--out", type=Path, help="CSV file for the table.")
    parser.add_argument("--jobs", type=int, default=2, help="Faults at a time.")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(FAULTS))
    if unknown:
        parser.error(f"unknown fault {unknown[0]!r}; allowed: {', '.join(FAULTS)}")
    passed, failed, seconds = run_suite(None)
    if not passed:
        sys.exit(f"the suite fails without any fault: {failed}")
    print(f"{'no fault':32s} passes ({seconds:.0f} s)", flush=True)
    rows, unnoticed = [], []
    names = arguments.names or list(FAULTS)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for name, (passed, failed, seconds) in zip(names, pool.map(run_suite, names), strict=True):
            unnoticed += [name] if passed else []
            rows.append({"fault": name, "what": FAULTS[name][0], "noticed_by": failed})
            print(f"{name:32s} {'UNNOTICED' if passed else failed} ({seconds:.0f} s)", flush=True)
    if arguments.out:
        with arguments.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["fault", "what", "noticed_by"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        made = json.dumps({"made_by": collect(command=["make", "faults"])}, indent=2)
        arguments.out.with_name("provenance.json").write_text(made + "\n", encoding="utf-8")
    print(f"{len(rows) - len(unnoticed)} of {len(rows)} faults noticed")
    sys.exit(1 if unnoticed else 0)


if __name__ == "__main__":
    main()
