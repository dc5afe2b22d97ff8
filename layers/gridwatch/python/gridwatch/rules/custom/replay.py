"""Evaluates a subclass of smdebug.rules.Rule as Debugger's evaluator does: every saved global step in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwatch.rules.custom.shim import (
    NoMoreData,
    Rule,
    RuleEvaluationConditionMet,
    StepNotYetAvailable,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)
from gridwatch.rules.custom.sightings import WatchedTrial
from gridwatch.rules.custom.trial import Trial
from gridwatch.rules.evaluation import RuleEvaluation
from gridwatch.rules.finding import Finding
from gridwatch.tensors.reader import TensorReader
from gridwatch.verdicts.status import RuleStatus, condition_met

SKIPPED = (TensorUnavailableForStep, StepUnavailable, TensorUnavailable, StepNotYetAvailable)


def replay(rule_class: Any, reader: TensorReader, parameters: Mapping[str, Any], *, ended: bool) -> RuleEvaluation:
    """The verdict. `other_trials` (locations, separated by commas) among the parameters become trials, as in
    Debugger.
    """
    if not issubclass(rule_class, Rule):
        raise TypeError(f"{rule_class.__name__} is a subclass of neither smdebug.rules.Rule nor Gridwatch's Rule")
    given = {name: value for name, value in parameters.items() if name not in ("other_trials", "rule_to_invoke")}
    trial = WatchedTrial(reader, ended=ended)
    if others := parameters.get("other_trials"):
        locations = [part.strip() for part in others.split(",")] if isinstance(others, str) else list(others)
        given["other_trials"] = [Trial(reader.other(location), ended=True, name=location) for location in locations]
    rule = rule_class(trial, **given)
    for step in trial.steps():
        try:
            rule.invoke(step)
        except SKIPPED as error:
            if missing := getattr(error, "tname", None):
                trial.note_missing(str(missing))
            continue
        except NoMoreData:
            break
        except RuleEvaluationConditionMet as met:
            return _met(rule_class.__name__, trial, step if met.step is None else met.step)
    if not ended:
        return RuleEvaluation(RuleStatus.IN_PROGRESS)
    if trial.saw_nothing:
        return RuleEvaluation(RuleStatus.SAW_NOTHING, trial.told(rule_class.__name__))
    return RuleEvaluation(RuleStatus.NO_ISSUES_FOUND)


def _met(name: str, trial: Trial, step: int) -> RuleEvaluation:
    details = condition_met(name, step)
    finding = Finding(rule=name, step=step, mode=trial.gridwatch_mode(step), sentence=f"{name} fired at step {step}")
    return RuleEvaluation(RuleStatus.ISSUES_FOUND, details, finding)
