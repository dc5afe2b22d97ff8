"""Collections: groups of tensors with a name, saved at the same steps and reduced in the same way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gridwatch_hook.metrics import LOSS_PATTERN, METRIC_PATTERN
from gridwatch_hook.modes import Mode
from gridwatch_hook.reductions import Reduction
from gridwatch_hook.schedule import SaveSchedule

# Collections of single numbers: saved whole, whatever reductions the configuration asks for
# (smdebug/core/collection.py).
SCALAR_COLLECTIONS = frozenset({"losses", "metrics", "feature_importance", "average_shap", "sm_metrics"})
# Not saved while a model is evaluated (smdebug/core/hook.py).
TRAINING_ONLY_COLLECTIONS = frozenset({"gradients", "optimizer_variables"})


@dataclass(frozen=True, slots=True)
class FrameworkCollections:
    """The defaults of a framework's hook: its collections by pattern, those that are always saved, and how often."""

    patterns: Mapping[str, tuple[str, ...]]
    always: tuple[str, ...]
    save_interval: int


XGBOOST = FrameworkCollections(
    patterns={
        "all": (),
        "default": (),
        "metrics": (METRIC_PATTERN,),
        "losses": (LOSS_PATTERN,),
        "hyperparameters": (r"^hyperparameters/.*$",),
        "predictions": (r"^predictions$",),
        "labels": (r"^labels$",),
        "feature_importance": (r"^feature_importance/.*",),
        "average_shap": (r"^average_shap/(?!bias$).*",),
        "full_shap": (r"^full_shap/(?!bias$).*",),
        "trees": (r"^trees/.*",),
    },
    always=("metrics",),
    save_interval=10,
)

PYTORCH = FrameworkCollections(
    patterns={
        "all": (),
        "default": (),
        "weights": (r"^(?!gradient).*weight",),
        "biases": (r"^(?!gradient).*bias",),
        "gradients": (r"^gradient",),
        "losses": (r"[Ll]oss_(?!input).*output",),
        "metrics": (),  # what scripts put there: save_scalar(…, collection="metrics")
        "relu_input": (r"(?i)relu.*_input_\d+$",),
        "relu_output": (r"(?i)relu.*_output_\d+$",),
        "tanh_input": (r"(?i)tanh.*_input_\d+$",),
        "sigmoid_input": (r"(?i)sigmoid.*_input_\d+$",),
    },
    always=("losses",),
    save_interval=500,
)

KERAS = FrameworkCollections(
    patterns={
        "all": (),
        "default": (),
        "weights": (r"^(?!gradient/).*(kernel|gamma|embeddings|weight)",),
        "biases": (r"^(?!gradient/).*(bias|beta)",),
        "gradients": (r"^gradient/",),
        "losses": (r"(^|_)loss$",),
        "metrics": (),
    },
    always=("losses", "metrics"),
    save_interval=500,
)

ANY_LOOP = FrameworkCollections(
    patterns={
        "all": (),
        "default": (),
        "metrics": (),
        "losses": (r"[Ll]oss(?!_input).*",),
        "scalars": (r"^scalar/.*",),
    },
    always=("losses", "metrics", "scalars"),
    save_interval=1,
)


# A launch adds this collection so that Gridwatch has every round's metrics where the spec asks for fewer. A step that
# no other collection asks for is written with the others, but gets no index object when the hook closes: no other
# reader needs one.
CURVES = "gridwatch_curves"
# Any hook accepts these collections, even when its framework has nothing for them: smdebug's, and those of our hooks.
# Any other collection needs a pattern, so that a misspelt name is reported.
KNOWN = frozenset(
    {"inputs", "outputs", "layers", "sm_metrics", "optimizer_variables", "tensorflow_summaries"}.union(
        *(each.patterns for each in (XGBOOST, PYTORCH, KERAS, ANY_LOOP))
    )
)


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection as configured: what belongs to it (patterns are searched anywhere in a name), when and how it is
    saved.
    """

    name: str
    include_regex: tuple[str, ...]
    tensor_names: frozenset[str]
    schedules: Mapping[Mode, SaveSchedule]
    reductions: tuple[Reduction, ...] = ()
    save_raw_tensor: bool = True
    save_shape: bool = False
    _patterns: tuple[re.Pattern[str], ...] = field(default=(), repr=False, compare=False)

    @classmethod
    def create(
        cls,
        name: str,
        *,
        include_regex: tuple[str, ...],
        tensor_names: frozenset[str],
        schedules: Mapping[Mode, SaveSchedule],
        reductions: tuple[Reduction, ...],
        save_raw_tensor: bool,
        save_shape: bool = False,
    ) -> Collection:
        """Create a collection. Raises re.error for an invalid pattern."""
        if name in SCALAR_COLLECTIONS:
            reductions, save_raw_tensor = (), True
        patterns = tuple(re.compile(pattern) for pattern in include_regex)
        return cls(name, include_regex, tensor_names, schedules, reductions, save_raw_tensor, save_shape, patterns)

    def holds(self, tensor: str) -> bool:
        return tensor in self.tensor_names or any(pattern.search(tensor) for pattern in self._patterns)

    def saves(self, mode: Mode, mode_step: int) -> bool:
        if mode in (Mode.EVAL, Mode.PREDICT) and self.name in TRAINING_ONLY_COLLECTIONS:
            return False
        return self.schedules[mode].saves(mode_step)

    def to_json(self, saved_names: set[str]) -> dict[str, Any]:
        """The collection in the form of smdebug's collections file; `saved_names` are the tensors saved under it so
        far.
        """
        return {
            "name": self.name,
            "include_regex": list(self.include_regex),
            "tensor_names": sorted(self.tensor_names | saved_names),
            "reduction_config": {
                "save_raw_tensor": self.save_raw_tensor,
                "reductions": ",".join(reduction.spelling for reduction in self.reductions),
                "save_shape": self.save_shape,
            },
            "save_config": {mode.name: schedule.to_json() for mode, schedule in self.schedules.items()},
            "save_histogram": False,  # TensorBoard's; the hook saves none
        }
