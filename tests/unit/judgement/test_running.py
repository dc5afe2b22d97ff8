"""The rules across trials of one job: kept in the form of all evaluations, read in the form of former versions too."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gridwatch_rules.judgement.catalogue import create_judgement_rule
from gridwatch_rules.judgement.running import CrossTrialRule, CrossTrialRules
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.profiler.evaluation import ProfileEvaluation
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.tensors.modes import Mode

# The names are those of the form of today, which a rule of a former version may have had.
NAMES = ("version", "rules", "median")
FOUND = Finding(
    rule="MedianStopping", step=4, mode=Mode.EVAL, sentence="behind", observed=math.inf, evidence={"entry": 3}
)
# As 34f0193 kept rules across trials: by their names alone.
FORMER: dict[str, Any] = {
    "version": {"rule": "MedianStopping", "status": "InProgress", "details": "", "finding": None, "judged": 3.0},
    "rules": {"rule": "MedianStopping", "status": "InProgress", "details": "", "finding": None, "judged": None},
    "median": {
        "rule": "MedianStopping",
        "status": "IssuesFound",
        "details": "d",
        "finding": FOUND.as_json(),
        "judged": 5.0,
    },
}


def rules() -> dict[str, CrossTrialRule]:
    made = create_judgement_rule("MedianStopping", {})
    return {name: CrossTrialRule(made, "loss", "epochs", maximize=False) for name in NAMES}


def test_what_former_versions_kept_is_read_and_kept_in_the_form_of_today() -> None:
    read = CrossTrialRules.restore(rules(), FORMER)
    assert read.judged == {"version": 3.0, "median": 5.0}
    assert read.statuses == {
        "version": RuleEvaluation(RuleStatus.IN_PROGRESS),
        "rules": RuleEvaluation(RuleStatus.IN_PROGRESS),
        "median": RuleEvaluation(RuleStatus.ISSUES_FOUND, "d", FOUND),
    }
    again = CrossTrialRules.restore(rules(), read.save())
    assert (again.statuses, again.judged) == (read.statuses, read.judged)


def test_a_rule_of_another_class_under_the_name_begins_anew() -> None:
    other = {name: each | {"rule": "ASHA"} for name, each in FORMER.items()}
    read = CrossTrialRules.restore(rules(), other)
    assert read.judged == {}
    assert {each.status for each in read.statuses.values()} == {RuleStatus.IN_PROGRESS}


def test_a_form_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match="state across trials of version 2, not 1"):
        CrossTrialRules.restore(rules(), {"version": 2, "rules": {}})


def test_all_evaluations_keep_their_rules_in_one_form() -> None:
    forms = (
        Evaluation.create([RuleConfiguration("finite", "MetricNonFinite")]).save(),
        ProfileEvaluation.create([RuleConfiguration("low", "LowGPUUtilization")]).save(),
        CrossTrialRules.restore(rules(), None).save(),
    )
    for form in forms:
        assert form["version"] == 1
        for kept in form["rules"].values():
            assert list(kept) == ["rule", "status", "details", "finding", "state", "judged"]
