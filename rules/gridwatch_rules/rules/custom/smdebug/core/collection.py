"""Collections, which are named groups of tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys
from gridwatch_rules.rules.custom.smdebug.core.reduction_config import ReductionConfig
from gridwatch_rules.rules.custom.smdebug.core.save_config import SaveConfig, SaveConfigMode
from gridwatch_rules.rules.custom.smdebug.exceptions import SMDebugTypeError, SMDebugValueError

ALLOWED_PARAMS = ["name", "include_regex", "reduction_config", "save_config", "tensor_names", "save_histogram"]


class CollectionKeys:
    DEFAULT = "default"
    ALL = "all"
    INPUTS = "inputs"
    OUTPUTS = "outputs"
    WEIGHTS = "weights"
    GRADIENTS = "gradients"
    LOSSES = "losses"
    BIASES = "biases"
    LAYERS = "layers"
    SM_METRICS = "sm_metrics"
    OPTIMIZER_VARIABLES = "optimizer_variables"
    TENSORFLOW_SUMMARIES = "tensorflow_summaries"
    METRICS = "metrics"
    HYPERPARAMETERS = "hyperparameters"
    PREDICTIONS = "predictions"
    LABELS = "labels"
    FEATURE_IMPORTANCE = "feature_importance"
    AVERAGE_SHAP = "average_shap"
    FULL_SHAP = "full_shap"
    TREES = "trees"


_Keys = CollectionKeys
SUMMARIES_COLLECTIONS = {_Keys.TENSORFLOW_SUMMARIES}
SM_METRIC_COLLECTIONS = {_Keys.LOSSES, _Keys.METRICS, _Keys.SM_METRICS}
SCALAR_COLLECTIONS = SM_METRIC_COLLECTIONS | {_Keys.FEATURE_IMPORTANCE, _Keys.AVERAGE_SHAP}
NON_REDUCTION_COLLECTIONS = SCALAR_COLLECTIONS | SUMMARIES_COLLECTIONS
NON_HISTOGRAM_COLLECTIONS = SCALAR_COLLECTIONS | SUMMARIES_COLLECTIONS
DEFAULT_PYTORCH_COLLECTIONS = {
    _Keys.ALL, _Keys.DEFAULT, _Keys.WEIGHTS, _Keys.BIASES, _Keys.GRADIENTS, _Keys.LOSSES,
}  # fmt: skip
DEFAULT_MXNET_COLLECTIONS = set(DEFAULT_PYTORCH_COLLECTIONS)
DEFAULT_TF_COLLECTIONS = DEFAULT_PYTORCH_COLLECTIONS | {
    _Keys.METRICS, _Keys.INPUTS, _Keys.OUTPUTS, _Keys.LAYERS, _Keys.SM_METRICS, _Keys.OPTIMIZER_VARIABLES,
}  # fmt: skip
DEFAULT_XGBOOST_COLLECTIONS = {
    _Keys.ALL, _Keys.DEFAULT, _Keys.HYPERPARAMETERS, _Keys.PREDICTIONS, _Keys.LABELS, _Keys.FEATURE_IMPORTANCE,
    _Keys.AVERAGE_SHAP, _Keys.FULL_SHAP, _Keys.TREES,
}  # fmt: skip


class Collection:
    """A group of tensors, by name or by patterns that are searched anywhere in a name, and how it is saved."""

    def __init__(
        self,
        name: str,
        include_regex: list[str] | None = None,
        tensor_names: list[str] | set[str] | None = None,
        reduction_config: ReductionConfig | None = None,
        save_config: SaveConfig | Mapping[ModeKeys, SaveConfigMode] | None = None,
        save_histogram: bool = True,
    ) -> None:
        self.name = name
        self.include_regex = include_regex if include_regex is not None else []
        self.reduction_config = reduction_config
        self.save_config = save_config
        self.save_histogram = save_histogram
        self.tensor_names = tensor_names

    @property
    def tensor_names(self) -> Any:
        """The names of its tensors, as a set."""
        return self._tensor_names

    @tensor_names.setter
    def tensor_names(self, tensor_names: list[str] | set[str] | None) -> None:
        if tensor_names is not None and not isinstance(tensor_names, list | set):
            raise SMDebugTypeError("tensor_names can only be list or set")
        self._tensor_names = tensor_names if isinstance(tensor_names, set) else set(tensor_names or ())

    def include(self, t: str | list[Any]) -> None:
        if isinstance(t, list):
            for each in t:
                self.include(each)
        elif isinstance(t, str):
            self.include_regex.append(t)
        else:
            raise SMDebugTypeError("Can only include str or list")

    @property
    def reduction_config(self) -> ReductionConfig | None:
        return self._reduction_config

    @reduction_config.setter
    def reduction_config(self, reduction_config: ReductionConfig | None) -> None:
        if reduction_config is not None and not isinstance(reduction_config, ReductionConfig):
            raise SMDebugTypeError(f"reduction_config={reduction_config} must be of type ReductionConfig")
        self._reduction_config = reduction_config

    @property
    def save_config(self) -> Any:
        """The SaveConfig of the collection, or None."""
        return self._save_config

    @save_config.setter
    def save_config(self, save_config: Any) -> None:
        if isinstance(save_config, dict):
            self._save_config: SaveConfig | None = SaveConfig(mode_save_configs=save_config)
        elif save_config is None or isinstance(save_config, SaveConfig):
            self._save_config = save_config
        else:
            raise SMDebugTypeError(
                f"save_config={save_config} must be of type SaveConfig or type Dict[ModeKeys, SaveConfigMode]"
            )

    def has_tensor_name(self, tname: str) -> bool:
        return tname in self._tensor_names

    def add_tensor_name(self, tname: str) -> None:
        self._tensor_names.add(tname)

    def remove_tensor_name(self, tname: str) -> None:
        self._tensor_names.discard(tname)

    def to_json_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "include_regex": self.include_regex,
            "tensor_names": sorted(self.tensor_names),
            "reduction_config": self.reduction_config.to_json_dict() if self.reduction_config else None,
            "save_config": self.save_config.to_json_dict() if self.save_config else None,
            "save_histogram": self.save_histogram,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_json_dict())

    @classmethod
    def from_dict(cls, params: Mapping[str, Any]) -> Collection:
        if not isinstance(params, dict):
            raise SMDebugValueError(f"params={params} must be dict")
        return cls(
            name=params.get("name"),  # type: ignore[arg-type]  # a file that names none is refused nowhere
            include_regex=params.get("include_regex", False),
            tensor_names=set(params.get("tensor_names", [])),
            reduction_config=ReductionConfig.from_dict(params.get("reduction_config")),
            save_config=SaveConfig.from_dict(params.get("save_config")),
            save_histogram=params.get("save_histogram", True),
        )

    @classmethod
    def from_json(cls, json_str: str) -> Collection:
        return cls.from_dict(json.loads(json_str))

    def __str__(self) -> str:
        return str(self.to_json_dict())

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<class Collection: name={self.name}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Collection):
            return NotImplemented
        return vars(self) == vars(other)
