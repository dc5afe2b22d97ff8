"""A user's rule file gives the same verdicts under smdebug itself and under our runner, on jobs written by smdebug."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from gridwatch.rules.custom.runner import CustomRule, run_custom_rule
from scripts.peer_environment import python_of
from tests.interop.conftest import PEERS

DATA = Path(__file__).parents[1] / "data"
RULES = DATA / "rules" / "smdebug_rules.py"
CASES = [
    ("CustomGradientRule", {"threshold": 1.5}),
    ("CustomGradientRule", {"threshold": 0.5}),
    ("CustomGradientRule", {"threshold": 99}),
    ("AtEvaluation", {}),
    ("LossNeverFalls", {"back": "2"}),
]


def test_the_verdicts_are_smdebugs() -> None:
    folder = DATA / "tensors" / "phases"
    wanted = [f"{name}={json.dumps(parameters)}" for name, parameters in CASES]
    command = [str(python_of("interop")), str(PEERS / "custom_rules.py"), str(folder), str(RULES), *wanted]
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    ours = []
    for name, parameters in CASES:
        rule = CustomRule.parse(f"{RULES}:{name}", parameters)
        found = run_custom_rule(rule, str(folder), ended=True, seconds=60, environment={})
        assert found.status in ("IssuesFound", "NoIssuesFound"), found.details
        ours.append(found.finding.step if found.finding else None)
    assert ours == theirs
    assert any(step is None for step in ours)
    assert sum(step is not None for step in ours) >= 3
