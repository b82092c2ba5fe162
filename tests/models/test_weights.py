"""Weights on disk: what is saved comes back, what is no model is refused, what ships has a card."""

import hashlib
from pathlib import Path

import pytest
import torch
from samples import small_network

from channelvq.errors import UsageError
from channelvq.models.registry import models
from channelvq.models.weights import load_model


def test_round_trip(small_weights):
    model = load_model(small_weights)
    assert model.id == hashlib.sha256(Path(small_weights).read_bytes()).hexdigest()[:16]
    made = small_network()
    assert torch.equal(model.network.pair.basis, made.pair.basis)
    assert torch.equal(model.network.quantizer.codebooks, made.quantizer.codebooks.half().float())
    assert model.map_table.shape == (7**3, 6)


def test_unknown_name_lists_the_known():
    with pytest.raises(UsageError, match="unknown model 'nope'; allowed: photo"):
        load_model("nope")


@pytest.mark.parametrize("content", [b"", b"no weights", b"\x00" * 500])
def test_foreign_file_is_refused(tmp_path, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="no usable weights"):
        load_model(path)
    with pytest.raises(UsageError, match="cannot read"):
        load_model(tmp_path / "absent.safetensors")


def test_weights_of_another_shape_are_refused(tmp_path, small_weights):
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(small_weights, "pt") as file:
        meta = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    tensors["pair.mean"] = torch.zeros(10)
    save_file(tensors, tmp_path / "x.safetensors", metadata=meta)
    with pytest.raises(UsageError, match="no usable weights"):
        load_model(tmp_path / "x.safetensors")


def test_what_ships_is_small_and_has_a_card():
    shipped = models()
    assert [info.name for info in shipped] == ["photo"]
    for info in shipped:
        assert info.megabytes < 15
        assert hashlib.sha256(info.path.read_bytes()).hexdigest() in info.card.read_text()
        assert load_model(info.name).id == info.id
