"""The rules across trials say what Optuna and Syne Tune say, event by event, where these have the rule."""

from __future__ import annotations

import json
import subprocess
from bisect import bisect_left
from pathlib import Path
from typing import Any

import pytest

from gridwatch_rules.judgement.catalogue import create_judgement_rule
from gridwatch_rules.judgement.history import Ending, History, Statistic
from scripts.peer_environment import python_of, why_missing

pytestmark = pytest.mark.skipif(bool(why_missing("oracles")), reason=why_missing("oracles"))

OPTUNA: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("MedianPruner", {}, "PercentileStopping", {}),
    ("MedianPruner", {"n_warmup_steps": 6, "interval_steps": 4}, "PercentileStopping", {"start": 6, "interval": 4}),
    ("PercentilePruner", {"percentile": 25.0}, "PercentileStopping", {"percentile": 25}),
    (
        "PercentilePruner",
        {"percentile": 70.0, "n_startup_trials": 2, "n_min_trials": 4},
        "PercentileStopping",
        {"percentile": 70, "n_startup_trials": 2, "n_min_trials": 4},
    ),
    ("SuccessiveHalvingPruner", {"min_resource": 3, "reduction_factor": 3}, "ASHA", {"grace": 3}),
    (
        "SuccessiveHalvingPruner",
        {"min_resource": 1, "reduction_factor": 2},
        "ASHA",
        {"grace": 1, "reduction_factor": 2},
    ),
    ("HyperbandPruner", {"min_resource": 1, "max_resource": 27}, "Hyperband", {"max_resource": 27}),
    (
        "HyperbandPruner",
        {"min_resource": 2, "max_resource": 20, "reduction_factor": 2},
        "Hyperband",
        {"min_resource": 2, "max_resource": 20, "reduction_factor": 2},
    ),
    ("PatientPruner", {"patience": 4}, "Patience", {"patience": 5}),  # it waits for one report more
]


def events_of(oracle: str, parameters: dict[str, Any], seed: int) -> list[list[Any]]:
    """Every report with the oracle's verdict, and every end."""
    asked = json.dumps({"oracle": oracle, "parameters": parameters, "seed": seed})
    command = [str(python_of("oracles")), "-W", "ignore", str(Path(__file__).parent / "verdicts.py")]
    ran = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    return list(json.loads(ran.stdout))


@pytest.mark.parametrize(("oracle", "theirs", "rule", "ours"), OPTUNA)
@pytest.mark.parametrize("seed", [1, 2])
def test_optuna_says_the_same(oracle: str, theirs: dict[str, Any], rule: str, ours: dict[str, Any], seed: int) -> None:
    judge, history, stops = create_judgement_rule(rule, ours), History(), 0
    for kind, trial, *told in events_of(oracle, theirs, seed):
        if kind == "end":
            history.end(trial, Ending(told[0]))
            continue
        resource, value, stopped = told
        history.report(trial, resource, value)
        assert (judge.judge(trial, history) is not None) is stopped, (trial, resource)
        stops += stopped
    assert stops > 10


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_syne_tune_stops_the_same_but_for_the_trial_at_the_border(factor: int) -> None:
    """It keeps a trial whose rank is at most n / factor counted from 0, which can be one more than that share of n."""
    judge, history = create_judgement_rule("ASHA", {"grace": 1, "reduction_factor": factor}), History()
    both = ours_alone = 0
    for kind, trial, *told in events_of("ASHA", {"grace_period": 1, "reduction_factor": factor}, 3):
        if kind == "end":
            history.end(trial, Ending(told[0]))
            continue
        resource, value, stopped = told
        history.report(trial, resource, value)
        ours = judge.judge(trial, history) is not None
        assert ours or not stopped
        both += stopped
        if ours and not stopped:
            ranked = history.ranked(Statistic.VALUE, resource)
            assert bisect_left(ranked, value) <= len(ranked) / factor
            ours_alone += 1
    assert both > 20
    assert ours_alone
