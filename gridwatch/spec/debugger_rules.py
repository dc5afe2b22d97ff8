"""The rules of SageMaker Debugger: their names, their parameters, and what is saved for them.

Source: the developer guide's lists of built-in rules, and `smdebug_rulesconfig` 1.0.1, from which the SageMaker SDK
takes the collections that a rule attaches. Gridwatch's rules of the same names accept further parameters that Debugger
does not know: a rule that uses one is evaluated by Gridwatch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

EVERY = "500"  # steps, where the SDK says nothing else


@dataclass(frozen=True, slots=True)
class DebuggerRule:
    """A rule of Debugger. `collections`: CollectionParameters by name, as the SDK attaches them. `profiler`: it looks
    at the profile.
    """

    parameters: frozenset[str]
    collections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    profiler: bool = False


def _rule(parameters: str, **collections: Mapping[str, str]) -> DebuggerRule:
    return DebuggerRule(frozenset(parameters.split()), collections)


def _profiler(parameters: str) -> DebuggerRule:
    return DebuggerRule(frozenset(["scan_interval_us", *parameters.split()]), profiler=True)


_SELECTION = "collection_names tensor_regex"
_EVERY = {"save_interval": EVERY}
_REPORT = {"save_interval": "5"}
_MACHINE = {
    "BatchSize": "cpu_threshold_p95 gpu_threshold_p95 gpu_memory_threshold_p95 patience window",
    "CPUBottleneck": "threshold gpu_threshold cpu_threshold patience",
    "Dataloader": "min_threshold max_threshold",
    "GPUMemoryIncrease": "increase patience window",
    "IOBottleneck": "threshold gpu_threshold io_threshold patience",
    "LoadBalancing": "threshold patience",
    "LowGPUUtilization": "threshold_p95 threshold_p5 window patience",
    "MaxInitializationTime": "threshold",
    "OverallSystemUsage": "",
    "StepOutlier": "stddev mode n_outliers",
}

DEBUGGER_RULES: Mapping[str, DebuggerRule] = {
    "AllZero": _rule(f"{_SELECTION} threshold"),
    "CheckInputImages": _rule(
        "threshold_mean threshold_samples regex channel",
        input_image={"include_regex": ".*hybridsequential0_input_0", **_EVERY},
    ),
    "ClassImbalance": _rule(
        "threshold_imbalance threshold_misprediction samples argmax labels_regex predictions_regex"
    ),
    "Confusion": _rule(
        "category_no labels predictions labels_collection predictions_collection min_diag max_off_diag"
    ),
    "CreateXgboostReport": _rule(
        "", metrics=_REPORT, feature_importance=_REPORT, hyperparameters={"save_steps": "0"}, predictions=_REPORT,
        labels=_REPORT,
    ),
    "DeadRelu": _rule(
        "tensor_regex threshold_inactivity threshold_layer", relu_output={"include_regex": ".*relu_output", **_EVERY}
    ),
    "ExplodingTensor": _rule(f"{_SELECTION} only_nan"),
    "FeatureImportanceOverweight": _rule("threshold nfeatures tensor_regex", feature_importance=_EVERY),
    "LossNotDecreasing": _rule(
        f"{_SELECTION} use_losses_collection num_steps diff_percent increase_threshold_percent mode", losses=_EVERY
    ),
    "NLPSequenceRatio": _rule(
        "tensor_regex token_values token_thresholds_percent",
        input_sequence={"include_regex": ".*embedding0_input_0", **_EVERY},
    ),
    "Overfit": _rule("tensor_regex start_step patience ratio_threshold"),
    "Overtraining": _rule("patience_train patience_validation delta"),
    "PoorWeightInitialization": _rule(
        "activation_inputs_regex threshold distribution_range patience steps",
        relu_input={"include_regex": ".*relu_input", **_EVERY},
    ),
    "SaturatedActivation": _rule(
        f"{_SELECTION} threshold_tanh_min threshold_tanh_max threshold_sigmoid_min threshold_sigmoid_max "
        "threshold_inactivity threshold_layer"
    ),
    "SimilarAcrossRuns": _rule(f"{_SELECTION} other_trials"),
    "StalledTrainingRule": _rule("threshold stop_training_on_fire training_job_name_prefix"),
    "TensorVariance": _rule(f"{_SELECTION} max_threshold min_threshold"),
    "TreeDepth": _rule("depth"),
    "UnchangedTensor": _rule(f"{_SELECTION} num_steps rtol atol equal_nan"),
    "VanishingGradient": _rule("threshold", gradients=_EVERY),
    "WeightUpdateRatio": _rule("num_steps large_threshold small_threshold epsilon", weights=_EVERY),
    **{name: _profiler(parameters) for name, parameters in _MACHINE.items()},
    "ProfilerReport": _profiler(
        " ".join(f"{name}_{each}" for name, given in _MACHINE.items() for each in given.split())
        + " opt_out_telemetry"
    ),
}  # fmt: skip


_SCHEDULE = ["save_interval", "save_steps", "start_step", "end_step"]
_SHARED = (
    *_SCHEDULE, *(f"{mode}.{key}" for mode in ("train", "eval", "predict", "global") for key in _SCHEDULE),
    "include_regex", "reductions", "save_raw_tensor", "save_histogram", "save_shape",
)  # fmt: skip
# What Gridwatch's hook takes of Debugger's configuration; it refuses what it does not know.
COLLECTION_PARAMETERS = frozenset([*_SHARED, "tensor_names"])
HOOK_PARAMETERS = frozenset(
    [
        *_SHARED, "save_all", "include_workers", "export_tensorboard", "tensorboard_dir", "flushes_per_second",
        "backfill_seconds", "memory_limit_mb", "shap_sample_rows",
    ]
)  # fmt: skip


def without_effect(name: str, value: str) -> bool:
    """Whether a parameter asks Gridwatch's hook for something that it does not do: it writes nothing for
    TensorBoard.
    """
    switched_on = name in ("export_tensorboard", "save_histogram") and value.strip().lower() == "true"
    return switched_on or name == "tensorboard_dir"


def unknown_to_debugger(rule: str, parameters: Mapping[str, object]) -> str | None:
    """Why Debugger does not have such a rule, to complete "Gridwatch evaluates it, because …"; None when it has it."""
    known = DEBUGGER_RULES.get(rule)
    if known is None:
        return f"Debugger has no rule {rule}"
    further = [name for name in parameters if name not in known.parameters]
    return f"Debugger's {rule} has no parameter {further[0]}" if further else None
