"""Weights on disk: what is saved comes back, what is damaged or no model is refused with a reason."""

import hashlib
import json
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from samples import small_network

from channelvq.errors import UsageError
from channelvq.models import weight_file
from channelvq.models.network import Shape
from channelvq.models.registry import KINDS, model_info, models, open_model
from channelvq.models.vqvae import VqVae
from channelvq.models.weight_file import WeightKind, fill, read_weights, shipped_files, shipped_hashes
from channelvq.models.weights import VQVAE, load_model


def opened(path):
    with safe_open(path, "pt") as file:
        return file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


@pytest.fixture
def rewritten(tmp_path, small_weights):
    """Write the small model anew after `change(meta, tensors)`, with a digest that holds."""

    def rewrite(change):
        meta, tensors = opened(small_weights)
        change(meta, tensors)
        meta["digest"] = weight_file._digest(meta, tensors)
        save_file(tensors, tmp_path / "x.safetensors", metadata=meta)
        return tmp_path / "x.safetensors"

    return rewrite


@pytest.fixture
def package(tmp_path, small_weights, monkeypatch):
    """A folder of shipped weights, holding the small model."""
    folder = tmp_path / "weights"
    folder.mkdir()
    shutil.copy(small_weights, folder / "small.safetensors")
    sha256 = hashlib.sha256(Path(small_weights).read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{sha256}  small.safetensors\n")
    monkeypatch.setattr(weight_file, "_folder", lambda: folder)
    return folder


def refusal(path):
    with pytest.raises(UsageError) as caught:
        load_model(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def flip(path, place, bit=4):
    data = bytearray(Path(path).read_bytes())
    data[place] ^= 1 << bit
    Path(path).write_bytes(data)


def test_round_trip(small_weights):
    model = load_model(small_weights)
    assert model.id == hashlib.sha256(Path(small_weights).read_bytes()).hexdigest()[:16]
    made = small_network()
    assert torch.equal(model.network.pair.basis, made.pair.basis)
    assert torch.equal(model.network.quantizer.codebooks, made.quantizer.codebooks.half().float())
    assert model.map_table.shape == (7**3, 6)


def test_unknown_name_lists_the_known_of_its_kind():
    with pytest.raises(
        UsageError, match=r"unknown model 'nope'; allowed: photo.*, a path to a \.safetensors"
    ):
        load_model("nope")
    with pytest.raises(UsageError, match="unknown model 'nope'; allowed: a path"):
        WeightKind("other", 1, lambda file: file).load("nope")


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x00" * 500, b"\xff" * 500])
def test_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    assert "no usable weights" in refusal(path)
    assert "cannot read" in refusal(tmp_path / "absent.safetensors")


def test_a_safetensors_file_of_someone_else_is_refused(tmp_path):
    save_file({"a": torch.zeros(3)}, tmp_path / "x.safetensors")
    assert "no weights of channelvq: its format is None" in refusal(tmp_path / "x.safetensors")


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.999])
def test_a_file_cut_short_is_refused(tmp_path, small_weights, share):
    data = Path(small_weights).read_bytes()
    path = tmp_path / "x.safetensors"
    path.write_bytes(data[: int(share * len(data))])
    assert "no usable weights" in refusal(path)


def test_any_flipped_bit_is_noticed(tmp_path, small_weights):
    data = Path(small_weights).read_bytes()
    path = tmp_path / "x.safetensors"
    rng = np.random.default_rng(0)
    (start,) = struct.unpack("<Q", data[:8])
    places = [*rng.integers(0, 8 + start, 60), *rng.integers(8 + start, len(data), 60)]
    for place in places:
        path.write_bytes(data)
        flip(path, int(place), int(rng.integers(8)))
        with pytest.raises(UsageError) as caught:
            read_weights(path)
        assert "\n" not in str(caught.value)


def test_a_damaged_tensor_says_so(tmp_path, small_weights):
    path = tmp_path / "x.safetensors"
    shutil.copy(small_weights, path)
    flip(path, -100)
    assert re.search(r"it is damaged, its digest begins with \w{16}, must be \w{16}", refusal(path))


