"""What tests share: a fixed hypothesis profile, a small picture, a small model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from samples import photo_like, small_network

from channelvq.models.weights import save_model

settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("fixed")


@pytest.fixture
def picture() -> np.ndarray:
    """96 × 128, colour."""
    return photo_like(96, 128)


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of a small model's weights."""
    path: Path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    network = small_network()
    stages, codes = network.shape.stages, network.shape.codes
    prior = torch.full((stages, codes), -float(np.log(codes)))
    table = np.ones(((stages + 2) ** 3, stages + 1), np.uint16)
    save_model(path, network, prior, table, "small", {})
    return str(path)
