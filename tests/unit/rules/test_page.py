"""docs/rules/ says what the rules are, and the rules are Debugger's."""

from __future__ import annotations

import pytest

from gridwatch_rules.judgement.catalogue import judgement_rule_names
from gridwatch_rules.rules.catalogue import rule_class, rule_names
from gridwatch_rules.rules.parameters import declared
from scripts.rules_page import DEBUGGER, FAMILIES, FOLDER, pages

# smdebug_rulesconfig 1.0.1, ruleConfigs.json: what Debugger saves for a rule; nothing for the others.
COLLECTIONS = {
    "VanishingGradient": {"gradients": {"save_interval": "500"}},
    "LossNotDecreasing": {"losses": {"save_interval": "500"}},
    "WeightUpdateRatio": {"weights": {"save_interval": "500"}},
    "CheckInputImages": {"input_image": {"include_regex": ".*hybridsequential0_input_0", "save_interval": "500"}},
    "DeadRelu": {"relu_output": {"include_regex": ".*relu_output", "save_interval": "500"}},
    "PoorWeightInitialization": {"relu_input": {"include_regex": ".*relu_input", "save_interval": "500"}},
    "NLPSequenceRatio": {"input_sequence": {"include_regex": ".*embedding0_input_0", "save_interval": "500"}},
    "FeatureImportanceOverweight": {"feature_importance": {"save_interval": "500"}},
    "CreateXgboostReport": {
        "metrics": {"save_interval": "5"}, "feature_importance": {"save_interval": "5"},
        "hyperparameters": {"save_steps": "0"}, "predictions": {"save_interval": "5"}, "labels": {"save_interval": "5"},
    },
}  # fmt: skip

# SageMaker Developer Guide, "List of Debugger built-in rules": every parameter that AWS documents, with its default.
DEFAULTS = {
    "AllZero": {"collection_names": (), "tensor_regex": (), "threshold": 100},
    "CheckInputImages": {
        "threshold_mean": 0.2, "threshold_samples": 500, "regex": (".*hybridsequential0_input_0",), "channel": 1,
    },
    "ClassImbalance": {
        "threshold_imbalance": 10, "threshold_misprediction": 0.7, "samples": 500, "argmax": False,
        "labels_regex": (".*labels",), "predictions_regex": (".*predictions",),
    },
    "Confusion": {
        "category_no": None, "labels": "labels", "predictions": "predictions", "labels_collection": "labels",
        "predictions_collection": "predictions", "min_diag": 0.9, "max_off_diag": 0.1,
    },
    "CreateXgboostReport": {},
    "DeadRelu": {"tensor_regex": (".*relu_output",), "threshold_inactivity": 1.0, "threshold_layer": 50.0},
    "ExplodingTensor": {"collection_names": (), "tensor_regex": (), "only_nan": False},
    "FeatureImportanceOverweight": {
        "threshold": 0.8, "nfeatures": 3, "tensor_regex": (".*feature_importance/weight",),
    },
    "LossNotDecreasing": {
        "collection_names": (), "tensor_regex": (), "use_losses_collection": True, "num_steps": 10, "diff_percent": 0.1,
        "increase_threshold_percent": 5, "mode": None,
    },
    "NLPSequenceRatio": {
        "tensor_regex": (".*embedding0_input_0",), "token_values": (0,), "token_thresholds_percent": (50,),
    },
    "Overfit": {"tensor_regex": (), "start_step": 0, "patience": 1, "ratio_threshold": 0.1},
    "Overtraining": {"patience_train": 5, "patience_validation": 10, "delta": 0.01},
    "PoorWeightInitialization": {
        "activation_inputs_regex": (".*relu_input",), "threshold": 10.0, "distribution_range": 0.001, "patience": 5,
        "steps": 10,
    },
    "SaturatedActivation": {
        "collection_names": (), "tensor_regex": (".*tanh_input|.*sigmoid_input",), "threshold_tanh_min": -9.4999,
        "threshold_tanh_max": 9.4999, "threshold_sigmoid_min": -23, "threshold_sigmoid_max": 16.99999,
        "threshold_inactivity": 1.0, "threshold_layer": 50.0,
    },
    "SimilarAcrossRuns": {"other_trials": (), "collection_names": (), "tensor_regex": ()},
    "StalledTrainingRule": {"threshold": 1800, "stop_training_on_fire": False, "training_job_name_prefix": None},
    "TensorVariance": {"collection_names": (), "tensor_regex": (), "max_threshold": None, "min_threshold": None},
    "TreeDepth": {"depth": 4},
    "UnchangedTensor": {
        "collection_names": (), "tensor_regex": (), "num_steps": 3, "rtol": 1e-5, "atol": 1e-8, "equal_nan": False,
    },
    "VanishingGradient": {"threshold": 1e-7},
    "WeightUpdateRatio": {
        "num_steps": None, "large_threshold": 10.0, "small_threshold": 1e-8, "epsilon": 1e-9,
    },
}  # fmt: skip


def test_the_pages_are_current() -> None:
    there = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    assert there == pages(), "run python -m scripts.rules_page"


def test_every_rule_is_on_one_page() -> None:
    described = [name for family in FAMILIES for name in family.rules]
    assert sorted(described) == sorted([*rule_names(), *judgement_rule_names()])


def test_all_of_debuggers_rules_are_there() -> None:
    assert set(DEFAULTS) == DEBUGGER <= set(rule_names())


@pytest.mark.parametrize("rule", sorted(DEFAULTS))
def test_debuggers_parameters_have_its_defaults(rule: str) -> None:
    found = {each.name: each.default for each in declared(rule_class(rule).Parameters)}
    assert {name: found[name] for name in DEFAULTS[rule]} == DEFAULTS[rule]


@pytest.mark.parametrize("rule", sorted(DEFAULTS))
def test_debuggers_collections_are_saved(rule: str) -> None:
    assert {each.name: dict(each.parameters) for each in rule_class(rule).collect} == COLLECTIONS.get(rule, {})


def test_every_rule_says_what_it_takes() -> None:
    for name in rule_names():
        rule = rule_class(name)
        assert rule.name == name
        assert rule.summary
        assert rule.__doc__, name
        assert all(each.meaning for each in declared(rule.Parameters))
