"""Sets of rules in one word."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from gridwatch.spec.parse import parse_spec
from gridwatch.spec.problems import SpecError
from gridwatch.spec.ready_rules import READY_RULES
from gridwatch.spec.rule_set import parse_rule_set
from gridwatch_rules.rules.catalogue import create_rule

SPEC = """
name: words
objective: {metric: validation-error, direction: minimize}
algorithm: {name: xgboost, version: 3.2-0}
data:
  train: {uri: blobs/train.csv, content_type: text/csv}
  validation: {uri: blobs/validation.csv, content_type: text/csv}
hyperparameters: {objective: binary:logistic, eval_metric: error, num_round: 4}
rules:
"""


def titles(rules: str) -> list[str]:
    spec = parse_spec((SPEC + rules).encode(), today=date(2026, 1, 1)).spec
    return [use.title for use in spec.rules]


@pytest.mark.parametrize("name", READY_RULES)
def test_each_rule_of_a_set_can_be_made_as_it_is(name: str) -> None:
    assert titles(f"  - {name}\n") == list(READY_RULES[name])
    assert [create_rule(rule, {}).name for rule in READY_RULES[name]] == list(READY_RULES[name])
    assert len(set(READY_RULES[name])) == len(READY_RULES[name])


def test_a_rule_that_is_written_goes_before_that_of_a_set() -> None:
    found = titles("  - boosting\n  - {rule: Hang, parameters: {seconds: 60}, on_issue: stop}\n  - distributed\n")
    assert found[:2] == ["MetricNonFinite", "Hang"]
    assert sorted(found) == sorted({*READY_RULES["boosting"], *READY_RULES["distributed"]})


def test_all_sets_together_are_not_too_many() -> None:
    assert len(titles("".join(f"  - {name}\n" for name in READY_RULES))) <= 20


def test_problems_of_written_rules_are_told_at_their_lines() -> None:
    text = SPEC + "  - vision\n  - rule: Hang\n    parameters: {second: 60}\n  - distribute\n"
    with pytest.raises(SpecError) as refused:
        parse_spec(text.encode(), today=date(2026, 1, 1))
    told = {problem.line: problem.message for problem in refused.value.problems}
    lines = text.splitlines()
    assert "there is no set of rules 'distribute'" in told[1 + lines.index("  - distribute")]


def test_a_rule_set_may_name_one_too() -> None:
    policies = parse_rule_set(b"rules: [llm-finetuning]").policies
    assert [policy.rule for policy in policies] == list(READY_RULES["llm-finetuning"])


def test_the_documentation_lists_what_a_set_has() -> None:
    lines = (Path(__file__).parents[3] / "docs/spec.md").read_text(encoding="utf-8").splitlines()
    for name, rules in READY_RULES.items():
        assert f"| `{name}` | {', '.join(rules)} |" in lines
