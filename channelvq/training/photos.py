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

Ints = npt.NDArray[np.int64]

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


class Photos:
    """Photographs on a device, uint8 [3, H, W] each.

    Parameters
    ----------
    pictures : list of uint8 tensor [3, H, W]
        All at least a crop large. Those on a GPU are joined to one tensor there, so that the crops of a batch
        are one operation.
    """

    def __init__(self, pictures: list[torch.Tensor]) -> None:
        self._sizes = np.array([picture.shape[1:] for picture in pictures])
        self._joined: torch.Tensor | None = None
        if pictures and pictures[0].device.type == "cuda":
            self._joined = torch.cat([picture.reshape(-1) for picture in pictures])
            parts = torch.split(self._joined, [picture.numel() for picture in pictures])
            pictures = [part.view(old.shape) for part, old in zip(parts, pictures, strict=True)]
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def crops(self, seed: int, step: int, batch: int, side: int) -> torch.Tensor:
        """Draw the crops of one step, flipped and turned: float [batch, 3, side, side] in [0, 1].

        The draw depends on (seed, step) alone, so that a resumed run sees what an unbroken one sees.
        """
        return self.grouped_crops(seed, step, batch, 1, side)

    def grouped_crops(self, seed: int, step: int, count: int, crops: int, side: int) -> torch.Tensor:
        """Draw several crops each of a few photographs, those of one together and turned alike.

        Returns
        -------
        float tensor [count · crops, 3, side, side]
            In [0, 1]; the draw depends on (seed, step) alone.
        """
        rng = generator(seed, "crops", trial=step)
        which = np.repeat(rng.integers(len(self), size=count), crops)
        corners = (rng.random((count * crops, 2)) * (self._sizes[which] - side + 1)).astype(np.int64)
        turns = np.repeat(rng.integers(2, size=(count, 2)), crops, axis=0)
        cut = self._sliced if self._joined is None else self._gathered
        return cut(which, corners, turns, side).float() / 255

    def _sliced(self, which: Ints, corners: Ints, turns: Ints, side: int) -> torch.Tensor:
        """Cut squares of pictures `which` [n] at `corners` [n, 2], flip and transpose them as `turns` say."""
        out = []
        for number, (top, left), (flip, turn) in zip(which, corners, turns, strict=True):
            crop = self.pictures[number][:, top : top + side, left : left + side]
            crop = crop.flip(2) if flip else crop
            out.append(crop.transpose(1, 2) if turn else crop)
        return torch.stack(out)

    def _gathered(self, which: Ints, corners: Ints, turns: Ints, side: int) -> torch.Tensor:
        """Do what `_sliced` does, in one operation on the joined pictures."""
        assert self._joined is not None
        areas = self._sizes.prod(1)
        starts = 3 * (areas.cumsum() - areas)
        facts = np.column_stack([starts[which], areas[which], self._sizes[which, 1], corners, turns])
        columns = torch.from_numpy(facts).to(self._joined.device).T[:, :, None, None]
        start, area, width, top, left, flip, turn = columns
        along = torch.arange(side, device=self._joined.device)
        i, j = along[None, :, None], along[None, None, :]
        row, column = torch.where(turn == 1, j, i), torch.where(turn == 1, i, j)
        column = torch.where(flip == 1, side - 1 - column, column)
        place = start + (top + row) * width + left + column
        planes = torch.arange(3, device=place.device)[None, :, None, None] * area[:, None]
        return self._joined.take(place[:, None] + planes)

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
