"""Faults planted in XGBoost trainings: the right rules find them, and a healthy training fires none of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gridwatch_rules.clock import SystemClock
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.tensors.reader import TensorReader
from gridwatch_rules.tensors.source import LocalSource

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venvs" / "xgboost" / "bin" / "python"
TRAINING = Path(__file__).parent / "trainings" / "boosting.py"
RULES = (
    "LossNotDecreasing", "Overfit", "ExplodingTensor", "MetricNonFinite", "MetricPlateau", "Divergence",
    "ClassImbalance", "TreeDepth", "FeatureImportanceOverweight",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the training environment is missing; run: make setup")


def fired(folder: Path) -> dict[str, int]:
    """The rules that found something, with the round."""
    evaluation = Evaluation.create([RuleConfiguration(name, name, {}) for name in RULES])
    evaluation.advance(TensorReader(LocalSource(folder)), now=SystemClock().now(), ended=True)
    found = evaluation.statuses
    assert not [each for each in found.values() if each.status == "Error" or "none of the tensors" in each.details]
    return {name: each.finding.step for name, each in found.items() if each.finding}


@pytest.mark.parametrize(
    ("fault", "rules"),
    [
        ("none", set()),
        ("tiny_rate", {"LossNotDecreasing"}),
        ("nan", {"ExplodingTensor", "MetricNonFinite"}),
        ("overfit", {"Overfit"}),
        ("deep", {"TreeDepth"}),
        ("one_feature", {"FeatureImportanceOverweight"}),
        ("imbalance", {"ClassImbalance"}),
    ],
)
def test_the_right_rules_fire(tmp_path: Path, fault: str, rules: set[str]) -> None:
    environment = {"PYTHONPATH": str(ROOT / "hook"), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [str(PYTHON), str(TRAINING), str(tmp_path / "out"), fault]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    found = fired(tmp_path / "out")
    if not rules:
        assert found == {}
    assert rules <= found.keys(), found
