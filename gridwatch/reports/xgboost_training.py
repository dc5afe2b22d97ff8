"""What an XGBoost training saved, as a report needs it: curves, the last predictions, importances, hyperparameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.steps import SavedStep

_METRIC = re.compile(r"(?P<data>[A-Za-z0-9_]+)-(?P<metric>[^/]+)$")  # train-error, validation_0-error@0.7
_STEPS_AT_ONCE = 256
_LAST = ("predictions", "labels")
_IMPORTANCE = "feature_importance/"
_PARAMETER = "hyperparameters/"
_MOST_CLASSES = 100  # integers with more values than this are numbers, not classes


class Task(StrEnum):
    """The kind of learning task, which decides what a report shows."""

    BINARY = "binary classification"
    MULTICLASS = "multiclass classification"
    REGRESSION = "regression"
    OTHER = "ranking or survival"


@dataclass(frozen=True, slots=True)
class PredictedRows:
    """Labels, shape (rows,), and predictions, shape (rows,) or (rows, classes), saved at one step."""

    step: int
    labels: NDArray[np.float64]
    predictions: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class XgboostTraining:
    """An XGBoost training. `curves`: metric -> data set -> (steps, values). `importances`: kind -> feature -> value, of
    the last step.
    """

    curves: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]] = field(default_factory=dict)
    outcome: PredictedRows | None = None
    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    steps: int = 0

    @property
    def objective(self) -> str | None:
        return self.hyperparameters.get("objective")

    @property
    def task(self) -> Task:
        """The task by the objective or, where that was not saved, by the form of labels and predictions."""
        objective = self.objective
        if objective is not None:
            return _task_of(objective)
        return Task.OTHER if self.outcome is None else _guess(self.outcome)


def read_training(reader: TensorReader) -> XgboostTraining:
    """All that a finished or running training has saved so far. Raises CorruptTensorError."""
    curves: dict[str, dict[str, tuple[list[int], list[float]]]] = {}
    found: dict[str, SavedStep] = {}
    steps = 0
    for chunk in _chunks(reader):
        steps += len(chunk)
        wanted = [
            (saved, name, found_name, place)
            for saved in chunk
            for name in saved.names
            if (found_name := _METRIC.match(name)) and (place := saved.place(name)) is not None
        ]
        reader.prefetch(place for *_, place in wanted)
        for saved, name, found_name, place in wanted:
            at, values = curves.setdefault(found_name["metric"], {}).setdefault(found_name["data"], ([], []))
            at.append(saved.step)
            values.append(float(reader.value_at(place, name).reshape(-1)[0]))
        for saved in chunk:
            if all(saved.places(name) for name in _LAST):
                found["outcome"] = saved
            for prefix in (_IMPORTANCE, _PARAMETER):
                if any(name.startswith(prefix) for name in saved.names):
                    found[prefix] = saved
    return XgboostTraining(
        curves=curves,
        outcome=_outcome(reader, found.get("outcome")),
        importances=_importances(reader, found.get(_IMPORTANCE)),
        hyperparameters=_hyperparameters(reader, found.get(_PARAMETER)),
        steps=steps,
    )


def _chunks(reader: TensorReader) -> Iterator[list[SavedStep]]:
    chunk: list[SavedStep] = []
    for saved in reader.new_steps(Cursor(), ended=reader.has_ended()):
        chunk.append(saved)
        if len(chunk) >= _STEPS_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _outcome(reader: TensorReader, saved: SavedStep | None) -> PredictedRows | None:
    """The predictions with every worker's rows, one below the other."""
    if saved is None:
        return None
    labels, predictions = (
        [np.asarray(reader.value(saved, name, worker), dtype=np.float64) for worker in saved.places("labels")]
        for name in ("labels", "predictions")
    )
    outcome = PredictedRows(
        saved.step, np.concatenate([each.reshape(-1) for each in labels]), np.concatenate(predictions)
    )
    return outcome if len(outcome.labels) == len(outcome.predictions) else None


def _importances(reader: TensorReader, saved: SavedStep | None) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name in saved.names if saved else ():
        if name.startswith(_IMPORTANCE) and saved is not None and saved.place(name) is not None:
            kind, _, feature = name.removeprefix(_IMPORTANCE).partition("/")
            found.setdefault(kind, {})[feature] = float(reader.value(saved, name).reshape(-1)[0])
    return found


def _hyperparameters(reader: TensorReader, saved: SavedStep | None) -> dict[str, str]:
    found = {}
    for name in saved.names if saved else ():
        if name.startswith(_PARAMETER) and saved is not None and saved.place(name) is not None:
            values: Any = reader.value(saved, name).reshape(-1)
            found[name.removeprefix(_PARAMETER)] = ", ".join(str(each) for each in values.tolist())
    return found


def _task_of(objective: str) -> Task:
    kind, _, rest = objective.partition(":")
    if kind == "binary":
        return Task.BINARY
    if kind == "multi":
        return Task.MULTICLASS
    if kind == "rank" or rest in ("cox", "aft"):
        return Task.OTHER
    return Task.REGRESSION


def _guess(outcome: PredictedRows) -> Task:
    if outcome.predictions.ndim == 2 and outcome.predictions.shape[1] > 1:
        return Task.MULTICLASS
    values = np.unique(outcome.labels)
    predictions = outcome.predictions
    if set(values.tolist()) <= {0.0, 1.0} and predictions.min() >= 0.0 and predictions.max() <= 1.0:
        return Task.BINARY
    whole = bool(np.all(predictions == np.round(predictions)) and np.all(values == np.round(values)))
    return Task.MULTICLASS if whole and values.min() >= 0 and len(values) <= _MOST_CLASSES else Task.REGRESSION
