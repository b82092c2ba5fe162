"""Pictures from files and back, and the named sets of pictures that experiments run on."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from channelvq.codecs.base import Picture
from channelvq.components import integer
from channelvq.errors import UsageError
from channelvq.idx import image_in_idx
from channelvq.npz import image_in_npz

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "MIN_SIDE",
    "NamedImage",
    "check_picture",
    "content_hash",
    "from_8bit",
    "image_set",
    "load_image",
    "mnist_folder",
    "save_image",
    "to_8bit",
]

MIN_SIDE = 16
"""Smallest height and width that codecs take, in pixels."""

_BUILTIN = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".jp2", ".avif")
)
_SAVE_AS = "use .png, .jpg, .tif or .webp"
_MNIST = ("t10k-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte")
_DIGITS, _ALL_DIGITS = 500, 10_000
_IN_DATA = {"kodak": "kodim*.png", "gb82": "*.png"}  # folders of $CHANNELVQ_DATA, and their files
_CIFAR = "cifar10_train_first4000.npz"
_CIFAR_FIRST, _CIFAR_COUNT = 3000, 1000
_GREY = ("1", "L", "I", "I;16", "I;16L", "I;16B", "I;16N", "F")


def to_8bit(picture: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Quantise [0, 1] to 0..255 as files and metrics see it: round(255 x), clipped; shape is kept.

    Examples
    --------
    >>> to_8bit([-0.1, 0.5, 1.0])
    array([  0, 128, 255], dtype=uint8)
    """
    scaled = np.asarray(picture, dtype=np.float32) * np.float32(255)
    pixels: npt.NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return pixels


def from_8bit(pixels: npt.NDArray[np.uint8]) -> Picture:
    """Make a picture [C, H, W] of 8-bit pixels [H, W], [H, W, 1] or [H, W, 3].

    Examples
    --------
    >>> from_8bit(np.full((2, 2, 3), 255, np.uint8)).shape
    (3, 2, 2)
    """
    stacked = pixels[:, :, None] if pixels.ndim == 2 else pixels
    planes = np.ascontiguousarray(stacked.transpose(2, 0, 1))
    return planes.astype(np.float32) / np.float32(255)


