"""Rule sets: the rules block of a spec, in a document of its own."""

from __future__ import annotations

import pytest

from gridwatch.domain.rules import Action
from gridwatch.spec.problems import SpecError
from gridwatch.spec.rule_set import parse_rule_set

GOOD = b"""
objective: {metric: "val:loss", direction: minimize}
rules:
  - rule: MetricNonFinite
    on_issue: stop
  - rule: MetricPlateau
    name: slow
    parameters: {patience: 5}
"""


def test_rules_become_policies() -> None:
    parsed = parse_rule_set(GOOD)
    assert [(policy.name, policy.rule, policy.on_issue) for policy in parsed.policies] == [
        ("MetricNonFinite", "MetricNonFinite", Action.STOP),
        ("slow", "MetricPlateau", Action.ALERT),
    ]
    assert parsed.policies[1].parameters == {"patience": 5}
    assert parsed.document["objective"] == {"metric": "val:loss", "direction": "minimize"}


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("rules:\n  - rule: MetricNonFinit\n", 2, "MetricNonFinite"),
        ("rules:\n  - rule: MetricPlateau\n    parameters: {patience: 0}\n", 3, "patience"),
        ("rules:\n  - rule: MetricPlateau\n  - rule: MetricPlateau\n", 3, "same name"),
        ("rules: []\n", 1, "rules"),
        ("objective: {metric: a, direction: minimize}\n", 1, "rules"),
        ("rules:\n  - source: rules/mine.py\n    class: Mine\n", 2, "catalogue"),
        ("rules:\n  - rule: MetricPlateau\ngrid: {}\n", 3, "grid"),
        ("- rule: MetricPlateau\n", 1, "keys with values"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_rule_set(text.encode())
    told = refused.value.as_text("rule-sets/careful.yaml")
    assert word in told
    assert told.startswith(f"rule-sets/careful.yaml:{line}:")