def test_a_changed_card_of_the_file_itself_says_so(tmp_path, small_weights):
    meta, tensors = opened(small_weights)
    meta["about"] = json.dumps({"validation": {"psnr_db": {"0.5": 99.0}}})
    save_file(tensors, tmp_path / "x.safetensors", metadata=meta)
    assert "it is damaged" in refusal(tmp_path / "x.safetensors")
    del meta["digest"]
    save_file(tensors, tmp_path / "y.safetensors", metadata=meta)
    assert "carries no digest" in refusal(tmp_path / "y.safetensors")


def test_files_from_before_the_digest_load(tmp_path, small_weights):
    meta, tensors = opened(small_weights)
    del meta["digest"]
    meta["format"] = "channelvq-vqvae-1"
    save_file(tensors, tmp_path / "x.safetensors", metadata=meta)
    assert load_model(tmp_path / "x.safetensors").name == "small"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("format", "channelvq-vqvae-99", "is of version 99 of 'vqvae', this program reads 1 and 2"),
        ("format", "channelvq-deepjscc-2", "holds weights of kind 'deepjscc', must be 'vqvae'"),
        ("format", "gpt", "no weights of channelvq: its format is 'gpt'"),
        ("shape", "{", "no usable weights"),
        ("shape", "[]", "its metadata are no tables"),
        ("shape", '{"dim": -1}', "sizes outside of 0 to"),
        ("shape", '{"depth": 3}', "unexpected keyword argument 'depth'"),
        (
            "shape",
            '{"dim": 16, "width": 60000}',
            "tensor 'log_prior' is of shape [5, 64], must be [12, 1024]",
        ),
        ("about", "", "no usable weights"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(rewritten, key, value, says):
    path = rewritten(lambda meta, tensors: meta.__setitem__(key, value))
    assert says in refusal(path)


@pytest.mark.parametrize("key", ["format", "name", "shape", "about"])
def test_missing_metadata_are_named(rewritten, tmp_path, small_weights, key):
    meta, tensors = opened(small_weights)
    del meta[key]
    meta["digest"] = weight_file._digest(meta, tensors)
    save_file(tensors, tmp_path / "x.safetensors", metadata=meta)
    assert (f"'{key}' is missing" if key != "format" else "format is None") in refusal(
        tmp_path / "x.safetensors"
    )


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("pair.mean", torch.zeros(10), "tensor 'pair.mean' is of shape [10], must be [192]"),
        ("pair.mean", None, "tensor 'pair.mean' is missing"),
        ("log_prior", torch.zeros(5, 32), "tensor 'log_prior' is of shape [5, 32], must be [5, 64]"),
        ("map_table", None, "tensor 'map_table' is missing"),
        ("map_table", torch.zeros(343, 6, dtype=torch.int32), "tensor 'map_table' has entries from 0"),
        ("more", torch.zeros(2), "tensor 'more' is of no use to this network"),
        (
            "pair.decoder_out.bias",
            torch.full((192,), float("nan")).half(),
            "'pair.decoder_out.bias' holds NaN",
        ),
        (
            "quantizer.codebooks",
            torch.full((5, 64, 16), float("inf")),
            "'quantizer.codebooks' holds NaN or inf",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(rewritten, name, value, says):
    def change(meta, tensors):
        tensors.pop(name, None)
        if value is not None:
            tensors[name] = value

    assert says in refusal(rewritten(change))


def test_absurd_sizes_cost_nothing(rewritten):
    sizes = {"dim": 192, "width": 60000, "encoder_blocks": 9, "decoder_blocks": 9, "stages": 5, "codes": 64}
    path = rewritten(lambda meta, tensors: meta.__setitem__("shape", json.dumps(sizes)))
    # 18 blocks of 60000 channels are half a terabyte
    assert (
        "tensor 'pair.encoder_in.weight' is of shape [8, 192, 1, 1], must be [60000, 192, 1, 1]"
        in refusal(path)
    )


def test_filled_networks_compute_what_the_original_does():
    made = small_network()
    filled = fill(lambda: VqVae(made.shape), made.state_dict())
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(filled.pair.analyse(picture), made.pair.analyse(picture))
    assert not any(value.is_meta for value in filled.state_dict().values())
    assert not any(p.requires_grad for p in filled.parameters())
    assert not filled.training


def test_a_kind_of_ones_own_saves_and_loads(tmp_path):
    kind = WeightKind("line", 3, lambda file: (file.take("a", (2,)), file.part("net."), file.id), reads=(2,))
    kind.save(
        tmp_path / "l.safetensors", {"a": torch.ones(2), "net.w": torch.eye(2)}, name="l", shape={}, about={}
    )
    a, net, found = kind.load(tmp_path / "l.safetensors")
    assert a.tolist() == [1, 1]
    assert torch.equal(net["w"], torch.eye(2))
    assert found == hashlib.sha256((tmp_path / "l.safetensors").read_bytes()).hexdigest()[:16]
    assert "holds weights of kind 'line', must be 'vqvae'" in refusal(tmp_path / "l.safetensors")
    with pytest.raises(UsageError, match="holds weights of kind 'line'; allowed: vqvae"):
        open_model(model_info(str(tmp_path / "l.safetensors")))


class TestShipped:
    """The package's own weights are held against a list of hashes."""

    def test_good(self, package):
        assert load_model("small").name == "small"
        assert [(info.name, info.kind) for info in models()] == [("small", "vqvae")]
        assert open_model(model_info("small")).name == "small"

    def test_damaged(self, package):
        flip(package / "small.safetensors", -100)
        with pytest.raises(UsageError, match=r"is damaged: its SHA-256 begins with \w{16}, must be \w{16}"):
            load_model("small")
        with pytest.raises(UsageError, match="install channelvq anew"):
            models()
        with pytest.raises(UsageError, match="is damaged"):
            load_model(package / "small.safetensors")

    def test_replaced_by_other_good_weights(self, package):
        network = small_network(1)
        prior, table = torch.zeros(5, 64), np.ones((343, 6), np.uint16)
        from channelvq.models.weights import save_model

        save_model(package / "small.safetensors", network, prior, table, "small", {})
        with pytest.raises(UsageError, match="is damaged: its SHA-256"):
            load_model("small")

    def test_not_listed(self, package):
        (package / "SHA256SUMS").write_text("")
        with pytest.raises(UsageError, match="is not listed in SHA256SUMS"):
            load_model("small")
        (package / "SHA256SUMS").unlink()
        with pytest.raises(UsageError, match="is not listed in SHA256SUMS"):
            load_model("small")


def test_every_kind_that_is_registered_can_be_opened():
    for name, place in KINDS.items():
        module, _, attribute = place.partition(":")
        kind = getattr(__import__(module, fromlist=[attribute]), attribute)
        assert isinstance(kind, WeightKind)
        assert kind.name == name
    assert VQVAE.default in shipped_files("vqvae")


def test_hashes_of_what_ships():
    files = shipped_files()
    assert set(files) == set(shipped_hashes())
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == shipped_hashes()[name]


@pytest.mark.parametrize("name", sorted(shipped_files()))
def test_what_ships_is_small_loads_and_has_a_card(name):
    info = model_info(name)
    assert info.megabytes < 15
    assert info.kind in KINDS
    assert open_model(info) is not None
    card = info.card.read_text(encoding="utf-8")
    assert shipped_hashes()[name] in card
    for fact in (
        r"data: \S",
        r"command: `\S",
        r"commit: [0-9a-f]{7}",
        r"time: [0-9.]+ (h|min|s)\b",
        r"hardware:\s+\S",
        r"[0-9] dB\b|Bits an index takes",
        r"licence: \S",
    ):
        assert re.search(fact, card), f"{info.card}: {fact}"


def test_shape_of_the_default_model_is_what_its_tensors_are():
    model = load_model()
    assert isinstance(model.network.shape, Shape)
    assert model.log_prior.exp().sum(1).sub(1).abs().max() < 0.01
