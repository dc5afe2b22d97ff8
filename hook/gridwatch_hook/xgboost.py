"""The hook as a callback of XGBoost 2.x and 3.x: `xgb.train(..., callbacks=[XGBoostHook.create("out")])`.

Tensor names are those of smdebug's XGBoost hook; steps are boosting rounds, their mode is GLOBAL.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import xgboost as xgb
from xgboost import collective
from xgboost.callback import TrainingCallback

from gridwatch_hook.collection import XGBOOST
from gridwatch_hook.config import HookConfig
from gridwatch_hook.hook import Hook
from gridwatch_hook.report import Report
from gridwatch_hook.xgboost_trees import COLUMNS, tree_columns

_IMPORTANCE_TYPES = ("weight", "gain", "cover", "total_gain", "total_cover")

Tensors = Iterator[tuple[str, Any]]


class XGBoostHook(TrainingCallback):  # type: ignore[misc]  # xgboost is published without types
    """Saves the tensors of the configured collections after each round. It never changes or stops the training.

    `train_data` is needed for average_shap and full_shap (computed on a sample of its rows), `validation_data` for
    predictions and labels, `hyperparameters` for the collection of that name. `first_round` is the number of rounds in
    the checkpoint from which training resumes.
    """

    def __init__(
        self,
        hook: Hook,
        *,
        train_data: xgb.DMatrix | None = None,
        validation_data: xgb.DMatrix | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        first_round: int = 0,
    ) -> None:
        super().__init__()
        self.hook = hook
        self.train_data = train_data
        self.validation_data = validation_data
        self.hyperparameters = hyperparameters
        self.first_round = first_round
        self._shap_sample: xgb.DMatrix | None = None
        self._names: dict[tuple[str, str], str] = {}
        self._wanted_by: dict[str, set[str]] | None = None
        self._groups: dict[str, Callable[[Any], Tensors]] = {
            "hyperparameters": self._hyperparameters,
            "predictions": self._predictions,
            "labels": self._labels,
            "feature_importance": self._feature_importance,
            "trees": self._trees,
            "average_shap": self._average_shap,
            "full_shap": self._full_shap,
        }

    @classmethod
    def create(cls, uri: str | os.PathLike[str] | None = None, configuration: Any = None, **data: Any) -> XGBoostHook:
        """A callback that writes to `uri`, configured by a document like SageMaker's. Raises ConfigError."""
        config = HookConfig.parse(configuration, XGBOOST)
        return cls(Hook.create(uri, config, framework=XGBOOST, rank=_rank(), workers=_workers()), **data)

    @classmethod
    def from_environment(cls, **data: Any) -> XGBoostHook | None:
        """The callback that SageMaker's or Gridwatch's configuration asks for, or None. Raises ConfigError."""
        hook = Hook.from_environment(framework=XGBOOST, rank=_rank(), workers=_workers())
        return cls(hook, **data) if hook else None

    def close(self) -> Report:
        """Close the hook and return its report, as `Hook.close` does."""
        return self.hook.close()

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Mapping[str, Any]]) -> bool:
        """Save this round. Always returns False, because the hook never asks XGBoost to stop."""
        try:
            self._save_round(model, self.first_round + epoch, evals_log)
        except Exception as error:  # noqa: BLE001  (a hook must never stop the training it watches)
            self.hook.problem("a round", error)
        return False

    def _save_round(self, model: Any, number: int, evals_log: Mapping[str, Mapping[str, Any]]) -> None:
        hook = self.hook
        hook.start_step(number)
        due = hook.due
        if not due:
            return
        for data, metrics in evals_log.items():
            for metric, values in metrics.items():
                latest = values[-1]
                # Cross-validation gives (mean, standard deviation).
                hook.offer(self._metric_name(data, metric), latest[0] if isinstance(latest, tuple) else latest)
        if self._wanted_by is None:
            self._wanted_by = self._find_who_wants(model)
        for name, collections in self._wanted_by.items():
            if not due.isdisjoint(collections):
                self._save_group(name, model)

    def _find_who_wants(self, model: Any) -> dict[str, set[str]]:
        """Find, for each group of tensors, the collections that hold any of them: its own, and others by their
        patterns.
        """
        wanted: dict[str, set[str]] = {}
        for group, names in self._possible_names(model).items():
            holders = {item.name for item in self.hook.config.collections if any(item.holds(name) for name in names)}
            if holders:
                wanted[group] = holders
        return wanted

    def _possible_names(self, model: Any) -> dict[str, list[str]]:
        features = _feature_names(model)
        return {
            "hyperparameters": [f"hyperparameters/{name}" for name in self.hyperparameters or ()],
            "predictions": ["predictions"],
            "labels": ["labels"],
            "feature_importance": [
                f"feature_importance/{kind}/{name}" for kind in _IMPORTANCE_TYPES for name in features
            ],
            "trees": [f"trees/{column}" for column in COLUMNS],
            "average_shap": [f"average_shap/{name}" for name in features],
            "full_shap": [f"full_shap/{name}" for name in features],
        }

    def _save_group(self, name: str, model: Any) -> None:
        try:
            for tensor, value in self._groups[name](model):
                self.hook.offer(tensor, value)
        except Exception as error:  # noqa: BLE001  (one collection's fault must cost neither the others nor the training)
            self.hook.problem(f"collection {name}", error)

    def _metric_name(self, data: str, metric: str) -> str:
        name = self._names.get((data, metric))
        if name is None:
            name = self._names[data, metric] = f"{data}-{metric}"
        return name

    def _hyperparameters(self, _: Any) -> Tensors:
        for name, value in _needed(self.hyperparameters, "hyperparameters").items():
            yield f"hyperparameters/{name}", value

    def _predictions(self, model: Any) -> Tensors:
        yield "predictions", model.predict(_needed(self.validation_data, "validation_data"))

    def _labels(self, _: Any) -> Tensors:
        yield "labels", _needed(self.validation_data, "validation_data").get_label()

    def _feature_importance(self, model: Any) -> Tensors:
        for kind in _IMPORTANCE_TYPES:
            scores = model.get_score(importance_type=kind)
            total = sum(scores.values())
            for feature, score in scores.items():
                yield f"feature_importance/{kind}/{feature}", score / total if total else 0.0

    def _trees(self, model: Any) -> Tensors:
        for column, values in tree_columns(model).items():
            yield f"trees/{column}", values

    def _average_shap(self, model: Any) -> Tensors:
        values = self._shap_values(model)
        averages = values.mean(axis=tuple(range(values.ndim - 1)))
        for position, feature in enumerate(_feature_names(model)):
            yield f"average_shap/{feature}", averages[position]

    def _full_shap(self, model: Any) -> Tensors:
        values = self._shap_values(model)
        for position, feature in enumerate(_feature_names(model)):
            yield f"full_shap/{feature}", values[..., position]

    def _shap_values(self, model: Any) -> Any:
        """The contributions of each feature, of shape (rows, features + 1) or (rows, classes, features + 1)."""
        if self._shap_sample is None:
            self._shap_sample = _sample(_needed(self.train_data, "train_data"), self.hook.config.shap_sample_rows)
        return model.predict(self._shap_sample, pred_contribs=True)


def _needed(given: Any, argument: str) -> Any:
    if given is None:
        raise ValueError(f"the hook was given no {argument}")
    return given


def _sample(data: xgb.DMatrix, rows: int) -> xgb.DMatrix:
    """Take at most `rows` rows, evenly spaced. Contributions cost time for each row, and their mean needs few rows."""
    total = data.num_row()
    return data if total <= rows else data.slice(np.linspace(0, total - 1, rows, dtype=np.int32))


def _feature_names(model: Any) -> list[str]:
    if not isinstance(
        model, xgb.Booster
    ):  # cross-validation passes several boosters as one, without their feature names
        return []
    return list(model.feature_names or [f"f{number}" for number in range(model.num_features())])


def _rank() -> int:
    return int(collective.get_rank())


def _workers() -> int:
    return int(collective.get_world_size())
