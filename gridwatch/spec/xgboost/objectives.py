"""The objectives: the labels, predictions, base score and default metric of each.

Found by training with each in XGBoost 3.2.0 (tests/contract/test_xgboost_table.py does so again). Where XGBoost takes
what SageMaker's container refuses, `Effect.CONTAINER` says so: sagemaker_xgboost_container, algorithm_mode/
hyperparameter_validation.py and constants/xgb_constants.py of aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gridwatch.spec.xgboost.numbers import printed, whole
from gridwatch.spec.xgboost.outcomes import ANY, Domain, Effect


class Predicts(StrEnum):
    """The kind of predictions that the metrics are given."""

    NUMBER = "numbers"
    POSITIVE = "positive numbers"
    PROBABILITY = "probabilities"
    MARGIN = "margins on both sides of 0"
    CLASS = "the class 0 or 1"
    CLASSES = "a number for each class"
    NOTHING = "nothing that can be compared"  # its labels cannot be given


_SHARE = Domain(0, 1)
_BINARY = Domain(0, 1, whole=True)
_NOT_NEGATIVE = Domain(0)
_POSITIVE = Domain(0, open_low=True)
_INSIDE = Domain(0, 1, open_low=True, open_high=True)
RELEVANCE = Domain(0, 31, whole=True)  # 2 ** label - 1, the gain of NDCG, must fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """An objective. `labels` and `base_score` are those that it accepts, with the effect of others and of labels of
    which none is above 0; `metric` is reported when no eval_metric is asked for. `row_counts` is the most that a row
    can count towards min_child_weight, where there is such a bound: its second derivative.
    """

    predicts: Predicts
    metric: str
    labels: Domain = ANY
    outside: Effect = Effect.FAILS
    base_score: Domain = ANY
    off_base: Effect = Effect.FAILS
    at_the_ends: Effect | None = None
    without_positive: Effect | None = None
    row_counts: float | None = None

    def base_score_outcome(self, score: float) -> Effect | None:
        """The effect of beginning with that base score; None when it is accepted."""
        if self.base_score.accepts(score):
            return None
        ends = (self.base_score.low, self.base_score.high)
        return self.at_the_ends if self.at_the_ends and score in ends else self.off_base

    def labels_of(self, classes: int | None) -> Domain:
        """The labels that the objective accepts. `classes`: num_class, where it is known."""
        if self.predicts is Predicts.CLASSES and classes is not None:
            return Domain(0, classes - 1, whole=True)
        return self.labels


OBJECTIVES: Mapping[str, Objective] = {
    # Labels beyond 0 and 1 are trained on as if they were classes, and the error falls below 0.
    "binary:hinge": Objective(
        predicts=Predicts.CLASS, metric="error", labels=_BINARY, outside=Effect.UNFIT
    ),
    # With 0 and 1 as base_score, XGBoost 3.2 begins beside them and finds no split; before it refused them, and the
    # container still calls it the customer's error.
    "binary:logistic": Objective(
        predicts=Predicts.PROBABILITY, metric="logloss", labels=_SHARE, base_score=_INSIDE, at_the_ends=Effect.CONSTANT,
        row_counts=0.25,
    ),
    "binary:logitraw": Objective(predicts=Predicts.MARGIN, metric="logloss", labels=_SHARE, row_counts=0.25),
    "count:poisson": Objective(
        predicts=Predicts.POSITIVE, metric="poisson-nloglik", labels=_NOT_NEGATIVE, base_score=_NOT_NEGATIVE,
        off_base=Effect.NO_NUMBER,
    ),
    "multi:softmax": Objective(
        predicts=Predicts.CLASSES, metric="mlogloss", labels=Domain(0, whole=True), row_counts=0.5
    ),
    "multi:softprob": Objective(
        predicts=Predicts.CLASSES, metric="mlogloss", labels=Domain(0, whole=True), row_counts=0.5
    ),
    "rank:map": Objective(predicts=Predicts.MARGIN, metric="map", labels=_BINARY),
    "rank:ndcg": Objective(predicts=Predicts.MARGIN, metric="ndcg", labels=RELEVANCE),
    "rank:pairwise": Objective(predicts=Predicts.MARGIN, metric="ndcg"),
    "reg:absoluteerror": Objective(predicts=Predicts.NUMBER, metric="mae", row_counts=1),
    "reg:gamma": Objective(
        predicts=Predicts.POSITIVE, metric="gamma-deviance", labels=_POSITIVE, base_score=_POSITIVE
    ),
    "reg:logistic": Objective(
        predicts=Predicts.PROBABILITY, metric="rmse", labels=_SHARE, base_score=_INSIDE, at_the_ends=Effect.CONSTANT,
        row_counts=0.25,
    ),
    "reg:pseudohubererror": Objective(predicts=Predicts.NUMBER, metric="mphe", row_counts=1),
    "reg:quantileerror": Objective(predicts=Predicts.NUMBER, metric="quantile", row_counts=1),
    "reg:squarederror": Objective(predicts=Predicts.NUMBER, metric="rmse", row_counts=1),
    "reg:squaredlogerror": Objective(
        predicts=Predicts.NUMBER, metric="rmsle", labels=Domain(-1, open_low=True), base_score=Domain(-1),
        off_base=Effect.NO_NUMBER,
    ),
    "reg:tweedie": Objective(
        predicts=Predicts.POSITIVE, metric="tweedie-nloglik", labels=_NOT_NEGATIVE, base_score=_POSITIVE,
        off_base=Effect.NO_NUMBER, without_positive=Effect.NO_NUMBER,
    ),
    "survival:aft": Objective(predicts=Predicts.NOTHING, metric="aft-nloglik"),
    "survival:cox": Objective(
        predicts=Predicts.POSITIVE, metric="cox-nloglik", base_score=_POSITIVE, off_base=Effect.NO_NUMBER,
        without_positive=Effect.CONSTANT,  # all are censored, and no event is left to learn from
    ),
}  # fmt: skip
DEFAULT_OBJECTIVE = "reg:squarederror"


def objective_of(setting: Mapping[str, Any]) -> tuple[str, Objective | None]:
    """The objective that a trial with these hyperparameters trains with; None when there is no such objective."""
    name = str(setting.get("objective", DEFAULT_OBJECTIVE))
    return name, OBJECTIVES.get(name)


def default_metric(setting: Mapping[str, Any]) -> str | None:
    """The metric that XGBoost reports when no eval_metric is asked for, as it prints it."""
    name, objective = objective_of(setting)
    if objective is None:
        return None
    if name == "reg:tweedie":
        return f"{objective.metric}@{printed(setting.get('tweedie_variance_power', 1.5)) or '1.5'}"
    if name.startswith("rank:") and setting.get("lambdarank_pair_method", "topk") == "topk":
        return f"{objective.metric}@{whole(setting.get('lambdarank_num_pair_per_sample', 32)) or 32}"
    return objective.metric
