"""A user's rule file gives the same verdicts under smdebug itself and under our runner, on jobs written by smdebug."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, TypeAlias

from gridwatch_rules.rules.custom.runner import CustomRule, run_custom_rule
from scripts.peer_environment import python_of
from tests.interop.conftest import PEERS, Peers

DATA = Path(__file__).parents[1] / "data"
RULES = DATA / "rules" / "smdebug_rules.py"
Cases: TypeAlias = list[tuple[str, dict[str, Any]]]
CASES: Cases = [
    ("CustomGradientRule", {"threshold": 1.5}),
    ("CustomGradientRule", {"threshold": 0.5}),
    ("CustomGradientRule", {"threshold": 99}),
    ("AtEvaluation", {}),
    ("LossNeverFalls", {"back": "2"}),
]


def compare(file: Path, folder: Path, cases: Cases) -> list[int | None]:
    """The steps at which the rules fire, the same under both."""
    wanted = [f"{name}={json.dumps(parameters)}" for name, parameters in cases]
    command = [str(python_of("interop")), str(PEERS / "custom_rules.py"), str(folder), str(file), *wanted]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    ours = []
    for name, parameters in cases:
        rule = CustomRule.parse(f"{file}:{name}", parameters)
        found = run_custom_rule(rule, str(folder), ended=True, seconds=60, environment={})
        assert found.status in ("IssuesFound", "NoIssuesFound"), found.details
        ours.append(found.finding.step if found.finding else None)
    assert ours == json.loads(finished.stdout.splitlines()[-1])
    return ours


def test_the_verdicts_are_smdebugs() -> None:
    ours = compare(RULES, DATA / "tensors" / "phases", CASES)
    assert any(step is None for step in ours)
    assert sum(step is not None for step in ours) >= 3


def test_so_are_those_of_rules_after_the_public_samples(tmp_path: Path, local_peers: Peers) -> None:
    """Reductions, look-back, modes, regular expressions, values as numbers, other trials."""
    local_peers.ask("write_known_answers", tmp_path)
    other = {"other_trials": str(tmp_path / "job_other")}
    cases: Cases = [
        ("GradientTooBig", {"threshold": "1.5"}),
        ("GradientTooBig", {"threshold": "99"}),
        ("LossStuck", {"eps": "0.2"}),
        ("LossStuck", {"window": "40"}),
        ("EvalWorse", {}),
        ("EvalWorse", {"ratio": "2"}),
        ("WeightMoved", {}),
        ("PeriodicChecker", {"every": "6"}),
        ("PeriodicChecker", {"limit": "0"}),
        ("Compare", other),
        ("Compare", {**other, "tol": "1"}),
    ]
    ours = compare(DATA / "rules" / "public_rules.py", tmp_path / "job", cases)
    assert sum(step is not None for step in ours) >= 6
