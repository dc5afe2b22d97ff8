"""What a trial needs of its data: the labels that its objective and its metrics accept, and the columns that it
names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.spec.xgboost.kinds import Directions, Groups
from gridwatch.spec.xgboost.metrics import canonical, family, metric_of
from gridwatch.spec.xgboost.numbers import whole
from gridwatch.spec.xgboost.objectives import Predicts, objective_of
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
    interaction_constraints, -1 for none.
    """

    objective: str
    classes: int | None
    labels: Domain = ANY
    judges: tuple[Judge, ...] = ()
    ranked_by: str = ""
    directions: int = 0
    furthest: int = -1
    without_positive: Effect | None = None

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
    )


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
