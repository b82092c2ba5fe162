"""A context prior of small fields, trained for a second."""

import numpy as np
import pytest
import torch
from waving import model, waves

from channelvq.training.prior import PriorTrainer
from channelvq.training.prior_recipe import PriorRecipe


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    rng = np.random.default_rng(0)
    recipe = PriorRecipe(
        kind="prior",
        weights="line",
        model={"width": 32, "rank": 8, "sight": 24, "blocks": 1},
        data={"crop": 16, "batch": 4},
        optimiser={"steps": 80, "learning_rate": 1e-2, "warmup": 5},
    )
    fields = [waves(rng) for _ in range(16)]
    trainer = PriorTrainer(recipe, model(), fields, tmp_path_factory.mktemp("prior"), torch.device("cpu"))
    trainer.run(lambda step, result: True)
    return trainer
