"""Weights on disk, whatever they are of: safetensors that say what they hold and notice their own damage.

The metadata of a file: `format` ("channelvq-KIND-VERSION"), `name`, `shape` and `about` (JSON), and `digest`,
the SHA-256 of all tensors and all other metadata. What ships is held against `weights/SHA256SUMS` besides.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode

from channelvq.errors import UsageError, unknown_name

__all__ = ["WeightFile", "WeightKind", "fill", "read_weights", "shipped_files", "shipped_hashes"]

T = TypeVar("T")
M = TypeVar("M", bound=torch.nn.Module)

SUMS = "SHA256SUMS"
_UNSEALED = {"channelvq-vqvae-1"}  # written before files had a digest
_FORMAT = re.compile(r"channelvq-([a-z0-9-]+)-([0-9]+)")
_LARGEST_SIZE = 1 << 16


@dataclass(frozen=True)
class WeightFile:
    """What a file of weights holds.

    Attributes
    ----------
    path : Path
        Where it lies.
    sha256 : str
        Of the whole file, 64 hexadecimal digits.
    kind : str
        What the weights are of: "vqvae", ...
    version : int
        Of the kind's format.
    name : str
        Name that the training gave.
    shape : dict of str to int
        Sizes of the network.
    about : dict
        What the training wrote down: recipe, steps, hardware, figures.
    tensors : dict of str to tensor
        As stored.
    """

    path: Path
    sha256: str
    kind: str
    version: int
    name: str
    shape: dict[str, Any]
    about: dict[str, Any]
    tensors: dict[str, torch.Tensor]

    @property
    def id(self) -> str:
        """First 16 hexadecimal digits of the file's SHA-256: what streams and results name weights by."""
        return self.sha256[:16]

    def part(self, prefix: str) -> dict[str, torch.Tensor]:
        """Tensors whose names begin with `prefix`, without it."""
        return {
            key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)
        }

    def take(self, name: str, size: tuple[int, ...]) -> torch.Tensor:
        """Give one tensor, which must be of `size`.

        Raises
        ------
        ValueError
            It is not there, or of another size.
        """
        if name not in self.tensors:
            raise ValueError(f"tensor {name!r} is missing")
        found = self.tensors[name]
        if tuple(found.shape) != size:
            raise ValueError(f"tensor {name!r} is of shape {list(found.shape)}, must be {list(size)}")
        return found


@dataclass(frozen=True)
class WeightKind(Generic[T]):
    """A kind of weights: what its files are called inside, and what is built of them.

    Parameters
    ----------
    name : str
        As in the file's format: "vqvae".
    version : int
        Of the format that is written.
    build : callable
        Makes the model of a `WeightFile`; a ValueError, KeyError, TypeError or RuntimeError in it says why
        the file is no such model. `fill` makes a network.
    reads : tuple of int
        Older versions that `build` also takes.
    default : str, optional
        Name of the shipped model that is loaded when none is named.

    Examples
    --------
    >>> import tempfile
    >>> kind = WeightKind("line", 1, lambda file: file.take("slope", (1,)).item())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mine.safetensors"
    ...     kind.save(path, {"slope": torch.tensor([2.5])}, name="mine", shape={}, about={})
    ...     kind.load(path)
    2.5
    """

    name: str
    version: int
    build: Callable[[WeightFile], T]
    reads: tuple[int, ...] = ()
    default: str | None = None

    def save(
        self,
        path: Path,
        tensors: Mapping[str, torch.Tensor],
        *,
        name: str,
        shape: Mapping[str, Any],
        about: Mapping[str, Any],
    ) -> None:
        """Write a file in one step, tensors as they are (make them half where that is enough)."""
        ready = {key: value.detach().contiguous().cpu() for key, value in tensors.items()}
        meta = {
            "format": f"channelvq-{self.name}-{self.version}",
            "name": name,
            "shape": json.dumps(dict(shape)),
            "about": json.dumps(dict(about)),
        }
        meta["digest"] = _digest(meta, ready)
        partial = path.with_suffix(".partial")
        save_file(ready, partial, metadata=meta)
        partial.replace(path)

    def load(self, name_or_path: str | Path | None = None) -> T:
        """Load a shipped model by name, or any by its path; the last few stay in memory.

        Raises
        ------
        UsageError
            No such model; a file that is damaged, of another kind, version or shape, or holds NaN.
        """
        name = str(name_or_path or self.default)
        path = Path(name) if name.endswith(".safetensors") else shipped_files().get(name)
        if path is None:
            raise unknown_name("model", name, [*shipped_files(self.name), "a path to a .safetensors file"])
        try:
            stamp = path.stat().st_mtime_ns
        except OSError as error:
            raise UsageError(f"cannot read weights {path}: {error.strerror}") from None
        return _load(self, path.resolve(), stamp)  # type: ignore[return-value]


