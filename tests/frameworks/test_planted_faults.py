"""Faults planted in PyTorch trainings: the right rules find them with their default parameters, and a healthy training
fires none of them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gridwatch_rules.clock import SystemClock
from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.tensors.reader import TensorReader
from gridwatch_rules.tensors.source import LocalSource
from scripts.peer_environment import why_missing
from tests.frameworks.test_frameworks import train

pytestmark = pytest.mark.skipif(bool(why_missing("frameworks")), reason=why_missing("frameworks") or "present")

EVERY = {"save_interval": "1"}
RULES = {
    "VanishingGradient": {}, "ExplodingTensor": {}, "PoorWeightInitialization": {}, "SaturatedActivation": {},
    "DeadRelu": {}, "WeightUpdateRatio": {}, "LossNotDecreasing": {}, "Overfit": {},
    "AllZero": {"collection_names": "gradients"}, "UnchangedTensor": {"collection_names": "weights"},
}  # fmt: skip


def fired(folder: Path) -> dict[str, int]:
    """The rules that found something, with the step."""
    configurations = [RuleConfiguration(name, name, parameters) for name, parameters in RULES.items()]
    evaluation = Evaluation.create(configurations)
    evaluation.advance(TensorReader(LocalSource(folder)), now=SystemClock().now(), ended=True)
    found = evaluation.statuses
    assert not [each for each in found.values() if each.status == "Error" or "none of the tensors" in each.details]
    return {name: each.finding.step for name, each in found.items() if each.finding}


def collections() -> dict[str, dict[str, str]]:
    """What Debugger saves for these rules, at every step."""
    listed = [each for name, parameters in RULES.items() for each in create_rule(name, parameters).collect]
    return {each.name: {**each.parameters, **EVERY} for each in listed} | {"tanh_input": EVERY, "losses": EVERY}


@pytest.mark.parametrize("layers", ["named", "sequential"])
@pytest.mark.parametrize(
    ("fault", "rules"),
    [
        ("none", set()),
        ("zero_init", {"VanishingGradient", "PoorWeightInitialization", "AllZero", "UnchangedTensor"}),
        ("tiny_rate", {"LossNotDecreasing", "UnchangedTensor"}),
        ("nan", {"ExplodingTensor"}),
        ("dead_relu", {"DeadRelu", "VanishingGradient"}),
        ("saturated", {"SaturatedActivation"}),
        ("overfit", {"Overfit"}),
        ("exploding", {"ExplodingTensor"}),
    ],
)
def test_the_right_rules_fire(tmp_path: Path, fault: str, layers: str, rules: set[str]) -> None:
    train("classifier", tmp_path / "out", collections(), fault=fault, layers=layers)
    found = fired(tmp_path / "out")
    if not rules:
        assert found == {}
    assert rules <= found.keys(), found
