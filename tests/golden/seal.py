"""After weights were added or replaced: list their hashes, and make their golden streams (`make seal`)."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from golden.streams import FOLDER, all_golden

from channelvq.models.registry import models
from channelvq.models.weight_file import shipped_files


def main() -> None:
    """Write `SHA256SUMS`, and streams for every model; what is of no model any more goes."""
    files = shipped_files()
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files.values()]
    listed = next(iter(files.values())).parent / "SHA256SUMS"
    listed.write_text("".join(sums), encoding="utf-8")
    print(f"{listed.name}: {len(sums)} files")
    for info in models():
        if not info.card.exists() or info.id not in info.card.read_text(encoding="utf-8"):
            print(f"{info.name}: its card {info.card.name} is missing or does not name its SHA-256")
    golden = all_golden()
    kept = {path for one in golden for path in (one.stream, FOLDER / f"{one.name}.json")}
    for path in [*FOLDER.glob("*.cvq"), *FOLDER.glob("*.json")]:
        if path not in kept:
            path.unlink()
    for one in golden:
        print(f"{one.name}: {one.make()} bytes")


if __name__ == "__main__":
    main()