@lru_cache(maxsize=4)
def _load(kind: WeightKind[Any], path: Path, stamp: int) -> object:
    file = read_weights(path, kind.name, (kind.version, *kind.reads))
    try:
        return kind.build(file)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise _unusable(path, error) from None


def read_weights(
    path: Path, kind: str | None = None, versions: Iterable[int] | None = None, *, finite: bool = True
) -> WeightFile:
    """Read a file of weights and check all that can be checked without knowing the network.

    A file in the package must have the hash that `SHA256SUMS` lists; any other carries a digest of its own.

    Parameters
    ----------
    path : Path
        The file.
    kind : str, optional
        What it must be of; without it any kind will do.
    versions : iterable of int, optional
        Which versions of the format will do.
    finite : bool
        Whether to look for NaN and infinity.

    Raises
    ------
    UsageError
        One line that says what is wrong with the file.
    """
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"cannot read weights {path}: {error.strerror}") from None
    listed = _check_hash(path, sha256)
    try:
        with safe_open(path, "pt") as opened:
            meta = opened.metadata() or {}
            found, version = _format(path, meta.get("format"), kind, versions)
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
        if not listed:
            _check_digest(meta, tensors)
        shape, about = json.loads(meta["shape"]), json.loads(meta["about"])
        if not isinstance(shape, dict) or not isinstance(about, dict):
            raise TypeError("its metadata are no tables")
        if any(isinstance(size, int) and not 0 <= size <= _LARGEST_SIZE for size in shape.values()):
            raise ValueError(f"its shape has sizes outside of 0 to {_LARGEST_SIZE}")
        name = meta["name"]
    except UsageError:
        raise
    except (OSError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise _unusable(path, error) from None
    if finite:
        for key, value in tensors.items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise _unusable(path, f"tensor {key!r} holds NaN or infinity")
    return WeightFile(path, sha256, found, version, name, shape, about, tensors)


def fill(make: Callable[[], M], tensors: Mapping[str, torch.Tensor], left_out: Iterable[str] = ()) -> M:
    """Make a network and give it its weights, single precision, ready for inference.

    `make` runs on torch's meta device, so that a file that claims absurd sizes costs nothing, and no time
    goes into random weights.

    Parameters
    ----------
    make : callable
        Makes the network.
    tensors : dict of str to tensor
        Its state; floating point of any precision.
    left_out : iterable of str
        Entries of the state that inference does not need and files do not hold; they become empty.

    Raises
    ------
    ValueError
        A tensor is missing, too much, or of another shape; names it.

    Examples
    --------
    >>> state = {"weight": torch.ones(1, 2).half(), "bias": torch.zeros(1).half()}
    >>> fill(lambda: torch.nn.Linear(2, 1), state)(torch.ones(2)).item()
    2.0
    """
    with torch.device("meta"), _NoDraws():
        network = make()
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    for key in left_out:
        del wanted[key]
    for key, size in wanted.items():
        if key not in tensors:
            raise ValueError(f"tensor {key!r} is missing")
        if tuple(tensors[key].shape) != size:
            raise ValueError(f"tensor {key!r} is of shape {list(tensors[key].shape)}, must be {list(size)}")
    if more := [key for key in tensors if key not in wanted]:
        raise ValueError(f"tensor {more[0]!r} is of no use to this network")
    state = {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    for key in left_out:
        state[key] = torch.zeros(0)
        owner, _, attribute = key.rpartition(".")
        setattr(network.get_submodule(owner), attribute, torch.zeros(0))
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(requires_grad=False)


class _NoDraws(TorchFunctionMode):
    """Leaves out what fills new weights: for normal draws the meta device would load a compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func is torch.Tensor.normal_ or getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def shipped_files(kind: str | None = None) -> dict[str, Path]:
    """Name and file of every model in the package, or of those of one kind."""
    files = {path.stem: path for path in sorted(_folder().glob("*.safetensors"))}
    return files if kind is None else {name: path for name, path in files.items() if _kind_of(path) == kind}


def shipped_hashes() -> dict[str, str]:
    """Name and SHA-256 of every model that `SHA256SUMS` lists (in the form that sha256sum writes)."""
    try:
        lines = (_folder() / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines if line.strip())
    return {Path(file).stem: sha256 for sha256, file in pairs}


def _folder() -> Path:
    return Path(str(resources.files("channelvq.models") / "weights"))


def _kind_of(path: Path) -> str | None:
    """Read what a file is of; None if that cannot be told."""
    try:
        with safe_open(path, "pt") as opened:
            match = _FORMAT.fullmatch((opened.metadata() or {}).get("format", ""))
    except (OSError, SafetensorError):
        return None
    return match.group(1) if match else None


def _check_hash(path: Path, sha256: str) -> bool:
    """Hold a file of the package against `SHA256SUMS`; says whether it is one."""
    if path.resolve().parent != _folder().resolve():
        return False
    wanted = shipped_hashes().get(path.stem)
    if wanted is None:
        raise UsageError(f"{path} is not listed in {SUMS} beside it")
    if sha256 != wanted:
        raise UsageError(
            f"{path} is damaged: its SHA-256 begins with {sha256[:16]}, must be {wanted[:16]} ({SUMS});"
            " install channelvq anew"
        )
    return True


def _format(
    path: Path, text: str | None, kind: str | None, versions: Iterable[int] | None
) -> tuple[str, int]:
    """Take a format apart, and check kind and version."""
    match = _FORMAT.fullmatch(text or "")
    if match is None:
        raise UsageError(f"{path} holds no weights of channelvq: its format is {text!r}")
    found, version = match.group(1), int(match.group(2))
    if kind is not None and found != kind:
        raise UsageError(f"{path} holds weights of kind {found!r}, must be {kind!r}")
    allowed = sorted(versions or [version])
    if version not in allowed:
        known = " and ".join(map(str, allowed))
        raise UsageError(f"{path} is of version {version} of {found!r}, this program reads {known}")
    return found, version


def _check_digest(meta: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> None:
    if "digest" not in meta:
        if meta["format"] in _UNSEALED:
            return
        raise ValueError("it carries no digest")
    found = _digest(meta, tensors)
    if found != meta["digest"]:
        raise ValueError(f"it is damaged, its digest begins with {found[:16]}, must be {meta['digest'][:16]}")


def _digest(meta: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of names, types, shapes and bytes of the tensors, and of the metadata."""
    digest = hashlib.sha256()
    for key in sorted(set(meta) - {"digest"}):
        digest.update(f"{key}\0{len(meta[key].encode())}\0{meta[key]}".encode())
    for key in sorted(tensors):
        value = tensors[key]
        digest.update(f"{key}\0{value.dtype}\0{list(value.shape)}\0".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _unusable(path: Path, reason: BaseException | str) -> UsageError:
    text = str(reason).splitlines()[0] if str(reason) else type(reason).__name__
    if isinstance(reason, KeyError):
        text = f"{text} is missing in its metadata"
    return UsageError(f"{path} holds no usable weights: {text}")
