"""Debugger's loop, which invokes a rule for one step after the other, whether the step was saved or not."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.exceptions import (
    NoMoreProfilerData,
    RuleEvaluationConditionMet,
    StepUnavailable,
    TensorUnavailable,
    TensorUnavailableForStep,
)
from gridwatch_rules.rules.custom.smdebug.rules.rule import Rule
from gridwatch_rules.rules.custom.smdebug.trials.trial import Trial

logger = get_logger()


def invoke_rule(
    rule_obj: Any, start_step: int | None = 0, end_step: int | None = None, raise_eval_cond: bool = False
) -> None:
    """Invoke the rule until NoMoreData, until RuleEvaluationConditionMet if that is to be raised or ends the rule,
    until `end_step`, or forever.
    """
    step = start_step if start_step is not None else 0
    while end_step is None or step < end_step:
        step = _worth_invoking(rule_obj, step)
        if end_step is not None and step >= end_step:
            return
        try:
            rule_obj.invoke(step)
        except (TensorUnavailableForStep, StepUnavailable, TensorUnavailable) as reason:
            logger.debug(str(reason))
            _note(rule_obj, reason)
        except RuleEvaluationConditionMet as met:
            if raise_eval_cond:
                raise
            if met.end_of_rule:
                return
        except NoMoreProfilerData as reason:
            logger.info("No more profiler data for rule %s at timestamp %s", type(rule_obj).__name__, reason.timestamp)
            return
        step += 1


def _note(rule: Any, reason: Exception) -> None:
    """Record a missing step or tensor, so that a rule that got nothing can say what it asked for. Trials record tensors
    that they lack altogether.
    """
    reader = getattr(getattr(rule, "base_trial", None), "index_reader", None)
    if isinstance(reason, TensorUnavailableForStep) and reader is not None:
        reader.lookups.miss(reason.tname)


def _worth_invoking(rule: Any, step: int) -> int:
    """The next step for which invoking makes a difference. For Rule.invoke that is the next saved step, because it
    rejects others at once. A rule with an `invoke` of its own is invoked for every number.
    """
    own = getattr(type(rule), "invoke", None) is not Rule.invoke or "invoke" in vars(rule)
    trial = getattr(rule, "base_trial", None)  # a rule that does not call super().__init__ lacks this attribute
    if own or not isinstance(trial, Trial):
        return step
    saved: list[int] = trial.steps(show_incomplete_steps=True)
    place = bisect_left(saved, step)
    return saved[place] if place < len(saved) else step
