"""What a trial needs of its data: the labels that its objective and its metrics accept, and the columns that it
names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.spec.xgboost.kinds import Directions, Groups
from gridwatch.spec.xgboost.metrics import canonical, family, metric_of
from gridwatch.spec.xgboost.numbers import finite, whole
from gridwatch.spec.xgboost.objectives import Objective, Predicts, objective_of
from gridwatch.spec.xgboost.outcomes import ANY, Domain, Effect
from gridwatch.spec.xgboost.settings import metrics_of

_AREAS = ("auc", "aucpr")


@dataclass(frozen=True, slots=True)
class Judge:
    """A metric and the labels that it accepts; with `by_query`, it accepts any where rows have queries (libsvm)."""

    name: str
    labels: Domain
    outside: Effect
    by_query: bool = False

    @property
    def needs_two_classes(self) -> bool:
        return family(self.name) in _AREAS


@dataclass(frozen=True, slots=True)
class Target:
    """What one trial needs. `classes` is None unless it classifies. `ranked_by` is the experiment's objective;
    `directions` is the number of columns in monotone_constraints, `furthest` the last column in
    interaction_constraints, -1 for none. `rows` is the least weight that the rows of a tree with a split have together;
    `huber_slope` is known where XGBoost chooses the start of reg:pseudohubererror.
    """

    objective: str
    classes: int | None
    labels: Domain = ANY
    judges: tuple[Judge, ...] = ()
    ranked_by: str = ""
    directions: int = 0
    furthest: int = -1
    without_positive: Effect | None = None
    rows: int = 0
    huber_slope: float | None = None

    @property
    def is_binary(self) -> bool:
        return self.objective.startswith("binary:")

    @property
    def allowed(self) -> str:
        """The labels in words."""
        if self.is_binary:
            return "0 or 1"
        told = self.labels.allowed
        return f"{told} (num_class {self.classes})" if self.classes is not None else told


def targets_of(points: Iterable[Mapping[str, Any]], ranked_by: str = "") -> tuple[Target, ...]:
    """What trials with these hyperparameters need, without repetition."""
    return tuple(dict.fromkeys(_target(point, ranked_by) for point in points))


def _target(point: Mapping[str, Any], ranked_by: str) -> Target:
    name, objective = objective_of(point)
    number = whole(point.get("num_class"))
    classes = 2 if name.startswith("binary:") else None
    if objective is not None and objective.predicts is Predicts.CLASSES and number is not None:
        classes = number
    return Target(
        objective=name,
        classes=classes,
        labels=objective.labels_of(classes) if objective else ANY,
        judges=_judges(point, objective.predicts) if objective else (),
        ranked_by=ranked_by,
        directions=_directions(point),
        furthest=_furthest(point),
        without_positive=objective.without_positive if objective else None,
        rows=_rows(point, objective),
        huber_slope=_huber_slope(point, name),
    )


def _rows(point: Mapping[str, Any], objective: Objective | None) -> int:
    """The least weight of all rows for a split, a row without a weight counting 1: both of its sides must count
    min_child_weight. 0 where nobody asked for one, and where rows may count for any number.
    """
    wanted, weight = finite(point.get("min_child_weight")), finite(point.get("scale_pos_weight", 1))
    linear = point.get("booster") == "gblinear"
    if objective is None or objective.row_counts is None or wanted is None or weight is None or linear:
        return 0
    return math.ceil(2 * wanted / (objective.row_counts * max(1.0, weight)))


def _huber_slope(point: Mapping[str, Any], objective: str) -> float | None:
    chosen = objective == "reg:pseudohubererror" and "base_score" not in point
    return finite(point.get("huber_slope", 1)) if chosen else None


def _judges(point: Mapping[str, Any], predicts: Predicts) -> tuple[Judge, ...]:
    """The metrics that look at labels as numbers; with several classes they look at the objective's own labels."""
    judges = []
    for given in metrics_of(point):
        metric, name = metric_of(given), canonical(given) or given
        if metric is None or predicts not in metric.fits:
            continue
        queries = family(given) == "auc" and str(point.get("objective", "")).startswith("rank:")
        domain = ANY if predicts is Predicts.CLASSES else metric.labels
        judges.append(Judge(name, domain, metric.outside, by_query=queries))
    return tuple(judges)


def _directions(point: Mapping[str, Any]) -> int:
    given = point.get("monotone_constraints")
    linear = point.get("booster") == "gblinear"  # which takes no notice of them
    return Directions.count(given) if isinstance(given, str) and not linear else 0


def _furthest(point: Mapping[str, Any]) -> int:
    given = point.get("interaction_constraints")
    columns = Groups.columns(given) if isinstance(given, str) and point.get("booster") != "gblinear" else None
    return max(columns, default=-1) if columns else -1
