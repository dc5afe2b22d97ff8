"""`python verdicts.py` reads a list of [folder, rule file, class, parameters] and prints for each what smdebug's own
loop comes to: [status, step, class of the error, its words].
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import smdebug.trials.profiler_trial
from smdebug.exceptions import NoMoreData, RuleEvaluationConditionMet
from smdebug.rules import Rule, invoke_rule
from smdebug.trials import create_trial

WAITING = 4  # seconds after which a loop is taken for one that waits
original = Rule.__init__


def lenient(self: Any, base_trial: Any, action_str: str = "", other_trials: Any = None) -> None:
    """The last release wants action_str of every rule; files written before it pass none."""
    original(self, base_trial, action_str, other_trials)


Rule.__init__ = lenient


def quick(seconds: float) -> None:
    """Smdebug waits ten seconds for each profile, whether or not it is there."""


smdebug.trials.profiler_trial.time = SimpleNamespace(sleep=quick)


class Waits(BaseException):
    pass


def wake(*_: object) -> None:
    raise Waits


@cache
def load(file: str) -> Any:
    spec = importlib.util.spec_from_file_location("rules_of_a_user", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def trial_at(folder: str) -> Any:
    if not Path(folder, "system").is_dir():
        return create_trial(folder)
    return create_trial(folder, profiler=True, output_dir=tempfile.mkdtemp())


def verdict(folder: str, file: str, name: str, parameters: dict[str, Any]) -> list[Any]:
    signal.alarm(WAITING)
    try:
        given = dict(parameters)
        if "other_trials" in given:
            given["other_trials"] = [create_trial(other) for other in given["other_trials"].split(",")]
        invoke_rule(getattr(load(file), name)(trial_at(folder), **given), raise_eval_cond=True)
    except RuleEvaluationConditionMet as met:
        return ["IssuesFound", int(met.step), "", str(met)]
    except NoMoreData:
        return ["NoIssuesFound", None, "", ""]
    except Waits:
        return ["InProgress", None, "", ""]
    except Exception as error:  # noqa: BLE001  (whatever a rule raises is what is asked for)
        return ["Error", None, type(error).__name__, str(error)]
    finally:
        signal.alarm(0)
    return ["NoIssuesFound", None, "", ""]


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, wake)
    asked = json.loads(sys.stdin.read())
    stdout = os.dup(1)
    os.dup2(2, 1)  # rules print
    found = [verdict(*each) for each in asked]
    sys.stdout.flush()
    os.dup2(stdout, 1)
    sys.stdout.write("ANSWER " + json.dumps(found) + "\n")
