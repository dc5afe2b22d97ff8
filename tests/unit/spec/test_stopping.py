"""The dial `stopping` in a spec."""

from __future__ import annotations

from typing import Any

import pytest

from gridwatch.spec.parse import normalized, policies_of
from gridwatch_rules.judgement.catalogue import create_judgement_rule
from tests.unit.spec.specs import blobs, only_problem, parsed


def dial_of(document: dict[str, Any]) -> Any:
    (policy,) = [each for each in policies_of(parsed(document).spec) if each.rule == "GridDefault"]
    return policy


@pytest.mark.parametrize("setting", ["cautious", "balanced", "eager"])
def test_the_dial_is_a_rule_that_stops(setting: str) -> None:
    without = policies_of(parsed(blobs()).spec)
    policies = policies_of(parsed({**blobs(), "stopping": setting}).spec)
    assert policies[:-1] == without
    dial = policies[-1]
    assert (dial.name, dial.rule, dial.on_issue, dial.shadow) == ("stopping", "GridDefault", "stop", False)
    assert create_judgement_rule(dial.rule, dial.parameters).parameters.stopping == setting


def test_a_spec_without_rules_may_have_the_dial_alone() -> None:
    document = {name: value for name, value in blobs().items() if name != "rules"}
    assert [each.name for each in policies_of(parsed({**document, "stopping": "eager"}).spec)] == ["stopping"]


def test_a_spec_written_out_in_full_says_the_same_when_it_is_read_again() -> None:
    once = normalized(parsed({**blobs(), "stopping": "cautious"}).spec)
    assert normalized(parsed(once).spec) == once
    other = policies_of(parsed({**once, "stopping": "eager"}).spec)
    assert [each.parameters["stopping"] for each in other if each.name == "stopping"] == ["eager"]


def test_what_the_rule_says_beside_its_setting_is_kept() -> None:
    rule = {"rule": "GridDefault", "name": "stopping", "on_issue": "alert", "parameters": {"min_trials": 20}}
    document = {**blobs(), "rules": [rule], "stopping": "cautious"}
    dial = dial_of(document)
    assert dial.on_issue == "alert"
    assert dial.parameters == {"min_trials": 20, "stopping": "cautious"}


def test_the_dial_stands_beside_the_rule_under_its_own_name() -> None:
    document = {**blobs(), "rules": [{"rule": "GridDefault", "mode": "shadow"}], "stopping": "cautious"}
    assert [each.name for each in policies_of(parsed(document).spec)] == ["GridDefault", "stopping"]


def test_shadow_holds_for_the_dial_too() -> None:
    assert dial_of({**blobs(), "mode": "shadow", "stopping": "eager"}).shadow


def test_another_word_is_refused_with_those_that_are_allowed() -> None:
    problem = only_problem({**blobs(), "stopping": "bold"})
    assert problem.path == ("stopping",)
    assert "cautious" in problem.as_text("s.yaml")


def test_a_rule_that_has_the_dials_name_is_refused() -> None:
    document = {**blobs(), "rules": [{"rule": "MetricNonFinite", "name": "stopping"}], "stopping": "cautious"}
    assert "stopping" in only_problem(document).as_text("s.yaml")
