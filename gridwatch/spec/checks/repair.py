"""Checks of a repair: it follows a rule that stops, and changes one hyperparameter to a value that XGBoost accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gridwatch.spec.imported import rule_uses
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Problem, did_you_mean, enumerated, shown
from gridwatch.spec.repair_change import changed
from gridwatch.spec.search_space import factors_of
from gridwatch.spec.xgboost.parameters import PARAMETERS


def check_repair(spec: ExperimentSpec) -> Iterator[Problem]:
    repair = spec.repair
    if repair is None:
        return
    stopping = [use.title for use in rule_uses(spec) if use.on_issue == "stop"]
    for index, rule in enumerate(repair.rules):
        if rule not in stopping:
            yield Problem(
                path=("repair", "rules", index), message="no rule of this name stops jobs", found=shown(rule),
                allowed=enumerated(stopping) or "rules with on_issue: stop", advice=did_you_mean(rule, stopping),
            )  # fmt: skip
    if spec.checkpoints is not None and spec.checkpoints.uri is not None:
        message = "all trials share this address: a repair would go on from the faulty checkpoints of its parent"
        yield Problem(path=("checkpoints", "uri"), message=message, advice="leave it out")
    if (repair.times is None) is (repair.becomes is None):
        yield Problem(path=("repair",), message="one change is needed", allowed="times, or becomes")
        return
    yield from _value(spec)


def _value(spec: ExperimentSpec) -> Iterator[Problem]:
    repair = spec.repair
    if repair is None:
        return
    kind = PARAMETERS.get(repair.hyperparameter)
    if kind is None:
        advice = did_you_mean(repair.hyperparameter, PARAMETERS)
        message = "is no hyperparameter of SageMaker's XGBoost"
        yield Problem(path=("repair", "hyperparameter"), message=message, advice=advice)
        return
    name = repair.hyperparameter
    values: Sequence[Any] = factors_of(spec).get(name) or (
        [spec.hyperparameters[name]] if name in spec.hyperparameters else [None]
    )
    for value in values:
        after = changed(value, repair.times, repair.becomes)
        if after is None:
            message = f"{name} has no number to be multiplied"
            yield Problem(path=("repair", "times"), message=message, found=shown(value), advice="say becomes")
            return
        if after == value or not kind.accepts(after):
            what = "changes nothing" if after == value else "leads to what XGBoost does not take"
            yield Problem(path=("repair",), message=f"{what}: {name} {value} becomes {after}", allowed=kind.allowed)
            return
