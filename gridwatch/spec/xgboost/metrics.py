"""The evaluation metrics: how each is spelt, what it compares, which labels it accepts, and whether higher is better.

XGBoost's own, and those that SageMaker's container adds (sagemaker_xgboost_container/metrics/custom_metrics.py), which
Gridwatch's training script computes alike. Found by training with each under each objective in XGBoost 3.2.0
(tests/contract/test_xgboost_table.py does so again).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gridwatch.spec.xgboost.numbers import finite, printed, single
from gridwatch.spec.xgboost.objectives import RELEVANCE, Predicts
from gridwatch.spec.xgboost.outcomes import ANY, Domain, Effect


class Suffix(StrEnum):
    """What may follow a metric's name."""

    NONE = "nothing"
    THRESHOLD = "@ and a threshold"
    RANK = "@ and a rank from 1, and - for queries without a relevant row"
    POWER = "@ and a power above 1 and below 2, which is needed"
    SHARE = "@ and a share of the rows, from 0 (for all) to 1, which is needed"


_SCALAR = frozenset(
    {Predicts.NUMBER, Predicts.POSITIVE, Predicts.PROBABILITY, Predicts.MARGIN, Predicts.CLASS}
)  # fmt: skip
_CLASSES = frozenset({Predicts.CLASSES})
_CLASSIFYING = frozenset({Predicts.PROBABILITY, Predicts.MARGIN, Predicts.CLASS, Predicts.CLASSES})
_REGRESSIONS = frozenset({Predicts.NUMBER, Predicts.POSITIVE})
_ABOVE_0 = Domain(0, open_low=True)
_FROM_0 = Domain(0)
_SHARE = Domain(0, 1)
_BINARY = Domain(0, 1, whole=True)
_WHOLE = Domain(whole=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """An evaluation metric. `fits` are the kinds of predictions that it compares; others lead to `otherwise`, or fail.
    Labels beyond `labels` lead to `outside`.
    """

    fits: frozenset[Predicts] = _SCALAR
    otherwise: Mapping[Predicts, Effect] = field(default_factory=dict)
    labels: Domain = ANY
    outside: Effect = Effect.FAILS
    suffix: Suffix = Suffix.NONE
    rises: bool = False
    of_container: bool = False

    def outcome(self, predicts: Predicts) -> Effect | None:
        """The effect of comparing such predictions; None when they fit."""
        return None if predicts in self.fits else self.otherwise.get(predicts, Effect.FAILS)


_OF_CLASSES = {Predicts.CLASSES: Effect.MISREAD}
_NOT_OF_A_CLASS = {Predicts.CLASS: Effect.NO_NUMBER}
_NOT_OF_MARGINS = {Predicts.MARGIN: Effect.NO_NUMBER}
_POSITIVE_ONLY = frozenset({Predicts.NUMBER, Predicts.POSITIVE, Predicts.PROBABILITY, Predicts.CLASS})
_ANY_CLASS = Metric(fits=_SCALAR | _CLASSES, labels=_WHOLE, outside=Effect.DOUBTFUL, rises=True, of_container=True)
# scikit-learn's, which refuse more than two classes.
_CLASS_1 = Metric(
    otherwise={Predicts.CLASSES: Effect.CONTAINER}, labels=_BINARY, outside=Effect.DOUBTFUL, rises=True,
    of_container=True,
)  # fmt: skip

METRICS: Mapping[str, Metric] = {
    "aft-nloglik": Metric(fits=frozenset()),
    "ams": Metric(suffix=Suffix.SHARE, otherwise=_OF_CLASSES, labels=_SHARE, outside=Effect.DOUBTFUL, rises=True),
    "auc": Metric(
        fits=_CLASSIFYING, otherwise=dict.fromkeys(_REGRESSIONS, Effect.CONTAINER), labels=_SHARE,
        outside=Effect.NO_NUMBER, rises=True,
    ),
    "aucpr": Metric(fits=_SCALAR | _CLASSES, labels=_SHARE, outside=Effect.NO_NUMBER, rises=True),
    "cox-nloglik": Metric(
        fits=_POSITIVE_ONLY - {Predicts.CLASS}, otherwise=_NOT_OF_MARGINS | _OF_CLASSES | _NOT_OF_A_CLASS
    ),
    "error": Metric(suffix=Suffix.THRESHOLD, labels=_SHARE, outside=Effect.DOUBTFUL),
    "gamma-deviance": Metric(
        fits=_POSITIVE_ONLY, otherwise=_NOT_OF_MARGINS, labels=_FROM_0, outside=Effect.NO_NUMBER
    ),
    "gamma-nloglik": Metric(labels=_ABOVE_0, outside=Effect.DOUBTFUL),
    "interval-regression-accuracy": Metric(fits=frozenset(), rises=True),
    "logloss": Metric(labels=_SHARE, outside=Effect.DOUBTFUL),
    "mae": Metric(),
    "map": Metric(suffix=Suffix.RANK, labels=_BINARY, rises=True),
    "mape": Metric(labels=Domain(zero=False), outside=Effect.NO_NUMBER),
    "merror": Metric(fits=_CLASSES),
    "mlogloss": Metric(fits=_CLASSES),
    "mphe": Metric(otherwise=_OF_CLASSES),
    "ndcg": Metric(suffix=Suffix.RANK, labels=RELEVANCE, rises=True),
    "poisson-nloglik": Metric(labels=_FROM_0, outside=Effect.DOUBTFUL),
    "pre": Metric(suffix=Suffix.RANK, labels=_BINARY, rises=True),
    "quantile": Metric(otherwise=_OF_CLASSES),
    "rmse": Metric(),
    "rmsle": Metric(labels=Domain(-1, open_low=True), outside=Effect.NO_NUMBER),
    "tweedie-nloglik": Metric(
        fits=_POSITIVE_ONLY - {Predicts.CLASS}, suffix=Suffix.POWER, labels=_FROM_0, outside=Effect.DOUBTFUL,
        otherwise=_NOT_OF_MARGINS | _NOT_OF_A_CLASS,
    ),
    "accuracy": _ANY_CLASS,
    "balanced_accuracy": _ANY_CLASS,
    "f1": _ANY_CLASS,
    "f1_binary": _CLASS_1,
    "f1_macro": _ANY_CLASS,
    "mse": Metric(of_container=True),
    "precision": _CLASS_1,
    "precision_macro": _ANY_CLASS,
    "precision_micro": _ANY_CLASS,
    "r2": Metric(rises=True, of_container=True),
    "recall": _CLASS_1,
    "recall_macro": _ANY_CLASS,
    "recall_micro": _ANY_CLASS,
}  # fmt: skip

RISING = tuple(sorted(name for name, metric in METRICS.items() if metric.rises))
_RANKED = re.compile(r"(?:@(?P<rank>[0-9]{1,12}))?(?P<minus>-?)")
_NUMBER = re.compile(r"[-+ 0-9.eE]+")
_LARGEST_RANK = 2**32 - 1


def metric_of(name: str) -> Metric | None:
    """The row of a metric by its given name, correctly spelt or not."""
    return METRICS.get(family(name))


def family(name: str) -> str:
    """A metric's name without its suffix: `ndcg@10-` is of the family ndcg."""
    base = name.partition("@")[0]
    return base if base in METRICS else base.removesuffix("-")


def canonical(name: str) -> str | None:
    """The metric's name as XGBoost prints it; None when there is no such metric. `error@0.5` is printed as error."""
    base, at, given = name.partition("@")
    if "@" not in name and base.endswith("-"):
        base, given = base[:-1], "-"
    metric = METRICS.get(base)
    if metric is None:
        return None
    suffix = f"{at}{given}"
    match metric.suffix:
        case Suffix.RANK:
            return _ranked(base, suffix)
        case Suffix.THRESHOLD:
            return base if not suffix else _threshold(base, at, given)
        case Suffix.POWER:
            power = single(_number(given)) if at else None
            return f"{base}@{printed(power)}" if power is not None and 1 < power < 2 and printed(power) != "1" else None
        case Suffix.SHARE:
            share = _number(given) if at else math.nan
            return f"{base}@{printed(share)}" if 0 <= share <= 1 else None
        case _:
            return None if suffix else base


def _ranked(base: str, suffix: str) -> str | None:
    found = _RANKED.fullmatch(suffix)
    if found is None:
        return None
    if found["rank"] is None:
        return f"{base}{found['minus']}"
    return f"{base}{suffix}" if 1 <= int(found["rank"]) <= _LARGEST_RANK else None


def _threshold(base: str, at: str, given: str) -> str | None:
    number = _number(given) if at else math.nan
    threshold = printed(number)
    if threshold is None:
        return None
    if threshold != "0.5":
        return f"{base}@{threshold}"
    return base if number == 0.5 else None  # a hair beside it is printed as error@0.5, which means error


def _number(text: str) -> float:
    """The number as C reads it, for which 0_5 is 0 and other alphabets have no digits; NaN for anything else."""
    number = finite(text) if _NUMBER.fullmatch(text) else None
    return math.nan if number is None else number
