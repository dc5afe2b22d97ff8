"""Every rule by its name. A rule is imported on first use, without numpy, so that listing is cheap."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.suggestions import closest

if TYPE_CHECKING:
    from gridwatch_rules.rules.rule import Rule

# rule -> module in this package; the class has the rule's name
_MODULES: Mapping[str, str] = {
    "AllZero": "all_zero",
    "BatchSize": "profiler.batch_size",
    "CPUBottleneck": "profiler.bottleneck",
    "CheckInputImages": "check_input_images",
    "ClassImbalance": "class_imbalance",
    "Confusion": "confusion",
    "CreateXgboostReport": "create_xgboost_report",
    "DataStarvation": "data_starvation",
    "Dataloader": "profiler.dataloader",
    "DeadRelu": "inactive_layer",
    "Divergence": "metric_series",
    "EvalNeverRuns": "eval_never_runs",
    "ExplodingTensor": "exploding_tensor",
    "Expression": "expression",
    "FeatureImportanceOverweight": "feature_importance_overweight",
    "GPUMemoryIncrease": "profiler.gpu_memory_increase",
    "GradientNormSpike": "gradient_norm_spike",
    "Hang": "hang",
    "IOBottleneck": "profiler.bottleneck",
    "LabelsMasked": "labels_masked",
    "LearningRateFrozen": "learning_rate_frozen",
    "LoadBalancing": "profiler.load_balancing",
    "LossNotDecreasing": "loss_not_decreasing",
    "LossSpike": "loss_spike",
    "LowGPUUtilization": "profiler.low_gpu_utilization",
    "MaxInitializationTime": "profiler.max_initialization_time",
    "MemoryCreep": "memory_creep",
    "MetricNonFinite": "metric_non_finite",
    "MetricPlateau": "metric_series",
    "MetricThreshold": "metric_series",
    "NLPSequenceRatio": "nlp_sequence_ratio",
    "NonFiniteGradient": "non_finite_gradient",
    "Oscillation": "metric_series",
    "OverallFrameworkMetrics": "profiler.overall_framework_metrics",
    "OverallSystemUsage": "profiler.overall_system_usage",
    "Overfit": "overfit",
    "Overtraining": "overtraining",
    "PoorWeightInitialization": "poor_weight_initialization",
    "ProfilerReport": "profiler.profiler_report",
    "SaturatedActivation": "inactive_layer",
    "SimilarAcrossRuns": "similar_across_runs",
    "StalledTrainingRule": "stalled_training_rule",
    "StepOutlier": "profiler.step_outlier",
    "Straggler": "straggler",
    "TensorVariance": "tensor_variance",
    "ThroughputDrop": "throughput_drop",
    "TreeDepth": "tree_depth",
    "UnchangedTensor": "unchanged_tensor",
    "VanishingGradient": "vanishing_gradient",
    "VanishingGradientRatio": "gradient_ratio",
    "WeightUpdateRatio": "weight_update_ratio",
}


def rule_names() -> tuple[str, ...]:
    """All rules, in alphabetical order."""
    return tuple(sorted(_MODULES))


def rule_class(name: str) -> type[Rule]:
    """The class of a rule. Raises RuleConfigurationError listing the known rules."""
    module = _MODULES.get(name)
    if module is None:
        meant = closest(name, _MODULES)
        hint = f"did you mean {meant}? " if meant else ""
        raise RuleConfigurationError(f"there is no rule {name!r}: {hint}rules are {', '.join(rule_names())}")
    return cast("type[Rule]", getattr(import_module(f"gridwatch_rules.rules.{module}"), name))


def create_rule(name: str, parameters: Mapping[str, object]) -> Rule:
    """Create the rule with these parameters. Its `required` and `collect` say what the job must save.

    Raises RuleConfigurationError.
    """
    return rule_class(name).create(parameters)
