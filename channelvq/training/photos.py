"""Training photographs: read once, kept as bytes in memory, cropped by a counter-based draw."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from channelvq.errors import UsageError
from channelvq.randomness import generator

__all__ = ["Photos", "load_photos"]

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


class Photos:
    """Photographs on a device, uint8 [3, H, W] each.

    Parameters
    ----------
    pictures : list of uint8 tensor [3, H, W]
        All at least a crop large.
    """

    def __init__(self, pictures: list[torch.Tensor]) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def crops(self, seed: int, step: int, batch: int, side: int) -> torch.Tensor:
        """Draw the crops of one step, flipped and turned: float [batch, 3, side, side] in [0, 1].

        The draw depends on (seed, step) alone, so that a resumed run sees what an unbroken one sees.
        """
        rng = generator(seed, "crops", trial=step)
        out = []
        for _ in range(batch):
            picture = self.pictures[int(rng.integers(len(self.pictures)))]
            top = int(rng.integers(picture.shape[1] - side + 1))
            left = int(rng.integers(picture.shape[2] - side + 1))
            crop = picture[:, top : top + side, left : left + side]
            if rng.integers(2):
                crop = crop.flip(2)
            if rng.integers(2):
                crop = crop.transpose(1, 2)
            out.append(crop)
        return torch.stack(out).float() / 255

    def centres(self, side: int) -> torch.Tensor:
        """Take the middle of each picture: float [n, 3, side, side] in [0, 1]."""
        out = []
        for picture in self.pictures:
            top, left = (picture.shape[1] - side) // 2, (picture.shape[2] - side) // 2
            out.append(picture[:, top : top + side, left : left + side])
        return torch.stack(out).float() / 255


def load_photos(
    source: Path,
    smallest: int,
    device: torch.device,
    report: Callable[[int], None] = lambda count: None,
) -> tuple[Photos, Photos]:
    """Read a folder or a zip file of photographs and part it in training and validation.

    A `manifest.csv` beside them with columns `file` and `split` ("train" or "val") decides; without one,
    every sixteenth file (in sorted order) is for validation.

    Parameters
    ----------
    source : Path
        Folder (searched deeply) or .zip.
    smallest : int
        Pictures with a shorter side are left out.
    device : torch.device
        Where the bytes are kept.
    report : callable
        Called with the number of pictures read so far.

    Raises
    ------
    UsageError
        Nothing there, or nothing usable in one of the two parts.
    """
    files = dict(_files(source))
    names = sorted(name for name in files if Path(name).suffix.lower() in SUFFIXES)
    if not names:
        raise UsageError(
            f"no photographs in {source}; expected a folder or zip of {', '.join(sorted(SUFFIXES))}"
        )
    split = _manifest(files) or {name: "val" if i % 16 == 8 else "train" for i, name in enumerate(names)}
    parts: dict[str, list[torch.Tensor]] = {"train": [], "val": []}
    unreadable = small = 0
    for count, name in enumerate(names):
        if name not in split:
            continue
        try:
            with Image.open(io.BytesIO(files[name]())) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError):
            unreadable += 1
            continue
        if min(pixels.shape[:2]) < smallest:
            small += 1
            continue
        tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        parts[split[name]].append(tensor.to(device))
        report(count + 1)
    for part, pictures in parts.items():
        if not pictures:
            raise UsageError(
                f"no usable photographs for {part!r} in {source}: {len(names)} files, "
                f"{unreadable} unreadable, {small} with a side below {smallest} px"
            )
    return Photos(parts["train"]), Photos(parts["val"])


def _files(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if source.is_dir():
        for path in source.rglob("*"):
            if path.is_file():
                yield path.relative_to(source).as_posix(), path.read_bytes
    elif zipfile.is_zipfile(source):
        archive = zipfile.ZipFile(source)
        for name in archive.namelist():
            yield name, lambda name=name: archive.read(name)  # type: ignore[misc]
    else:
        raise UsageError(f"no training photographs at {source}: expected a folder or a .zip")


def _manifest(files: dict[str, Callable[[], bytes]]) -> dict[str, str] | None:
    if "manifest.csv" not in files:
        return None
    rows = csv.DictReader(io.StringIO(files["manifest.csv"]().decode("utf-8")))
    return {row["file"]: row["split"] for row in rows if row.get("split") in ("train", "val")}
