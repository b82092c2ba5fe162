"""Damages real streams at random and decodes them: a picture of the right size or a refusal must come.

`python benchmarks/fuzz_streams.py`: 10 000 damaged `.cvq` files through `channelvq decode`, 10 000 damaged
messages through the codec, for a shipped model. Prints what came of each sort of damage, the slowest case and
the memory taken against that of clean decoding; exit status 1 if anything else came, or more than four times
the memory. `--only` replays a case that is printed. Five to ten minutes of one core; Linux (it reads /proc).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzzing import Fuzz


def show(fuzz: Fuzz, seconds: float) -> bool:
    """Print the table; says whether all went well."""
    kinds = sorted({outcome for _, outcome in fuzz.outcomes})
    print(f"{'':48s}" + "".join(f"{kind:>10s}" for kind in kinds))
    for sort in dict.fromkeys(sort for sort, _ in fuzz.outcomes):
        print(f"{sort:48s}" + "".join(f"{fuzz.outcomes[sort, kind]:10d}" for kind in kinds))
    print(f"{sum(fuzz.outcomes.values())} cases in {seconds:.0f} s")
    print(f"slowest {fuzz.slowest[0]:.2f} s: {fuzz.slowest[1]}")
    ratio = fuzz.largest[0] / max(fuzz.clean, 1)
    print(
        f"memory of a case at most {fuzz.largest[0] / 1024:.1f} MiB, clean {fuzz.clean / 1024:.1f} MiB"
        f" ({ratio:.2f} times, must be at most 4): {fuzz.largest[1]}"
    )
    print(f"the process grew from {fuzz.begun / 1024:.0f} to {fuzz.memory.now() / 1024:.0f} MiB")
    for fault in fuzz.faults[:20]:
        print(f"FAULT {fault}")
    return not fuzz.faults and ratio <= 4


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="cases of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", help="shipped name; the codec's own choice without it")
    parser.add_argument("--only", help="one case, KIND:NUMBER as printed; its traceback is shown")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        fuzz = Fuzz(given.model, Path(folder))
        with contextlib.redirect_stdout(io.StringIO()):  # the command's own lines
            fuzz.measure_clean()
        if given.only:
            kind, _, number = given.only.partition(":")
            fuzz.case = lambda label, sort, action: print(label, action())  # type: ignore[method-assign]
            fuzz.one(kind, given.seed, int(number))
            return
        begun = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            for kind in ("file", "llrs"):
                for number in range(given.count):
                    fuzz.one(kind, given.seed, number)
        sys.exit(0 if show(fuzz, time.perf_counter() - begun) else 1)


if __name__ == "__main__":
    main()
