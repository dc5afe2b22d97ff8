"""`python -m tests.interop.judge_many` does what peers/verdicts.py does, with Gridwatch's code for rules of users."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from gridwatch_rules.rules.custom.child import judge
from gridwatch_rules.status import RuleStatus


def verdict(folder: str, file: str, name: str, parameters: dict[str, Any]) -> list[Any]:
    request = {
        "file": file, "class": name, "parameters": parameters, "location": folder,
        "ended": Path(folder, "training_job_end.ts").exists(), "opener": "gridwatch_rules.tensors.source:open_folder",
    }  # fmt: skip
    try:
        found = judge(request)
    except Exception as error:  # noqa: BLE001  (whatever a rule raises is what is asked for)
        return ["Error", None, type(error).__name__, str(error)]
    if found.status is RuleStatus.ISSUES_FOUND and found.finding:
        return [found.status.value, found.finding.step, "", found.details.removeprefix("RuleEvaluationConditionMet: ")]
    if found.status is RuleStatus.SAW_NOTHING:  # which smdebug does not tell from having found nothing
        return [RuleStatus.NO_ISSUES_FOUND.value, None, "", ""]
    return [found.status.value, None, "", found.details]


if __name__ == "__main__":
    asked = json.loads(sys.stdin.read())
    stdout = os.dup(1)
    os.dup2(2, 1)  # rules print
    found = [verdict(*each) for each in asked]
    sys.stdout.flush()
    os.dup2(stdout, 1)
    sys.stdout.write("ANSWER " + json.dumps(found) + "\n")
