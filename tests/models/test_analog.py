"""The network of `deepjscc`: untrained it is the linear path, stripes do not show, weights are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from analog_samples import save_small_analog, small_analog
from safetensors import safe_open
from samples import photo_like

from channelvq.errors import UsageError
from channelvq.models import analog
from channelvq.models.analog import Arrival, make_plan
from channelvq.models.analog_weights import DEEPJSCC, load_analog_model
from channelvq.models.registry import model_info, open_model


def arrival(numbers: torch.Tensor, noise: float = 1e-9) -> Arrival:
    variance = torch.full_like(numbers, noise)
    return Arrival(numbers, variance, torch.zeros(len(numbers)), torch.full((len(numbers),), 40.0))


def test_untrained_without_noise_it_is_the_klt_cut_off() -> None:
    network = small_analog()
    picture = torch.from_numpy(photo_like(64, 96, seed=9))[None]
    told, share = torch.tensor([40.0]), torch.ones(1)
    latents = network.analyse(picture, told, share)
    plan = make_plan(network.spectrum, (8, 12), torch.tensor([latents.numel()]), told)
    arrived = arrival(network.emit(latents, plan))
    back, doubt = network.estimate(arrived, plan)
    assert (doubt < 1e-3).all()
    shown = network.synthesise(back, doubt, arrived)
    blocks = torch.nn.functional.pixel_unshuffle(picture, 8) - network.mean[:, None, None]
    axes = torch.einsum("kp,bphw->bkhw", network.basis[:32], blocks)
    blocks = torch.einsum("kp,bkhw->bphw", network.basis[:32], axes) + network.mean[:, None, None]
    expected = torch.nn.functional.pixel_shuffle(blocks, 8)
    np.testing.assert_allclose(shown.numpy(), expected.numpy(), atol=2e-3)


def test_a_plan_sends_as_many_as_it_may_and_the_strongest() -> None:
    spectrum = small_analog().spectrum
    counts = torch.tensor([10, 3000, 32 * 96])
    plan = make_plan(spectrum, (8, 12), counts, torch.tensor([0.0, 10.0, 10.0]))
    assert plan.sent.sum((1, 2, 3)).tolist() == counts.tolist()
    assert plan.sent[1][plan.sent[0]].all()  # fewer are the first of more
    strength = plan.log_variance
    assert strength[plan.sent[1]].min() >= strength[~plan.sent[1]].max() - 1 / 32
    power = (plan.gain.square() * strength.exp()).sum((1, 2, 3))
    np.testing.assert_allclose(power, counts, rtol=1e-3)


def test_stripes_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analog, "_STRIPE", 4)
    network = small_analog(awake=True)
    picture = torch.from_numpy(photo_like(8 * 23, 64))[None]
    told, share = torch.tensor([5.0]), torch.tensor([0.75])
    latents = network.analyse(picture, told, share)
    np.testing.assert_allclose(network.analyse_whole(picture, told, share), latents, atol=1e-4)
    arrived, doubt = arrival(latents), torch.full((1, 32), 0.1)
    whole = network.synthesise(latents, doubt, arrived)
    np.testing.assert_allclose(network.synthesise_whole(latents, doubt, arrived), whole, atol=1e-4)


def test_both_sides_follow_the_snr() -> None:
    network = small_analog(awake=True)
    picture = torch.from_numpy(photo_like(64, 64))[None]
    share, doubt = torch.tensor([0.75]), torch.full((1, 32), 0.1)
    low, high = (network.analyse(picture, torch.tensor([snr]), share) for snr in (0.0, 15.0))
    assert (low - high).abs().max() > 1e-3
    shown = [
        network.synthesise(low, doubt, Arrival(low, low, torch.zeros(1), torch.tensor([snr])))
        for snr in (0.0, 15.0)
    ]
    assert (shown[0] - shown[1]).abs().max() > 1e-4


def test_weights_come_back_and_foreign_ones_are_refused(tmp_path: Path, small_weights: str) -> None:
    path = save_small_analog(tmp_path, awake=True)
    network, loaded = small_analog(awake=True), load_analog_model(path).network
    for name, value in network.state_dict().items():
        np.testing.assert_allclose(loaded.state_dict()[name], value, rtol=1e-3, atol=1e-4)
    info = model_info(path)
    assert info.kind == "deepjscc"
    assert open_model(info) is load_analog_model(path)
    with pytest.raises(UsageError, match="weights of kind 'vqvae', must be 'deepjscc'"):
        load_analog_model(small_weights)
    with pytest.raises(UsageError, match="unknown model 'nothing'"):
        load_analog_model("nothing")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"channels": 31}, "31 channels, must be an even number"),
        ({"width": 9}, "'belief'|is of shape"),
        ({"depth": 3}, "depth"),
    ],
)
def test_weights_of_another_shape_are_refused(tmp_path: Path, change: dict[str, int], reason: str) -> None:
    with safe_open(save_small_analog(tmp_path), "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    shape = {"channels": 32, "width": 8, "encoder_blocks": 1, "decoder_blocks": 1}
    path = tmp_path / "other.safetensors"
    DEEPJSCC.save(path, tensors, name="other", shape={**shape, **change}, about={})
    with pytest.raises(UsageError, match=f"holds no usable weights: .*{reason}"):
        load_analog_model(path)