def check_picture(picture: npt.ArrayLike) -> Picture:
    """Take any array that is a picture as float32, or say why it is none.

    Raises
    ------
    UsageError
        Unless it is real, [3, H, W] or [1, H, W], both sides ≥ 16, finite and in [0, 1] (float error of
        1e-3 is clipped).

    Examples
    --------
    >>> check_picture(np.zeros((3, 16, 16))).dtype
    dtype('float32')
    """
    array = np.asarray(picture)
    if array.ndim != 3 or array.shape[0] not in (1, 3):
        raise UsageError(f"picture has shape {array.shape}, must be [3, H, W] or [1, H, W]")
    _check_size(array.shape[1], array.shape[2], "picture")
    if array.dtype.kind != "f":
        raise UsageError(f"picture has type {array.dtype}, must be float in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):
        raise UsageError(f"picture has values from {low:g} to {high:g}, must be in [0, 1]")
    return np.clip(array.astype(np.float32, copy=False), 0, 1)


def load_image(path: str | os.PathLike[str]) -> Picture:
    """Read a picture file as a person would expect to see it.

    Turned as its EXIF orientation says; transparency laid over white; palette, CMYK and the like made RGB;
    1-, 16- and 32-bit grey scaled to [0, 1]; grey (a grey palette too) stays one plane; the first frame of
    many. ICC profiles are not applied. FILE/NUMBER is one image of an IDX file (MNIST) or of an NPZ file
    with an array `x` (CIFAR-10), counted from 0.

    Returns
    -------
    ndarray of float32 [3, H, W] or [1, H, W]
        In [0, 1].

    Raises
    ------
    UsageError
        If the file is missing, no picture, damaged, too large to be safe, or less than 16 px on a side.

    Examples
    --------
    >>> load_image(image_set("builtin")[0].path).shape
    (3, 512, 512)
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = os.fspath(path)
    if not Path(path).exists():
        pixels = image_in_idx(path)
        if pixels is None:
            pixels = image_in_npz(path)
        if pixels is not None:
            _check_size(pixels.shape[0], pixels.shape[1], name)
            return from_8bit(pixels)
        raise UsageError(f"no such image file: {name}")
    if Path(path).is_dir():
        raise UsageError(f"{name} is a folder, must be an image file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # size warnings and damaged EXIF; real damage raises
            with Image.open(path) as opened:
                opened.load()
                planes = _planes(ImageOps.exif_transpose(opened))
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None
    except UnidentifiedImageError:
        raise UsageError(f"{name} is not an image that Pillow can read (PNG, JPEG, TIFF, ...)") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise UsageError(f"{name} has too many pixels, at most {limit} are read") from None
    except Exception as error:  # Pillow raises almost anything on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{name} cannot be read as an image: {reason}") from None
    _check_size(planes.shape[1], planes.shape[2], name)
    return planes


def save_image(picture: npt.ArrayLike, path: str | os.PathLike[str]) -> None:
    """Write a picture with 8 bits a sample, all of it or nothing; the extension names the format.

    Raises
    ------
    UsageError
        If the extension is unknown or the file cannot be written.

    Examples
    --------
    >>> save_image(np.zeros((3, 16, 16), np.float32), "a.xyz")
    Traceback (most recent call last):
    channelvq.errors.UsageError: cannot save a.xyz: unknown extension '.xyz', use .png, .jpg, .tif or .webp
    """
    from PIL import Image

    target = Path(path)
    name = target.suffix.lower()
    format_name = Image.registered_extensions().get(name)
    if format_name is None or format_name not in Image.SAVE:
        raise UsageError(f"cannot save {target}: unknown extension {name!r}, {_SAVE_AS}")
    pixels = to_8bit(check_picture(picture)).transpose(1, 2, 0)
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
    options: dict[str, int] = {}
    if format_name == "JPEG":
        options = {"quality": 95, "subsampling": 0}
    elif format_name == "WEBP":
        options = {"lossless": True}
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temporary.open("xb") as file:
            image.save(file, format=format_name, **options)
        temporary.replace(target)
    except (OSError, ValueError, KeyError) as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UsageError(f"cannot write {target}: {reason}") from None


def content_hash(picture: npt.ArrayLike) -> str:
    """Name a picture by what it shows: SHA-256 (hex) of its shape and 8-bit samples.

    The same picture has the same name whatever file, type or device it came from, so its noise is the same.

    Examples
    --------
    >>> content_hash(np.zeros((1, 16, 16)))[:8] == content_hash(np.zeros((1, 16, 16), np.float32))[:8]
    True
    """
    pixels = to_8bit(picture)
    digest = hashlib.sha256("x".join(map(str, pixels.shape)).encode())
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class NamedImage:
    """One picture of a set: a short name, unique in the set, and where its file is."""

    name: str
    path: Path

    def load(self) -> Picture:
        """Read it (see `load_image`)."""
        return load_image(self.path)


def image_set(name: str | os.PathLike[str]) -> list[NamedImage]:
    """List the pictures of a set; none is opened.

    Parameters
    ----------
    name : str or path
        "builtin" (astronaut, chelsea, coffee and rocket from scikit-image's wheel), "kodak" and "gb82" (the
        folders of that name in ``$CHANNELVQ_DATA``, one to test on, one to tune on), "mnist" (the first 500
        digits of MNIST's test part, from the folder ``mnist`` in ``$CHANNELVQ_DATA``), "mnist:COUNT" (the
        first COUNT of its 10 000), "cifar10" (the last 1000 of the first 4000 training pictures of CIFAR-10,
        ``cifar10/cifar10_train_first4000.npz`` in ``$CHANNELVQ_DATA``), "cifar10:COUNT" (the first COUNT of
        these), a folder (its image files, sorted by name, or the digits of "mnist" if it holds MNIST's files)
        or one image file.

    Raises
    ------
    UsageError
        If there is no such set, or it holds no image.

    Examples
    --------
    >>> [image.name for image in image_set("builtin")]
    ['astronaut', 'chelsea', 'coffee', 'rocket']
    """
    if name == "builtin":
        return _builtin()
    if name in _IN_DATA:
        return _from_data(str(name))
    path = Path(name)
    if path.is_file():
        return [NamedImage(path.stem, path)]
    if not path.is_dir():
        kind, _, count = os.fspath(name).partition(":")
        if kind == "mnist":
            return _mnist(count or str(_DIGITS))
        if kind == "cifar10":
            return _cifar10(count or str(_CIFAR_COUNT))
        allowed = "builtin, kodak, gb82, mnist, cifar10, a folder or an image file"
        raise UsageError(f"unknown image set {os.fspath(name)!r}; allowed: {allowed}")
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES and p.is_file())
    files = [p for p in files if not p.name.startswith(".")]
    if not files and any((path / digits).is_file() for digits in _MNIST):
        return _digits(path, _DIGITS)
    if not files:
        raise UsageError(f"folder {path} holds no image file ({', '.join(sorted(_SUFFIXES))})")
    stems = Counter(p.stem for p in files)
    return [NamedImage(p.stem if stems[p.stem] == 1 else p.name, p) for p in files]


def _builtin() -> list[NamedImage]:
    found = importlib.util.find_spec("skimage")  # only located: importing it takes half a second
    if found is None or not found.submodule_search_locations:
        raise UsageError("the builtin images come with scikit-image, which is not installed")
    folder = Path(found.submodule_search_locations[0]) / "data"
    images = [NamedImage(Path(file).stem, folder / file) for file in _BUILTIN]
    for image in images:
        if not image.path.is_file():
            raise UsageError(f"scikit-image is installed without its picture {image.path}")
    return images


def _from_data(name: str) -> list[NamedImage]:
    """List a set of picture files that is a folder of `$CHANNELVQ_DATA`."""
    pattern, root = _IN_DATA[name], os.environ.get("CHANNELVQ_DATA")
    if not root:
        raise UsageError(f"image set {name!r} needs $CHANNELVQ_DATA, the folder that holds {name}/{pattern}")
    files = sorted((Path(root) / name).glob(pattern))
    if not files:
        raise UsageError(f"no {pattern} in {Path(root) / name} ($CHANNELVQ_DATA is {root})")
    return [NamedImage(p.stem, p) for p in files]


def mnist_folder() -> Path:
    """Say where MNIST's files are: the folder `mnist` in `$CHANNELVQ_DATA`.

    Raises
    ------
    UsageError
        If the variable is not set.
    """
    root = os.environ.get("CHANNELVQ_DATA")
    if not root:
        raise UsageError(f"image set 'mnist' needs $CHANNELVQ_DATA, the folder that holds mnist/{_MNIST[0]}")
    return Path(root) / "mnist"


def _mnist(count: str) -> list[NamedImage]:
    """List the first digits of the test part."""
    return _digits(mnist_folder(), integer(count, "number of digits", 1, _ALL_DIGITS))


def _digits(folder: Path, count: int) -> list[NamedImage]:
    files = [folder / name for name in _MNIST if (folder / name).is_file()]
    if not files:
        raise UsageError(f"no {_MNIST[0]} in {folder}")
    return [NamedImage(f"mnist-{number:05}", files[0] / str(number)) for number in range(count)]


def _cifar10(count: str) -> list[NamedImage]:
    """List pictures that no weights of ours were trained on, though CIFAR-10's authors meant them for it."""
    root = os.environ.get("CHANNELVQ_DATA")
    if not root:
        raise UsageError(f"image set 'cifar10' needs $CHANNELVQ_DATA, the folder that holds cifar10/{_CIFAR}")
    file = Path(root) / "cifar10" / _CIFAR
    if not file.is_file():
        raise UsageError(f"no {file} ($CHANNELVQ_DATA is {root})")
    numbers = range(_CIFAR_FIRST, _CIFAR_FIRST + integer(count, "number of pictures", 1, _CIFAR_COUNT))
    return [NamedImage(f"cifar10-{number:04}", file / str(number)) for number in numbers]


def _planes(image: Image.Image) -> Picture:
    """Convert any Pillow mode to grey or RGB planes in [0, 1]."""
    mode = image.mode
    if mode in _GREY:
        return _grey(image)
    if mode in ("LA", "La"):
        return _over_white(image.convert("LA"))
    from_palette = mode in ("P", "PA")
    if mode in ("RGBA", "RGBa", "PA") or (mode in ("P", "RGB") and "transparency" in image.info):
        planes = _over_white(image.convert("RGBA"))
    else:
        planes = from_8bit(np.asarray(image.convert("RGB")))
    if from_palette and (planes[0] == planes[1]).all() and (planes[0] == planes[2]).all():
        return np.ascontiguousarray(planes[:1])
    return planes


def _grey(image: Image.Image) -> Picture:
    if "transparency" in image.info and image.mode in ("1", "L"):
        return _over_white(image.convert("LA"))
    if image.mode in ("1", "L"):
        return from_8bit(np.asarray(image.convert("L")))
    values = np.asarray(image).astype(np.float64)
    top = 1.0 if image.mode == "F" else 65535.0
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= top):
        raise UsageError(f"grey values go from {low:g} to {high:g}, must be from 0 to {top:g} ({image.mode})")
    return (values / top).astype(np.float32)[None]


def _over_white(image: Image.Image) -> Picture:
    """Lay LA or RGBA over white, rounded to 8 bits as every other picture."""
    planes = from_8bit(np.asarray(image))
    colour, alpha = planes[:-1], planes[-1:]
    laid = to_8bit(colour * alpha + (1 - alpha))
    return laid.astype(np.float32) / np.float32(255)


def _check_size(height: int, width: int, what: str) -> None:
    if min(height, width) < MIN_SIDE:
        raise UsageError(f"{what} is {width} x {height} px, each side must be at least {MIN_SIDE}")
