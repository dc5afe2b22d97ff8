"""Tensors of a made-up network and of a made-up boosting, saved over steps."""

from __future__ import annotations

import numpy as np

from tests.tensor_folder import TensorFolder


def network(layers: int = 6, steps: int = 12) -> TensorFolder:
    """Weights that grow, gradients that vanish towards the input, activations of which more and more are zero."""
    noise = np.random.default_rng(5)
    folder = TensorFolder(
        {"weights": ["^layer.*weight$"], "gradients": ["^gradient/"], "relu_activation": ["relu"], "losses": ["loss"]}
    )
    for step in range(steps):
        saved: dict[str, np.ndarray] = {"loss_0": np.array([1 / (step + 1)])}
        for layer in range(layers):
            saved[f"layer{layer}.weight"] = noise.normal(0, 0.1 + step / 50, (8, 8))
            saved[f"gradient/layer{layer}.weight"] = noise.normal(0, 10.0 ** (layer - layers), (8, 8))
            saved[f"layer{layer}.relu_output_0"] = np.maximum(noise.normal(-step / 8, 1, (16, 8)), 0)
        folder.save(step * 10, saved)
    folder.end()
    return folder


def boosting(rounds: int = 10) -> TensorFolder:
    """Two features whose gain changes places."""
    folder = TensorFolder({"feature_importance": ["^feature_importance/"], "metrics": ["error"]})
    for step in range(rounds):
        share = step / rounds
        folder.save(
            step,
            {
                "validation-error": [0.5 - share / 4],
                "feature_importance/gain/f0": [1 - share],
                "feature_importance/gain/f1": [share],
                "feature_importance/weight/f0": [3.0],
            },
        )
    folder.end()
    return folder
