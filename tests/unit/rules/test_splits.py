"""For every rule: any split of the steps into calls, each by a new process, gives the same finding at the same step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridwatch_rules.rules.catalogue import rule_class, rule_names
from gridwatch_rules.rules.profiler.rule import ProfilerRule
from gridwatch_rules.tensors.modes import Mode
from tests.tensor_folder import TensorFolder
from tests.unit.rules.judging import as_told, judge

# Parameters with which a rule fires in some of the folders below, and not at their first step.
EAGER: dict[str, dict[str, Any]] = {
    "AllZero": {"tensor_regex": "relu_output", "threshold": 50},
    "CheckInputImages": {"threshold_samples": 12, "threshold_mean": 0.05},
    "ClassImbalance": {"samples": 20, "threshold_imbalance": 1.5},
    "Confusion": {"min_diag": 0.2, "max_off_diag": 0.9},
    "DataStarvation": {"warm_up": 2, "window": 5, "seconds": 0, "share_percent": 1, "least_seconds": 0},
    "DeadRelu": {"threshold_inactivity": 40, "threshold_layer": 30},
    "Divergence": {"factor": 1.3, "smoothing": 0.5},
    "EvalNeverRuns": {"tensor_regex": "labels", "least_steps": 1, "factor": 1},
    "ExplodingTensor": {},
    "Expression": {"expression": "value > 1.4 && previous < 1.0"},
    "FeatureImportanceOverweight": {"nfeatures": 1, "threshold": 0.5},
    "GradientNormSpike": {"history": 4, "window": 4, "factor": 0.1, "ratio": 1, "record_ratio": 1},
    "LabelsMasked": {"patience": 2, "sudden": 2, "share": 0, "empty": 1},
    "LearningRateFrozen": {"at_most": 0.5, "patience": 2},
    "LossNotDecreasing": {"num_steps": 3},
    "LossSpike": {"history": 4, "window": 4, "factor": 0, "rise_percent": 0, "share_percent": 0, "least": 1},
    "MemoryCreep": {"least_points": 8, "least_mib": 0, "percent": 0, "seconds": 0},
    "MetricNonFinite": {},
    "MetricPlateau": {"patience": 3, "of": "any"},
    "MetricThreshold": {"above": 1.2, "patience": 2},
    "NLPSequenceRatio": {"token_values": "0, 1", "token_thresholds_percent": "60,60"},
    "NonFiniteGradient": {"patience": 1},
    "Oscillation": {"window": 4, "turning_share": 0.6, "amplitude_percent": 1},
    "Overfit": {"ratio_threshold": 0.1, "patience": 2},
    "Overtraining": {"patience_train": 4, "patience_validation": 3},
    "PoorWeightInitialization": {"threshold": 30, "distribution_range": 0.5, "patience": 3},
    "SaturatedActivation": {"threshold_tanh_min": -1, "threshold_tanh_max": 1, "threshold_inactivity": 60},
    "StalledTrainingRule": {},
    "TensorVariance": {"tensor_regex": "gradient", "max_threshold": 2.0},
    "ThroughputDrop": {"window": 3, "factor": 1.1, "seconds": 0},
    "TreeDepth": {"depth": 3},
    "UnchangedTensor": {"tensor_regex": "steady"},
    "VanishingGradient": {"threshold": 0.3},
    "VanishingGradientRatio": {"threshold": 0.3},
    "WeightUpdateRatio": {"large_threshold": 1.0, "num_steps": 4},
}
# These are tested with what they need beside one job's tensors.
ELSEWHERE = {"SimilarAcrossRuns", "CreateXgboostReport", "Hang", "Straggler"}


def tensor_rules() -> list[str]:
    return [name for name in rule_names() if not issubclass(rule_class(name), ProfilerRule) and name not in ELSEWHERE]


def about(rng: np.random.Generator, step: int) -> dict[str, float]:
    """What a training reports about itself."""
    grown = float(step + rng.uniform(0, 0.5))
    return {
        "loss/train": rng.choice([rng.uniform(0.5, 1.5) * 0.9**step, 0.0], p=[0.7, 0.3]),
        "grad_norm": rng.choice([rng.uniform(0.5, 1.5), np.nan], p=[0.9, 0.1]), "learning_rate": rng.uniform(),
        "step_seconds": rng.choice([0.1, 0.1, 0.5]), "data_wait_seconds": 0.05, "private_bytes": grown * 2**20,
    }  # fmt: skip


def training(seed: int, length: int) -> TensorFolder:
    """A training with everything in it that any rule looks at; some runs have phases, some do not."""
    rng = np.random.default_rng(seed)
    names = {
        "losses": ["loss$"],
        "metrics": ["-"],
        "weights": ["^w"],
        "gradients": ["^gradient"],
        "labels": ["^labels"],
        "scalars": ["^learning_rate$"],
    }
    folder = TensorFolder(names | {"predictions": ["^predictions"]})
    phased = bool(rng.integers(2))
    counts = dict.fromkeys(Mode, 0)
    steady, step = rng.normal(size=3), 0
    for _ in range(length):
        mode = Mode.GLOBAL if not phased else Mode.EVAL if step % 5 > 2 else Mode.TRAIN
        steady = steady if rng.random() < 0.7 else rng.normal(size=3)
        scale = 10 ** rng.uniform(-1.5, 0.5)
        tensors = {
            "loss": rng.choice([rng.uniform(0.5, 1.5), np.nan], p=[0.95, 0.05]),
            "train-error": rng.uniform(0.5, 1.5), "validation-error": rng.uniform(0.5, 1.8), "steady": steady,
            "w1_weight": rng.normal(size=(3, 2)), "gradient/1_weight": rng.normal(size=(3, 2)) * scale,
            "gradient/2_weight": rng.normal(size=(3, 2)), "1_relu_input": rng.normal(size=(4, 5)) * scale,
            "2_relu_input": rng.normal(size=(4, 5)), "1_relu_output": np.maximum(rng.normal(-0.3, 1, (4, 5)), 0),
            "1_tanh_input": rng.normal(0, 1.5, (4, 5)), "labels": rng.integers(0, 3, 8),
            "predictions": rng.integers(0, 3, 8), "trees/Node": np.arange(rng.integers(1, 40)),
            "feature_importance/weight/a": rng.uniform(), "feature_importance/weight/b": rng.uniform(),
            "hybridsequential0_input_0": rng.normal(size=(4, 3, 2, 2)),
            "embedding0_input_0": rng.integers(0, 3, (2, 6)),
            **about(np.random.default_rng([seed, step]), step),
        }  # fmt: skip
        kept = {name: value for name, value in tensors.items() if rng.random() < 0.85}
        folder.save(step, kept or {"loss": 1.0}, mode=mode, mode_step=step if mode is Mode.GLOBAL else counts[mode])
        counts[mode] += 1
        step += int(rng.integers(1, 4))
    return folder


def test_every_rule_is_split() -> None:
    assert set(EAGER) == set(tensor_rules())


@pytest.mark.parametrize("rule", tensor_rules())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.integers(1, 18), st.sets(st.integers(0, 40), max_size=6))
def test_any_split_gives_the_same_finding(rule: str, seed: int, length: int, splits: set[int]) -> None:
    folder = training(seed, length)
    whole = judge(folder, rule, **EAGER[rule])
    assert whole.status != "Error", whole.details
    assert as_told(judge(folder, rule, sorted(splits), **EAGER[rule])) == as_told(whole)


@pytest.mark.parametrize("rule", [name for name in tensor_rules() if name != "StalledTrainingRule"])
def test_the_property_is_not_empty(rule: str) -> None:
    """In some of these trainings the rule fires after steps at which it did not."""
    steps = []
    for seed in range(40):
        finding = judge(training(seed, 14), rule, **EAGER[rule]).finding
        if finding is not None:
            assert finding.rule == rule
            assert finding.sentence
            steps.append(finding.step)
    assert any(step > 3 for step in steps), steps
