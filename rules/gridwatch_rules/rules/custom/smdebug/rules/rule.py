"""smdebug's base class of users' rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from gridwatch_rules.rules.custom.smdebug.analysis.utils import no_refresh
from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger
from gridwatch_rules.rules.custom.smdebug.exceptions import RuleEvaluationConditionMet
from gridwatch_rules.rules.custom.smdebug.rules.action import Actions
from gridwatch_rules.rules.custom.smdebug.rules.req_tensors import RequiredTensors


class Rule(ABC):
    """smdebug's Rule. `action_str` may be left out here, because Debugger's evaluator passes it, but older files do
    not.
    """

    def __init__(self, base_trial: Any, action_str: str | None = "", other_trials: Any = None) -> None:
        self.base_trial = base_trial
        self.other_trials = other_trials
        self.trials = [base_trial, *(other_trials or ())]
        self.req_tensors = RequiredTensors(base_trial, other_trials)
        self.logger = get_logger()
        self.rule_name = type(self).__name__
        self._actions = Actions(action_str, rule_name=self.rule_name)
        self.report: dict[str, Any] = {
            "RuleTriggered": 0,
            "Violations": 0,
            "Details": {},
            "Datapoints": 0,
            "RuleParameters": "",
        }

    def set_required_tensors(self, step: int) -> None:
        """Declare the tensors that the rule needs at the step. By default it needs none."""
        del step

    @abstractmethod
    def invoke_at_step(self, step: int) -> Any:
        """Return whether the condition is met at this global step."""

    def invoke(self, step: int) -> None:
        """Evaluate the rule at a step. Raises RuleEvaluationConditionMet, or smdebug's exception for a missing step or
        tensor.
        """
        self.logger.debug("Invoking rule %s for step %s", self.rule_name, step)
        self.base_trial.wait_for_steps([step])
        with no_refresh(self.trials):
            self.req_tensors.clear()
            self.set_required_tensors(step)
            self.req_tensors.fetch()
            found = self.invoke_at_step(step)
        if found:
            self._actions.invoke()
            raise RuleEvaluationConditionMet(self.rule_name, step)
