"""A user's smdebug rule on a tensor folder (argument 1): at which step does |mean| of a tensor (2) pass a threshold
(3)?
"""

from __future__ import annotations

import json
import sys
from typing import Any

from smdebug.exceptions import NoMoreData, RuleEvaluationConditionMet
from smdebug.rules.rule import Rule
from smdebug.rules.rule_invoker import invoke_rule
from smdebug.trials import create_trial


class AboveThreshold(Rule):
    def __init__(self, base_trial: Any, tensor: str, threshold: float) -> None:
        super().__init__(base_trial, action_str="")
        self.tensor = tensor
        self.threshold = threshold
        self.seen: list[int] = []

    def set_required_tensors(self, step: int) -> None:
        self.req_tensors.add(self.tensor, steps=[step])

    def invoke_at_step(self, step: int) -> bool:
        tensor = self.base_trial.tensor(self.tensor)
        self.seen.append(step)
        return bool(tensor.reduction_value(step, "mean", abs=True) > self.threshold)


def main() -> None:
    rule = AboveThreshold(create_trial(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
    fired = None
    try:
        invoke_rule(rule, raise_eval_cond=True)
    except RuleEvaluationConditionMet as met:
        fired = met.step
    except NoMoreData:
        pass
    sys.stdout.write("ANSWER " + json.dumps({"fired": fired, "seen": rule.seen}) + "\n")


main()
