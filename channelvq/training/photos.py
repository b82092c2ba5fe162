"""Training photographs: read once, kept as bytes in memory, cropped by a counter-based draw."""

from __future__ import annotations

import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
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
    say: Callable[[str], None] = lambda text: None,
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
    say : callable
        Told in one line if some were left out, and why.

    Raises
    ------
    UsageError
        Nothing there, a zip or manifest that cannot be read, or nothing usable in one of the two parts.
    """
    files = dict(_files(source))
    names = sorted(name for name in files if Path(name).suffix.lower() in SUFFIXES)
    if not names:
        raise UsageError(
            f"no photographs in {source}; expected a folder or zip of {', '.join(sorted(SUFFIXES))}"
        )
    split = _manifest(source, files)
    if split is None:
        split = {name: "val" if i % 16 == 8 else "train" for i, name in enumerate(names)}
    listed = [name for name in names if name in split]
    parts: dict[str, list[torch.Tensor]] = {"train": [], "val": []}
    unreadable = small = 0
    for count, name in enumerate(listed):
        pixels = _pixels(files[name])
        if pixels is None:
            unreadable += 1
        elif min(pixels.shape[:2]) < smallest:
            small += 1
        else:
            tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
            parts[split[name]].append(tensor.to(device))
        report(count + 1)
    reasons = f"{unreadable} unreadable, {small} with a side below {smallest} px"
    for part, pictures in parts.items():
        if not pictures:
            total = f"{len(names)} files, {len(listed)} of them in manifest.csv"
            total = total if len(listed) < len(names) else f"{len(names)} files"
            raise UsageError(f"no usable photographs for {part!r} in {source}: {total}, {reasons}")
    if unreadable or small:
        say(f"{unreadable + small} of {len(listed)} photographs: {reasons}")
    return Photos(parts["train"]), Photos(parts["val"])


def _pixels(read: Callable[[], bytes]) -> npt.NDArray[np.uint8] | None:
    """Pixels [H, W, 3]; None if the file cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of size and of damaged EXIF
            with Image.open(io.BytesIO(read())) as image:
                return np.asarray(image.convert("RGB"))
    except Exception:  # Pillow and zipfile raise almost anything on damaged files
        return None


def _files(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if source.is_dir():
        for path in source.rglob("*"):
            if path.is_file():
                yield path.relative_to(source).as_posix(), path.read_bytes
    elif zipfile.is_zipfile(source):
        try:
            archive = zipfile.ZipFile(source)
        except (zipfile.BadZipFile, OSError) as error:
            raise UsageError(f"cannot read {source}: {error}") from None
        for name in archive.namelist():
            yield name, lambda name=name: archive.read(name)  # type: ignore[misc]
    elif source.is_file():
        raise UsageError(f"{source} is no .zip of photographs, or a damaged one")
    else:
        raise UsageError(f"no training photographs at {source}: expected a folder or a .zip")


def _manifest(source: Path, files: dict[str, Callable[[], bytes]]) -> dict[str, str] | None:
    """Which file is for what; None without a manifest."""
    if "manifest.csv" not in files:
        return None
    where = f"manifest.csv in {source}"
    try:
        rows = list(csv.DictReader(io.StringIO(files["manifest.csv"]().decode("utf-8"))))
    except (OSError, ValueError, csv.Error, zipfile.BadZipFile, zlib.error) as error:
        raise UsageError(f"cannot read {where}: {error}") from None
    if not rows or not {"file", "split"} <= set(rows[0]):
        raise UsageError(f"{where} must have columns 'file' and 'split', and a row for each photograph")
    return {row["file"]: row["split"] for row in rows if row["split"] in ("train", "val")}
