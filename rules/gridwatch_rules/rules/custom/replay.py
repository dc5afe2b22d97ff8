"""Evaluates a subclass of smdebug.rules.Rule as Debugger's evaluator does: with smdebug's own loop."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from gridwatch_rules.rules.custom.recorded import Waiting, current_access
from gridwatch_rules.rules.custom.sightings import nothing_read, nothing_saved, saved_nothing
from gridwatch_rules.rules.custom.smdebug.core.modes import ModeKeys
from gridwatch_rules.rules.custom.smdebug.exceptions import NoMoreData, RuleEvaluationConditionMet, StepNotYetAvailable
from gridwatch_rules.rules.custom.smdebug.rules import Rule, invoke_rule
from gridwatch_rules.rules.custom.smdebug.trials import create_trial
from gridwatch_rules.rules.custom.smdebug.trials.profiler_trial import ProfilerTrial
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus, condition_met
from gridwatch_rules.tensors.modes import Mode

_OF_DEBUGGER = ("other_trials", "rule_to_invoke")  # parameters of the evaluator, not of the rule
# smdebug's loop is endless for a rule whose own `invoke` never raises NoMoreData. When no data is left, such a rule is
# invoked this many times more.
_BEYOND = 10_000


def replay(
    rule_class: Any, location: str, parameters: Mapping[str, Any], *, ended: bool, profile: bool
) -> RuleEvaluation:
    """Evaluate the rule on the tensors, or the `profile`, at a location. As in Debugger, the parameter `other_trials`
    (locations separated by commas) becomes trials.
    """
    if not issubclass(rule_class, Rule) and not hasattr(rule_class, "invoke"):  # smdebug's loop needs nothing else
        raise TypeError(f"{rule_class.__name__} is a subclass of neither smdebug.rules.Rule nor Gridwatch's Rule")
    if ended and not profile and saved_nothing(current_access().trial(location)):
        return RuleEvaluation(RuleStatus.SAW_NOTHING, nothing_saved(rule_class.__name__))
    with tempfile.TemporaryDirectory(prefix="gridwatch-outputs-") as outputs:
        try:
            trial = create_trial(location, profiler=profile, output_dir=outputs)
            found = evaluate(rule_class, trial, _given(parameters), ended=ended)
        except (Waiting, Exception):
            if not current_access().awaited:
                raise
        return RuleEvaluation(RuleStatus.IN_PROGRESS) if current_access().awaited else found


def evaluate(rule_class: Any, trial: Any, parameters: Mapping[str, Any], *, ended: bool) -> RuleEvaluation:
    """Evaluate a new instance of the rule on a trial. Raises Waiting when a running job has not come far enough."""
    try:
        invoke_rule(rule_class(trial, **parameters), end_step=_end(trial, ended=ended), raise_eval_cond=True)
    except NoMoreData:
        pass
    except StepNotYetAvailable:
        if ended:
            raise
    except RuleEvaluationConditionMet as met:
        return _met(rule_class.__name__, trial, met.step)
    if not ended:
        return RuleEvaluation(RuleStatus.IN_PROGRESS)
    missed = (
        ""
        if isinstance(trial, ProfilerTrial)
        else nothing_read(rule_class.__name__, trial, parameters.get("other_trials", ()))
    )
    return RuleEvaluation(RuleStatus.SAW_NOTHING if missed else RuleStatus.NO_ISSUES_FOUND, missed)


def _end(trial: Any, *, ended: bool) -> int:
    """The step before which invocations end in any case."""
    if isinstance(trial, ProfilerTrial):
        return _BEYOND
    return max(trial.global_step_to_tensors_map, default=-1) + _BEYOND if ended else trial.last_complete_step + 1


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in parameters.items() if name not in _OF_DEBUGGER}
    if others := parameters.get("other_trials"):
        locations = [part.strip() for part in others.split(",")] if isinstance(others, str) else list(others)
        given["other_trials"] = [create_trial(location) for location in locations]
    return given


def _met(name: str, trial: Any, step: Any) -> RuleEvaluation:
    """The evaluation of a rule that fired. The step that the rule names may be any value, or missing."""
    at = int(step) if isinstance(step, int | np.integer) else -1
    mode = trial.mode(at) if hasattr(trial, "mode") else None
    finding = Finding(
        rule=name, step=at, mode=Mode((mode or ModeKeys.GLOBAL).value), sentence=f"{name} fired at step {step}"
    )
    return RuleEvaluation(RuleStatus.ISSUES_FOUND, condition_met(name, at), finding)
